//! An account: one person, known by an e-mail address or, where there is no mail, by a user name.
//!
//! Invariants: a login is unique over the installation (by a keyed index, so that the table shows no name); an account
//! without a credential cannot sign in; a closed account cannot either. What is a person's own is sealed under the key
//! of the account and goes with it.

use crate::{AccountId, Accounts, Caller, Language, SessionId, Via};
use base::{Error, Kind, Pii, Result, Time};
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::Expr};
use unicode_normalization::UnicodeNormalization;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub login_index: Vec<u8>,
    pub login: Vec<u8>,
    /// When the person showed that the address is theirs.
    pub verified: Option<i64>,
    /// The account opens when the address is verified.
    pub waiting: bool,
    pub display_name: Option<Vec<u8>>,
    pub phone: Option<Vec<u8>>,
    pub language: String,
    pub zone: Option<String>,
    /// When the person said to be 18 or older.
    pub adult: Option<i64>,
    pub created: i64,
    /// When the account was closed. It can be reopened until it is erased.
    pub closed: Option<i64>,
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
        login_index: {
            category: Name, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: AccountKey, export: Omit("the address itself is included"),
            erase: Delete, clauses: [C6_2],
        },
        login: {
            category: Email, subject: AccountHolder, purposes: [SignIn: Contract, Account: Contract],
            retention: Account, recipients: [Household], protection: AccountKey, export: Include, erase: Delete,
            clauses: [C1_1_1, C6_2],
        },
        verified: {
            category: Activity, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C1_1_1],
        },
        waiting: not_personal("whether the account is open yet"),
        display_name: {
            category: Name, subject: AccountHolder, purposes: [Account: Contract], retention: Account,
            recipients: [Household], protection: AccountKey, export: Include, erase: Delete, clauses: [C1_1_1, C6_2],
        },
        phone: {
            category: Phone, subject: AccountHolder, purposes: [Account: Contract], retention: Account,
            protection: AccountKey, export: Include, erase: Delete, clauses: [C1_1_1, C6_2],
        },
        language: {
            category: Preference, subject: AccountHolder, purposes: [Account: Contract], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C3_1],
        },
        zone: {
            category: TimeZone, subject: AccountHolder, purposes: [Account: Contract], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C3_1],
        },
        adult: {
            category: Activity, subject: AccountHolder, purposes: [Account: LegalObligation], retention: Account,
            protection: Clear, export: Include, erase: Delete, clauses: [C11_1],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Account: Contract], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        closed: {
            category: Activity, subject: AccountHolder, purposes: [Account: Contract], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C3_3],
        },
    }
}

/// The longest name of a person, in characters.
pub const LONGEST_NAME: usize = 64;
/// The longest e-mail address, in bytes (RFC 5321, 4.5.3.1.3, without its brackets).
const LONGEST_ADDRESS: usize = 254;

impl ProfileChange {
    /// The same, with each detail as it is kept; an error names the first that is not acceptable.
    pub(crate) fn checked(self) -> Result<Self> {
        let known = |check: fn(&str) -> Result<String>| {
            move |typed: Option<String>| typed.map(|typed| check(&typed)).transpose()
        };
        Ok(Self {
            display_name: self.display_name.map(known(|typed| name(typed, "display_name"))).transpose()?,
            phone: self.phone.map(known(phone)).transpose()?,
            language: self.language,
            zone: self.zone.map(known(crate::household::canonical)).transpose()?,
        })
    }
}

/// A person's account, as that person sees it.
#[derive(Clone, Debug)]
pub struct Profile {
    pub id: AccountId,
    pub login: Pii<String>,
    /// Whether the login is an e-mail address that the person has shown to be theirs.
    pub verified: bool,
    pub display_name: Option<Pii<String>>,
    pub phone: Option<Pii<String>>,
    pub language: Language,
    /// The person's own zone; none: each household's.
    pub zone: Option<String>,
    pub created: Time,
}

impl Profile {
    /// The display name, or else the login.
    pub fn name(&self) -> &Pii<String> {
        self.display_name.as_ref().unwrap_or(&self.login)
    }
}

/// Where a person can be written to.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The e-mail address, verified or not; none for who has only a user name.
    pub address: Option<Pii<String>>,
    pub verified: bool,
    pub language: Language,
}

