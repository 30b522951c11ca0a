//! Camera groups: cameras that are granted, shown and switched together, like "outside".

use crate::{CameraId, Devices};
use accounts::{Caller, HouseholdId, Scope};
use base::{Error, Pii, Result};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*};

base::id!(
    /// A group of cameras.
    GroupId
);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "camera_groups")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub household: Uuid,
    pub name: Vec<u8>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table camera_groups {
        id: not_personal("opaque id"),
        household: {
            category: Membership, subject: HouseholdMember, purposes: [Watch: Contract], source: Derived,
            retention: Account, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C6_2],
        },
        name: {
            category: CameraName, subject: HouseholdMember, purposes: [Watch: Contract], retention: Account,
            recipients: [Household], protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
        },
    }
}

/// Which camera is in which group.
pub mod place {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "camera_group_cameras")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub camera_group: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub camera: Uuid,
    }

    #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    policy::personal! {
        table camera_group_cameras {
            camera_group: not_personal("opaque id"),
            camera: not_personal("opaque id of a camera"),
        }
    }
}

/// A group of cameras.
#[derive(Clone, Debug)]
pub struct Group {
    pub id: GroupId,
    pub name: Pii<String>,
    pub cameras: Vec<CameraId>,
}

/// The authenticated place of the sealed name.
fn sealed_place(id: GroupId) -> String {
    format!("camera_groups.name/{id}")
}

impl Devices {
    /// The groups of the household, the oldest first.
    pub async fn groups(&self, caller: &Caller) -> Result<Vec<Group>> {
        caller.require(Scope::CamerasRead)?;
        if self.known_to(caller).await?.is_some() {
            return Ok(Vec::new());
        }
        let mine = Entity::find().filter(Column::Household.eq(caller.household().uuid()));
        let rows = mine.order_by_asc(Column::Id).all(self.db.conn()).await.map_err(db::error)?;
        let key = self.keys.of(caller.household()).await?;
        let mut groups = Vec::with_capacity(rows.len());
        for row in rows {
            let id = GroupId::from(row.id);
            let name = Pii::new(key.open_text(&sealed_place(id), &row.name)?);
            groups.push(Group { id, name, cameras: cameras(self.db.conn(), id).await? });
        }
        Ok(groups)
    }

    /// Makes a group, or replaces the one of that id.
    pub async fn put_group(
        &self,
        caller: &Caller,
        id: Option<GroupId>,
        name: &str,
        members: &[CameraId],
    ) -> Result<GroupId> {
        caller.require(Scope::CamerasWrite)?;
        let name = accounts::name(name, "name")?;
        for camera in members {
            self.camera(caller, *camera).await?;
        }
        let key = self.keys.of(caller.household()).await?;
        let tx = self.db.begin().await?;
        let new = id.is_none();
        let id = id.unwrap_or_else(|| GroupId::generate(&self.world));
        let sealed = key.seal_text(&sealed_place(id), &name, &self.world);
        let row = ActiveModel { id: Set(id.uuid()), household: Set(caller.household().uuid()), name: Set(sealed) };
        if new {
            Entity::insert(row).exec_without_returning(&tx).await.map_err(db::error)?;
        } else {
            require(&tx, caller.household(), id).await?;
            Entity::update(row).exec(&tx).await.map_err(db::error)?;
        }
        let before = place::Entity::delete_many().filter(place::Column::CameraGroup.eq(id.uuid()));
        before.exec(&tx).await.map_err(db::error)?;
        for camera in members {
            let row = place::ActiveModel { camera_group: Set(id.uuid()), camera: Set(camera.uuid()) };
            place::Entity::insert(row).exec_without_returning(&tx).await.map_err(db::error)?;
        }
        tx.commit().await.map_err(db::error)?;
        Ok(id)
    }

    /// Removes a group, and the grants that were for it. The cameras stay.
    pub async fn remove_group(&self, caller: &Caller, id: GroupId) -> Result<()> {
        caller.require(Scope::CamerasWrite)?;
        require(self.db.conn(), caller.household(), id).await?;
        Entity::delete_by_id(id.uuid()).exec(self.db.conn()).await.map(drop).map_err(db::error)
    }
}

/// An error unless the household has the group.
pub(crate) async fn require(conn: &impl ConnectionTrait, household: HouseholdId, id: GroupId) -> Result<()> {
    let row = Entity::find_by_id(id.uuid()).one(conn).await.map_err(db::error)?;
    match row.filter(|row| row.household == household.uuid()) {
        Some(_) => Ok(()),
        None => Err(Error::not_found("no such group of cameras")),
    }
}

/// The cameras of a group.
pub(crate) async fn cameras(conn: &impl ConnectionTrait, id: GroupId) -> Result<Vec<CameraId>> {
    let rows = place::Entity::find().filter(place::Column::CameraGroup.eq(id.uuid()));
    let rows = rows.order_by_asc(place::Column::Camera).all(conn).await.map_err(db::error)?;
    Ok(rows.into_iter().map(|row| row.camera.into()).collect())
}
