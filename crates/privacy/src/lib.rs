//! A person's rights over what is held of them: the policy they accept, consents, objections, the copy of their data,
//! closing and erasing, and what they ask beyond that.
//!
//! [`Privacy`] is the door. It is given the holders and does not know which contexts exist: what it tells, copies and
//! erases is what they answer for.

mod acceptance;
mod archive;
pub mod book;
mod certificate;
mod desk;
pub mod erasure;
mod export;
pub mod fact;
mod holder;
pub mod ledger;
pub mod markup;
pub mod page;
mod record;
mod request;
pub mod rule;
mod schema;
mod sealed;
pub mod terms;
#[cfg(test)]
mod tests;
mod versions;

pub use acceptance::Acceptance;
pub use book::Book;
pub use certificate::Stays;
pub use desk::{Asker, Filed, Open};
pub use erasure::{Closing, Plan, Reason};
pub use export::{Download, Export, ExportId};
pub use record::Record;
pub use request::{Answer, Decision, Extension, Question, Refusal, Request, RequestId, RequestKind};
pub use schema::migrations;

use accounts::{AccountId, Accounts, ColumnKeys};
use base::{Error, Result, World};
use db::{ColumnKey, Db};
use policy::{Held, Holder, Subject, Table};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::Notify;

/// The data map of this context's tables.
pub const DATA_MAP: &[Table] = &[
    versions::MAP,
    acceptance::MAP,
    ledger::MAP,
    erasure::MAP,
    erasure::step::MAP,
    certificate::MAP,
    export::MAP,
    export::FILES,
    request::MAP,
];

/// Who runs the installation, as the policy's page says it.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    pub name: String,
    /// How to reach them: an address of mail, a page, or both.
    pub contact: String,
}

/// What this context is built on.
pub struct Parts {
    pub db: Db,
    pub world: World,
    pub keys: ColumnKeys,
    pub accounts: Accounts,
    /// Who holds personal data, in the order in which it is erased: the keys first, the accounts last.
    pub holders: Vec<Arc<dyn Holder>>,
    /// The data map of the whole program.
    pub map: Vec<Table>,
    /// The record of erasures, outside the data and its backups.
    pub record: PathBuf,
    /// The folder for the copies of people's data.
    pub exports: PathBuf,
    pub operator: Operator,
}

/// People's rights. Cheap to clone.
#[derive(Clone)]
pub struct Privacy(Arc<Inner>);

/// What [`Privacy`] shares.
pub struct Inner {
    db: Db,
    world: World,
    keys: ColumnKeys,
    accounts: Accounts,
    holders: Vec<Arc<dyn Holder>>,
    map: Vec<Table>,
    book: Book,
    record: Record,
    operator: Operator,
    exports: PathBuf,
    wake: Notify,
    wake_exports: Notify,
}

impl std::ops::Deref for Privacy {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Privacy {
    /// The rights over what these holders have. The database is migrated. The policy's own consistency is checked, and that the
    /// data map keeps the rules of [`rule`].
    pub fn new(parts: Parts) -> Result<Self> {
        let faults = rule::faults(&parts.map);
        if !faults.is_empty() {
            return Err(Error::internal(format!("the data map breaks the policy: {}", faults.join("; "))));
        }
        Ok(Self::with_book(parts, Book::embedded()?))
    }

    fn with_book(parts: Parts, book: Book) -> Self {
        let Parts { db, world, keys, accounts, mut holders, map, record, exports, operator } = parts;
        let own: Arc<dyn Holder> =
            Arc::new(holder::Own { db: db.clone(), keys: keys.clone(), exports: exports.clone() });
        // Before the accounts, which stand last.
        holders.insert(holders.len().saturating_sub(1), own);
        let record = Record::at(&record);
        let (wake, wake_exports) = (Notify::new(), Notify::new());
        let inner =
            Inner { db, world, keys, accounts, holders, map, book, record, operator, exports, wake, wake_exports };
        Self(Arc::new(inner))
    }

    /// The versions of the policy.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The data map of the whole program.
    pub fn map(&self) -> &[Table] {
        &self.map
    }

    /// Who runs the installation.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// All that is held of a person, by place and category.
    pub async fn held(&self, subject: &Subject) -> Result<Vec<Held>> {
        let mut held = Vec::new();
        for holder in self.holders.iter() {
            held.extend(holder.describe(subject).await?);
        }
        Ok(held)
    }

    /// The column key of a person.
    async fn own_key(&self, account: AccountId) -> Result<ColumnKey> {
        self.keys.of_account(account).await
    }

    async fn instance(&self) -> Result<ColumnKey> {
        self.keys.of_instance().await
    }
}
