//! An account: one person in a household, known by a user name.
//!
//! Invariants: a user name is unique over the installation (by a keyed index, so that the table shows no name); an
//! account without a credential cannot sign in; a household's first owner stays.

use crate::{AccountId, Accounts, Caller, HouseholdId, Role, Scope, Via, credential, session};
use base::{Error, Kind, Pii, Result, Time};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*, sea_query::Expr};
use std::collections::{HashMap, HashSet};
use unicode_normalization::UnicodeNormalization;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub household: Uuid,
    pub role: String,
    pub login_index: Vec<u8>,
    pub login: Vec<u8>,
    pub display_name: Option<Vec<u8>>,
    pub created: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table accounts {
        id: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract, Account: Contract],
            source: Derived, retention: Account, recipients: [Household], protection: Clear, export: Include,
            erase: Delete, clauses: [C6_2],
        },
        household: {
            category: Membership, subject: HouseholdMember, purposes: [Account: Contract], source: Derived,
            retention: Account, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
        role: {
            category: Membership, subject: HouseholdMember, purposes: [Account: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C6_2, C9_3_4],
        },
        login_index: {
            category: Name, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: AccountKey, export: Omit("the user name itself is included"),
            erase: Delete, clauses: [C6_2],
        },
        login: {
            category: Name, subject: AccountHolder, purposes: [SignIn: Contract], retention: Account,
            recipients: [Household], protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
        },
        display_name: {
            category: Name, subject: AccountHolder, purposes: [Account: Contract], retention: Account,
            recipients: [Household], protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Account: Contract], source: Derived,
            retention: Account, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
    }
}

/// The longest name of a person, in characters.
pub const LONGEST_NAME: usize = 64;

/// A member of the household, as its pages show it.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: AccountId,
    pub role: Role,
    pub login: Pii<String>,
    pub display_name: Option<Pii<String>>,
    pub created: Time,
    /// When one of the person's sessions was last used.
    pub last_seen: Option<Time>,
    /// Whether the person has a password, and not only an unused link.
    pub can_sign_in: bool,
}

impl Person {
    /// The display name, or else the user name.
    pub fn name(&self) -> &Pii<String> {
        self.display_name.as_ref().unwrap_or(&self.login)
    }
}

/// A name of a person or thing as typed, trimmed and in NFC: 1 to 64 characters, none of which is invisible or changes
/// the direction of writing.
pub fn name(text: &str, field: &'static str) -> Result<String> {
    let name: String = text.trim().chars().take(4 * LONGEST_NAME).nfc().collect();
    let length = name.chars().count();
    if length == 0 || length > LONGEST_NAME {
        return Err(Error::invalid(format!("a name has 1 to {LONGEST_NAME} characters")).field(field));
    }
    if name.chars().any(is_deceptive) {
        let message = "a name holds no control characters, line breaks or characters that change the direction";
        return Err(Error::invalid(message).field(field));
    }
    Ok(name)
}

/// Characters that nobody sees, or that make a text look like another: controls, line and paragraph separators,
/// bidirectional controls (UAX #9), zero-width characters but for the joiners that emoji and scripts need, private
/// use and noncharacters.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
        || (c as u32) & 0xfffe == 0xfffe
}

/// The form of a user name by which it is found: compatibility-composed and lower case.
fn folded(login: &str) -> String {
    login.nfkc().collect::<String>().to_lowercase()
}

/// The authenticated place of a sealed column.
fn place(column: &str, id: Uuid) -> String {
    format!("accounts.{column}/{id}")
}

impl Model {
    /// The keyed index of the user name.
    pub(crate) fn index(&self) -> Result<[u8; 32]> {
        let index = self.login_index.as_slice().try_into();
        index.map_err(|_| Error::internal("the index of a user name has the wrong length"))
    }
}

impl Accounts {
    /// The members of the household; for a viewer only the viewer.
    pub async fn people(&self, caller: &Caller) -> Result<Vec<Person>> {
        let mut query = Entity::find().filter(Column::Household.eq(caller.household().uuid()));
        if !caller.scopes().has(Scope::Admin) {
            query = query.filter(Column::Id.is_in(caller.account().map(AccountId::uuid)));
        }
        let rows = query.order_by_asc(Column::Id).all(self.db.conn()).await.map_err(db::error)?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let key = self.keys.of(caller.household()).await?;
        let seen = session::last_seen(&self.db, &ids).await?;
        let with_password = credential::holders(&self.db, &ids).await?;
        rows.iter().map(|row| person(row, &key, &seen, &with_password)).collect()
    }

    /// The caller's own account.
    pub async fn me(&self, caller: &Caller) -> Result<Person> {
        let id = caller.person()?;
        let mine = self.people(caller).await?.into_iter().find(|person| person.id == id);
        mine.ok_or_else(|| Error::unauthenticated("the account is gone"))
    }

    /// Sets or removes the name that others see beside the caller's doings.
    pub async fn set_display_name(&self, caller: &Caller, display_name: Option<&str>) -> Result<()> {
        let id = caller.person()?;
        let typed = display_name.map(|typed| name(typed, "display_name")).transpose()?;
        let key = self.keys.of(caller.household()).await?;
        let sealed = typed.map(|typed| key.seal_text(&place("display_name", id.uuid()), &typed, &self.world));
        Entity::update_many()
            .col_expr(Column::DisplayName, Expr::value(sealed))
            .filter(Column::Id.eq(id.uuid()))
            .exec(self.db.conn())
            .await
            .map(drop)
            .map_err(db::error)
    }

