//! Codes of an authenticator app: TOTP of RFC 6238 with SHA-1, six digits and 30 seconds, which every app knows.
//!
//! Invariants: it is on only after one right code; a code is accepted one step early or late, and never twice. The secret
//! is sealed under the account's key.

use crate::{AccountId, Accounts, Caller, account, fact};
use base::{Error, Result, Secret, Time};
use sea_orm::{ActiveValue::Set, ExprTrait, entity::prelude::*, sea_query::Expr, sea_query::OnConflict};
use totp_rs::{Algorithm, Builder, Totp};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "totp")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Uuid,
    pub secret: Vec<u8>,
    /// Whether a right code was given.
    pub active: bool,
    /// The step of the last code that was accepted: 30-second steps since 1970.
    pub step: i64,
    pub created: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table totp {
        account: {
            category: AccountId, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        secret: {
            category: Credential, subject: AccountHolder, purposes: [SignIn: Contract], source: Derived,
            retention: Account, protection: AccountKey, export: Omit("a credential"), erase: Delete,
            clauses: [C6_2, C9_1_5],
        },
        active: not_personal("whether the set-up was completed"),
        step: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Account, protection: Clear, export: Omit("the history of sign-ins is included"),
            erase: Delete, clauses: [C9_1_5],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Account, protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
    }
}

/// What an authenticator app needs, shown this once.
#[derive(Debug)]
pub struct TotpSetup {
    /// In base 32, to type it in.
    pub secret: Secret<String>,
    /// `otpauth://totp/…`.
    pub uri: Secret<String>,
    /// The same as a QR code, an SVG picture.
    pub qr: Secret<String>,
}

fn place(account: Uuid) -> String {
    format!("totp.secret/{account}")
}

fn totp(secret: Vec<u8>, login: &str) -> Result<Totp> {
    // The label of the URI may hold no colon (it parts the issuer from the name).
    let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_skew(1).with_step_duration(30);
    let named = builder.with_secret(secret).with_account_name(login.replace(':', " ")).with_issuer(Some("Nightjar"));
    named
        .build()
        .map_err(|cause| Error::internal("the settings of an authenticator app are wrong").because(cause.to_string()))
}

fn seconds(time: Time) -> u64 {
    u64::try_from(time.micros() / 1_000_000).unwrap_or_default()
}

fn qr(uri: &str) -> Result<String> {
    let code = qrcode::QrCode::new(uri).map_err(|cause| Error::internal("a QR code cannot be drawn").because(cause))?;
    Ok(code.render::<qrcode::render::svg::Color>().min_dimensions(240, 240).build())
}

/// Whether the account has an authenticator app.
pub(crate) async fn is_on(conn: &impl ConnectionTrait, account: AccountId) -> Result<bool> {
    let row = Entity::find_by_id(account.uuid()).filter(Column::Active.eq(true)).one(conn).await;
    Ok(row.map_err(db::error)?.is_some())
}

/// Takes the authenticator app away, set up or begun.
pub(crate) async fn clear(conn: &impl ConnectionTrait, account: AccountId) -> Result<()> {
    Entity::delete_by_id(account.uuid()).exec(conn).await.map(drop).map_err(db::error)
}

impl Accounts {
    /// Begins to set up an authenticator app; a set-up that was begun before is void. Needs a fresh confirmation.
    pub async fn set_up_totp(&self, caller: &Caller) -> Result<TotpSetup> {
        caller.require_recent(self.world.clock.now())?;
        let (account, _) = self.signed_in(caller).await?;
        let secret = self.world.random::<20>();
        let totp = totp(secret.to_vec(), self.login_of(&account).await?.open())?;
        let row = ActiveModel {
            account: Set(account.id),
            secret: Set(self.keys.of_account(account.id.into()).await?.seal(&place(account.id), &secret, &self.world)),
            active: Set(false),
            step: Set(0),
            created: Set(self.world.clock.now().micros()),
        };
        let columns = [Column::Secret, Column::Step, Column::Created];
        let replace = OnConflict::column(Column::Account)
            .update_columns(columns)
            .action_and_where(Expr::col((Entity, Column::Active)).eq(false))
            .to_owned();
        let written = Entity::insert(row).on_conflict(replace).exec_without_returning(self.db.conn()).await;
        if written.map_err(db::error)? == 0 {
            return Err(Error::conflict("an authenticator app is set up already; remove it first"));
        }
        let uri =
            totp.to_url().map_err(|cause| Error::internal("no address for the app").because(cause.to_string()))?;
        let qr = Secret::new(qr(&uri)?);
        Ok(TotpSetup { secret: Secret::new(totp.secret().to_base32()), uri: Secret::new(uri), qr })
    }

    /// Completes the set-up with a code that the app shows; the first recovery codes, if the account had none.
    pub async fn turn_on_totp(&self, caller: &Caller, code: &str) -> Result<Vec<Secret<String>>> {
        caller.require_recent(self.world.clock.now())?;
        let (account, _) = self.signed_in(caller).await?;
        let id = AccountId::from(account.id);
        self.per_second.spend(crate::sign_in::bucket(&id.bytes(), b"set-up"), self.world.clock.monotonic())?;
        let tx = self.db.begin().await?;
        if !self.accept_code(&tx, &account, code, false).await? {
            return Err(Error::denied("the code is wrong; does the clock of your phone go right?").field("code"));
        }
        let on = Entity::update_many().col_expr(Column::Active, Expr::value(true));
        on.filter(Column::Account.eq(account.id)).exec(&tx).await.map_err(db::error)?;
        let codes = self.first_codes(&tx, id).await?;
        self.tell(&tx, fact::FACTORS_CHANGED, id).await?;
        tx.commit().await.map_err(db::error)?;
        Ok(codes)
    }

    /// Takes the authenticator app away. Needs a fresh confirmation, and a password that can do without it.
    pub async fn turn_off_totp(&self, caller: &Caller) -> Result<()> {
        caller.require_recent(self.world.clock.now())?;
        let id = self.signed_in(caller).await?.0.id.into();
        let tx = self.db.begin().await?;
        account::lock(&tx, id).await?;
        if !is_on(&tx, id).await? {
            return Err(Error::not_found("no authenticator app is set up"));
        }
        clear(&tx, id).await?;
        self.may_lose_factor(&tx, id).await?;
        self.tell(&tx, fact::FACTORS_CHANGED, id).await?;
        tx.commit().await.map_err(db::error)
    }

    /// Whether this is a code of the account's app, for now and for the first time.
    pub(crate) async fn accept_code(
        &self,
        conn: &impl ConnectionTrait,
        account: &account::Model,
        code: &str,
        active: bool,
    ) -> Result<bool> {
        let row = Entity::find_by_id(account.id).filter(Column::Active.eq(active)).one(conn).await;
        let Some(row) = row.map_err(db::error)? else { return Ok(false) };
        let key = self.keys.of_account(account.id.into()).await?;
        let totp = totp(key.open(&place(account.id), &row.secret)?, "x")?;
        let code: String = code.chars().filter(|c| !c.is_whitespace()).take(7).collect();
        let Some(step) = totp.check(&code, seconds(self.world.clock.now())) else { return Ok(false) };
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        // Of two who come with the same code at the same time, one finds the step taken.
        let fresh = Column::Account.eq(account.id).and(Column::Step.lt(step));
        let taken = Entity::update_many().col_expr(Column::Step, Expr::value(step)).filter(fresh).exec(conn).await;
        Ok(taken.map_err(db::error)?.rows_affected > 0)
    }
}
