//! An API token: what a program shows instead of a password. `njp_` and 256 random bits; the table holds the SHA-256.
//!
//! A token has scopes and an end. It can never do more than the person who made it, and it goes with that person.

use crate::{AccountId, Accounts, Caller, HouseholdId, Label, Scope, Scopes, TokenId, Via, account, secret, session};
use base::{Error, Pii, Result, Secret, Time};
use sea_orm::{ExprTrait, QueryOrder, entity::prelude::*, sea_query::Expr};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub household: Uuid,
    /// None: made at the machine's own terminal.
    pub account: Option<Uuid>,
    pub hash: Vec<u8>,
    pub scopes: String,
    pub name: Option<Vec<u8>>,
    pub created: i64,
    pub expires: i64,
    pub last_used: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "account::Entity", from = "Column::Account", to = "account::Column::Id")]
    Account,
}

impl Related<account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table api_tokens {
        id: not_personal("opaque id"),
        household: {
            category: Membership, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Session, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
        account: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Session, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
        hash: {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Session, protection: Hash, export: Omit("a credential"), erase: Delete, clauses: [C6_2],
        },
        scopes: {
            category: Preference, subject: AccountHolder, purposes: [SignIn: Contract], retention: Session,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C6_2, C9_3_4],
        },
        name: {
            category: Name, subject: AccountHolder, purposes: [Account: Contract], retention: Session,
            recipients: [Household], protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Session, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
        expires: not_personal("when the token ends"),
        last_used: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Session, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
    }
}

const PREFIX: &str = "njp_";
/// How many days a token lasts unless said.
pub const DEFAULT_DAYS: u32 = 90;
/// How many days a token can last.
pub const MOST_DAYS: u32 = 365;

/// A token that was just made. Its text is shown once and kept nowhere.
#[derive(Debug)]
pub struct NewToken {
    pub id: TokenId,
    pub token: Secret<String>,
    pub expires: Time,
}

/// A token in the list of open doors.
#[derive(Clone, Debug)]
pub struct Token {
    pub id: TokenId,
    /// Who made it; none at the machine's own terminal.
    pub account: Option<AccountId>,
    pub label: Label,
    pub name: Option<Pii<String>>,
    pub scopes: Scopes,
    pub created: Time,
    pub expires: Time,
    pub last_used: Option<Time>,
}

/// The authenticated place of the sealed name.
fn place(id: Uuid) -> String {
    format!("api_tokens.name/{id}")
}

impl Accounts {
    /// The caller behind the value of an `Authorization: Bearer` header; `Unauthenticated` if it is unknown or has
    /// expired. Notes the use.
    pub async fn api_token(&self, bearer: &Secret<String>) -> Result<Caller> {
        let Some(token) = bearer.expose().strip_prefix(PREFIX) else { return Err(unknown()) };
        let hash = secret::hash(&Secret::new(token.into()));
        self.find_token(Column::Hash.eq(hash.to_vec())).await
    }

    pub(crate) async fn find_token(&self, which: Expr) -> Result<Caller> {
        let found = Entity::find().filter(which).find_also_related(account::Entity).one(self.db.conn()).await;
        let now = self.world.clock.now();
        match found.map_err(db::error)? {
            Some((token, account)) if now.micros() < token.expires => {
                self.note_token_use(&token, now).await;
                self.token_caller(&token, account.as_ref()).await
            }
            _ => Err(unknown()),
        }
    }

    async fn token_caller(&self, token: &Model, account: Option<&account::Model>) -> Result<Caller> {
        let id: TokenId = token.id.into();
        let (via, scopes, label) = (Via::Token(id), token.scopes.parse()?, Label::token(id));
        let household = HouseholdId::from(token.household);
        let Some(account) = account else { return Ok(Caller::program(household, via, scopes, label)) };
        account.require_open()?;
        // A token is for one household: it does not wander to another when the person has left.
        let place = self.place_of(account.id.into(), Some(household)).await?;
        let place = place.filter(|(found, _)| *found == household);
        Ok(Caller::person(account.id.into(), place, via, scopes, label))
    }

    async fn note_token_use(&self, token: &Model, now: Time) {
        if token.last_used.is_some_and(|last| now.since(Time::from_micros(last)) < session::GRAIN) {
            return;
        }
        let noted = Entity::update_many()
            .col_expr(Column::LastUsed, Expr::value(now.micros()))
            .filter(Column::Id.eq(token.id))
            .exec(self.db.conn())
            .await;
        if let Err(error) = noted {
            tracing::warn!(error = ?db::error(error), "the use of a token was not noted");
        }
    }

