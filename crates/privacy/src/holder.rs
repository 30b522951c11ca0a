//! What this context itself holds of a person: consents, objections, acceptances, copies and requests.

use crate::{DATA_MAP, acceptance, export, ledger, request};
use accounts::{AccountId, ColumnKeys};
use async_trait::async_trait;
use base::Result;
use db::{
    Db,
    holding::{self, Belongs, Rows},
};
use policy::{Held, Holder, Remaining, Sink, Subject, Table};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, prelude::Uuid};
use std::path::PathBuf;

pub struct Own {
    pub db: Db,
    pub keys: ColumnKeys,
    /// Where the copies lie.
    pub exports: PathBuf,
}

const OF_ACCOUNT: &[Belongs] = &[Belongs::Account("account = ?")];

const ROWS: &[Rows] = &[
    Rows { map: ledger::MAP, about: OF_ACCOUNT, erased: OF_ACCOUNT, times: &["at"], sealed_by: None },
    Rows { map: acceptance::MAP, about: OF_ACCOUNT, erased: OF_ACCOUNT, times: &["at"], sealed_by: None },
    Rows { map: export::MAP, about: OF_ACCOUNT, erased: OF_ACCOUNT, times: &["created", "ready"], sealed_by: None },
    Rows {
        map: request::MAP,
        about: OF_ACCOUNT,
        erased: OF_ACCOUNT,
        times: &["asked", "confirmed", "due", "extended", "answered"],
        sealed_by: Some("account"),
    },
];

#[async_trait]
impl Holder for Own {
    fn name(&self) -> &'static str {
        "privacy"
    }

    fn tables(&self) -> &'static [Table] {
        DATA_MAP
    }

    async fn describe(&self, subject: &Subject) -> Result<Vec<Held>> {
        holding::describe(&self.db, ROWS, subject).await
    }

    async fn collect(&self, subject: &Subject, sink: &mut dyn Sink) -> Result<()> {
        let key = |owner| async move { self.keys.of_account(AccountId::from_bytes(owner)).await };
        holding::collect(&self.db, ROWS, subject, sink, key).await
    }

    async fn erase(&self, subject: &Subject) -> Result<()> {
        let mine = export::Column::Account.eq(Uuid::from_bytes(subject.account));
        let copies = export::Entity::find().filter(mine).all(self.db.conn()).await.map_err(db::error)?;
        for copy in copies {
            export::remove(&export::path(&self.exports, copy.id))?;
        }
        holding::erase(&self.db, ROWS, subject).await
    }

    async fn remaining(&self, subject: &Subject) -> Result<Remaining> {
        holding::remaining(&self.db, ROWS, subject).await
    }
}
