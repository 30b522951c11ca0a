//! The ladder of keys, in a database of its own: root → generation → owner → source → epoch.
//!
//! Each key is random, and wrapped by the one above it with AES-256-GCM. Destroying a key therefore destroys all below
//! it. A copy of its wrapped row may survive (a stale flash block, a backup of the keystore), so destroying also renews
//! every key on the way up, re-wraps the siblings and drops the old generation: the copy then opens with nothing that
//! the keystore still holds. The column key of an owner is a key of its own, and not derived from the owner key, so
//! that it survives this renewal.

mod cache;
mod rows;
mod schema;
mod wrap;

pub use rows::{Epoch, KeyDestroyed, Reason, Scope};
pub use schema::{DATA_MAP, migrations};

use crate::Error;
use base::{Error as BaseError, Secret, Time, World};
use cache::Cache;
use db::{ColumnKey, Db};
use rows::{Ladder, Tx};
use std::{sync::Arc, time::Duration};

/// Whose footage: an opaque id.
pub type Owner = [u8; 16];
/// Where footage comes from: an opaque id.
pub type Source = [u8; 16];
/// Names an epoch key, in the headers of the fragments that it seals.
pub type EpochId = [u8; 16];

pub(crate) type Key = Secret<[u8; 32]>;

/// How long the keystore remembers which keys it destroyed.
const RECORDS_KEPT: Duration = Duration::from_secs(366 * 24 * 3600);

/// The key of one stream of a source for one hour at most. With it go all fragments that were sealed under it.
#[derive(Clone, Debug)]
pub struct EpochKey {
    pub id: EpochId,
    pub owner: Owner,
    pub source: Source,
    pub stream: u8,
    /// The UTC hour that it is for.
    pub hour: Time,
    pub(crate) key: Key,
}

/// The keys, and the memory of those used last.
pub(crate) struct Keystore {
    db: Db,
    root: Key,
    world: World,
    cache: Cache,
    /// Changes follow one another; reading needs no lock, for one statement reads a whole ladder.
    changes: tokio::sync::Mutex<()>,
}

impl Keystore {
    /// Opens a migrated keystore. An empty one gets its first generation key.
    pub async fn open(db: Db, root: Key, world: World) -> Result<Self, Error> {
        let keystore = Self { db, root, world, cache: Cache::default(), changes: tokio::sync::Mutex::default() };
        let tx = keystore.begin().await?;
        if tx.generations().await?.is_empty() {
            tx.refuse_orphans().await?;
            tx.new_generation().await?;
        }
        tx.commit().await?;
        Ok(keystore)
    }

    async fn begin(&self) -> Result<Tx<'_>, Error> {
        Ok(Tx { tx: self.db.begin().await?, db: &self.db, root: &self.root, world: &self.world })
    }

    /// A new epoch key, durable when this returns. Owner and source get their keys with their first epoch.
    pub async fn new_epoch(&self, owner: Owner, source: Source, stream: u8, hour: Time) -> Result<EpochKey, Error> {
        let _changes = self.changes.lock().await;
        let tx = self.begin().await?;
        let owner = tx.owner(owner).await?;
        let source = tx.source(&owner, source).await?;
        let epoch = tx.new_epoch(&owner, &source, stream, hour).await?;
        tx.commit().await?;
        Ok(epoch)
    }

    /// The key that seals the personal columns of an owner; made if there is none.
    pub async fn column_key(&self, owner: Owner) -> Result<ColumnKey, Error> {
        if let Some(key) = rows::column_key(&self.db, owner, &self.root).await? {
            return Ok(ColumnKey::new(*key.expose()));
        }
        let _changes = self.changes.lock().await;
        let tx = self.begin().await?;
        let key = tx.owner(owner).await?.column_key;
        tx.commit().await?;
        Ok(ColumnKey::new(*key.expose()))
    }

    /// The epoch key of that name; [`Error::MissingKey`] if it was destroyed or never was.
    pub async fn epoch(&self, id: EpochId) -> Result<Arc<EpochKey>, Error> {
        if let Some(key) = self.cached(id) {
            return Ok(key);
        }
        let stamp = self.cache.stamp();
        let ladder = Ladder::load(&self.db, id).await?.ok_or(Error::MissingKey)?;
        let key = Arc::new(ladder.climb(&self.root)?);
        self.cache.keep(key.clone(), stamp);
        Ok(key)
    }

    /// The epoch key of that name, if it is at hand.
    pub fn cached(&self, id: EpochId) -> Option<Arc<EpochKey>> {
        self.cache.get(id)
    }

    /// The epoch keys of a source.
    pub async fn epochs(&self, source: Source) -> Result<Vec<Epoch>, Error> {
        rows::epochs(&self.db, source).await
    }

    /// The ids of the keys of an owner and of its sources.
    pub async fn keys_of(&self, owner: Owner) -> Result<Vec<[u8; 16]>, Error> {
        rows::keys_of(&self.db, owner).await
    }

    /// The keys that were destroyed since `since`, the oldest first.
    pub async fn destroyed(&self, since: Time) -> Result<Vec<KeyDestroyed>, Error> {
        rows::destroyed(&self.db, since).await
    }

    /// Destroys keys and all below them. What was destroyed before is no error and is not told again.
    pub async fn destroy(&self, doomed: &Doomed, reason: Reason) -> Result<Vec<KeyDestroyed>, Error> {
        let _changes = self.changes.lock().await;
        let tx = self.begin().await?;
        let now = self.world.clock.now();
        let (gone, renewed) = tx.delete(doomed).await?;
        if let (Doomed::Owner(owner), Reason::Erased) = (doomed, reason) {
            tx.fence(*owner, now - RECORDS_KEPT).await?;
        }
        if gone.is_empty() {
            tx.commit().await?;
            return Ok(Vec::new());
        }
        // Not renewing would leave copies of the destroyed rows open to whoever has the keys above them.
        if policy::enforce!(C9_3_3) {
            tx.renew(&renewed).await?;
        }
        let records: Vec<_> =
            gone.into_iter().map(|(scope, kid)| KeyDestroyed { kid, scope, reason, time: now }).collect();
        tx.record(&records, now - RECORDS_KEPT).await?;
        self.forget_during(doomed, tx.commit()).await?;
        self.db.scrub().await?;
        Ok(records)
    }

    /// A read that began before the commit must not bring the key back afterwards, so it is forgotten on both sides.
    async fn forget_during(
        &self,
        doomed: &Doomed,
        commit: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        self.cache.forget(|key| doomed.takes(key));
        let committed = commit.await;
        self.cache.forget(|key| doomed.takes(key));
        committed
    }

    /// Replaces the generation key and re-wraps the owner keys under the new one.
    pub async fn rotate_generation(&self) -> Result<(), Error> {
        let _changes = self.changes.lock().await;
        let tx = self.begin().await?;
        tx.renew(&rows::Renewed::default()).await?;
        tx.commit().await?;
        Ok(self.db.scrub().await?)
    }
}

/// What [`Keystore::destroy`] destroys.
#[derive(Clone, Debug)]
pub(crate) enum Doomed {
    Epochs(Vec<EpochId>),
    Source(Source),
    Owner(Owner),
}

impl Doomed {
    fn takes(&self, key: &EpochKey) -> bool {
        match self {
            Self::Epochs(ids) => ids.contains(&key.id),
            Self::Source(source) => *source == key.source,
            Self::Owner(owner) => *owner == key.owner,
        }
    }
}

fn damaged(what: &str) -> Error {
    Error::Keystore(BaseError::internal(format!("the keystore is damaged: {what}")))
}
