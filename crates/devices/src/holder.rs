//! This context as a holder of personal data: cameras with their settings, the log of changes, the view log.
//!
//! While its owner's account is closing a camera is *closed*: it neither records nor shows anything to anybody.

use crate::{CameraId, DATA_MAP, Devices, camera, change, grant, group, invitation, right};
use accounts::HouseholdId;
use async_trait::async_trait;
use base::Result;
use db::holding::{self, Belongs, Rows};
use policy::{Held, Holder, Remaining, Sink, Subject, Table};
use sea_orm::{ConnectionTrait, Value, prelude::Uuid};
use sea_orm_migration::{prelude::*, schema};

const OF_HOUSEHOLD: &[Belongs] = &[Belongs::Household("household = ?")];
const OF_BOTH: &[Belongs] = &[Belongs::Household("household = ?"), Belongs::Account("account = ?")];

const OF_INVITER: &[Belongs] = &[Belongs::Household("household = ?"), Belongs::Account("inviter = ?")];
const OF_GROUP: &[Belongs] =
    &[Belongs::Household("camera_group IN (SELECT id FROM camera_groups WHERE household = ?)")];

const ROWS: &[Rows] = &[
    // What others of another household may know of a person who watched there stays with them.
    Rows {
        map: grant::MAP,
        about: OF_BOTH,
        erased: OF_HOUSEHOLD,
        times: &["started", "last", "media_start", "media_end"],
        sealed_by: None,
    },
    Rows { map: change::MAP, about: OF_BOTH, erased: OF_BOTH, times: &["at"], sealed_by: None },
    Rows { map: right::MAP, about: OF_BOTH, erased: OF_BOTH, times: &["begins", "ends"], sealed_by: None },
    Rows {
        map: invitation::MAP,
        about: OF_INVITER,
        erased: OF_INVITER,
        times: &["created", "expires"],
        sealed_by: Some("household"),
    },
    Rows { map: group::place::MAP, about: OF_GROUP, erased: OF_GROUP, times: &[], sealed_by: None },
    Rows { map: group::MAP, about: OF_HOUSEHOLD, erased: OF_HOUSEHOLD, times: &[], sealed_by: Some("household") },
    Rows {
        map: camera::MAP,
        about: OF_HOUSEHOLD,
        erased: OF_HOUSEHOLD,
        times: &["created", "changed"],
        sealed_by: Some("household"),
    },
];

/// Cameras can be closed.
pub(crate) struct Closable;

impl MigrationName for Closable {
    fn name(&self) -> &str {
        "m20261124_0610_closed_cameras"
    }
}

#[async_trait]
impl MigrationTrait for Closable {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let closed = schema::boolean("closed").default(false).to_owned();
        manager
            .alter_table(sea_orm_migration::prelude::Table::alter().table("cameras").add_column(closed).to_owned())
            .await
    }
}

impl Devices {
    /// Whether the owner's account is closing.
    pub(crate) async fn is_closed(&self, camera: CameraId) -> Result<bool> {
        let select = self.db.statement("SELECT closed FROM cameras WHERE id = ?", [camera.uuid().into()]);
        let row = self.db.conn().query_one_raw(select).await.map_err(db::error)?;
        row.map_or(Ok(false), |row| row.try_get_by_index(0).map_err(db::error))
    }

    /// The cameras of these households.
    pub async fn cameras_of(&self, households: &[[u8; 16]]) -> Result<Vec<(CameraId, HouseholdId)>> {
        let mut cameras = Vec::new();
        for household in households {
            let id = Uuid::from_bytes(*household);
            let select = self.db.statement("SELECT id FROM cameras WHERE household = ? ORDER BY position", [id.into()]);
            for row in self.db.conn().query_all_raw(select).await.map_err(db::error)? {
                cameras.push((row.try_get_by_index::<Uuid>(0).map_err(db::error)?.into(), id.into()));
            }
        }
        Ok(cameras)
    }

    async fn set_closed(&self, household: [u8; 16], closed: bool) -> Result<()> {
        let values: [Value; 2] = [closed.into(), Uuid::from_bytes(household).into()];
        let update = self.db.statement("UPDATE cameras SET closed = ? WHERE household = ?", values);
        self.db.conn().execute_raw(update).await.map(drop).map_err(db::error)
    }
}

#[async_trait]
impl Holder for Devices {
    fn name(&self) -> &'static str {
        "devices"
    }

    fn tables(&self) -> &'static [Table] {
        DATA_MAP
    }

    async fn describe(&self, subject: &Subject) -> Result<Vec<Held>> {
        self.flush_views().await?;
        holding::describe(&self.db, ROWS, subject).await
    }

    async fn collect(&self, subject: &Subject, sink: &mut dyn Sink) -> Result<()> {
        self.flush_views().await?;
        let key = |owner| async move { self.keys.of(HouseholdId::from_bytes(owner)).await };
        holding::collect(&self.db, ROWS, subject, sink, key).await
    }

    async fn darken(&self, subject: &Subject, dark: bool) -> Result<()> {
        for household in &subject.households {
            self.set_closed(*household, dark).await?;
        }
        self.announce();
        Ok(())
    }

    async fn erase(&self, subject: &Subject) -> Result<()> {
        holding::erase(&self.db, ROWS, subject).await?;
        self.announce();
        Ok(())
    }

    async fn remaining(&self, subject: &Subject) -> Result<Remaining> {
        holding::remaining(&self.db, ROWS, subject).await
    }
}
