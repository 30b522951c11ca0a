//! What a killed process left behind becomes part of the index again, before anything records.
//!
//! Two things can be behind: the row of a file that was open, by at most ten seconds of fragments, and the row of a file
//! that was begun in the last second. Both are made from the headers on the shelf; a torn last fragment is cut off.

use crate::{
    Stream,
    index::{File, FileId, Index, RunId, Save},
    number,
    params::Description,
    stream_of,
    table::{Entry, Table},
};
use base::{Range, Result, Time, World};
use devices::CameraId;
use std::{collections::HashSet, time::Duration};
use vault::{ObjectName, Purpose, Scan, Vault, format::flags};

/// Objects older than the newest row by this much are surely in the index.
const DOUBT: Duration = Duration::from_secs(15 * 60);

/// Mends the index after a crash. `cameras` are those that still exist; footage of others is removed from the shelf.
pub(crate) async fn adopt(index: &Index, vault: &Vault, cameras: &HashSet<CameraId>, world: &World) -> Result<()> {
    let unclosed = index.unclosed().await?;
    for file in &unclosed {
        close(index, vault, file).await?;
    }
    let from = index.newest_start().await?.unwrap_or(Time::MIN) - DOUBT;
    for name in objects_since(vault, from).await? {
        if index.has(FileId::from_bytes(name.bytes())).await? {
            continue;
        }
        if let Err(error) = take_in(index, vault, cameras, name, world).await {
            tracing::warn!(object = %name, ?error, "an object of no row was left on the shelf");
        }
    }
    Ok(())
}

/// Names of the objects made at `from` or later, and perhaps some that are a little older.
pub(crate) async fn objects_since(vault: &Vault, from: Time) -> Result<Vec<ObjectName>> {
    let shelf = vault.shelf().clone();
    let millis = (from.micros().max(0) / 1000) as u64;
    let mut first = [0u8; 16];
    first[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    let listed = tokio::task::spawn_blocking(move || {
        let mut names = Vec::new();
        shelf.list(ObjectName::from_bytes(first), &mut |name| names.push(name)).map(|()| names)
    });
    Ok(listed.await.map_err(|error| base::Error::internal("listing the shelf failed").because(error))??)
}

/// The table that the headers of an object tell. None if it has no init fragment.
pub(crate) fn table(scan: &Scan) -> Option<Table> {
    let ((_, init), rest) = scan.fragments.split_first()?;
    if !init.has(flags::INIT) {
        return None;
    }
    let entries = rest.iter().map(|(_, header)| Entry {
        time: header.time,
        duration: header.duration.as_micros().min(u128::from(u32::MAX)) as u32,
        len: header.plain_len() as u32,
        key: header.has(flags::KEY),
    });
    Some(Table { init_len: init.plain_len() as u32, entries: entries.collect() })
}

/// Brings the row of a file that was open up to its object.
async fn close(index: &Index, vault: &Vault, file: &File) -> Result<()> {
    let object = ObjectName::from_bytes(file.id.bytes());
    let scan = match vault.scan(object).await {
        Ok(scan) => scan,
        Err(vault::Error::NoSuchObject) => return index.forget(std::slice::from_ref(file)).await,
        Err(error) => return Err(error.into()),
    };
    if scan.tail.is_some() {
        vault.truncate(object, scan.end).await?;
    }
    match table(&scan).filter(|table| !table.entries.is_empty()) {
        Some(table) => {
            let mut whole = File { table, bytes: scan.end, closed: true, ..file.clone() };
            whole.range.end = end_of(&whole.table, whole.range.start);
            tracing::info!(camera = %file.camera, fragments = whole.table.entries.len(), "a recording that was cut off was closed");
            index.replace(&[], &[whole]).await
        }
        None => {
            index.forget(std::slice::from_ref(file)).await?;
            remove(vault, object).await
        }
    }
}

fn end_of(table: &Table, start: Time) -> Time {
    table.entries.iter().map(Entry::end).max().unwrap_or(start)
}

async fn remove(vault: &Vault, object: ObjectName) -> Result<()> {
    let shelf = vault.shelf().clone();
    let removed = tokio::task::spawn_blocking(move || shelf.remove(object));
    Ok(removed.await.map_err(|error| base::Error::internal("removing an object failed").because(error))??)
}

/// Makes a row for an object that has none, or removes the object if nothing of it can be shown.
pub(crate) async fn take_in(
    index: &Index,
    vault: &Vault,
    cameras: &HashSet<CameraId>,
    object: ObjectName,
    world: &World,
) -> Result<()> {
    let scan = vault.scan(object).await?;
    let Some(table) = table(&scan).filter(|table| !table.entries.is_empty()) else {
        return remove(vault, object).await;
    };
    let header = &scan.fragments[0].1;
    let camera = CameraId::from_bytes(header.source);
    if !cameras.contains(&camera) {
        return remove(vault, object).await;
    }
    let init = match vault.open_fragment(object, 0, None, Purpose::Check).await {
        Ok(init) => init,
        Err(vault::Error::MissingKey) => return remove(vault, object).await,
        Err(error) => return Err(error.into()),
    };
    if scan.tail.is_some() {
        vault.truncate(object, scan.end).await?;
    }
    let stream: Stream = stream_of(i16::from(header.stream));
    let description = Description::stored(camera, stream, init)?;
    index.keep_params(camera, stream, &description).await?;
    let range = Range { start: header.time, end: end_of(&table, header.time) };
    let file = File {
        id: FileId::from_bytes(object.bytes()),
        camera,
        stream,
        run: RunId::generate(world),
        params: description.id,
        epoch: header.epoch,
        range,
        origin: header.time,
        bytes: scan.end,
        closed: true,
        table,
    };
    tracing::info!(%camera, stream = number(stream), "a recording without a row was taken into the index");
    index.save(&[Save { grown: file.bytes, file }]).await
}