    /// Makes a token for `days` days ([`DEFAULT_DAYS`] unless said). Its scopes must be among the caller's own, and a
    /// token needs the scope `admin` to make another.
    pub async fn create_token(
        &self,
        caller: &Caller,
        name: Option<&str>,
        scopes: Scopes,
        days: Option<u32>,
    ) -> Result<NewToken> {
        if let Via::Token(_) = caller.via() {
            caller.require(Scope::Admin)?;
        }
        check_scopes(caller, scopes)?;
        let expires = self.world.clock.now() + lifetime(days)?;
        let (token, hash) = secret::generate(&self.world);
        let id = TokenId::generate(&self.world);
        let row = Model {
            id: id.uuid(),
            household: caller.household().uuid(),
            account: caller.account().map(AccountId::uuid),
            hash: hash.to_vec(),
            scopes: scopes.to_string(),
            name: self.seal_token_name(caller, id, name).await?,
            created: self.world.clock.now().micros(),
            expires: expires.micros(),
            last_used: None,
        };
        Entity::insert(ActiveModel::from(row)).exec_without_returning(self.db.conn()).await.map_err(db::error)?;
        Ok(NewToken { id, token: Secret::new(format!("{PREFIX}{}", token.expose())), expires })
    }

    async fn seal_token_name(&self, caller: &Caller, id: TokenId, name: Option<&str>) -> Result<Option<Vec<u8>>> {
        let Some(name) = name else { return Ok(None) };
        let name = account::name(name, "name")?;
        let key = self.keys.of(caller.household()).await?;
        Ok(Some(key.seal_text(&place(id.uuid()), &name, &self.world)))
    }

    /// The tokens that the caller may revoke, the newest first: all of the household with the scope `admin`, else the
    /// caller's own.
    pub async fn tokens(&self, caller: &Caller) -> Result<Vec<Token>> {
        let now = self.world.clock.now().micros();
        let rows = Entity::find().filter(revocable(caller)?).filter(Column::Expires.gt(now));
        let rows = rows.order_by_desc(Column::Id).all(self.db.conn()).await.map_err(db::error)?;
        let key = self.keys.of(caller.household()).await?;
        rows.into_iter().map(|row| listed(row, &key)).collect()
    }

    /// Revokes a token; requests with it are refused from now on.
    pub async fn revoke_token(&self, caller: &Caller, id: TokenId) -> Result<()> {
        let delete = Entity::delete_by_id(id.uuid()).filter(revocable(caller)?);
        match delete.exec(self.db.conn()).await.map_err(db::error)?.rows_affected {
            0 => Err(Error::not_found("no such token")),
            _ => Ok(()),
        }
    }

    pub(crate) async fn expire_tokens(&self, now: Time) -> Result<u64> {
        let over = Column::Expires.lte(now.micros());
        let deleted = Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

fn unknown() -> Error {
    Error::unauthenticated("the token is unknown, was revoked or has expired")
}

fn check_scopes(caller: &Caller, scopes: Scopes) -> Result<()> {
    if scopes.is_empty() {
        return Err(Error::invalid("a token needs at least one scope").field("scope"));
    }
    match caller.scopes().includes(scopes) {
        true => Ok(()),
        false => Err(Error::denied("a token cannot do more than the one who makes it").field("scope")),
    }
}

fn lifetime(days: Option<u32>) -> Result<Duration> {
    let days = days.unwrap_or(DEFAULT_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Error::invalid(format!("a token lasts 1 to {MOST_DAYS} days")).field("ttl"));
    }
    Ok(Duration::from_secs(u64::from(days) * 86_400))
}

/// Revokes what a person made for a household.
pub(crate) async fn revoke_of(conn: &impl ConnectionTrait, household: HouseholdId, account: AccountId) -> Result<()> {
    let theirs = Column::Household.eq(household.uuid()).and(Column::Account.eq(account.uuid()));
    Entity::delete_many().filter(theirs).exec(conn).await.map(drop).map_err(db::error)
}

/// The rows that the caller may see and revoke.
fn revocable(caller: &Caller) -> Result<Expr> {
    let household = Column::Household.eq(caller.household().uuid());
    match caller.scopes().has(Scope::Admin) {
        true => Ok(household),
        false => Ok(household.and(Column::Account.eq(caller.require_person()?.uuid()))),
    }
}

fn listed(row: Model, key: &db::ColumnKey) -> Result<Token> {
    let id: TokenId = row.id.into();
    let name = row.name.as_ref().map(|sealed| key.open_text(&place(row.id), sealed).map(Pii::new)).transpose()?;
    Ok(Token {
        id,
        account: row.account.map(Into::into),
        label: Label::token(id),
        name,
        scopes: row.scopes.parse()?,
        created: Time::from_micros(row.created),
        expires: Time::from_micros(row.expires),
        last_used: row.last_used.map(Time::from_micros),
    })
}