/// What changes in a profile; `Some(None)` takes the detail away.
#[derive(Debug, Default)]
pub struct ProfileChange {
    pub display_name: Option<Option<String>>,
    pub phone: Option<Option<String>>,
    pub language: Option<Language>,
    pub zone: Option<Option<String>>,
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

/// Whether a login is an e-mail address, rather than a user name.
pub fn is_address(login: &str) -> bool {
    login.contains('@')
}

/// A login as typed: an e-mail address, or a user name without `@`.
pub fn login(text: &str) -> Result<String> {
    let login = if is_address(text) { address(text)? } else { name(text, "login")? };
    Ok(login)
}

/// One e-mail address, trimmed: `local@domain` of RFC 5321 without quoting, comments and address literals.
pub fn address(text: &str) -> Result<String> {
    let malformed = || Error::invalid("an e-mail address is like ada@example.org").field("login");
    let address: String = text.trim().chars().take(LONGEST_ADDRESS + 1).nfc().collect();
    let (local, domain) = address.split_once('@').ok_or_else(malformed)?;
    let plain = |c: char| !is_deceptive(c) && !c.is_whitespace() && !"\"(),:;<>@[\\]".contains(c);
    let dotted = |part: &str| part.split('.').all(|label| !label.is_empty());
    let label = |label: &str| {
        let edges = label.starts_with('-') || label.ends_with('-');
        label.len() <= 63 && !edges && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let good = address.len() <= LONGEST_ADDRESS
        && (1..=64).contains(&local.len())
        && local.chars().all(plain)
        && dotted(local)
        && dotted(domain)
        && domain.contains('.')
        && domain.split('.').all(label);
    if good { Ok(address) } else { Err(malformed()) }
}

/// A telephone number as typed: digits, spaces and `+ - ( ) /`, 3 to 32 characters.
fn phone(text: &str) -> Result<String> {
    let phone = text.trim();
    let good = (3..=32).contains(&phone.len())
        && phone.chars().all(|c| c.is_ascii_digit() || " +-()/".contains(c))
        && phone.chars().any(|c| c.is_ascii_digit());
    match good {
        true => Ok(phone.to_owned()),
        false => Err(Error::invalid("a telephone number has 3 to 32 digits, spaces and + - ( ) /").field("phone")),
    }
}

/// The form of a login by which it is found: compatibility-composed and lower case.
fn folded(login: &str) -> String {
    login.nfkc().collect::<String>().to_lowercase()
}

/// The authenticated place of a sealed column.
fn place(column: &str, id: Uuid) -> String {
    format!("accounts.{column}/{id}")
}

impl Model {
    /// The keyed index of the login.
    pub(crate) fn index(&self) -> Result<[u8; 32]> {
        let index = self.login_index.as_slice().try_into();
        index.map_err(|_| Error::internal("the index of a login has the wrong length"))
    }

    pub(crate) fn login(&self, key: &db::ColumnKey) -> Result<Pii<String>> {
        key.open_text(&place("login", self.id), &self.login).map(Pii::new)
    }

    pub(crate) fn display_name(&self, key: &db::ColumnKey) -> Result<Option<Pii<String>>> {
        self.opened("display_name", self.display_name.as_deref(), key)
    }

    fn opened(&self, column: &str, sealed: Option<&[u8]>, key: &db::ColumnKey) -> Result<Option<Pii<String>>> {
        sealed.map(|sealed| key.open_text(&place(column, self.id), sealed).map(Pii::new)).transpose()
    }

    /// An error unless the account is open.
    pub(crate) fn require_open(&self) -> Result<()> {
        policy::enforce!(
            C3_3,
            self.closed.is_none(),
            Error::closed("this account is closed; it can be reopened until it is erased")
        );
        Ok(())
    }
}

impl Accounts {
    /// The caller's own account.
    pub async fn me(&self, caller: &Caller) -> Result<Profile> {
        let row = self.account(self.db.conn(), caller.require_person()?).await?;
        let key = self.keys.of_account(row.id.into()).await?;
        Ok(Profile {
            id: row.id.into(),
            login: row.login(&key)?,
            verified: row.verified.is_some(),
            display_name: row.display_name(&key)?,
            phone: row.opened("phone", row.phone.as_deref(), &key)?,
            language: Language::stored(&row.language)?,
            zone: row.zone,
            created: Time::from_micros(row.created),
        })
    }

    /// Where an account's person can be written to; `NotFound` once the account is gone.
    pub async fn contact(&self, account: AccountId) -> Result<Contact> {
        let row = Entity::find_by_id(account.uuid()).one(self.db.conn()).await.map_err(db::error)?;
        let row = row.ok_or_else(|| Error::not_found("no such account"))?;
        let login = row.login(&self.keys.of_account(account).await?)?;
        let address = is_address(login.open()).then_some(login);
        Ok(Contact { address, verified: row.verified.is_some(), language: Language::stored(&row.language)? })
    }

    /// Corrects details of the caller's account, or takes them away.
    pub async fn change_profile(&self, caller: &Caller, change: ProfileChange) -> Result<()> {
        self.write_profile(self.db.conn(), caller.require_person()?, change.checked()?).await
    }

    pub(crate) async fn write_profile(
        &self,
        conn: &impl ConnectionTrait,
        id: AccountId,
        change: ProfileChange,
    ) -> Result<()> {
        let key = self.keys.of_account(id).await?;
        let seal = |column: &str, text: Option<String>| {
            text.map(|text| key.seal_text(&place(column, id.uuid()), &text, &self.world))
        };
        // A detail that is none is taken away.
        let takes = |detail: &Option<String>| detail.is_some() || policy::enforce!(C3_2);
        let mut row = ActiveModel { id: Set(id.uuid()), ..Default::default() };
        if let Some(display_name) = change.display_name.filter(takes) {
            row.display_name = Set(seal("display_name", display_name));
        }
        if let Some(phone) = change.phone.filter(takes) {
            row.phone = Set(seal("phone", phone));
        }
        if let Some(language) = change.language {
            row.language = Set(language.as_str().into());
        }
        if let Some(zone) = change.zone.filter(takes) {
            row.zone = Set(zone);
        }
        let changes = [row.display_name.is_set(), row.phone.is_set(), row.language.is_set(), row.zone.is_set()];
        match changes.contains(&true) && policy::enforce!(C3_1) {
            true => Entity::update(row).exec(conn).await.map(drop).map_err(db::error),
            false => Ok(()),
        }
    }

    pub(crate) async fn account(&self, conn: &impl ConnectionTrait, id: AccountId) -> Result<Model> {
        let row = Entity::find_by_id(id.uuid()).one(conn).await.map_err(db::error)?;
        row.ok_or_else(|| Error::unauthenticated("the account is gone"))
    }

    /// A new account, which cannot sign in yet and belongs to no household.
    pub(crate) async fn insert_account(&self, conn: &impl ConnectionTrait, typed: &str) -> Result<Model> {
        let id = AccountId::generate(&self.world);
        let mut row = Model {
            id: id.uuid(),
            login_index: Vec::new(),
            login: Vec::new(),
            verified: None,
            waiting: false,
            display_name: None,
            phone: None,
            language: Language::default().as_str().into(),
            zone: None,
            adult: None,
            created: self.world.clock.now().micros(),
            closed: None,
        };
        self.name_account(&mut row, typed).await?;
        Entity::insert(ActiveModel::from(row.clone())).exec_without_returning(conn).await.map_err(taken)?;
        Ok(row)
    }

    /// Gives an account another login, which nobody has verified.
    pub(crate) async fn rename_account(&self, conn: &impl ConnectionTrait, row: &mut Model, typed: &str) -> Result<()> {
        self.name_account(row, typed).await?;
        row.verified = None;
        let change = ActiveModel {
            id: Set(row.id),
            login_index: Set(row.login_index.clone()),
            login: Set(row.login.clone()),
            verified: Set(None),
            ..Default::default()
        };
        Entity::update(change).exec(conn).await.map(drop).map_err(taken)
    }

    async fn name_account(&self, row: &mut Model, typed: &str) -> Result<()> {
        let login = login(typed)?;
        let key = self.keys.of_account(row.id.into()).await?;
        row.login_index = self.login_index(&login).await?.to_vec();
        row.login = key.seal_text(&place("login", row.id), &login, &self.world);
        Ok(())
    }

    /// The keyed index under which a login is found.
    pub(crate) async fn login_index(&self, login: &str) -> Result<[u8; 32]> {
        Ok(self.keys.of_instance().await?.index("accounts.login", folded(login).as_bytes()))
    }

    /// The account with this login index.
    pub(crate) async fn by_index(&self, index: [u8; 32]) -> Result<Option<Model>> {
        let found = Entity::find().filter(Column::LoginIndex.eq(index.to_vec()));
        found.one(self.db.conn()).await.map_err(db::error)
    }

    /// The login of an account.
    pub(crate) async fn login_of(&self, row: &Model) -> Result<Pii<String>> {
        row.login(&self.keys.of_account(row.id.into()).await?)
    }

    /// Notes that the address is the person's own.
    pub(crate) async fn set_verified(&self, conn: &impl ConnectionTrait, id: Uuid) -> Result<()> {
        let now = self.world.clock.now().micros();
        let change = Entity::update_many().col_expr(Column::Verified, Expr::value(now));
        let change = change.col_expr(Column::Waiting, Expr::value(false));
        change.filter(Column::Id.eq(id)).exec(conn).await.map(drop).map_err(db::error)
    }

    /// Closes an account: from now on every session, token and link of it is refused. What happens to it afterwards is
    /// for `privacy` to say.
    pub async fn close(&self, conn: &impl ConnectionTrait, id: AccountId) -> Result<()> {
        self.set_closed(conn, id, Some(self.world.clock.now())).await?;
        crate::session::end_others(conn, id.uuid(), None).await
    }

    /// Opens a closed account again.
    pub(crate) async fn reopen(&self, id: AccountId) -> Result<()> {
        let tx = self.db.begin().await?;
        self.set_closed(&tx, id, None).await?;
        self.tell(&tx, crate::fact::REOPENED, id).await?;
        tx.commit().await.map_err(db::error)
    }

    async fn set_closed(&self, conn: &impl ConnectionTrait, id: AccountId, at: Option<Time>) -> Result<()> {
        let change = Entity::update_many().col_expr(Column::Closed, Expr::value(at.map(Time::micros)));
        change.filter(Column::Id.eq(id.uuid())).exec(conn).await.map(drop).map_err(db::error)
    }

    /// The account of a caller who came with a session, for what a token may not do.
    pub(crate) async fn signed_in(&self, caller: &Caller) -> Result<(Model, SessionId)> {
        let Via::Session(session) = caller.via() else {
            return Err(Error::denied("this needs a person who signed in"));
        };
        Ok((self.account(self.db.conn(), caller.require_person()?).await?, session))
    }
}

/// Makes others who change what the account can be opened with wait until this transaction ends.
pub(crate) async fn lock(conn: &impl ConnectionTrait, id: AccountId) -> Result<()> {
    let touch = Entity::update_many().col_expr(Column::Created, Expr::col(Column::Created));
    touch.filter(Column::Id.eq(id.uuid())).exec(conn).await.map(drop).map_err(db::error)
}

fn taken(error: DbErr) -> Error {
    let error = db::error(error);
    match error.kind() {
        Kind::Conflict => Error::conflict("this user name or address is taken").field("login"),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_address_and_nothing_more() {
        for good in ["ada@example.org", " a.b+c@sub.example.co ", "jürgen@müller.example", "x@1-2.example"] {
            assert_eq!(address(good).unwrap(), good.trim(), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in [
            "ada",
            "@example.org",
            "ada@",
            "ada@example",
            "ada@@example.org",
            "ada@example.org, eve@example.org",
            "ada@example.org\r\nBcc: eve@example.org",
            "ada@exa mple.org",
            "\"ada\"@example.org",
            "ada@[127.0.0.1]",
            "ada@example..org",
            ".ada@example.org",
            "ada@-example.org",
            "ada\u{202e}@example.org",
            "<ada@example.org>",
            &long,
        ] {
            assert_eq!(address(bad).unwrap_err().at_field(), Some("login"), "{bad}");
        }
    }

    #[test]
    fn a_telephone_number_is_written_as_people_write_it() {
        assert!(phone("+49 (30) 123-45/67").is_ok());
        for bad in ["", "12", "call me", "+49\n30", &"1".repeat(33), "---"] {
            assert!(phone(bad).is_err(), "{bad}");
        }
    }

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
