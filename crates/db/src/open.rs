//! Opening a database, and what every connection is set to.

use crate::error;
use base::{Error, Result};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, RuntimeErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
    sqlx::{
        self,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How long a SQLite writer waits for another.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller waits for a connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    connection: DatabaseConnection,
    path: Option<PathBuf>,
}

/// What differs between the main database and the keystore.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Care {
    /// A power cut may lose the last transactions (never consistency): what they tell of can be found again.
    Normal,
    /// Each commit is durable: it holds keys.
    Keys,
}

impl Db {
    /// Opens `sqlite:///path/file.db` (made if missing, readable by its owner alone) or `postgres://…`.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, Care::Normal).await
    }

    /// Opens a database that holds keys: every commit is durable before it returns.
    pub async fn open_keystore(url: &str) -> Result<Self> {
        Self::open_with(url, Care::Keys).await
    }

    /// A private SQLite database in memory that goes with its last clone.
    pub async fn memory() -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("/nightjar-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let options = SqliteConnectOptions::new().filename(name).vfs("memdb").create_if_missing(true);
        Self::connect("sqlite::memory:", None, move |_| {
            tuned(options.clone(), Care::Normal).journal_mode(SqliteJournalMode::Memory)
        })
        .await
    }

    async fn open_with(url: &str, care: Care) -> Result<Self> {
        match url.strip_prefix("sqlite://") {
            Some(path) if !path.is_empty() => Self::open_file(Path::new(path), care).await,
            _ if is_postgres(url) => Self::connect(url, None, |options| options).await,
            _ => Err(Error::invalid("a database is sqlite:///path/file.db or postgres://…").field("database")),
        }
    }

    async fn open_file(path: &Path, care: Care) -> Result<Self> {
        make_private(path).map_err(|cause| {
            Error::unavailable(format!("cannot open the database file {}", path.display())).because(cause)
        })?;
        let options = SqliteConnectOptions::new().filename(path);
        // A file's change to a write-ahead log fails at once if another connection looks at it, so it is made before
        // there is a pool of them.
        let refused = |cause| error(DbErr::Conn(RuntimeErr::SqlxError(std::sync::Arc::new(cause))));
        let first = sqlx::ConnectOptions::connect(&tuned(options.clone(), care)).await.map_err(refused)?;
        sqlx::Connection::close(first).await.map_err(refused)?;
        Self::connect("sqlite://", Some(path.into()), move |_| tuned(options.clone(), care)).await
    }

    async fn connect(
        url: &str,
        path: Option<PathBuf>,
        sqlite: impl Fn(SqliteConnectOptions) -> SqliteConnectOptions + Send + Sync + 'static,
    ) -> Result<Self> {
        let mut options = ConnectOptions::new(url);
        options
            .min_connections(1)
            .max_connections(if is_postgres(url) { 16 } else { 8 })
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(is_postgres(url))
            .idle_timeout(None::<Duration>)
            .max_lifetime(None::<Duration>)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(sqlite);
        let connection = Database::connect(options).await.map_err(error)?;
        Ok(Self { connection, path })
    }

    /// The pool, for queries and for statements that stand alone.
    pub fn conn(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Which dialect it speaks.
    pub fn backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    /// The SQLite file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Begins a transaction that will write. On SQLite it takes the write lock at once, so that a transaction which
    /// reads first is never refused in the middle.
    pub async fn begin(&self) -> Result<DatabaseTransaction> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.connection.begin_with_options(options).await.map_err(error)
    }

    /// A statement written once with `?` for its values, in the dialect of this database.
    pub fn statement(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
        match self.backend() {
            DbBackend::Postgres => Statement::from_sql_and_values(DbBackend::Postgres, numbered(sql), values),
            backend => Statement::from_sql_and_values(backend, sql, values),
        }
    }

    /// Makes what was deleted unreadable in the files: on SQLite the write-ahead log is emptied (the pages themselves
    /// are overwritten at once). On PostgreSQL old row versions go with a vacuum.
    /// Unavailable if readers kept the log in use all the while; then it is worth another try.
    pub async fn scrub(&self) -> Result<()> {
        if self.backend() == DbBackend::Postgres {
            return self.connection.execute_unprepared("VACUUM").await.map(drop).map_err(error);
        }
        // A connection that last saw an empty file opens the log within the checkpoint, and would wait for itself.
        let sql = "SELECT count(*) FROM sqlite_master; PRAGMA wal_checkpoint(TRUNCATE)";
        let rows = self.connection.query_all_raw(self.statement(sql, [])).await.map_err(error)?;
        match rows.last().map(|row| row.try_get_by_index::<i32>(0)).transpose().map_err(error)? {
            Some(0) => Ok(()),
            _ => Err(Error::unavailable("the database log is in use and still holds what was deleted")),
        }
    }

    /// Closes all connections once their statements are done. SQLite then folds its log into the file.
    pub async fn close(self) -> Result<()> {
        self.connection.close().await.map_err(error)
    }
}

