//! When and how somebody signed in to an account, or tried: for its person to see. No network address is kept.

use crate::{AccountId, Accounts, Caller, Label, fact};
use base::{Error, Result, Time};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_ins")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account: Uuid,
    pub at: i64,
    pub label: String,
    pub method: String,
    pub outcome: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table sign_ins {
        id: not_personal("opaque id"),
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(90), protection: Clear, export: Include, erase: Delete, clauses: [C6_2, C9_1_5],
        },
        at: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(90), protection: Clear, export: Include, erase: Delete, clauses: [C6_2, C9_1_5],
        },
        label: {
            category: Browser, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Device,
            retention: Days(90), protection: Clear, export: Include, erase: Delete, clauses: [C6_2, C9_1_5],
        },
        method: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(90), protection: Clear, export: Include, erase: Delete, clauses: [C6_2, C9_1_5],
        },
        outcome: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(90), protection: Clear, export: Include, erase: Delete, clauses: [C6_2, C9_1_5],
        },
    }
}

const KEPT: Duration = Duration::from_secs(90 * 86_400);
/// How many lines are shown.
const SHOWN: u64 = 200;

/// How a person shows who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Password,
    Passkey,
    /// A link that was mailed or handed over.
    Link,
    /// Another service at which the person signs in.
    Issuer,
    /// Signing up.
    SignUp,
    /// A code of an authenticator app.
    Totp,
    /// A recovery code.
    Recovery,
    /// Sitting at the machine of a demo.
    Demo,
}

impl Method {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Link => "link",
            Self::Issuer => "issuer",
            Self::SignUp => "sign-up",
            Self::Totp => "totp",
            Self::Recovery => "recovery",
            Self::Demo => "demo",
        }
    }
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    SignedIn,
    /// The password was wrong.
    WrongPassword,
    /// The password was right, and what had to follow was not.
    WrongSecond,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::SignedIn, Self::WrongPassword, Self::WrongSecond];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed-in",
            Self::WrongPassword => "wrong-password",
            Self::WrongSecond => "wrong-second-factor",
        }
    }

    fn stored(word: &str) -> Result<Self> {
        let unknown = || Error::internal("a sign-in has an outcome that this program does not know");
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word).ok_or_else(unknown)
    }
}

/// A line of the history.
#[derive(Clone, Debug)]
pub struct SignInLine {
    pub at: Time,
    pub label: Label,
    /// The words of the methods, as in `password+totp`.
    pub method: String,
    pub outcome: Outcome,
}

/// The words of what was shown, in order.
pub(crate) fn words(methods: &[Method]) -> String {
    methods.iter().map(|method| method.as_str()).collect::<Vec<_>>().join("+")
}

impl Accounts {
    /// The sign-ins to the caller's account in the last 90 days, the newest first; the last 200 of them.
    pub async fn history(&self, caller: &Caller) -> Result<Vec<SignInLine>> {
        let since = (self.world.clock.now() - KEPT).micros();
        let mine = Entity::find().filter(Column::Account.eq(caller.require_person()?.uuid()));
        let mine = mine.filter(Column::At.gt(since)).order_by_desc(Column::Id).limit(SHOWN);
        mine.all(self.db.conn()).await.map_err(db::error)?.into_iter().map(line).collect()
    }

    /// Writes a line; tells the person if nobody signed in to the account from such a browser for 90 days, unless it is
    /// the first.
    pub(crate) async fn note(
        &self,
        conn: &impl ConnectionTrait,
        account: AccountId,
        label: &Label,
        methods: &[Method],
        outcome: Outcome,
    ) -> Result<()> {
        let now = self.world.clock.now();
        if outcome == Outcome::SignedIn && policy::enforce!(C9_1_5) && is_new(conn, account, label, now).await? {
            self.tell(conn, fact::NEW_BROWSER, account).await?;
        }
        let row = Model {
            id: base::Id::generate(&self.world),
            account: account.uuid(),
            at: now.micros(),
            label: label.as_str().into(),
            method: words(methods),
            outcome: outcome.as_str().into(),
        };
        Entity::insert(ActiveModel::from(row)).exec_without_returning(conn).await.map(drop).map_err(db::error)
    }

    /// Writes a line about a failure after the answer has gone out, so that its time tells nothing; and no more than one a
    /// minute beyond the first, so that a flood fills no table.
    pub(crate) fn note_failure(&self, account: AccountId, label: &Label, methods: &'static [Method], outcome: Outcome) {
        if self.per_failure.spend(account.bytes(), self.world.clock.monotonic()).is_err() {
            return;
        }
        let (accounts, label) = (self.clone(), label.clone());
        tokio::spawn(async move {
            if let Err(error) = accounts.note(accounts.db.conn(), account, &label, methods, outcome).await {
                tracing::warn!(?error, "a failed sign-in was not noted");
            }
        });
    }

    pub(crate) async fn expire_history(&self, now: Time) -> Result<u64> {
        let over = Column::At.lte((now - KEPT).micros());
        let deleted = Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

/// Whether somebody has signed in to the account, and never from such a browser.
async fn is_new(conn: &impl ConnectionTrait, account: AccountId, label: &Label, now: Time) -> Result<bool> {
    let mine = Entity::find().filter(Column::Account.eq(account.uuid())).filter(Column::At.gt((now - KEPT).micros()));
    let mine = mine.filter(Column::Outcome.eq(Outcome::SignedIn.as_str()));
    let such = mine.clone().filter(Column::Label.eq(label.as_str()));
    Ok(such.count(conn).await.map_err(db::error)? == 0 && mine.count(conn).await.map_err(db::error)? > 0)
}

fn line(row: Model) -> Result<SignInLine> {
    Ok(SignInLine {
        at: Time::from_micros(row.at),
        label: Label::stored(row.label),
        method: row.method,
        outcome: Outcome::stored(&row.outcome)?,
    })
}
