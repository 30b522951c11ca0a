//! A session: a browser in which somebody signed in.
//!
//! The browser holds a random 256-bit token, the table its SHA-256. A session ends 30 days after its last use and 90
//! days after its start, whichever is first.

use crate::{
    AccountId, Accounts, Caller, HouseholdId, Label, Scopes, SessionId, Via, account,
    history::{Method, Outcome},
    secret,
};
use base::{Error, Pii, Result, Secret, Time};
use db::Db;
use sea_orm::{ExprTrait, FromQueryResult, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};
use std::{collections::HashMap, time::Duration};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account: Uuid,
    /// The household in which the person acts; none, or one that is left: the oldest membership.
    pub household: Option<Uuid>,
    pub hash: Vec<u8>,
    pub label: String,
    /// What the person calls the browser.
    pub name: Option<Vec<u8>>,
    pub created: i64,
    pub last_used: i64,
    /// When the person last showed who they are.
    pub confirmed: i64,
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
    table sessions {
        id: not_personal("opaque id"),
        account: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Session, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        household: {
            category: Membership, subject: AccountHolder, purposes: [Account: Contract], retention: Session,
            protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        hash: {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Session, protection: Hash, export: Omit("a credential"), erase: Delete, clauses: [C6_2],
        },
        label: {
            category: Browser, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Device,
            retention: Session, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        name: {
            category: Name, subject: AccountHolder, purposes: [Security: LegitimateInterest], retention: Session,
            protection: AccountKey, export: Include, erase: Delete, clauses: [C1_2_12, C6_2],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Session, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        last_used: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Session, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
        confirmed: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Session, protection: Clear, export: Include, erase: Delete, clauses: [C9_1_5],
        },
    }
}

const IDLE: Duration = Duration::from_secs(30 * 86_400);
const ABSOLUTE: Duration = Duration::from_secs(90 * 86_400);
/// How exactly the last use is kept; a finer grain would cost a write for each request.
pub(crate) const GRAIN: Duration = Duration::from_secs(60);

/// A session that has just begun. The token goes into the browser's cookie and is kept nowhere else.
#[derive(Debug)]
pub struct NewSession {
    pub token: Secret<String>,
    pub caller: Caller,
    /// When the session ends even if it is used, for the cookie.
    pub expires: Time,
    /// What the browser keeps to be known by; none in the demo.
    pub known: Option<Secret<String>>,
}

/// A session whose transaction may still be open.
pub(crate) struct Begun {
    token: Secret<String>,
    row: Model,
    known: Option<Secret<String>>,
}

impl Begun {
    /// The same, in a browser that keeps this token from now on.
    pub(crate) fn known_by(self, token: Secret<String>) -> Self {
        Self { known: Some(token), ..self }
    }
}

/// The authenticated place of the sealed name.
fn place(id: Uuid) -> String {
    format!("sessions.name/{id}")
}

/// A session in the list of open doors.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    pub label: Label,
    pub name: Option<Pii<String>>,
    pub created: Time,
    pub last_used: Time,
    /// When it ends unless it is used again.
    pub expires: Time,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl Model {
    fn expires(&self) -> Time {
        let (created, last_used) = (Time::from_micros(self.created), Time::from_micros(self.last_used));
        (created + ABSOLUTE).min(last_used + IDLE)
    }
}

impl Accounts {
    /// The caller behind a session token; `Unauthenticated` if it is unknown or has expired. Notes the use.
    pub async fn session(&self, token: &Secret<String>) -> Result<Caller> {
        self.find_session(Column::Hash.eq(secret::hash(token).to_vec())).await
    }

    pub(crate) async fn find_session(&self, which: Expr) -> Result<Caller> {
        let found = Entity::find().filter(which).find_also_related(account::Entity).one(self.db.conn()).await;
        let now = self.world.clock.now();
        match found.map_err(db::error)? {
            Some((session, Some(account))) if now < session.expires() => {
                account.require_open()?;
                self.note_use(&session, now).await;
                self.session_caller(&session).await
            }
            _ => Err(Error::unauthenticated("the session is unknown or has ended; sign in again")),
        }
    }

    async fn session_caller(&self, session: &Model) -> Result<Caller> {
        let account = session.account.into();
        let place = self.place_of(account, session.household.map(Into::into)).await?;
        let (via, label) = (Via::Session(session.id.into()), Label::stored(session.label.clone()));
        let caller = Caller::person(account, place, via, Scopes::ALL, label);
        Ok(caller.confirmed_at(Time::from_micros(session.confirmed)))
    }

    /// A failed note does not lock anybody out: a full disk is when the owner most needs to come in.
    async fn note_use(&self, session: &Model, now: Time) {
        if now.since(Time::from_micros(session.last_used)) < GRAIN {
            return;
        }
        let noted = Entity::update_many()
            .col_expr(Column::LastUsed, Expr::value(now.micros()))
            .filter(Column::Id.eq(session.id))
            .exec(self.db.conn())
            .await;
        if let Err(error) = noted {
            tracing::warn!(error = ?db::error(error), "the use of a session was not noted");
        }
    }

    /// Begins a session inside a transaction; [`Self::with_caller`] completes it afterwards.
    pub(crate) async fn begin_session(
        &self,
        conn: &impl ConnectionTrait,
        account: &account::Model,
        label: Label,
    ) -> Result<Begun> {
        let (token, hash) = secret::generate(&self.world);
        let now = self.world.clock.now();
        let row = Model {
            id: SessionId::generate(&self.world).uuid(),
            account: account.id,
            household: None,
            hash: hash.to_vec(),
            label: label.as_str().into(),
            name: None,
            created: now.micros(),
            last_used: now.micros(),
            confirmed: now.micros(),
        };
        Entity::insert(ActiveModel::from(row.clone())).exec_without_returning(conn).await.map_err(db::error)?;
        Ok(Begun { token, row, known: None })
    }

    pub(crate) async fn with_caller(&self, begun: Begun) -> Result<NewSession> {
        let caller = self.session_caller(&begun.row).await?;
        let expires = Time::from_micros(begun.row.created) + ABSOLUTE;
        Ok(NewSession { token: begun.token, caller, expires, known: begun.known })
    }

    /// Notes that the person has just shown who they are.
    pub(crate) async fn confirm_session(&self, id: SessionId) -> Result<()> {
        let now = self.world.clock.now().micros();
        let change = Entity::update_many().col_expr(Column::Confirmed, Expr::value(now));
        change.filter(Column::Id.eq(id.uuid())).exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    /// Gives one of the caller's browsers a name, or takes it away.
    pub async fn name_session(&self, caller: &Caller, id: SessionId, name: Option<&str>) -> Result<()> {
        let account = caller.require_person()?;
        let name = name.map(|name| account::name(name, "name")).transpose()?;
        let key = self.keys.of_account(account).await?;
        let sealed = name.map(|name| key.seal_text(&place(id.uuid()), &name, &self.world));
        let change = Entity::update_many().col_expr(Column::Name, Expr::value(sealed));
        let change = change.filter(Column::Id.eq(id.uuid())).filter(Column::Account.eq(account.uuid()));
        match change.exec(self.db.conn()).await.map_err(db::error)?.rows_affected {
            0 => Err(unknown()),
            _ => Ok(()),
        }
    }

    /// Ends the caller's session.
    pub async fn sign_out(&self, caller: &Caller) -> Result<()> {
        match caller.via() {
            Via::Session(id) => self.end_session(caller, id).await,
            _ => Err(Error::invalid("only a session can sign out; a token is revoked")),
        }
    }

    /// The caller's open sessions, the newest first.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<Session>> {
        let account = caller.require_person()?;
        let mine = Column::Account.eq(account.uuid());
        let rows = Entity::find().filter(mine).order_by_desc(Column::Id).all(self.db.conn()).await;
        let (rows, now) = (rows.map_err(db::error)?, self.world.clock.now());
        let key = self.keys.of_account(account).await?;
        let open = rows.into_iter().filter(|row| now < row.expires());
        open.map(|row| listed(row, &key, caller)).collect()
    }

    /// Ends one of the caller's sessions: a lost telephone is signed out from anywhere.
    pub async fn end_session(&self, caller: &Caller, id: SessionId) -> Result<()> {
        let mine = Column::Account.eq(caller.require_person()?.uuid());
        if !policy::enforce!(C1_2_12) {
            return Ok(());
        }
        let ended = Entity::delete_by_id(id.uuid()).filter(mine).exec(self.db.conn()).await.map_err(db::error)?;
        match ended.rows_affected {
            0 => Err(unknown()),
            _ => Ok(()),
        }
    }

    pub(crate) async fn expire_sessions(&self, now: Time) -> Result<u64> {
        let over = Column::LastUsed.lt((now - IDLE).micros()).or(Column::Created.lt((now - ABSOLUTE).micros()));
        let deleted = Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

/// Ends all sessions of the account but one.
pub(crate) async fn end_others(conn: &impl ConnectionTrait, account: Uuid, but: Option<SessionId>) -> Result<()> {
    let mut delete = Entity::delete_many().filter(Column::Account.eq(account));
    if let Some(but) = but {
        delete = delete.filter(Column::Id.ne(but.uuid()));
    }
    delete.exec(conn).await.map(drop).map_err(db::error)
}

/// When each of the accounts last used a session.
pub(crate) async fn last_seen(db: &Db, accounts: &[Uuid]) -> Result<HashMap<Uuid, Time>> {
    #[derive(FromQueryResult)]
    struct Seen {
        account: Uuid,
        last: i64,
    }
    let rows = Entity::find()
        .select_only()
        .column(Column::Account)
        .column_as(Column::LastUsed.max(), "last")
        .filter(Column::Account.is_in(accounts.iter().copied()))
        .group_by(Column::Account)
        .into_model::<Seen>()
        .all(db.conn())
        .await
        .map_err(db::error)?;
    Ok(rows.into_iter().map(|seen| (seen.account, Time::from_micros(seen.last))).collect())
}

fn listed(row: Model, key: &db::ColumnKey, caller: &Caller) -> Result<Session> {
    let id = row.id.into();
    Ok(Session {
        id,
        name: row.name.as_ref().map(|sealed| key.open_text(&place(row.id), sealed).map(Pii::new)).transpose()?,
        created: Time::from_micros(row.created),
        last_used: Time::from_micros(row.last_used),
        expires: row.expires(),
        current: caller.via() == Via::Session(id),
        label: Label::stored(row.label),
    })
}

/// Acts in this household from now on.
pub(crate) async fn select(db: &Db, id: SessionId, household: HouseholdId) -> Result<()> {
    let change = Entity::update_many().col_expr(Column::Household, Expr::value(Some(household.uuid())));
    change.filter(Column::Id.eq(id.uuid())).exec(db.conn()).await.map(drop).map_err(db::error)
}

fn unknown() -> Error {
    Error::not_found("no such session")
}

impl Accounts {
    /// In the demo a person shows who they are by being at this machine.
    pub async fn confirm_demo(&self, caller: &Caller) -> Result<()> {
        let (_, session) = self.signed_in(caller).await?;
        self.confirm_session(session).await
    }

    /// The account of that id begins a session without a credential: the demo's way in, for a browser on this machine.
    pub async fn begin_demo_session(&self, account: AccountId, label: Label) -> Result<NewSession> {
        let row = self.account(self.db.conn(), account).await?;
        self.note(self.db.conn(), account, &label, &[Method::Demo], Outcome::SignedIn).await?;
        let begun = self.begin_session(self.db.conn(), &row, label).await?;
        self.with_caller(begun).await
    }
}
