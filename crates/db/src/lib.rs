//! The database: pool, two dialects, migrations, transactions, sealed columns; and two queues in it, facts and jobs.
//!
//! SQLite by default, PostgreSQL when one machine is not enough. No entity of a context is known here: a context brings
//! its migrations and its queries.

mod column;
pub mod holding;
pub mod jobs;
mod migrate;
mod open;
pub mod outbox;
mod queues;
pub mod schema;
pub mod testing;
pub mod wake;

pub use column::ColumnKey;
pub use migrate::MAP;
pub use open::Db;
pub use queues::migrations;

use base::Error;
use sea_orm::{DbErr, SqlErr};

/// The data map of what every database has.
pub const DATA_MAP: &[policy::Table] = &[MAP];

/// The data map of the tables of [`migrations`]: facts and jobs.
pub const QUEUES: &[policy::Table] = &[outbox::MAP, jobs::MAP];

/// The error a context returns for a failed statement. A broken unique or foreign key is a conflict, a database that
/// cannot be reached, is busy or has no room is unavailable; all else is a defect.
pub fn error(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => return Error::conflict("this already exists"),
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
            return Error::conflict("something that this refers to does not exist, or is still in use");
        }
        _ => {}
    }
    match &error {
        DbErr::RecordNotFound(_) => Error::not_found("no such thing"),
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Error::unavailable("the database cannot be reached"),
        _ if open::is_busy_or_full(&error) => Error::unavailable("the database is busy or its disk is full"),
        _ => Error::internal("a database statement failed"),
    }
    .because(error)
}
