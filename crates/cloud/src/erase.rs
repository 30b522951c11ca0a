//! Deletes on purpose: a range of a camera, or all of a camera that was removed.
//!
//! The key is destroyed first, so that from then on nothing can open the footage whatever else fails; then rows and bytes
//! go. What stays of an epoch is sealed again before, under a key of its own.

use crate::{
    STREAMS, Stream,
    gap::Cause,
    index::{File, FileId, Index, RunId},
    number,
    recorder::Recorder,
    table::{Entry, Table},
};
use base::{Range, Result, World};
use devices::CameraId;
use std::{collections::BTreeSet, sync::Arc};
use vault::{EpochId, FragmentAt, ObjectName, Owner, Reason, Vault};

/// What deleting needs.
#[derive(Clone)]
pub(crate) struct Eraser {
    pub index: Index,
    pub vault: Vault,
    pub recorder: Arc<Recorder>,
    pub world: World,
}

/// A stretch of a file that stays.
struct Kept {
    entries: Vec<(u64, Entry)>,
}

impl Eraser {
    /// Deletes every fragment of a camera that touches `range`. Says how many sealed bytes went.
    pub async fn delete_range(&self, camera: CameraId, owner: Owner, range: Range) -> Result<u64> {
        self.recorder.roll(camera, owner).await?;
        let mut deleted = 0;
        for stream in STREAMS {
            let touched = self.index.files(camera, stream, range).await?;
            let epochs: BTreeSet<EpochId> = touched.iter().map(|file| file.epoch).collect();
            for epoch in epochs {
                deleted += self.cut_epoch(camera, owner, stream, epoch, range).await?;
            }
        }
        self.index.add_gap(camera, range.start, Some(range.end), Cause::NoRecord).await?;
        Ok(deleted)
    }

    /// Seals what stays of an epoch under a new key, destroys the old one, and forgets the old files.
    async fn cut_epoch(
        &self,
        camera: CameraId,
        owner: Owner,
        stream: Stream,
        epoch: EpochId,
        range: Range,
    ) -> Result<u64> {
        let old = self.index.files_of_epoch(epoch).await?;
        let hour = old.first().map_or(range.start, |file| file.range.start).hour();
        let key = self.vault.new_epoch(owner, camera.bytes(), number(stream) as u8, hour).await?;
        let mut new = Vec::new();
        for file in &old {
            for (part, kept) in stays(file, range).into_iter().enumerate() {
                let run = if part == 0 { file.run } else { RunId::generate(&self.world) };
                new.extend(self.reseal(file, kept, run, &key).await?);
            }
        }
        let split = cut_runs(&old, &new, range);
        self.vault.destroy_epochs(vec![epoch], Reason::Deleted).await?;
        self.index.replace(&old, &new).await?;
        for run in split {
            self.index.split_run(run, range.end).await?;
        }
        self.remove(old.iter().map(|file| file.id).collect()).await?;
        let kept: u64 = new.iter().map(|file| file.bytes).sum();
        Ok(old.iter().map(|file| file.bytes).sum::<u64>().saturating_sub(kept))
    }

    async fn reseal(&self, file: &File, kept: Kept, run: RunId, key: &vault::EpochKey) -> Result<Option<File>> {
        let object = ObjectName::from_bytes(file.id.bytes());
        let id = FileId::generate(&self.world);
        let mut fragments = vec![FragmentAt { object, offset: 0 }];
        fragments.extend(kept.entries.iter().map(|(offset, _)| FragmentAt { object, offset: *offset }));
        let placed = self.vault.reseal(fragments, ObjectName::from_bytes(id.bytes()), key.clone()).await?;
        let (init, media) = match placed.split_first() {
            Some((Ok(init), media)) => (init, media),
            _ => return Ok(None),
        };
        let entries: Vec<Entry> =
            kept.entries.iter().zip(media).filter(|(_, copy)| copy.is_ok()).map(|((_, entry), _)| *entry).collect();
        let bytes = init.len + media.iter().flatten().map(|copy| copy.len).sum::<u64>();
        let (Some(first), Some(end)) = (entries.first(), entries.iter().map(Entry::end).max()) else { return Ok(None) };
        let range = Range { start: first.time, end };
        let table = Table { init_len: file.table.init_len, entries };
        Ok(Some(File { id, run, epoch: key.id, range, bytes, closed: true, table, ..file.clone() }))
    }

    async fn remove(&self, files: Vec<FileId>) -> Result<()> {
        let shelf = self.vault.shelf().clone();
        let mut names = files.into_iter().map(|id| ObjectName::from_bytes(id.bytes()));
        let removed = tokio::task::spawn_blocking(move || names.try_for_each(|name| shelf.remove(name)));
        Ok(removed.await.map_err(|error| base::Error::internal("removing footage failed").because(error))??)
    }

    /// Deletes all footage of a camera that is no more, and its keys. The bytes, which no key opens any more, go before the
    /// rows that tell where they are, so that a crash leaves nothing that is not found again.
    pub async fn erase_camera(&self, camera: CameraId) -> Result<()> {
        self.vault.destroy_source(camera.bytes(), Reason::Removed).await?;
        self.remove(self.index.ids(camera).await?).await?;
        self.index.forget_camera(camera).await
    }
}

/// The runs that have footage left before `range`: what follows it belongs to another run from now on.
fn cut_runs(old: &[File], new: &[File], range: Range) -> Vec<RunId> {
    let runs: BTreeSet<RunId> = old.iter().map(|file| file.run).collect();
    let begins_before = |run: &RunId| new.iter().any(|file| file.run == *run && file.range.start < range.start);
    runs.into_iter().filter(begins_before).collect()
}

/// The stretches of a file outside `range`, in order.
fn stays(file: &File, range: Range) -> Vec<Kept> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (offset, entry) in file.table.placed() {
        match entry.range() {
            it if it.intersection(range).is_some() => {}
            it if it.start < range.start => before.push((offset, *entry)),
            _ => after.push((offset, *entry)),
        }
    }
    [before, after].into_iter().filter(|part| !part.is_empty()).map(|entries| Kept { entries }).collect()
}
