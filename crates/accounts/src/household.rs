//! A household: the people and things that belong together. Its zone says what "yesterday" means on its pages.

use crate::{Accounts, Caller, HouseholdId, Scope};
use base::{Error, Result};
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::Expr};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "households")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub zone: String,
    pub created: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table households {
        id: not_personal("opaque id"),
        zone: {
            category: TimeZone, subject: HouseholdMember, purposes: [Account: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        created: not_personal("when the household was set up"),
    }
}

impl Accounts {
    /// The household of this installation; made, in UTC, if there is none.
    pub async fn ensure_household(&self) -> Result<HouseholdId> {
        if let Some(id) = first(self.db.conn()).await? {
            return Ok(id);
        }
        let tx = self.db.begin().await?;
        let id = match first(&tx).await? {
            Some(id) => id,
            None => self.insert_household(&tx).await?,
        };
        tx.commit().await.map_err(db::error)?;
        Ok(id)
    }

    pub(crate) async fn insert_household(&self, conn: &impl ConnectionTrait) -> Result<HouseholdId> {
        let id = HouseholdId::generate(&self.world);
        let row =
            ActiveModel { id: Set(id.uuid()), zone: Set("UTC".into()), created: Set(self.world.clock.now().micros()) };
        Entity::insert(row).exec_without_returning(conn).await.map_err(db::error)?;
        Ok(id)
    }

    /// The household's time zone, by its IANA name.
    pub async fn zone(&self, caller: &Caller) -> Result<String> {
        let household = Entity::find_by_id(caller.household().uuid()).one(self.db.conn()).await.map_err(db::error)?;
        household.map(|household| household.zone).ok_or_else(|| Error::not_found("no such household"))
    }

    /// Sets the household's time zone. The name may be written in any case; the canonical one is kept and returned.
    pub async fn set_zone(&self, caller: &Caller, name: &str) -> Result<String> {
        caller.require(Scope::Admin)?;
        let unknown = || Error::invalid("no such time zone; a name is like Europe/Berlin").field("zone");
        let zone = jiff::tz::TimeZone::get(name).map_err(|_| unknown())?;
        let name = zone.iana_name().ok_or_else(unknown)?.to_owned();
        Entity::update_many()
            .col_expr(Column::Zone, Expr::value(name.clone()))
            .filter(Column::Id.eq(caller.household().uuid()))
            .exec(self.db.conn())
            .await
            .map_err(db::error)?;
        Ok(name)
    }
}

async fn first(conn: &impl ConnectionTrait) -> Result<Option<HouseholdId>> {
    let household = Entity::find().order_by_id_asc().one(conn).await.map_err(db::error)?;
    Ok(household.map(|household| household.id.into()))
}
