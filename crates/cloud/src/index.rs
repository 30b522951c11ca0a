//! The index: one row for each recording file with its packed fragment table, the runs they form, and the gaps
//! between them.
//!
//! Invariants, verified by `nightjar check`: a row's bytes exist on the shelf; a file's fragments lie inside its run;
//! a run's bounds and bytes are the sums of its files; at most one gap of a camera is open.
//! The statements are written by hand because this is the hot path: a playlist of a day reads 1,440 rows by one range
//! of one index, a timeline reads only runs and gaps.

use crate::{
    STREAMS, Stream,
    gap::Cause,
    number,
    params::Description,
    stream_of,
    table::{Entry, Table},
};
use base::{Error, Range, Result, Time, World};
use db::Db;
use devices::CameraId;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, QueryResult, Statement, Value};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use uuid::Uuid;

base::id!(
    /// A recording file: one object on the shelf.
    FileId
);
base::id!(
    /// An unbroken camera session.
    RunId
);
base::id!(
    /// One set of stream parameters (codec, size, audio) that files refer to.
    ParamsId
);

/// No file covers more than this: it closes after a minute, and a run ends at the first longer silence.
const LONGEST_FILE: Duration = Duration::from_secs(600);

/// A recording file as the index knows it.
#[derive(Clone, Debug)]
pub struct File {
    pub id: FileId,
    pub camera: CameraId,
    pub stream: Stream,
    pub run: RunId,
    pub params: ParamsId,
    /// Id of the epoch key that sealed it.
    pub epoch: [u8; 16],
    /// From the first fragment to the end of the last.
    pub range: Range,
    /// What the times inside the fragments count from: the start of the file when it was recorded.
    pub origin: Time,
    /// Sealed bytes.
    pub bytes: u64,
    /// Whether the recorder is done with it.
    pub closed: bool,
    pub table: Table,
}

/// A part of the timeline with footage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub stream: Stream,
    pub range: Range,
    pub bytes: u64,
}

/// A part of the timeline without footage, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub start: Time,
    /// `None` while it lasts.
    pub end: Option<Time>,
    pub cause: Cause,
}

/// The tables of recording in the database. Cheap to clone.
#[derive(Clone)]
pub struct Index {
    db: Db,
    world: World,
    known_params: Arc<Mutex<HashSet<ParamsId>>>,
}

fn row_range(row: &QueryResult) -> Result<Range, DbErr> {
    Ok(Range { start: Time::from_micros(row.try_get("", "start")?), end: Time::from_micros(row.try_get("", "end_")?) })
}

fn file(row: &QueryResult) -> Result<File> {
    let read = || -> Result<(File, Vec<u8>), DbErr> {
        let range = row_range(row)?;
        let file = File {
            id: row.try_get::<Uuid>("", "id")?.into(),
            camera: row.try_get::<Uuid>("", "camera")?.into(),
            stream: stream_of(row.try_get("", "stream")?),
            run: row.try_get::<Uuid>("", "run")?.into(),
            params: row.try_get::<Uuid>("", "params")?.into(),
            epoch: row.try_get::<Uuid>("", "epoch")?.into_bytes(),
            range,
            origin: Time::from_micros(row.try_get("", "origin")?),
            bytes: row.try_get::<i64>("", "bytes")? as u64,
            closed: row.try_get("", "closed")?,
            table: Table::default(),
        };
        Ok((file, row.try_get("", "fragments")?))
    };
    let (mut file, packed) = read().map_err(db::error)?;
    file.table = Table::decode(&packed, file.origin)?;
    Ok(file)
}

const FILE_COLUMNS: &str = "id, camera, stream, run, params, epoch, start, end_, origin, bytes, closed, fragments";

impl Index {
    /// The index in this database.
    pub fn new(db: Db, world: World) -> Self {
        Self { db, world, known_params: Arc::default() }
    }

