//! Forgets: what is older than its camera keeps, what is over the camera's or the disk's bytes, and keys that nothing
//! needs any more.
//!
//! Bytes go first and rows second, so that nothing on the shelf is ever without a row for long; an epoch key goes at the
//! next sweep after its last file, at most [`SWEEP_EVERY`] later.

use crate::{
    index::{File, Index},
    recorder::Recorder,
};
use base::{Result, Shutdown, Time, World};
use devices::{CameraId, Devices};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use vault::{ObjectName, Reason, Vault};

const TICK: Duration = Duration::from_secs(2);
/// By how many looks' growth the disk's bound is held ahead.
const LOOKS_AHEAD: u64 = 4;
const DAYS_EVERY: Duration = Duration::from_secs(60);
/// How long an epoch key may outlive its last file.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(10 * 60);
const HOUR: Duration = Duration::from_secs(3600);
/// How long samples of use are kept; the data map says the same.
const USAGE_KEPT: Duration = Duration::from_secs(400 * 86_400);
/// Files forgotten in one transaction.
const BATCH: u64 = 128;

/// The sweeper of one server.
pub(crate) struct Retention {
    pub index: Index,
    pub vault: Vault,
    pub devices: Devices,
    pub recorder: Arc<Recorder>,
    /// Bytes that all footage may take; 0 is no bound.
    pub disk_max_bytes: u64,
    /// What all footage took after the last look.
    pub left: AtomicU64,
    pub world: World,
}

impl Retention {
    /// Sweeps until the shutdown begins.
    pub async fn run(self: Arc<Self>, shutdown: Shutdown) {
        let (mut ticks, mut days) = (tokio::time::interval(TICK), tokio::time::interval(DAYS_EVERY));
        let (mut sweeps, mut hours) = (tokio::time::interval(SWEEP_EVERY), tokio::time::interval(HOUR));
        loop {
            let done = tokio::select! {
                () = shutdown.begun() => return,
                _ = ticks.tick() => self.forget_surplus().await,
                _ = days.tick() => self.forget_expired().await,
                _ = sweeps.tick() => self.destroy_unused_keys().await,
                _ = hours.tick() => self.sample_usage().await,
            };
            if let Err(error) = done {
                tracing::error!(?error, "retention is behind");
            }
        }
    }

    /// Forgets footage and gaps that are older than their camera keeps.
    pub async fn forget_expired(&self) -> Result<()> {
        let now = self.world.clock.now();
        for camera in self.devices.all().await? {
            let before = now - Duration::from_secs(u64::from(camera.retention_days) * 86_400);
            while policy::enforce!(C1_2_7) {
                let files = self.index.oldest(camera.id, before, BATCH).await?;
                if files.is_empty() {
                    break;
                }
                self.forget(&files).await?;
            }
            self.index.forget_gaps(camera.id, before).await?;
        }
        Ok(())
    }

    /// Forgets the oldest footage of cameras, and of all, that take more room than they may. The disk's bound is held
    /// ahead of time: rows lag behind the bytes by a fragment, and more is written until the next look.
    pub async fn forget_surplus(&self) -> Result<()> {
        let totals = self.index.totals().await?;
        let limits: HashMap<CameraId, u64> = self.devices.bounds().await?.into_iter().collect();
        for (camera, _, bytes) in &totals {
            match limits.get(camera) {
                Some(limit) if bytes > limit => self.shrink(*camera, bytes - limit).await?,
                _ => {}
            }
        }
        if self.disk_max_bytes > 0 {
            let all: u64 = totals.iter().map(|(_, _, bytes)| bytes).sum();
            let grown = all - all.min(self.left.swap(all, Ordering::Relaxed));
            let ahead = (LOOKS_AHEAD * grown).min(self.disk_max_bytes / 4);
            let freed = self.shrink_all(all.saturating_sub(self.disk_max_bytes - ahead)).await?;
            self.left.fetch_sub(freed, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn shrink(&self, camera: CameraId, mut surplus: u64) -> Result<()> {
        while surplus > 0 {
            let mut files = self.index.oldest(camera, Time::MAX, BATCH).await?;
            let freed = take_up_to(&mut files, surplus);
            if files.is_empty() {
                break;
            }
            self.forget(&files).await?;
            surplus = surplus.saturating_sub(freed);
        }
        Ok(())
    }

    /// The oldest footage goes first, whichever camera it is of. Says how many bytes went.
    async fn shrink_all(&self, surplus: u64) -> Result<u64> {
        let mut freed = 0;
        while freed < surplus {
            let mut files = self.index.oldest_of_all(BATCH).await?;
            let more = take_up_to(&mut files, surplus - freed);
            if files.is_empty() {
                break;
            }
            self.forget(&files).await?;
            freed += more;
        }
        Ok(freed)
    }

    /// Removes files from the shelf, then from the index.
    pub async fn forget(&self, files: &[File]) -> Result<()> {
        let shelf = self.vault.shelf().clone();
        let names: Vec<_> = files.iter().map(|file| ObjectName::from_bytes(file.id.bytes())).collect();
        let removed = tokio::task::spawn_blocking(move || names.into_iter().try_for_each(|name| shelf.remove(name)));
        removed.await.map_err(|error| base::Error::internal("removing footage failed").because(error))??;
        self.index.forget(files).await?;
        metrics::counter!("nightjar_files_forgotten_total").increment(files.len() as u64);
        Ok(())
    }

    /// Destroys the epoch keys that no file needs and no stream records under.
    pub async fn destroy_unused_keys(&self) -> Result<()> {
        let mut in_use: HashSet<_> = self.recorder.streams().iter().map(|state| state.epoch().id).collect();
        for state in self.recorder.streams() {
            in_use.extend(state.recent().iter().map(|recent| recent.file.epoch));
        }
        let this_hour = self.world.clock.now().hour();
        let mut unused = Vec::new();
        for camera in self.devices.all().await? {
            for epoch in self.vault.epochs(camera.id.bytes()).await? {
                let current = in_use.contains(&epoch.id) || epoch.hour >= this_hour;
                if !current && !self.index.epoch_in_use(epoch.id).await? {
                    unused.push(epoch.id);
                }
            }
        }
        if !unused.is_empty() {
            self.vault.destroy_epochs(unused, Reason::Expired).await?;
        }
        Ok(())
    }

    async fn sample_usage(&self) -> Result<()> {
        let now = self.world.clock.now();
        self.index.sample_usage(now.hour(), &self.index.totals().await?).await?;
        self.index.forget_usage(now - USAGE_KEPT).await
    }
}

/// Keeps the first files that together free `surplus`, and says how much they free.
fn take_up_to(files: &mut Vec<File>, surplus: u64) -> u64 {
    let mut freed = 0;
    let mut count = 0;
    for file in files.iter() {
        if freed >= surplus {
            break;
        }
        freed += file.bytes;
        count += 1;
    }
    files.truncate(count);
    freed
}
