//! Bringing a database to the schema of this program: all pending migrations in one transaction, a restore point
//! before them, and a refusal when the database is newer than the program.

use crate::{Db, error};
use base::{Error, Result};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use sea_orm_migration::{MigrationTrait, SchemaManager};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

policy::personal! {
    table schema_migrations {
        name: not_personal("a migration of the program"),
        position: not_personal("the order in which migrations ran"),
    }
}

/// How many restore points stay.
const RESTORE_POINTS: usize = 3;

impl Db {
    /// Applies the migrations that are missing, in the order of their names.
    ///
    /// With a folder for `restore_points`, a SQLite database that holds anything is first copied there (`VACUUM INTO`),
    /// and the three newest copies stay. On PostgreSQL the restore point is the operator's `pg_dump`. A database with
    /// a migration that this program does not know is refused and not touched.
    pub async fn migrate(
        &self,
        mut migrations: Vec<Box<dyn MigrationTrait>>,
        restore_points: Option<&Path>,
    ) -> Result<()> {
        migrations.sort_by(|a, b| a.name().cmp(b.name()));
        self.install().await?;
        let applied = self.applied(self.conn()).await?;
        refuse_newer(&applied, &migrations)?;
        migrations.retain(|migration| !applied.contains(migration.name()));
        let Some(last) = migrations.last() else { return Ok(()) };
        if let (Some(folder), false) = (restore_points, applied.is_empty()) {
            self.restore_point(folder, last.name()).await?;
        }
        self.apply(&migrations).await
    }

    /// A transaction that no other program migrates beside.
    async fn exclusive(&self) -> Result<DatabaseTransaction> {
        let tx = self.begin().await?;
        if self.backend() == DbBackend::Postgres {
            // The number is "nightjar" in ASCII.
            let lock = "SELECT pg_advisory_xact_lock(7956006993932411250)";
            tx.execute_unprepared(lock).await.map_err(error)?;
        }
        Ok(tx)
    }

    async fn install(&self) -> Result<()> {
        let tx = self.exclusive().await?;
        tx.execute_unprepared(CREATE).await.map_err(error)?;
        tx.commit().await.map_err(error)
    }

    async fn applied(&self, connection: &impl ConnectionTrait) -> Result<BTreeSet<String>> {
        let select = self.statement("SELECT name FROM schema_migrations", []);
        let rows = connection.query_all_raw(select).await.map_err(error)?;
        rows.iter().map(|row| row.try_get_by_index(0).map_err(error)).collect()
    }

    async fn apply(&self, migrations: &[Box<dyn MigrationTrait>]) -> Result<()> {
        let tx = self.exclusive().await?;
        let applied = self.applied(&tx).await?;
        for migration in migrations.iter().filter(|migration| !applied.contains(migration.name())) {
            let failed = |cause| Error::internal(format!("migration {} failed", migration.name())).because(cause);
            let insert = "INSERT INTO schema_migrations (name, position) \
                          SELECT ?, count(*) FROM schema_migrations";
            tx.execute_raw(self.statement(insert, [migration.name().into()])).await.map_err(failed)?;
            migration.up(&SchemaManager::new(&tx)).await.map_err(failed)?;
        }
        tx.commit().await.map_err(error)
    }

    async fn restore_point(&self, folder: &Path, before: &str) -> Result<()> {
        if self.path().is_none() {
            return Ok(());
        }
        let failed = |cause| Error::unavailable("the restore point cannot be written").because(cause);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let path = folder.join(format!("before-{before}.db"));
        remove(&path).map_err(failed)?;
        private_file(&path).map_err(failed)?;
        let target = path.to_string_lossy().into_owned();
        self.conn().execute_raw(self.statement("VACUUM INTO ?", [target.into()])).await.map_err(error)?;
        prune(folder).map_err(failed)
    }
}

fn refuse_newer(applied: &BTreeSet<String>, known: &[Box<dyn MigrationTrait>]) -> Result<()> {
    match applied.iter().find(|name| known.iter().all(|migration| migration.name() != *name)) {
        None => Ok(()),
        Some(name) => Err(Error::invalid(format!(
            "the database was written by a newer nightjar (it has migration {name}): start that version, or go back \
             to a restore point from before it"
        ))),
    }
}

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations \
                      (name VARCHAR(255) NOT NULL PRIMARY KEY, position BIGINT NOT NULL)";