    fn statement(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.db.backend(), sql, values)
    }

    async fn all(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<QueryResult>> {
        self.db.conn().query_all_raw(self.statement(sql, values)).await.map_err(db::error)
    }

    async fn one(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<Option<QueryResult>> {
        self.db.conn().query_one_raw(self.statement(sql, values)).await.map_err(db::error)
    }

    async fn run(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64> {
        let result = self.db.conn().execute_raw(self.statement(sql, values)).await.map_err(db::error)?;
        Ok(result.rows_affected())
    }

    /// Saves files as they are now, and lets their runs grow by what is new. One transaction for all.
    pub async fn save(&self, saves: &[Save]) -> Result<()> {
        if saves.is_empty() {
            return Ok(());
        }
        saves.iter().try_for_each(|save| truthful(&save.file))?;
        let tx = self.db.begin().await?;
        for save in saves {
            self.save_one(&tx, save).await.map_err(db::error)?;
        }
        tx.commit().await.map_err(db::error)
    }

    async fn save_one(&self, tx: &DatabaseTransaction, save: &Save) -> Result<(), DbErr> {
        let file = &save.file;
        let grown = save.grown as i64;
        tx.execute_raw(self.statement(
            "INSERT INTO runs (id, camera, stream, start, end_, bytes) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO UPDATE SET end_ = excluded.end_, bytes = runs.bytes + excluded.bytes",
            [
                file.run.uuid().into(),
                file.camera.uuid().into(),
                number(file.stream).into(),
                file.range.start.micros().into(),
                file.range.end.micros().into(),
                grown.into(),
            ],
        ))
        .await?;
        tx.execute_raw(self.statement(
            "INSERT INTO recording_files (id, camera, stream, run, params, epoch, start, end_, origin, bytes, closed, fragments)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (id) DO UPDATE SET end_ = excluded.end_, bytes = excluded.bytes, closed = excluded.closed,
             fragments = excluded.fragments",
            [
                file.id.uuid().into(),
                file.camera.uuid().into(),
                number(file.stream).into(),
                file.run.uuid().into(),
                file.params.uuid().into(),
                Uuid::from_bytes(file.epoch).into(),
                file.range.start.micros().into(),
                file.range.end.micros().into(),
                file.origin.micros().into(),
                (file.bytes as i64).into(),
                file.closed.into(),
                file.table.encode(file.origin).into(),
            ],
        ))
        .await?;
        Ok(())
    }

    /// The files of a stream that touch `range`, oldest first.
    pub async fn files(&self, camera: CameraId, stream: Stream, range: Range) -> Result<Vec<File>> {
        let sql = format!(
            "SELECT {FILE_COLUMNS} FROM recording_files
             WHERE camera = $1 AND stream = $2 AND start >= $3 AND start < $4 AND end_ > $5 ORDER BY start"
        );
        let values = [
            camera.uuid().into(),
            number(stream).into(),
            (range.start - LONGEST_FILE).micros().into(),
            range.end.micros().into(),
            range.start.micros().into(),
        ];
        self.all(&sql, values).await?.iter().map(file).collect()
    }

    /// The last file of a stream that starts at `time` or before it.
    pub async fn file_before(&self, camera: CameraId, stream: Stream, time: Time) -> Result<Option<File>> {
        let sql = format!(
            "SELECT {FILE_COLUMNS} FROM recording_files
             WHERE camera = $1 AND stream = $2 AND start <= $3 ORDER BY start DESC LIMIT 1"
        );
        let values = [camera.uuid().into(), number(stream).into(), time.micros().into()];
        self.one(&sql, values).await?.as_ref().map(file).transpose()
    }

    /// Files that a stopped or killed recorder left open.
    pub async fn unclosed(&self) -> Result<Vec<File>> {
        let sql = format!("SELECT {FILE_COLUMNS} FROM recording_files WHERE closed = $1");
        self.all(&sql, [false.into()]).await?.iter().map(file).collect()
    }

    /// The files that an epoch key sealed.
    pub async fn files_of_epoch(&self, epoch: [u8; 16]) -> Result<Vec<File>> {
        let sql = format!("SELECT {FILE_COLUMNS} FROM recording_files WHERE epoch = $1 ORDER BY start");
        self.all(&sql, [Uuid::from_bytes(epoch).into()]).await?.iter().map(file).collect()
    }

    /// Whether any file still needs this epoch key.
    pub async fn epoch_in_use(&self, epoch: [u8; 16]) -> Result<bool> {
        let sql = "SELECT 1 AS found FROM recording_files WHERE epoch = $1 LIMIT 1";
        Ok(self.one(sql, [Uuid::from_bytes(epoch).into()]).await?.is_some())
    }

    /// The oldest closed files of a camera (all streams), at most `limit`, that end at `before` or earlier.
    pub async fn oldest(&self, camera: CameraId, before: Time, limit: u64) -> Result<Vec<File>> {
        let mut files = Vec::new();
        for stream in STREAMS {
            let sql = format!(
                "SELECT {FILE_COLUMNS} FROM recording_files
                 WHERE camera = $1 AND stream = $2 AND end_ <= $3 AND closed = $4 ORDER BY start LIMIT $5"
            );
            let values = [
                camera.uuid().into(),
                number(stream).into(),
                before.micros().into(),
                true.into(),
                (limit as i64).into(),
            ];
            for row in self.all(&sql, values).await? {
                files.push(file(&row)?);
            }
        }
        files.sort_by_key(|file| file.range.start);
        files.truncate(limit as usize);
        Ok(files)
    }

    /// The files of a camera, closed or not.
    pub async fn ids(&self, camera: CameraId) -> Result<Vec<FileId>> {
        let rows = self.all("SELECT id FROM recording_files WHERE camera = $1", [camera.uuid().into()]).await?;
        rows.iter().map(|row| Ok(row.try_get::<Uuid>("", "id").map_err(db::error)?.into())).collect()
    }

    /// The oldest closed files of all cameras, at most `limit`.
    pub async fn oldest_of_all(&self, limit: u64) -> Result<Vec<File>> {
        let sql = format!("SELECT {FILE_COLUMNS} FROM recording_files WHERE closed = $1 ORDER BY start LIMIT $2");
        self.all(&sql, [true.into(), (limit as i64).into()]).await?.iter().map(file).collect()
    }

    /// Whether there is a row for the file.
    pub async fn has(&self, id: FileId) -> Result<bool> {
        Ok(self.one("SELECT 1 AS found FROM recording_files WHERE id = $1", [id.uuid().into()]).await?.is_some())
    }

    /// When the newest file begins.
    pub async fn newest_start(&self) -> Result<Option<Time>> {
        let row = self.one("SELECT start FROM recording_files ORDER BY start DESC LIMIT 1", []).await?;
        row.map(|row| row.try_get("", "start").map(Time::from_micros).map_err(db::error)).transpose()
    }

    /// The cameras that have footage or gaps.
    pub async fn cameras(&self) -> Result<Vec<CameraId>> {
        let rows = self.all("SELECT camera FROM runs UNION SELECT camera FROM gaps", []).await?;
        rows.iter().map(|row| Ok(row.try_get::<Uuid>("", "camera").map_err(db::error)?.into())).collect()
    }

    /// All files in pages of their start time, for checks.
    pub async fn page(&self, after: Option<(Time, FileId)>, limit: u64) -> Result<Vec<File>> {
        let (time, id) = after.map_or((Time::MIN, FileId::from_bytes([0; 16])), |(time, id)| (time, id));
        let sql = format!(
            "SELECT {FILE_COLUMNS} FROM recording_files
             WHERE start > $1 OR (start = $1 AND id > $2) ORDER BY start, id LIMIT $3"
        );
        let values = [time.micros().into(), id.uuid().into(), (limit as i64).into()];
        self.all(&sql, values).await?.iter().map(file).collect()
    }

    /// Removes the row of a file and takes its bytes out of its run; the run ends where its files do.
    pub async fn forget(&self, files: &[File]) -> Result<()> {
        let tx = self.db.begin().await?;
        for file in files {
            self.forget_one(&tx, file).await.map_err(db::error)?;
        }
        tx.commit().await.map_err(db::error)
    }

    async fn forget_one(&self, tx: &DatabaseTransaction, file: &File) -> Result<(), DbErr> {
        let deleted = tx
            .execute_raw(self.statement("DELETE FROM recording_files WHERE id = $1", [file.id.uuid().into()]))
            .await?
            .rows_affected();
        if deleted > 0 {
            self.refit_run(tx, file.run).await?;
        }
        Ok(())
    }

    /// Makes a run what its files are: its bounds, its bytes, or nothing.
    async fn refit_run(&self, tx: &DatabaseTransaction, run: RunId) -> Result<(), DbErr> {
        tx.execute_raw(self.statement(
            "UPDATE runs SET
               start = COALESCE((SELECT MIN(f.start) FROM recording_files f WHERE f.run = runs.id), end_),
               end_ = COALESCE((SELECT MAX(f.end_) FROM recording_files f WHERE f.run = runs.id), end_),
               bytes = COALESCE((SELECT SUM(f.bytes) FROM recording_files f WHERE f.run = runs.id), 0)
             WHERE id = $1",
            [run.uuid().into()],
        ))
        .await?;
        tx.execute_raw(self.statement(
            "DELETE FROM runs WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM recording_files f WHERE f.run = $1)",
            [run.uuid().into()],
        ))
        .await?;
        Ok(())
    }

    /// Replaces `old` by `new` in one transaction: what re-sealing and cutting need. The runs are made anew from the
    /// files that they hold, so a cut in the middle must give its second half another run.
    pub async fn replace(&self, old: &[File], new: &[File]) -> Result<()> {
        new.iter().try_for_each(truthful)?;
        let tx = self.db.begin().await?;
        for file in new {
            self.save_one(&tx, &Save { file: file.clone(), grown: 0 }).await.map_err(db::error)?;
        }
        for file in old {
            self.forget_one(&tx, file).await.map_err(db::error)?;
        }
        for file in new {
            self.refit_run(&tx, file.run).await.map_err(db::error)?;
        }
        tx.commit().await.map_err(db::error)
    }

    /// Gives the files of a run that start at `from` or later to another run.
    pub async fn split_run(&self, run: RunId, from: Time) -> Result<()> {
        let tx = self.db.begin().await?;
        let second = RunId::generate(&self.world);
        let split = async {
            tx.execute_raw(self.statement(
                "INSERT INTO runs (id, camera, stream, start, end_, bytes)
                 SELECT $1, camera, stream, start, end_, 0 FROM runs WHERE id = $2",
                [second.uuid().into(), run.uuid().into()],
            ))
            .await?;
            tx.execute_raw(self.statement(
                "UPDATE recording_files SET run = $1 WHERE run = $2 AND start >= $3",
                [second.uuid().into(), run.uuid().into(), from.micros().into()],
            ))
            .await?;
            self.refit_run(&tx, run).await?;
            self.refit_run(&tx, second).await
        };
        split.await.map_err(db::error)?;
        tx.commit().await.map_err(db::error)
    }

    /// The parts of `range` with footage, by stream, in order; runs that touch are one span.
    pub async fn spans(&self, camera: CameraId, range: Range) -> Result<Vec<Span>> {
        let rows = self
            .all(
                "SELECT stream, start, end_, bytes FROM runs
                 WHERE camera = $1 AND end_ > $2 AND start < $3 ORDER BY stream, start",
                [camera.uuid().into(), range.start.micros().into(), range.end.micros().into()],
            )
            .await?;
        let span = |row: &QueryResult| -> Result<Span, DbErr> {
            let stream = stream_of(row.try_get("", "stream")?);
            Ok(Span { stream, range: row_range(row)?, bytes: row.try_get::<i64>("", "bytes")? as u64 })
        };
        rows.iter().map(|row| span(row).map_err(db::error)).collect()
    }

    /// The gaps of a camera that touch `range`, in order.
    pub async fn gaps(&self, camera: CameraId, range: Range) -> Result<Vec<Gap>> {
        let rows = self
            .all(
                "SELECT start, end_, cause FROM gaps
                 WHERE camera = $1 AND start < $2 AND (end_ IS NULL OR end_ > $3) ORDER BY start",
                [camera.uuid().into(), range.end.micros().into(), range.start.micros().into()],
            )
            .await?;
        let gap = |row: &QueryResult| -> Result<Gap, DbErr> {
            Ok(Gap {
                start: Time::from_micros(row.try_get("", "start")?),
                end: row.try_get::<Option<i64>>("", "end_")?.map(Time::from_micros),
                cause: Cause::from_word(&row.try_get::<String>("", "cause")?),
            })
        };
        rows.iter().map(|row| gap(row).map_err(db::error)).collect()
    }

    /// Opens a gap at `at`. An open gap of another cause ends there; one of the same cause goes on.
    pub async fn open_gap(&self, camera: CameraId, at: Time, cause: Cause) -> Result<()> {
        if let Some(open) = self.open_gap_of(camera).await? {
            if open.cause == cause {
                return Ok(());
            }
            self.close_gap(camera, self.world.clock.now().max(at)).await?;
            return self.add_gap(camera, self.world.clock.now().max(at), None, cause).await;
        }
        self.add_gap(camera, at, None, cause).await
    }

    /// Since when and why a camera has no footage, if a gap is open.
    pub async fn open_gap_of(&self, camera: CameraId) -> Result<Option<Gap>> {
        Ok(self
            .gaps(camera, Range { start: Time::MIN, end: Time::MAX })
            .await?
            .into_iter()
            .find(|gap| gap.end.is_none()))
    }

    /// Ends the open gap of a camera, if there is one.
    pub async fn close_gap(&self, camera: CameraId, at: Time) -> Result<()> {
        self.run(
            "DELETE FROM gaps WHERE camera = $1 AND end_ IS NULL AND start >= $2",
            [camera.uuid().into(), at.micros().into()],
        )
        .await?;
        self.run(
            "UPDATE gaps SET end_ = $2 WHERE camera = $1 AND end_ IS NULL",
            [camera.uuid().into(), at.micros().into()],
        )
        .await?;
        Ok(())
    }

    /// Records a gap; `end` is `None` for one that lasts.
    pub async fn add_gap(&self, camera: CameraId, start: Time, end: Option<Time>, cause: Cause) -> Result<()> {
        self.run(
            "INSERT INTO gaps (id, camera, start, end_, cause) VALUES ($1, $2, $3, $4, $5)",
            [
                base::Id::generate(&self.world).into(),
                camera.uuid().into(),
                start.micros().into(),
                end.map(Time::micros).into(),
                cause.word().into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Forgets the gaps that ended before `before`, and all of them if the camera goes.
    pub async fn forget_gaps(&self, camera: CameraId, before: Time) -> Result<()> {
        self.run("DELETE FROM gaps WHERE camera = $1 AND end_ < $2", [camera.uuid().into(), before.micros().into()])
            .await?;
        Ok(())
    }

    /// The end of the newest footage of a stream.
    pub async fn recorded_until(&self, camera: CameraId, stream: Stream) -> Result<Option<Time>> {
        let row = self
            .one(
                "SELECT end_ FROM runs WHERE camera = $1 AND stream = $2 ORDER BY start DESC LIMIT 1",
                [camera.uuid().into(), number(stream).into()],
            )
            .await?;
        row.map(|row| row.try_get("", "end_").map(Time::from_micros).map_err(db::error)).transpose()
    }

    /// Footage of each camera: (camera, oldest instant, sealed bytes).
    pub async fn totals(&self) -> Result<Vec<(CameraId, Time, u64)>> {
        let rows = self
            .all(
                "SELECT camera, MIN(start) AS oldest, CAST(SUM(bytes) AS BIGINT) AS total FROM runs GROUP BY camera",
                [],
            )
            .await?;
        let total = |row: &QueryResult| -> Result<_, DbErr> {
            let camera = row.try_get::<Uuid>("", "camera")?.into();
            let oldest = Time::from_micros(row.try_get("", "oldest")?);
            Ok((camera, oldest, row.try_get::<i64>("", "total")? as u64))
        };
        rows.iter().map(|row| total(row).map_err(db::error)).collect()
    }

    /// Everything that the index knows of a camera goes. The files must be off the shelf.
    pub async fn forget_camera(&self, camera: CameraId) -> Result<()> {
        for table in ["recording_files", "runs", "gaps", "stream_params", "usage_samples"] {
            self.run(&format!("DELETE FROM {table} WHERE camera = $1"), [camera.uuid().into()]).await?;
        }
        Ok(())
    }

    /// Stores stream parameters, unless they are there. What was stored once is remembered.
    pub async fn keep_params(&self, camera: CameraId, stream: Stream, description: &Description) -> Result<()> {
        let known =
            |index: &Self| index.known_params.lock().unwrap_or_else(PoisonError::into_inner).contains(&description.id);
        if known(self) {
            return Ok(());
        }
        self.run(
            "INSERT INTO stream_params (id, camera, stream, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            [
                description.id.uuid().into(),
                camera.uuid().into(),
                number(stream).into(),
                description.init.clone().into(),
            ],
        )
        .await?;
        self.known_params.lock().unwrap_or_else(PoisonError::into_inner).insert(description.id);
        Ok(())
    }

    /// Stream parameters by id.
    pub async fn params(&self, id: ParamsId) -> Result<Option<Vec<u8>>> {
        let row = self.one("SELECT body FROM stream_params WHERE id = $1", [id.uuid().into()]).await?;
        row.map(|row| row.try_get("", "body").map_err(db::error)).transpose()
    }

    /// The parameters that a stream was last recorded with.
    pub async fn last_params(&self, camera: CameraId, stream: Stream) -> Result<Option<Vec<u8>>> {
        let row = self
            .one(
                "SELECT p.body FROM stream_params p JOIN recording_files f ON f.params = p.id
                 WHERE f.camera = $1 AND f.stream = $2 ORDER BY f.start DESC LIMIT 1",
                [camera.uuid().into(), number(stream).into()],
            )
            .await?;
        row.map(|row| row.try_get("", "body").map_err(db::error)).transpose()
    }

    /// Notes how many bytes a camera holds now, for the plot of use.
    pub async fn sample_usage(&self, at: Time, totals: &[(CameraId, Time, u64)]) -> Result<()> {
        for (camera, _, bytes) in totals {
            self.run(
                "INSERT INTO usage_samples (camera, time, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                [camera.uuid().into(), at.micros().into(), (*bytes as i64).into()],
            )
            .await?;
        }
        Ok(())
    }

    /// The plot of use: (instant, bytes of all given cameras) since `since`.
    pub async fn usage(&self, since: Time) -> Result<Vec<(Time, CameraId, u64)>> {
        let rows = self
            .all(
                "SELECT time, camera, bytes FROM usage_samples WHERE time >= $1 ORDER BY time",
                [since.micros().into()],
            )
            .await?;
        let sample = |row: &QueryResult| -> Result<_, DbErr> {
            let time = Time::from_micros(row.try_get("", "time")?);
            Ok((time, row.try_get::<Uuid>("", "camera")?.into(), row.try_get::<i64>("", "bytes")? as u64))
        };
        rows.iter().map(|row| sample(row).map_err(db::error)).collect()
    }

    /// Forgets samples of use before `before`.
    pub async fn forget_usage(&self, before: Time) -> Result<()> {
        self.run("DELETE FROM usage_samples WHERE time < $1", [before.micros().into()]).await.map(drop)
    }
}

/// What is told of a recording, its length and its size, is what its fragments say.
fn truthful(file: &File) -> Result<()> {
    let end = file.table.entries.iter().map(Entry::end).max().unwrap_or(file.range.start);
    let honest = file.bytes == file.table.sealed_bytes() && file.range.end == end;
    policy::enforce!(C9_1_3, honest, Error::internal("a recording's row contradicts its fragments"));
    Ok(())
}

/// A file to save, and by how many sealed bytes it grew since it was saved last.
#[derive(Clone, Debug)]
pub struct Save {
    pub file: File,
    pub grown: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(seconds: i64) -> Time {
        Time::from_micros(1_772_366_400 * SECOND + seconds * SECOND)
    }

    /// A closed file of two-second fragments.
    fn file(world: &World, camera: CameraId, run: RunId, start: i64, fragments: i64) -> File {
        let entry = |n: i64| Entry { time: at(start + 2 * n), duration: 2_000_000, len: 300_000, key: true };
        let table = Table { init_len: 700, entries: (0..fragments).map(entry).collect() };
        File {
            id: FileId::generate(world),
            camera,
            stream: Stream::Main,
            run,
            params: ParamsId::generate(world),
            epoch: world.random(),
            range: Range { start: at(start), end: at(start + 2 * fragments) },
            origin: at(start),
            bytes: table.sealed_bytes(),
            closed: true,
            table,
        }
    }

    fn saved(file: &File) -> Save {
        Save { file: file.clone(), grown: file.bytes }
    }

    #[tokio::test]
    async fn a_row_that_contradicts_its_fragments_is_refused() {
        policy::prove!(C9_1_3);
        db::testing::each(crate::migrations, |db| async move {
            let (world, _) = World::test(1);
            let index = Index::new(db, world.clone());
            let honest = file(&world, CameraId::generate(&world), RunId::generate(&world), 0, 5);
            index.save(&[saved(&honest)]).await.unwrap();
            let found = index.files(honest.camera, Stream::Main, honest.range).await.unwrap();
            assert_eq!(
                (found[0].bytes, found[0].range, found[0].table.clone()),
                (honest.bytes, honest.range, honest.table.clone())
            );
            let smaller = File { bytes: honest.bytes - 1, ..honest.clone() };
            assert!(index.save(&[saved(&smaller)]).await.is_err());
            let mut longer = honest.clone();
            longer.range.end = at(60);
            assert!(index.replace(&[honest], &[longer]).await.is_err());
        })
        .await;
    }

    #[tokio::test]
    async fn a_run_is_the_sum_of_its_files_whatever_is_forgotten() {
        db::testing::each(crate::migrations, |db| async move {
            let (world, clock) = World::test(2);
            let index = Index::new(db, world.clone());
            let (camera, run) = (CameraId::generate(&world), RunId::generate(&world));
            let mut files = Vec::new();
            for n in 0..3 {
                clock.advance(Duration::from_secs(60));
                files.push(file(&world, camera, run, n * 60, 30));
            }
            index.save(&files.iter().map(saved).collect::<Vec<_>>()).await.unwrap();
            let all = Range { start: at(-60), end: at(600) };
            let spans = index.spans(camera, all).await.unwrap();
            let total: u64 = files.iter().map(|file| file.bytes).sum();
            assert_eq!(
                (spans.len(), spans[0].range.start, spans[0].range.end, spans[0].bytes),
                (1, at(0), at(180), total)
            );
            assert_eq!(index.oldest(camera, at(120), 9).await.unwrap().len(), 2);
            index.split_run(run, at(120)).await.unwrap();
            index.forget(&files[..1]).await.unwrap();
            let spans = index.spans(camera, all).await.unwrap();
            let bounds: Vec<_> = spans.iter().map(|span| (span.range.start, span.range.end, span.bytes)).collect();
            assert_eq!(bounds, [(at(60), at(120), files[1].bytes), (at(120), at(180), files[2].bytes)]);
            index.forget_camera(camera).await.unwrap();
            assert_eq!(index.cameras().await.unwrap(), []);
        })
        .await;
    }

    #[tokio::test]
    async fn an_open_gap_ends_with_footage_or_with_another_cause() {
        db::testing::each(crate::migrations, |db| async move {
            let (world, clock) = World::test(3);
            let index = Index::new(db, world.clone());
            let camera = CameraId::generate(&world);
            let (now, all) = (world.clock.now(), Range { start: Time::MIN, end: Time::MAX });
            index.open_gap(camera, now, Cause::Offline).await.unwrap();
            index.open_gap(camera, now, Cause::Offline).await.unwrap();
            clock.advance(Duration::from_secs(5));
            index.open_gap(camera, now, Cause::Unauthorized).await.unwrap();
            clock.advance(Duration::from_secs(5));
            index.close_gap(camera, world.clock.now()).await.unwrap();
            let gaps = index.gaps(camera, all).await.unwrap();
            let second = now + Duration::from_secs(5);
            assert_eq!(
                gaps,
                [
                    Gap { start: now, end: Some(second), cause: Cause::Offline },
                    Gap { start: second, end: Some(world.clock.now()), cause: Cause::Unauthorized },
                ]
            );
            assert_eq!(index.open_gap_of(camera).await.unwrap(), None);
        })
        .await;
    }
}
