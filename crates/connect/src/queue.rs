//! The queue of mails: address and letter are sealed while they wait, and go seven days after the mail went out.
//!
//! Invariant: a row is written on a [`Basis`] and names its class and topic, so that the basis is looked for again when
//! the mail is sent.

use crate::{Address, Basis, Class, Connect, Letter, Topic};
use accounts::AccountId;
use base::{Error, Result, Time};
use db::{ColumnKey, wake};
use sea_orm::{ActiveValue::Set, Condition, QueryOrder, QuerySelect, UpdateMany, entity::prelude::*, sea_query::Expr};
use std::time::Duration;

base::id!(
    /// A mail.
    MailId
);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mails")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// None: a note to an address that has no account.
    pub account: Option<Uuid>,
    pub recipient: Vec<u8>,
    pub letter: Vec<u8>,
    pub class: String,
    pub topic: Option<String>,
    pub state: String,
    pub attempts: i32,
    pub next: i64,
    pub created: i64,
    pub done: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table mails {
        id: not_personal("opaque id"),
        account: {
            category: AccountId, subject: Addressee, purposes: [Notify: Contract], source: Derived,
            retention: Days(10), protection: Clear, export: Include, erase: Delete, clauses: [C2_2_1, C6_2],
        },
        recipient: {
            category: Email, subject: Addressee, purposes: [Notify: Contract], retention: Days(10),
            recipients: [MailServer], protection: AccountKey, export: Include, erase: Delete, clauses: [C2_2_1, C6_2],
        },
        letter: {
            category: Activity, subject: Addressee, purposes: [Notify: Contract], source: Derived, retention: Days(10),
            recipients: [MailServer], protection: AccountKey, export: Include, erase: Delete,
            clauses: [C2_2_1, C3_8, C6_2],
        },
        class: not_personal("how much the mail is needed"),
        topic: not_personal("which switch stops such mails"),
        state: not_personal("how the sending stands"),
        attempts: not_personal("a count"),
        next: not_personal("when it is tried next"),
        created: not_personal("when the mail was written"),
        done: not_personal("when it went out or was given up"),
    }
}

/// How long a mail stays after it went out or was given up.
pub(crate) const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// How long a mail is tried.
const TRIED: Duration = Duration::from_secs(3 * 86_400);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How long a mail that is being sent is left alone; a kill in between delays it by as much.
const SENDING: Duration = Duration::from_secs(120);
/// The most mails that the demo shows.
const MOST_SHOWN: u64 = 50;

const WAITING: &str = "waiting";
const SENT: &str = "sent";
const REFUSED: &str = "refused";
/// The demo shows it, and it goes nowhere.
const SHOWN: &str = "shown";

/// A mail that may be sent.
pub(crate) struct Mail {
    pub account: Option<AccountId>,
    pub address: Address,
    pub letter: Letter,
    pub basis: Basis,
}

/// A mail that the sender has in hand.
pub(crate) struct Due {
    pub id: MailId,
    pub account: Option<AccountId>,
    pub address: Address,
    pub letter: Letter,
    pub created: Time,
    pub attempts: i32,
    class: Class,
}

/// A mail of the demo, which went nowhere.
pub struct Shown {
    pub id: MailId,
    pub to: String,
    pub letter: Letter,
    pub created: Time,
}

fn place(column: &str, id: Uuid) -> String {
    format!("mails.{column}/{id}")
}

/// The words under which a class is stored.
fn stored(class: Class) -> (&'static str, Option<Topic>) {
    match class {
        Class::Critical => ("critical", None),
        Class::Service(topic) => ("service", Some(topic)),
        Class::Optional(topic) => ("optional", Some(topic)),
    }
}

fn class(row: &Model) -> Result<Class> {
    let topic = Topic::SWITCHES.into_iter().find(|topic| Some(topic.as_str()) == row.topic.as_deref());
    match (row.class.as_str(), topic) {
        ("critical", None) => Ok(Class::Critical),
        ("service", Some(topic)) => Ok(Class::Service(topic)),
        ("optional", Some(topic)) => Ok(Class::Optional(topic)),
        _ => Err(Error::internal("a mail is of a class that this program does not know")),
    }
}

impl Connect {
    /// The key under which the mails of an account, or of nobody's, are sealed.
    async fn mail_key(&self, account: Option<AccountId>) -> Result<ColumnKey> {
        match account {
            Some(account) => self.keys.of_account(account).await,
            None => self.keys.of_instance().await,
        }
    }

    /// Puts a mail into the queue. Give the transaction that makes it necessary.
    pub(crate) async fn enqueue(&self, conn: &impl ConnectionTrait, mail: Mail) -> Result<()> {
        let (id, now) = (MailId::generate(&self.world).uuid(), self.world.clock.now().micros());
        let key = self.mail_key(mail.account).await?;
        let letter = serde_json::to_vec(&mail.letter);
        let letter = letter.map_err(|cause| Error::internal("a mail cannot be kept").because(cause))?;
        let ((class, topic), shown) = (stored(mail.basis.class()), self.shows_mails());
        let row = ActiveModel {
            id: Set(id),
            account: Set(mail.account.map(AccountId::uuid)),
            recipient: Set(key.seal_text(&place("recipient", id), mail.address.as_str(), &self.world)),
            letter: Set(key.seal(&place("letter", id), &letter, &self.world)),
            class: Set(class.into()),
            topic: Set(topic.map(|topic| topic.as_str().into())),
            state: Set(if shown { SHOWN } else { WAITING }.into()),
            attempts: Set(0),
            next: Set(now),
            created: Set(now),
            done: Set(shown.then_some(now)),
        };
        Entity::insert(row).exec_without_returning(conn).await.map_err(db::error)?;
        wake::written();
        Ok(())
    }

