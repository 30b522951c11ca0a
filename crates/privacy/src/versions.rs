//! Which versions of the policy this installation has had, so that people are told of each once, and none is changed behind
//! their backs.

use crate::{Privacy, book::Version, fact};
use base::{Error, Result};
use policy::{Language, enforce};
use sea_orm::{ActiveValue::Set, entity::prelude::*};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "policy_versions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub sha256_en: String,
    pub sha256_de: String,
    pub seen: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table policy_versions {
        number: not_personal("counts the versions of the policy"),
        sha256_en: not_personal("the hash of its English text"),
        sha256_de: not_personal("the hash of its German text"),
        seen: not_personal("when this installation first had it"),
    }
}

impl Privacy {
    /// Notes the versions that this program brings, and tells every person of those that are new here. Called at each start.
    /// An error if a version that was released says something else than when it was first here.
    pub async fn publish(&self) -> Result<()> {
        let known = Entity::find().all(self.db.conn()).await.map_err(db::error)?;
        let known: HashMap<i32, Model> = known.into_iter().map(|row| (row.number, row)).collect();
        for version in self.book.versions() {
            match known.get(&(version.number as i32)) {
                Some(row) => self.compare(version, row).await?,
                None => self.announce(version, known.is_empty()).await?,
            }
        }
        Ok(())
    }

    async fn compare(&self, version: &Version, row: &Model) -> Result<()> {
        let hashes = Language::ALL.map(|language| version.sha256(language));
        if hashes == [row.sha256_en.clone(), row.sha256_de.clone()] {
            return Ok(());
        }
        let altered = format!("version {} of the policy was altered after it was published", version.number);
        enforce!(C0_1, !version.released, Error::internal(altered));
        let [english, german] = hashes;
        let change = ActiveModel {
            number: Set(row.number),
            sha256_en: Set(english),
            sha256_de: Set(german),
            ..Default::default()
        };
        Entity::update(change).exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    /// Nobody is told of what was there from the beginning.
    async fn announce(&self, version: &Version, first: bool) -> Result<()> {
        let people = if first { Vec::new() } else { self.accounts.everybody().await? };
        let row = ActiveModel {
            number: Set(version.number as i32),
            sha256_en: Set(version.sha256(Language::English)),
            sha256_de: Set(version.sha256(Language::German)),
            seen: Set(self.world.clock.now().micros()),
        };
        let tx = self.db.begin().await?;
        Entity::insert(row).exec_without_returning(&tx).await.map_err(db::error)?;
        for account in people.into_iter().filter(|_| enforce!(C2_2_2)) {
            let informed = fact::Informed { account, version: version.number };
            db::outbox::emit(&tx, &self.world, fact::POLICY_CHANGED, &informed).await?;
        }
        tx.commit().await.map_err(db::error)
    }
}
