//! One test, every database: a fresh SQLite, and a fresh PostgreSQL where a server is given.

use crate::Db;
use sea_orm::ConnectionTrait;
use sea_orm_migration::MigrationTrait;
use std::{
    future::Future,
    sync::atomic::{AtomicU32, Ordering},
};

/// The address of a PostgreSQL server on which tests may make databases: `postgres://user@host/postgres`.
pub const POSTGRES: &str = "NIGHTJAR_TEST_POSTGRES";

/// Runs `test` on a migrated SQLite database and, if [`POSTGRES`] is set, on a migrated PostgreSQL database, which
/// is dropped afterwards.
pub async fn each<F: Future<Output = ()> + Send + 'static>(
    migrations: impl Fn() -> Vec<Box<dyn MigrationTrait>>,
    test: impl Fn(Db) -> F,
) {
    let sqlite = Db::memory().await.expect("SQLite needs nothing");
    sqlite.migrate(migrations(), None).await.expect("the migrations run on SQLite");
    test(sqlite).await;
    let Ok(server) = std::env::var(POSTGRES) else {
        eprintln!("skipped: PostgreSQL ({POSTGRES} not set)");
        return;
    };
    let postgres = Postgres::create(&server).await;
    let db = Db::open(&postgres.url).await.expect("the new database opens");
    db.migrate(migrations(), None).await.expect("the migrations run on PostgreSQL");
    let outcome = tokio::spawn(test(db.clone())).await;
    db.close().await.expect("the connections close");
    postgres.drop().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic.into_panic());
    }
}

/// A database of its own on the test server.
struct Postgres {
    server: Db,
    name: String,
    url: String,
}

impl Postgres {
    async fn create(server: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("nightjar_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let url = renamed(server, &name);
        let server = Db::open(server).await.expect("the PostgreSQL test server answers");
        server.conn().execute_unprepared(&format!("CREATE DATABASE {name}")).await.expect("tests may make databases");
        Self { server, name, url }
    }

    async fn drop(self) {
        let sql = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        self.server.conn().execute_unprepared(&sql).await.expect("the database was made by this test");
        self.server.close().await.expect("the connections close");
    }
}

/// The URL with another database name, its query kept.
fn renamed(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, String::new()), |(a, q)| (a, format!("?{q}")));
    let base = address.rsplit_once('/').map_or(address, |(base, _)| base);
    format!("{base}/{name}{query}")
}