    /// Removes a viewer, with the sessions, tokens and links of that person.
    pub async fn remove_viewer(&self, caller: &Caller, id: AccountId) -> Result<()> {
        caller.require(Scope::Admin)?;
        self.viewer(caller, id).await?;
        Entity::delete_by_id(id.uuid()).exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    /// A viewer of the caller's household.
    pub(crate) async fn viewer(&self, caller: &Caller, id: AccountId) -> Result<Model> {
        let row = Entity::find_by_id(id.uuid()).one(self.db.conn()).await.map_err(db::error)?;
        let row = row.filter(|row| HouseholdId::from(row.household) == caller.household());
        let row = row.ok_or_else(|| Error::not_found("no such account"))?;
        match Role::stored(&row.role)? {
            Role::Viewer => Ok(row),
            Role::Owner => Err(Error::conflict("the owner of the household stays")),
        }
    }

    /// A new account, which cannot sign in yet.
    pub(crate) async fn insert_account(
        &self,
        conn: &impl ConnectionTrait,
        household: HouseholdId,
        role: Role,
        login: &str,
    ) -> Result<Model> {
        let id = AccountId::generate(&self.world);
        let mut row = Model {
            id: id.uuid(),
            household: household.uuid(),
            role: role.as_str().into(),
            login_index: Vec::new(),
            login: Vec::new(),
            display_name: None,
            created: self.world.clock.now().micros(),
        };
        self.name_account(&mut row, login).await?;
        Entity::insert(ActiveModel::from(row.clone())).exec_without_returning(conn).await.map_err(taken)?;
        Ok(row)
    }

    /// Gives an account another user name.
    pub(crate) async fn rename_account(&self, conn: &impl ConnectionTrait, row: &mut Model, login: &str) -> Result<()> {
        self.name_account(row, login).await?;
        let change = ActiveModel {
            id: Set(row.id),
            login_index: Set(row.login_index.clone()),
            login: Set(row.login.clone()),
            ..Default::default()
        };
        Entity::update(change).exec(conn).await.map(drop).map_err(taken)
    }

    async fn name_account(&self, row: &mut Model, login: &str) -> Result<()> {
        let login = name(login, "login")?;
        let key = self.keys.of(row.household.into()).await?;
        row.login_index = self.login_index(&login).await?.to_vec();
        row.login = key.seal_text(&place("login", row.id), &login, &self.world);
        Ok(())
    }

    /// The keyed index under which a user name is found.
    pub(crate) async fn login_index(&self, login: &str) -> Result<[u8; 32]> {
        Ok(self.keys.of_instance().await?.index("accounts.login", folded(login).as_bytes()))
    }

    /// The user name of an account.
    pub(crate) async fn login_of(&self, row: &Model) -> Result<Pii<String>> {
        let key = self.keys.of(row.household.into()).await?;
        key.open_text(&place("login", row.id), &row.login).map(Pii::new)
    }

    /// The account of a caller who came with a session, for what a token may not do.
    pub(crate) async fn signed_in(&self, caller: &Caller) -> Result<(Model, crate::SessionId)> {
        let Via::Session(session) = caller.via() else {
            return Err(Error::denied("this needs a person who signed in"));
        };
        let row = Entity::find_by_id(caller.person()?.uuid()).one(self.db.conn()).await.map_err(db::error)?;
        Ok((row.ok_or_else(|| Error::unauthenticated("the account is gone"))?, session))
    }
}

fn person(
    row: &Model,
    key: &db::ColumnKey,
    seen: &HashMap<Uuid, Time>,
    with_password: &HashSet<Uuid>,
) -> Result<Person> {
    let display_name = row.display_name.as_ref();
    Ok(Person {
        id: row.id.into(),
        role: Role::stored(&row.role)?,
        login: Pii::new(key.open_text(&place("login", row.id), &row.login)?),
        display_name: display_name
            .map(|sealed| key.open_text(&place("display_name", row.id), sealed).map(Pii::new))
            .transpose()?,
        created: Time::from_micros(row.created),
        last_seen: seen.get(&row.id).copied(),
        can_sign_in: with_password.contains(&row.id),
    })
}

fn taken(error: DbErr) -> Error {
    let error = db::error(error);
    match error.kind() {
        Kind::Conflict => Error::conflict("this user name is taken").field("login"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_look_like() {
        assert_eq!(name("  Großmutter 👩‍👩‍👧 ", "login").unwrap(), "Großmutter 👩‍👩‍👧");
        for bad in ["", "   ", "a\nb", "a\u{202e}b", "a\u{200b}b", "\u{feff}a", "a\u{7f}", "a\u{2066}b", "a\u{e000}"] {
            assert_eq!(name(bad, "login").unwrap_err().at_field(), Some("login"), "{bad:?}");
        }
        assert!(name(&"x".repeat(64), "login").is_ok());
        assert!(name(&"x".repeat(65), "login").is_err());
        assert!(name(&"x".repeat(10_000_000), "login").is_err());
    }

    #[test]
    fn a_user_name_is_found_however_it_is_typed() {
        assert_eq!(folded("ＡDA"), folded("ada"));
        assert_eq!(folded("Zoe\u{308}"), folded("zoë"));
        assert_ne!(folded("ada"), folded("adä"));
    }
}
