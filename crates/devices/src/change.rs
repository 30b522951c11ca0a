//! Who changed what about a camera, and when. Names of settings and harmless values only; kept for a year, also after
//! the camera is gone.

use crate::{CameraId, Devices};
use accounts::{AccountId, Caller, Scope};
use base::{Result, Time};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*};

base::id!(
    /// A line in the log of changes.
    ChangeId
);

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "camera_changes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub household: Uuid,
    pub camera: Uuid,
    /// None: somebody at the machine's own terminal, or with a token made there.
    pub account: Option<Uuid>,
    pub label: String,
    pub what: String,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table camera_changes {
        id: not_personal("opaque id"),
        household: {
            category: Membership, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C1_2_7],
        },
        camera: not_personal("opaque id"),
        account: {
            category: AccountId, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C1_2_7],
        },
        label: {
            category: Browser, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Device,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C1_2_7],
        },
        what: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C1_2_7],
        },
        at: {
            category: Activity, subject: AccountHolder, purposes: [Security: LegitimateInterest], source: Derived,
            retention: Days(365), recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C1_2_7],
        },
    }
}

/// One change of one camera.
#[derive(Clone, Debug)]
pub struct Change {
    pub camera: CameraId,
    /// None: somebody at the machine's own terminal, or with a token made there.
    pub account: Option<AccountId>,
    pub label: String,
    /// Words like `added`, `url`, `mode=off`.
    pub what: Vec<String>,
    pub at: Time,
}

impl Devices {
    /// The newest changes of the household's cameras, or of one camera, at most `limit`.
    pub async fn change_log(&self, caller: &Caller, camera: Option<CameraId>, limit: u64) -> Result<Vec<Change>> {
        caller.require(Scope::CamerasWrite)?;
        let mut query = Entity::find().filter(Column::Household.eq(caller.household().uuid()));
        if let Some(camera) = camera {
            query = query.filter(Column::Camera.eq(camera.uuid()));
        }
        let rows = query.order_by_desc(Column::Id).limit(limit).all(self.db.conn()).await.map_err(db::error)?;
        Ok(rows.into_iter().map(change).collect())
    }

    pub(crate) async fn log_change(
        &self,
        conn: &impl ConnectionTrait,
        caller: &Caller,
        camera: CameraId,
        what: &[String],
    ) -> Result<()> {
        let row = Model {
            id: ChangeId::generate(&self.world).uuid(),
            household: caller.household().uuid(),
            camera: camera.uuid(),
            account: caller.account().map(AccountId::uuid),
            label: caller.label().as_str().into(),
            what: what.join(" "),
            at: self.world.clock.now().micros(),
        };
        Entity::insert(ActiveModel::from(row)).exec_without_returning(conn).await.map(drop).map_err(db::error)
    }

    pub(crate) async fn expire_changes(&self, now: Time) -> Result<u64> {
        let over = Column::At.lt((now - crate::grant::KEPT).micros());
        let deleted = Entity::delete_many().filter(over).exec(self.db.conn()).await.map_err(db::error)?;
        Ok(deleted.rows_affected)
    }
}

fn change(row: Model) -> Change {
    Change {
        camera: row.camera.into(),
        account: row.account.map(Into::into),
        label: row.label,
        what: row.what.split(' ').map(str::to_owned).collect(),
        at: Time::from_micros(row.at),
    }
}