/// Only what a new connection can set while another writes: `auto_vacuum` would wait for the write lock.
fn tuned(options: SqliteConnectOptions, care: Care) -> SqliteConnectOptions {
    let synchronous = match care {
        Care::Normal => SqliteSynchronous::Normal,
        Care::Keys => SqliteSynchronous::Full,
    };
    sqlx::ConnectOptions::disable_statement_logging(options)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        // What is deleted is overwritten: an erased person is in no page that is free.
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-16384")
}

/// Makes the file if it is missing, readable by its owner alone. SQLite gives its log files the same mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map(drop)
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// Turns each `?` outside quotes into `$1`, `$2`, …
fn numbered(sql: &str) -> String {
    let (mut out, mut next, mut quote) = (String::with_capacity(sql.len() + 16), 0, None);
    for c in sql.chars() {
        match (quote, c) {
            (None, '?') => {
                next += 1;
                out.push_str(&format!("${next}"));
                continue;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        out.push(c);
    }
    out
}

/// Whether the statement failed for want of a lock, of room, or of a working disk.
pub(crate) fn is_busy_or_full(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return false;
    };
    match &**cause {
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| {
            // SQLite: the low byte is the primary code: BUSY 5, LOCKED 6, IOERR 10, FULL 13. PostgreSQL: class 53
            // (insufficient resources) and 57P (shutting down).
            code.starts_with("53")
                || code.starts_with("57P")
                || (code.len() < 5 && code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13)))
        }),
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_its_owner_can_read_a_database_file_and_its_logs() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("main.db");
        let db = Db::open(&format!("sqlite://{}", path.display())).await.unwrap();
        db.conn().execute_unprepared("CREATE TABLE t (a INTEGER)").await.unwrap();
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(Result::unwrap).collect();
        assert!(files.len() >= 2, "the write-ahead log is there");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        }
    }

    #[tokio::test]
    async fn a_new_file_opens_every_time() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..25 {
            let url = format!("sqlite://{}/{number}.db", dir.path().display());
            let db = Db::open_keystore(&url).await.unwrap();
            let readers: Vec<_> = (0..4)
                .map(|_| {
                    tokio::spawn({
                        let db = db.clone();
                        async move { db.conn().execute_unprepared("SELECT 1").await.map(drop) }
                    })
                })
                .collect();
            for reader in readers {
                reader.await.unwrap().unwrap();
            }
            db.close().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_reader_does_not_wait_for_a_writer_and_writers_queue() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}/main.db", dir.path().display())).await.unwrap();
        db.conn().execute_unprepared("CREATE TABLE t (a INTEGER)").await.unwrap();
        let writer = db.begin().await.unwrap();
        writer.execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap();
        let readers: Vec<_> = (0..4).map(|_| tokio::spawn(reader(db.clone()))).collect();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 0, "uncommitted rows are not seen, and new connections open");
        }
        let second = tokio::spawn({
            let db = db.clone();
            async move {
                let tx = db.begin().await.unwrap();
                tx.execute_unprepared("INSERT INTO t VALUES (2)").await.unwrap();
                tx.commit().await.unwrap();
            }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        writer.commit().await.unwrap();
        second.await.unwrap();
        assert_eq!(count(&db).await, 2);
    }

    async fn reader(db: Db) -> i64 {
        count(&db).await
    }

    async fn count(db: &Db) -> i64 {
        let statement = db.statement("SELECT count(*) FROM t WHERE a > ?", [0.into()]);
        db.conn().query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    #[tokio::test]
    async fn a_keystore_syncs_each_commit_and_overwrites_what_it_deletes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.db");
        let db = Db::open_keystore(&format!("sqlite://{}", path.display())).await.unwrap();
        for (pragma, value) in [("synchronous", 2), ("secure_delete", 1), ("foreign_keys", 1)] {
            let row = db.conn().query_one_raw(db.statement(&format!("PRAGMA {pragma}"), [])).await.unwrap().unwrap();
            assert_eq!(row.try_get_by_index::<i32>(0).unwrap(), value, "{pragma}");
        }
        db.conn().execute_unprepared("CREATE TABLE t (a TEXT)").await.unwrap();
        db.conn().execute_unprepared("INSERT INTO t VALUES ('canary-7f3a')").await.unwrap();
        db.scrub().await.unwrap();
        assert!(holds(dir.path(), b"canary-7f3a"), "the row is in the file while it lives");
        db.conn().execute_unprepared("DELETE FROM t").await.unwrap();
        db.scrub().await.unwrap();
        assert!(!holds(dir.path(), b"canary-7f3a"));
    }

    #[tokio::test]
    async fn emptying_the_log_never_waits_for_its_own_connection() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_keystore(&format!("sqlite://{}/keys.db", dir.path().display())).await.unwrap();
        let pool = db.conn().get_sqlite_connection_pool();
        // Connections that looked at the empty file, while another wrote its first page.
        let mut fresh = [pool.acquire().await.unwrap(), pool.acquire().await.unwrap(), pool.acquire().await.unwrap()];
        for connection in &mut fresh {
            sqlx::query("PRAGMA secure_delete").fetch_one(&mut **connection).await.unwrap();
        }
        db.conn().execute_unprepared("CREATE TABLE t (a TEXT)").await.unwrap();
        let _writer = pool.acquire().await.unwrap();
        drop(fresh);
        for _ in 0..3 {
            tokio::time::timeout(BUSY_TIMEOUT / 2, db.scrub()).await.expect("no wait").unwrap();
            db.conn().execute_unprepared("INSERT INTO t VALUES ('x')").await.unwrap();
        }
    }

    fn holds(dir: &Path, needle: &[u8]) -> bool {
        std::fs::read_dir(dir).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle)
        })
    }

    #[tokio::test]
    async fn a_memory_database_is_shared_by_its_clones_and_by_nobody_else() {
        let (first, second) = (Db::memory().await.unwrap(), Db::memory().await.unwrap());
        let tx = first.begin().await.unwrap();
        tx.execute_unprepared("CREATE TABLE t (a INTEGER)").await.unwrap();
        tx.execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count(&first.clone()).await, 1);
        assert!(second.conn().execute_unprepared("SELECT * FROM t").await.is_err());
    }

    #[tokio::test]
    async fn errors_tell_a_duplicate_from_a_defect_and_repeat_no_value() {
        let db = Db::memory().await.unwrap();
        db.conn().execute_unprepared("CREATE TABLE t (a TEXT UNIQUE)").await.unwrap();
        db.conn().execute_unprepared("INSERT INTO t VALUES ('ada')").await.unwrap();
        let duplicate = error(db.conn().execute_unprepared("INSERT INTO t VALUES ('ada')").await.unwrap_err());
        assert_eq!(duplicate.kind(), base::Kind::Conflict);
        assert!(!format!("{duplicate:?}").contains("ada"));
        let defect = error(db.conn().execute_unprepared("SELEKT").await.unwrap_err());
        assert_eq!(defect.kind(), base::Kind::Internal);
        assert_eq!(Db::open("mysql://x").await.err().unwrap().kind(), base::Kind::Invalid);
    }

    #[test]
    fn question_marks_become_numbers_outside_quotes() {
        assert_eq!(numbered("a = ? AND b = '?' AND \"c?\" = ?"), "a = $1 AND b = '?' AND \"c?\" = $2");
    }
}