/// `VACUUM INTO` writes into an empty file, and so keeps its mode.
fn private_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes all but the newest restore points. Migration names sort by date, so these sort by age.
fn prune(folder: &Path) -> std::io::Result<()> {
    let mut points: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "db"))
        .collect();
    points.sort();
    let surplus = points.len().saturating_sub(RESTORE_POINTS);
    points[..surplus].iter().try_for_each(|path| remove(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::DbErr;
    use sea_orm_migration::{MigrationName, async_trait::async_trait};

    /// A migration that runs one statement.
    struct Step(&'static str, &'static str);

    impl MigrationName for Step {
        fn name(&self) -> &str {
            self.0
        }
    }

    #[async_trait]
    impl MigrationTrait for Step {
        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            manager.get_connection().execute_unprepared(self.1).await.map(drop)
        }
    }

    fn steps(count: usize) -> Vec<Box<dyn MigrationTrait>> {
        const ALL: [Step; 6] = [
            Step("m20260301_0001_a", "CREATE TABLE a (x BIGINT)"),
            Step("m20260301_0002_b", "CREATE TABLE b (x BIGINT)"),
            Step("m20260302_0001_c", "CREATE TABLE c (x BIGINT)"),
            Step("m20260303_0001_d", "CREATE TABLE d (x BIGINT)"),
            Step("m20260304_0001_e", "CREATE TABLE e (x BIGINT)"),
            Step("m20260305_0001_f", "CREATE TABLE f (x BIGINT)"),
        ];
        ALL.into_iter().take(count).rev().map(|step| Box::new(step) as Box<dyn MigrationTrait>).collect()
    }

    #[tokio::test]
    async fn migrations_run_once_and_a_newer_database_is_refused_untouched() {
        crate::testing::each(
            || steps(3),
            |db| async move {
                db.migrate(steps(3), None).await.unwrap();
                let refused = db.migrate(steps(2), None).await.unwrap_err();
                assert!(refused.message().contains("newer nightjar (it has migration m20260302_0001_c)"), "{refused}");
                let tables: Vec<_> = crate::schema::columns(&db).await.unwrap().into_keys().collect();
                assert_eq!(tables, ["a", "b", "c", "schema_migrations"]);
            },
        )
        .await;
    }

    #[tokio::test]
    async fn a_failing_migration_leaves_nothing_behind() {
        crate::testing::each(
            || steps(1),
            |db| async move {
                let mut broken = steps(2);
                broken.push(Box::new(Step("m20260399_0001_broken", "CREATE TABLE a (x BIGINT)")));
                assert!(db.migrate(broken, None).await.is_err());
                let tables: Vec<_> = crate::schema::columns(&db).await.unwrap().into_keys().collect();
                assert_eq!(tables, ["a", "schema_migrations"]);
                db.migrate(steps(2), None).await.unwrap();
            },
        )
        .await;
    }

    #[tokio::test]
    async fn each_migration_of_a_filled_database_leaves_a_restore_point_and_three_stay() {
        let dir = tempfile::tempdir().unwrap();
        let points = dir.path().join("restore");
        let db = Db::open(&format!("sqlite://{}/main.db", dir.path().display())).await.unwrap();
        db.migrate(steps(1), Some(&points)).await.unwrap();
        assert!(!points.exists(), "an empty database needs none");
        db.conn().execute_unprepared("INSERT INTO a VALUES (41)").await.unwrap();
        for count in 2..=6 {
            db.migrate(steps(count), Some(&points)).await.unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(&points)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["before-m20260303_0001_d.db", "before-m20260304_0001_e.db", "before-m20260305_0001_f.db"]);
        let oldest = Db::open(&format!("sqlite://{}/{}", points.display(), names[0])).await.unwrap();
        let row = oldest.conn().query_one_raw(oldest.statement("SELECT x FROM a", [])).await.unwrap().unwrap();
        assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 41);
        assert!(!crate::schema::columns(&oldest).await.unwrap().contains_key("d"));
    }
}
