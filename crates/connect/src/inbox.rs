//! The inbox of the app: every notice to an account, whether or not it was also mailed.
//!
//! A row holds the notice, sealed; its words are made when it is read, in the language that the person has by then.

use crate::{Connect, Notice, text};
use accounts::AccountId;
use base::{Error, Result, Time};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr};

base::id!(
    /// A notice in an inbox.
    ItemId
);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account: Uuid,
    pub notice: Vec<u8>,
    pub created: i64,
    pub read: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table inbox {
        id: not_personal("opaque id"),
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Notify: Contract], source: Derived,
            retention: Days(365), protection: Clear, export: Include, erase: Delete, clauses: [C2_2_1, C6_2],
        },
        notice: {
            category: Activity, subject: AccountHolder, purposes: [Notify: Contract], source: Derived,
            retention: Days(365), protection: AccountKey, export: Include, erase: Delete, clauses: [C2_2_1, C6_2],
        },
        created: {
            category: Activity, subject: AccountHolder, purposes: [Notify: Contract], source: Derived,
            retention: Days(365), protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        read: {
            category: Activity, subject: AccountHolder, purposes: [Notify: Contract], source: Derived,
            retention: Days(365), protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
    }
}

/// How long a notice stays.
pub(crate) const KEPT_DAYS: u64 = 365;
/// The most notices of one page.
const MOST: u64 = 100;

/// A notice, in words.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: ItemId,
    /// The kind of notice, for programs.
    pub kind: &'static str,
    pub title: String,
    pub paragraphs: Vec<String>,
    /// A page to go to, with what it is called.
    pub link: Option<(String, String)>,
    pub created: Time,
    pub read: bool,
}

/// A page of an inbox.
#[derive(Clone, Debug)]
pub struct Inbox {
    /// The newest first.
    pub items: Vec<Item>,
    /// How many of the whole inbox are unread.
    pub unread: u64,
    /// Whether there are older ones.
    pub more: bool,
}

fn place(id: Uuid) -> String {
    format!("inbox.notice/{id}")
}

impl Connect {
    pub(crate) async fn put_into_inbox(
        &self,
        conn: &impl ConnectionTrait,
        account: AccountId,
        notice: &Notice,
    ) -> Result<()> {
        let id = ItemId::generate(&self.world).uuid();
        let plain =
            serde_json::to_vec(notice).map_err(|cause| Error::internal("a notice cannot be kept").because(cause))?;
        let row = ActiveModel {
            id: Set(id),
            account: Set(account.uuid()),
            notice: Set(self.keys.of_account(account).await?.seal(&place(id), &plain, &self.world)),
            created: Set(self.world.clock.now().micros()),
            read: Set(None),
        };
        Entity::insert(row).exec_without_returning(conn).await.map(drop).map_err(db::error)
    }

    /// A page of the account's inbox: at most `count` notices that are older than `before`.
    pub async fn inbox(&self, account: AccountId, before: Option<ItemId>, count: u64) -> Result<Inbox> {
        let mine = || Entity::find().filter(Column::Account.eq(account.uuid()));
        let count = count.clamp(1, MOST);
        let mut page = mine().order_by_desc(Column::Id).limit(count + 1);
        if let Some(before) = before {
            page = page.filter(Column::Id.lt(before.uuid()));
        }
        let mut rows = page.all(self.db.conn()).await.map_err(db::error)?;
        let more = rows.len() as u64 > count;
        rows.truncate(count as usize);
        let unread = mine().filter(Column::Read.is_null()).count(self.db.conn()).await.map_err(db::error)?;
        let language = self.accounts.contact(account).await?.language;
        let key = self.keys.of_account(account).await?;
        let items = rows.into_iter().map(|row| item(row, &key, language)).collect::<Result<_>>()?;
        Ok(Inbox { items, unread, more })
    }

    /// Marks a notice as read or unread.
    pub async fn mark(&self, account: AccountId, id: ItemId, read: bool) -> Result<()> {
        let now = read.then(|| self.world.clock.now().micros());
        let mark = Entity::update_many().col_expr(Column::Read, Expr::value(now)).filter(Column::Id.eq(id.uuid()));
        let marked = mark.filter(Column::Account.eq(account.uuid())).exec(self.db.conn()).await.map_err(db::error)?;
        found(marked.rows_affected)
    }

    /// Deletes a notice.
    pub async fn delete(&self, account: AccountId, id: ItemId) -> Result<()> {
        let delete = Entity::delete_by_id(id.uuid()).filter(Column::Account.eq(account.uuid()));
        found(delete.exec(self.db.conn()).await.map_err(db::error)?.rows_affected)
    }

    pub(crate) async fn expire_inbox(&self, before: Time) -> Result<()> {
        let old = Entity::delete_many().filter(Column::Created.lt(before.micros()));
        old.exec(self.db.conn()).await.map(drop).map_err(db::error)
    }
}

fn found(rows: u64) -> Result<()> {
    match rows {
        0 => Err(Error::not_found("no such notice")),
        _ => Ok(()),
    }
}

fn item(row: Model, key: &db::ColumnKey, language: accounts::Language) -> Result<Item> {
    let plain = key.open(&place(row.id), &row.notice)?;
    let notice: Notice = serde_json::from_slice(&plain)
        .map_err(|cause| Error::internal("a notice does not read as it should").because(cause))?;
    let text = text::of_notice(&notice, language);
    Ok(Item {
        id: row.id.into(),
        kind: notice.kind(),
        title: text.subject,
        paragraphs: text.paragraphs,
        link: text.action.map(|action| (action.label, action.url)),
        created: Time::from_micros(row.created),
        read: row.read.is_some(),
    })
}
