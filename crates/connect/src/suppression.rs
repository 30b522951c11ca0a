//! Addresses that asked never to be written to. Only a keyed index of each is kept: the table tells nobody's address.

use crate::{Address, Connect};
use base::Result;
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "suppressed")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub address_index: Vec<u8>,
    pub created: i64,
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
            erase: Keep("who asked never to be written to stays unwritten to"), clauses: [C1_1_8, C2_0_2],
        },
        created: not_personal("when the index was noted"),
    }
}

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
        let row = ActiveModel { address_index: Set(index.to_vec()), created: Set(self.world.clock.now().micros()) };
        let once = OnConflict::column(Column::AddressIndex).do_nothing().to_owned();
        let insert = Entity::insert(row).on_conflict(once).exec_without_returning(self.db.conn()).await;
        insert.map(drop).map_err(db::error)
    }

    /// Whether the address asked never to be written to.
    pub async fn is_suppressed(&self, address: &Address) -> Result<bool> {
        let index = self.address_index(address).await?;
        let row = Entity::find_by_id(index.to_vec()).one(self.db.conn()).await.map_err(db::error)?;
        Ok(row.is_some())
    }
}
