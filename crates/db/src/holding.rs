//! The rows that belong to a person, found by the data map: counted, given out, erased and looked for again, the same
//! way for every table of every context.

use crate::{ColumnKey, Db, error};
use base::{Error, Result, Time};
use futures_util::TryStreamExt;
use policy::{Entry, Export, Held, Label, Personal, Protection, Remaining, Sink, Subject, Table};
use sea_orm::{
    ConnectionTrait, DbErr, QueryResult, Statement, StreamTrait, Value,
    prelude::Uuid,
    sqlx::{Column, Row, TypeInfo},
};
use std::{collections::HashMap, future::Future};

/// A table with rows of people.
pub struct Rows {
    pub map: Table,
    /// Which rows are about a person.
    pub about: &'static [Belongs],
    /// Which of them go when the person is erased.
    pub erased: &'static [Belongs],
    /// Columns that hold an instant in microseconds; the first tells the age of a row.
    pub times: &'static [&'static str],
    /// The column with the id of the owner under whose key personal columns are sealed.
    pub sealed_by: Option<&'static str>,
}

/// How a row belongs to somebody: a condition in SQL with one `?` for the id.
#[derive(Clone, Copy, Debug)]
pub enum Belongs {
    Account(&'static str),
    Household(&'static str),
}

impl Rows {
    fn statement(&self, db: &Db, head: &str, belongs: &[Belongs], subject: &Subject) -> Option<Statement> {
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        for one in belongs {
            let (sql, ids) = match one {
                Belongs::Account(sql) => (sql, std::slice::from_ref(&subject.account)),
                Belongs::Household(sql) => (sql, &subject.households[..]),
            };
            for id in ids {
                conditions.push(format!("({sql})"));
                values.push(Value::from(Uuid::from_bytes(*id)));
            }
        }
        let sql = format!("{head} FROM {} WHERE {}", self.map.name, conditions.join(" OR "));
        (!conditions.is_empty()).then(|| db.statement(&sql, values))
    }

    async fn count(&self, db: &Db, belongs: &[Belongs], subject: &Subject) -> Result<(u64, Option<Time>)> {
        let oldest = self.times.first().map_or("CAST(NULL AS BIGINT)".into(), |time| format!("min({time})"));
        let head = format!("SELECT count(*) AS rows_found, {oldest} AS oldest");
        let Some(statement) = self.statement(db, &head, belongs, subject) else { return Ok((0, None)) };
        let row = db.conn().query_one_raw(statement).await.map_err(error)?;
        let Some(row) = row else { return Ok((0, None)) };
        let count: i64 = row.try_get("", "rows_found").map_err(error)?;
        let oldest: Option<i64> = row.try_get("", "oldest").map_err(error)?;
        Ok((count.max(0) as u64, oldest.map(Time::from_micros)))
    }

    fn personal(&self) -> impl Iterator<Item = (&'static Entry, &'static Personal)> {
        self.map.columns.iter().filter_map(|entry| match &entry.label {
            Label::Personal(personal) => Some((entry, personal)),
            Label::NotPersonal(_) => None,
        })
    }

    /// What people can read of a row: all but what the data map leaves out.
    fn readable(
        &self,
        row: &QueryResult,
        key: Option<&ColumnKey>,
    ) -> Result<serde_json::Map<String, serde_json::Value>> {
        let mut readable = serde_json::Map::new();
        for entry in self.map.columns {
            let value = match &entry.label {
                Label::Personal(Personal { export: Export::Omit(_), .. }) => continue,
                Label::Personal(Personal { protection: Protection::AccountKey, .. }) => self.opened(row, entry, key)?,
                _ => self.plain(row, entry).map_err(error)?,
            };
            readable.insert(entry.name.into(), value);
        }
        Ok(readable)
    }

    fn plain(&self, row: &QueryResult, entry: &Entry) -> Result<serde_json::Value, DbErr> {
        let value = column(row, entry.name)?;
        Ok(match value.as_i64().filter(|_| self.times.contains(&entry.name)) {
            Some(micros) => Time::from_micros(micros).to_string().into(),
            None => value,
        })
    }

    /// Sealed for the place `table.column/id`, as every context does.
    fn opened(&self, row: &QueryResult, entry: &Entry, key: Option<&ColumnKey>) -> Result<serde_json::Value> {
        let sealed: Option<Vec<u8>> = row.try_get("", entry.name).map_err(error)?;
        let (Some(sealed), Some(key)) = (sealed, key) else { return Ok(serde_json::Value::Null) };
        let id = self.id(row)?;
        Ok(key.open_text(&format!("{}.{}/{id}", self.map.name, entry.name), &sealed)?.into())
    }

    /// The id of a row is its first column; of a hash it is the first half.
    fn id(&self, row: &QueryResult) -> Result<Uuid> {
        let name = self.map.columns[0].name;
        if let Ok(id) = row.try_get("", name) {
            return Ok(id);
        }
        let hash: Vec<u8> = row.try_get("", name).map_err(error)?;
        let id = hash.first_chunk::<16>().ok_or_else(|| Error::internal("a row has no id"))?;
        Ok(Uuid::from_bytes(*id))
    }
}

/// A column of any type, as JSON.
fn column(row: &QueryResult, name: &str) -> Result<serde_json::Value, DbErr> {
    use serde_json::Value as Json;
    let number = |number: Option<i64>| number.map_or(Json::Null, Json::from);
    if is_boolean(row, name) {
        return Ok(row.try_get::<Option<bool>>("", name)?.map_or(Json::Null, Json::from));
    }
    if let Ok(found) = row.try_get::<Option<i64>>("", name) {
        return Ok(number(found));
    }
    if let Ok(found) = row.try_get::<Option<i32>>("", name) {
        return Ok(number(found.map(i64::from)));
    }
    if let Ok(found) = row.try_get::<Option<i16>>("", name) {
        return Ok(number(found.map(i64::from)));
    }
    if let Ok(found) = row.try_get::<Option<String>>("", name) {
        return Ok(found.map_or(Json::Null, Json::from));
    }
    if let Ok(found) = row.try_get::<Option<Uuid>>("", name) {
        return Ok(found.map_or(Json::Null, |id| id.to_string().into()));
    }
    let bytes: Option<Vec<u8>> = row.try_get("", name)?;
    Ok(bytes.map_or(Json::Null, |bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()))
}

/// SQLite stores a truth as a number, and only the declaration of the column tells.
fn is_boolean(row: &QueryResult, name: &str) -> bool {
    let declared = match (row.try_as_sqlite_row(), row.try_as_pg_row()) {
        (Some(row), _) => row.try_column(name).map(|column| column.type_info().name() == "BOOLEAN"),
        (_, Some(row)) => row.try_column(name).map(|column| column.type_info().name() == "BOOL"),
        _ => return false,
    };
    declared.unwrap_or(false)
}

/// What these tables hold of the person, by category.
pub async fn describe(db: &Db, tables: &[Rows], subject: &Subject) -> Result<Vec<Held>> {
    let mut held = Vec::<Held>::new();
    for rows in tables {
        let (count, oldest) = rows.count(db, rows.about, subject).await?;
        if count == 0 {
            continue;
        }
        for (_, personal) in rows.personal() {
            let (place, category, retention) = (rows.map.name, personal.category, personal.retention);
            if !held.iter().any(|known| (known.place, known.category, known.retention) == (place, category, retention))
            {
                held.push(Held { place, category, count, bytes: 0, oldest, retention });
            }
        }
    }
    Ok(held)
}

/// Gives out the rows of the person; `key` finds the column key of an owner.
pub async fn collect<F, T>(db: &Db, tables: &[Rows], subject: &Subject, sink: &mut dyn Sink, key: F) -> Result<()>
where
    F: Fn([u8; 16]) -> T + Send + Sync,
    T: Future<Output = Result<ColumnKey>> + Send,
{
    let mut keys = HashMap::<Uuid, ColumnKey>::new();
    for rows in tables {
        let Some(statement) = rows.statement(db, "SELECT *", rows.about, subject) else { continue };
        let mut found = db.conn().stream_raw(statement).await.map_err(error)?;
        while let Some(row) = found.try_next().await.map_err(error)? {
            let owner = rows.sealed_by.map(|column| row.try_get::<Uuid>("", column).map_err(error)).transpose()?;
            if let Some(owner) = owner
                && !keys.contains_key(&owner)
            {
                keys.insert(owner, key(owner.into_bytes()).await?);
            }
            let readable = rows.readable(&row, owner.as_ref().and_then(|owner| keys.get(owner)))?;
            sink.row(rows.map.name, readable).await?;
        }
    }
    Ok(())
}

/// Deletes the rows that go with the person, in the order of the tables.
pub async fn erase(db: &Db, tables: &[Rows], subject: &Subject) -> Result<()> {
    for rows in tables {
        if let Some(statement) = rows.statement(db, "DELETE", rows.erased, subject) {
            db.conn().execute_raw(statement).await.map_err(error)?;
        }
    }
    Ok(())
}

/// The rows that an erasure takes.
pub async fn remaining(db: &Db, tables: &[Rows], subject: &Subject) -> Result<Remaining> {
    let mut remaining = Remaining::new();
    for rows in tables {
        let (count, _) = rows.count(db, rows.erased, subject).await?;
        if count > 0 {
            remaining.push((rows.map.name, count));
        }
    }
    Ok(remaining)
}

/// For a holder without sealed columns.
pub async fn no_key(_: [u8; 16]) -> Result<ColumnKey> {
    Err(Error::internal("this table has no sealed column"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::World;
    use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, schema};

    policy::personal! {
        table lamps {
            id: not_personal("opaque id"),
            owner: {
                category: AccountId, subject: AccountHolder, purposes: [Watch: Contract], retention: Camera,
                protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
            },
            home: not_personal("opaque id"),
            name: {
                category: CameraName, subject: AccountHolder, purposes: [Watch: Contract], retention: Camera,
                protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
            },
            secret: {
                category: Credential, subject: AccountHolder, purposes: [Watch: Contract], retention: Camera,
                protection: AccountKey, export: Omit("a secret"), erase: Delete, clauses: [C6_2],
            },
            lit: not_personal("whether it is on"),
            watts: not_personal("a count"),
            bought: not_personal("an instant"),
            note: not_personal("a word"),
        }
    }

    const LAMPS: &[Rows] = &[Rows {
        map: MAP,
        about: &[Belongs::Account("owner = ?"), Belongs::Household("home = ?")],
        erased: &[Belongs::Household("home = ?")],
        times: &["bought"],
        sealed_by: Some("owner"),
    }];

    struct Lamps;

    impl MigrationName for Lamps {
        fn name(&self) -> &str {
            "m20260301_0001_lamps"
        }
    }

    #[async_trait]
    impl MigrationTrait for Lamps {
        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            let table = sea_orm_migration::prelude::Table::create()
                .table("lamps")
                .col(schema::uuid("id").primary_key())
                .col(schema::uuid("owner"))
                .col(schema::uuid("home"))
                .col(schema::blob("name"))
                .col(schema::blob_null("secret"))
                .col(schema::boolean("lit"))
                .col(schema::integer("watts"))
                .col(schema::big_integer("bought"))
                .col(schema::string_null("note"))
                .to_owned();
            manager.create_table(table).await
        }
    }

    #[derive(Default)]
    struct Kept(Vec<(String, serde_json::Value)>);

    #[async_trait]
    impl Sink for Kept {
        async fn row(&mut self, table: &str, row: serde_json::Map<String, serde_json::Value>) -> Result<(), Error> {
            self.0.push((table.into(), row.into()));
            Ok(())
        }
        fn wants_files(&self) -> bool {
            false
        }
        async fn file(&mut self, _: &str) -> Result<(), Error> {
            Ok(())
        }
        async fn bytes(&mut self, _: &[u8]) -> Result<(), Error> {
            Ok(())
        }
    }

    fn key(owner: [u8; 16]) -> ColumnKey {
        let mut key = [7; 32];
        key[..16].copy_from_slice(&owner);
        ColumnKey::new(key)
    }

    async fn lamp(db: &Db, world: &World, id: u8, owner: u8, home: u8) {
        let (id, owner, home) = (Uuid::from_bytes([id; 16]), [owner; 16], Uuid::from_bytes([home; 16]));
        let name = key(owner).seal_text(&format!("lamps.name/{id}"), "Kitchen", world);
        let sql =
            "INSERT INTO lamps (id, owner, home, name, secret, lit, watts, bought) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let values: [Value; 8] = [
            id.into(),
            Uuid::from_bytes(owner).into(),
            home.into(),
            name.into(),
            Some(vec![1u8]).into(),
            true.into(),
            40.into(),
            1_772_366_400_000_000_i64.into(),
        ];
        db.conn().execute_raw(db.statement(sql, values)).await.unwrap();
    }

    #[tokio::test]
    async fn rows_of_a_person_are_told_given_out_and_erased_by_the_map_and_others_stay() {
        crate::testing::each(
            || vec![Box::new(Lamps)],
            |db| async move {
                let (world, _) = World::test(1);
                for (id, owner, home) in [(1, 1, 7), (2, 1, 8), (3, 2, 8), (4, 2, 7)] {
                    lamp(&db, &world, id, owner, home).await;
                }
                let subject = Subject { account: [1; 16], households: vec![[7; 16]] };
                let held = describe(&db, LAMPS, &subject).await.unwrap();
                assert_eq!((held.len(), held[0].count), (3, 3), "by category, each row once");
                assert_eq!(held[0].oldest, Some(Time::from_micros(1_772_366_400_000_000)));
                let mut kept = Kept::default();
                collect(&db, LAMPS, &subject, &mut kept, |owner| async move { Ok(key(owner)) }).await.unwrap();
                kept.0.sort_by_key(|(_, row)| row["id"].to_string());
                let expected = serde_json::json!({
                    "id": Uuid::from_bytes([1; 16]), "owner": Uuid::from_bytes([1; 16]),
                    "home": Uuid::from_bytes([7; 16]), "name": "Kitchen", "lit": true, "watts": 40,
                    "bought": "2026-03-01T12:00:00Z", "note": null,
                });
                assert_eq!((kept.0.len(), &kept.0[0].1), (3, &expected), "without the secret");
                assert_eq!(remaining(&db, LAMPS, &subject).await.unwrap(), [("lamps", 2)]);
                for _ in 0..2 {
                    erase(&db, LAMPS, &subject).await.unwrap();
                }
                assert_eq!(remaining(&db, LAMPS, &subject).await.unwrap(), []);
                let (left, _) = LAMPS[0].count(&db, &[Belongs::Account("owner = ?")], &subject).await.unwrap();
                assert_eq!(left, 1, "what the map keeps stays");
            },
        )
        .await;
    }
}
