//! Addresses that are not written to: those that asked for it, for good; and those that a mail server said do not exist, for
//! a month. Only a keyed index of each is kept: the table tells nobody's address.

use crate::{Address, Connect};
use base::{Result, Time};
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "suppressed")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub address_index: Vec<u8>,
    pub created: i64,
    /// It does not exist, as a mail server said; else its person asked.
    pub bounced: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table suppressed {
        address_index: {
            category: Email, subject: Addressee, purposes: [Notify: LegitimateInterest], source: Derived,
            retention: Days(3650), protection: KeyedHash,
            export: Omit("it tells nothing without the address"),
            erase: Keep(
                "who asked never to be written to stays unwritten to",
                "wer darum gebeten hat, nie angeschrieben zu werden, wird es auch künftig nicht",
            ), clauses: [C1_1_8, C2_0_2],
        },
        created: not_personal("when the index was noted"),
        bounced: not_personal("whether a mail server said so"),
    }
}

/// How long an address that does not exist is left alone: providers err, and mailboxes come back.
const BOUNCED: Duration = Duration::from_secs(30 * 86_400);

impl Connect {
    /// The index of an address under the key of the instance.
    pub(crate) async fn address_index(&self, address: &Address) -> Result<[u8; 32]> {
        Ok(self.keys.of_instance().await?.index("suppressed.address", address.folded().as_bytes()))
    }

    /// Never writes to the address again, unless it becomes the verified address of an account.
    pub async fn suppress(&self, address: &Address) -> Result<()> {
        let index = self.address_index(address).await?;
        self.suppress_index(index).await
    }

    pub(crate) async fn suppress_index(&self, index: [u8; 32]) -> Result<()> {
        // What its person asked for outlasts what a server said.
        let asked = OnConflict::column(Column::AddressIndex).update_column(Column::Bounced).to_owned();
        self.insert_suppressed(index, false, asked).await
    }

    /// A mail server said that the address does not exist.
    pub(crate) async fn bounced(&self, address: &Address) -> Result<()> {
        let index = self.address_index(address).await?;
        self.insert_suppressed(index, true, OnConflict::column(Column::AddressIndex).do_nothing().to_owned()).await
    }

    async fn insert_suppressed(&self, index: [u8; 32], bounced: bool, known: OnConflict) -> Result<()> {
        let created = self.world.clock.now().micros();
        let row = ActiveModel { address_index: Set(index.to_vec()), created: Set(created), bounced: Set(bounced) };
        let insert = Entity::insert(row).on_conflict(known).exec_without_returning(self.db.conn()).await;
        insert.map(drop).map_err(db::error)
    }

    /// Whether the address does not exist, as far as is known.
    pub(crate) async fn has_bounced(&self, address: &Address) -> Result<bool> {
        Ok(self.suppressed(address).await?.is_some_and(|row| row.bounced))
    }

    async fn suppressed(&self, address: &Address) -> Result<Option<Model>> {
        let index = self.address_index(address).await?;
        Entity::find_by_id(index.to_vec()).one(self.db.conn()).await.map_err(db::error)
    }

    /// Forgets what mail servers said too long ago.
    pub(crate) async fn expire_bounced(&self, now: Time) -> Result<()> {
        let old = Entity::delete_many().filter(Column::Bounced.eq(true));
        let old = old.filter(Column::Created.lt((now - BOUNCED).micros()));
        old.exec(self.db.conn()).await.map(drop).map_err(db::error)
    }

    /// Whether the address asked never to be written to, or does not exist.
    pub async fn is_suppressed(&self, address: &Address) -> Result<bool> {
        Ok(self.suppressed(address).await?.is_some())
    }
}