    /// Takes the oldest mail that is due in hand, if there is one. Two who ask at the same time do not get the same.
    pub(crate) async fn take_due(&self) -> Result<Option<Due>> {
        let now = self.world.clock.now();
        let due =
            Condition::any().add(Column::Next.lte(now.micros())).add(Column::Next.gt((now + LONGEST_PAUSE).micros()));
        let waiting = Entity::find().filter(Column::State.eq(WAITING)).filter(due).order_by_asc(Column::Next).limit(1);
        let Some(row) = waiting.one(self.db.conn()).await.map_err(db::error)? else { return Ok(None) };
        let taken = self.change(&row, |update| {
            update
                .col_expr(Column::Attempts, Expr::value(row.attempts + 1))
                .col_expr(Column::Next, Expr::value((now + SENDING).micros()))
        });
        match taken.await? {
            true => self.open_mail(row).await.map(Some),
            false => Ok(None),
        }
    }

    /// Changes a waiting mail unless somebody else did meanwhile.
    async fn change(&self, row: &Model, change: impl FnOnce(UpdateMany<Entity>) -> UpdateMany<Entity>) -> Result<bool> {
        let changed = change(Entity::update_many())
            .filter(Column::Id.eq(row.id))
            .filter(Column::State.eq(WAITING))
            .filter(Column::Attempts.eq(row.attempts));
        Ok(changed.exec(self.db.conn()).await.map_err(db::error)?.rows_affected == 1)
    }

    async fn open_mail(&self, row: Model) -> Result<Due> {
        let account = row.account.map(AccountId::from);
        let key = self.mail_key(account).await?;
        let (address, letter) = opened(&row, &key)?;
        Ok(Due {
            id: row.id.into(),
            class: class(&row)?,
            account,
            address: Address::parse(&address)?,
            letter,
            created: Time::from_micros(row.created),
            attempts: row.attempts + 1,
        })
    }

    /// Whether the mail may still be sent: what was withdrawn while it waited is not.
    pub(crate) async fn still_wanted(&self, mail: &Due) -> Result<bool> {
        match mail.account {
            Some(account) => {
                Ok(!self.has_bounced(&mail.address).await? && Basis::of(&self.db, account, mail.class).await?.is_some())
            }
            None => Ok(!self.is_suppressed(&mail.address).await?),
        }
    }

    /// The mail went out.
    pub(crate) async fn sent(&self, mail: &Due) -> Result<()> {
        self.done(mail, SENT).await
    }

    /// The mail is given up.
    pub(crate) async fn refused(&self, mail: &Due) -> Result<()> {
        self.done(mail, REFUSED).await
    }

    async fn done(&self, mail: &Due, state: &str) -> Result<()> {
        let done = Entity::update_many()
            .col_expr(Column::State, Expr::value(state))
            .col_expr(Column::Done, Expr::value(self.world.clock.now().micros()))
            .filter(Column::Id.eq(mail.id.uuid()));
        done.exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    /// Tries the mail again later; false once it was tried for three days.
    pub(crate) async fn put_off(&self, mail: &Due) -> Result<bool> {
        let now = self.world.clock.now();
        if now.since(mail.created) >= TRIED {
            return Ok(false);
        }
        let next = now + wake::backoff(mail.attempts, LONGEST_PAUSE);
        let again = Entity::update_many()
            .col_expr(Column::Next, Expr::value(next.micros()))
            .filter(Column::Id.eq(mail.id.uuid()))
            .filter(Column::State.eq(WAITING));
        again.exec(self.db.conn()).await.map_err(db::error)?;
        Ok(true)
    }

    /// Deletes a mail that is not wanted any more.
    pub(crate) async fn drop_mail(&self, mail: &Due) -> Result<()> {
        Entity::delete_by_id(mail.id.uuid()).exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    pub(crate) async fn expire_mails(&self, before: Time) -> Result<()> {
        let old = Entity::delete_many().filter(Column::Done.lt(before.micros()));
        old.exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    /// The mails that the demo would have sent, the newest first.
    pub async fn shown(&self) -> Result<Vec<Shown>> {
        let shown = Entity::find().filter(Column::State.eq(SHOWN)).order_by_desc(Column::Id).limit(MOST_SHOWN);
        let mut mails = Vec::new();
        for row in shown.all(self.db.conn()).await.map_err(db::error)? {
            let (to, letter) = opened(&row, &self.mail_key(row.account.map(AccountId::from)).await?)?;
            mails.push(Shown { id: row.id.into(), to, letter, created: Time::from_micros(row.created) });
        }
        Ok(mails)
    }
}

fn opened(row: &Model, key: &ColumnKey) -> Result<(String, Letter)> {
    let address = key.open_text(&place("recipient", row.id), &row.recipient)?;
    let letter = serde_json::from_slice(&key.open(&place("letter", row.id), &row.letter)?);
    Ok((address, letter.map_err(|cause| Error::internal("a mail does not read as it should").because(cause))?))
}
