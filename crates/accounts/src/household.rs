//! A household: the people and things that belong together. Its zone says what "yesterday" means on its pages.

use crate::{Accounts, Caller, HouseholdId, Role, Scope, account, member};
use base::{Error, Pii, Result};
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::Expr};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "households")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: Option<Vec<u8>>,
    pub zone: String,
    pub created: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table households {
        id: not_personal("opaque id"),
        name: {
            category: Name, subject: HouseholdMember, purposes: [Account: Contract], retention: Account,
            recipients: [Household], protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
        },
        zone: {
            category: TimeZone, subject: HouseholdMember, purposes: [Account: Contract], retention: Account,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        created: not_personal("when the household was set up"),
    }
}

/// A household, as its members see it.
#[derive(Clone, Debug)]
pub struct Household {
    pub id: HouseholdId,
    pub name: Option<Pii<String>>,
    /// An IANA name.
    pub zone: String,
}

/// The authenticated place of the sealed name.
fn place(id: Uuid) -> String {
    format!("households.name/{id}")
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
            None => self.insert_household(&tx, "UTC").await?,
        };
        tx.commit().await.map_err(db::error)?;
        Ok(id)
    }

    pub(crate) async fn insert_household(&self, conn: &impl ConnectionTrait, zone: &str) -> Result<HouseholdId> {
        let id = HouseholdId::generate(&self.world);
        let created = self.world.clock.now().micros();
        let row = ActiveModel { id: Set(id.uuid()), name: Set(None), zone: Set(zone.into()), created: Set(created) };
        Entity::insert(row).exec_without_returning(conn).await.map_err(db::error)?;
        Ok(id)
    }

    /// A household of one's own, for somebody who belongs to none or wants another.
    pub async fn create_household(&self, caller: &Caller, name: Option<&str>, zone: &str) -> Result<HouseholdId> {
        let owner = caller.require_person()?;
        let (name, zone) = (name.map(|name| account::name(name, "name")).transpose()?, canonical(zone)?);
        let tx = self.db.begin().await?;
        let id = self.insert_household(&tx, &zone).await?;
        if let Some(name) = name {
            self.write_name(&tx, id, Some(&name)).await?;
        }
        member::insert(&tx, id, owner, Role::Owner, None, self.world.clock.now()).await?;
        tx.commit().await.map_err(db::error)?;
        Ok(id)
    }

    /// The household in which the caller acts.
    pub async fn household(&self, caller: &Caller) -> Result<Household> {
        let row = Entity::find_by_id(caller.household().uuid()).one(self.db.conn()).await.map_err(db::error)?;
        self.opened(row.ok_or_else(|| Error::not_found("no such household"))?).await
    }

    pub(crate) async fn opened(&self, row: Model) -> Result<Household> {
        let name = match &row.name {
            Some(sealed) => Some(Pii::new(self.keys.of(row.id.into()).await?.open_text(&place(row.id), sealed)?)),
            None => None,
        };
        Ok(Household { id: row.id.into(), name, zone: row.zone })
    }

    /// The household's time zone, by its IANA name.
    pub async fn zone(&self, caller: &Caller) -> Result<String> {
        let household = Entity::find_by_id(caller.household().uuid()).one(self.db.conn()).await.map_err(db::error)?;
        household.map(|household| household.zone).ok_or_else(|| Error::not_found("no such household"))
    }

    /// Sets the household's time zone. The name may be written in any case; the canonical one is kept and returned.
    pub async fn set_zone(&self, caller: &Caller, name: &str) -> Result<String> {
        caller.require(Scope::Admin)?;
        let name = canonical(name)?;
        Entity::update_many()
            .col_expr(Column::Zone, Expr::value(name.clone()))
            .filter(Column::Id.eq(caller.household().uuid()))
            .exec(self.db.conn())
            .await
            .map_err(db::error)?;
        Ok(name)
    }

    /// Gives the household a name, or takes it away.
    pub async fn set_household_name(&self, caller: &Caller, name: Option<&str>) -> Result<()> {
        caller.require(Scope::Admin)?;
        let name = name.map(|name| account::name(name, "name")).transpose()?;
        self.write_name(self.db.conn(), caller.household(), name.as_deref()).await
    }

    async fn write_name(&self, conn: &impl ConnectionTrait, id: HouseholdId, name: Option<&str>) -> Result<()> {
        let key = self.keys.of(id).await?;
        let sealed = name.map(|name| key.seal_text(&place(id.uuid()), name, &self.world));
        let change = Entity::update_many().col_expr(Column::Name, Expr::value(sealed));
        change.filter(Column::Id.eq(id.uuid())).exec(conn).await.map(drop).map_err(db::error)
    }
}

/// The canonical name of a time zone of the IANA database.
pub(crate) fn canonical(name: &str) -> Result<String> {
    let unknown = || Error::invalid("no such time zone; a name is like Europe/Berlin").field("zone");
    let zone = jiff::tz::TimeZone::get(name).map_err(|_| unknown())?;
    zone.iana_name().map(str::to_owned).ok_or_else(unknown)
}

async fn first(conn: &impl ConnectionTrait) -> Result<Option<HouseholdId>> {
    let household = Entity::find().order_by_id_asc().one(conn).await.map_err(db::error)?;
    Ok(household.map(|household| household.id.into()))
}

/// Makes others who change the household's members wait until this transaction ends.
pub(crate) async fn lock(conn: &impl ConnectionTrait, id: HouseholdId) -> Result<()> {
    let touch = Entity::update_many().col_expr(Column::Created, Expr::col(Column::Created));
    touch.filter(Column::Id.eq(id.uuid())).exec(conn).await.map(drop).map_err(db::error)
}
