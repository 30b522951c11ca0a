//! Cameras as things people own: their settings, who may watch them, who is invited to, and who did.
//!
//! [`Devices`] is the door. Recorders follow [`Devices::changes`]; whoever shows a picture or plays a sound first gets
//! a [`grant::ViewTicket`], which is built by writing the view log.

mod address;
mod camera;
mod chain;
mod change;
pub mod fact;
pub mod grant;
mod group;
mod holder;
pub mod import;
mod invitation;
mod right;
mod schema;
#[cfg(test)]
mod tests;

pub use camera::{Area, Camera, Edit, Instructions, MOST_DAYS, Mode, Settings, Stream, Target, Transport};
pub use chain::Chain;
pub use change::Change;
pub use group::{Group, GroupId};
pub use invitation::{Invitation, InvitationId, NewInvitation, Offer};
pub use right::{Grant, Hours, MOST_GRANTS, Right, Which};
pub use schema::migrations;

use accounts::{Accounts, ColumnKeys};
use base::{Result, Shutdown, World};
use db::Db;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

base::id!(
    /// A camera.
    CameraId
);

/// The data map of this context's tables.
pub const DATA_MAP: &[policy::Table] =
    &[camera::MAP, change::MAP, grant::MAP, group::MAP, group::place::MAP, right::MAP, invitation::MAP];

/// Cameras, their settings and the view log. Cheap to clone.
#[derive(Clone)]
pub struct Devices {
    db: Db,
    world: World,
    keys: ColumnKeys,
    accounts: Accounts,
    changed: Arc<watch::Sender<u64>>,
    open_views: Arc<grant::OpenViews>,
}

/// How often extended view-log rows that nobody asked for again are written.
const FLUSH: Duration = Duration::from_secs(5);
/// How often rows past their retention are looked for.
const EXPIRE: Duration = Duration::from_secs(3600);

impl Devices {
    /// The cameras in `db`, which is migrated. `keys` finds the keys of sealed columns.
    pub fn new(db: Db, world: World, keys: ColumnKeys, accounts: Accounts) -> Self {
        Self { db, world, keys, accounts, changed: Arc::new(watch::Sender::new(0)), open_views: Default::default() }
    }

    /// Changes whenever a camera was added, edited or removed; the value counts the changes. Whoever follows it reads
    /// [`Devices::all`] again.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Tells the recorders at once, so that switching off takes effect at once.
    fn announce(&self) {
        if policy::enforce!(C1_2_8) {
            self.changed.send_modify(|count| *count += 1);
        }
    }

    /// Writes what the view log holds in memory, and deletes what is past its retention, until the shutdown begins.
    pub async fn keep_logs(&self, shutdown: Shutdown) {
        let mut flush = tokio::time::interval(FLUSH);
        let mut expire = tokio::time::interval(EXPIRE);
        loop {
            let (over, done) = tokio::select! {
                _ = shutdown.begun() => (true, self.flush_views().await),
                _ = flush.tick() => (false, self.flush_views().await),
                _ = expire.tick() => (false, self.expire().await.map(drop)),
            };
            if let Err(error) = done {
                tracing::error!(?error, "the view log is behind");
            }
            if over {
                return;
            }
        }
    }

    /// Deletes rows of the logs that are past their retention. Says how many.
    pub async fn expire(&self) -> Result<u64> {
        let now = self.world.clock.now();
        Ok(self.expire_views(now).await? + self.expire_changes(now).await? + self.expire_invitations(now).await?)
    }
}
