//! What the live schema looks like, and whether the data map tells the truth about it.

use crate::{Db, error};
use base::Result;
use policy::{Entry, Label, Place, Table};
use sea_orm::{ConnectionTrait, DbBackend};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

/// The columns of each table.
pub type Columns = BTreeMap<String, BTreeSet<String>>;

const SQLITE_COLUMNS: &str = "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c \
                              WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text, column_name::text FROM information_schema.columns \
                                WHERE table_schema = current_schema()";

/// The columns of each table of the live database.
pub async fn columns(db: &Db) -> Result<Columns> {
    let sql = if db.backend() == DbBackend::Sqlite { SQLITE_COLUMNS } else { POSTGRES_COLUMNS };
    let mut columns = Columns::new();
    for row in db.conn().query_all_raw(db.statement(sql, [])).await.map_err(error)? {
        let (table, column): (String, String) =
            (row.try_get_by_index(0).map_err(error)?, row.try_get_by_index(1).map_err(error)?);
        columns.entry(table).or_default().insert(column);
    }
    Ok(columns)
}

/// The differences between the data map and the live schema, both ways, as sentences. Empty: the map is total.
pub fn compare<'a>(map: impl IntoIterator<Item = &'a Table>, columns: &Columns) -> Vec<String> {
    let mut differences = Vec::new();
    let mut mapped = BTreeMap::<&str, BTreeSet<&str>>::new();
    for table in map.into_iter().filter(|table| table.place == Place::Table) {
        let entries = mapped.entry(table.name).or_default();
        for entry in table.columns {
            if !entries.insert(entry.name) {
                differences.push(format!("{}.{} has two entries in the data map", table.name, entry.name));
            }
        }
    }
    let live = |table: &str, column: &str| columns.get(table).is_some_and(|columns| columns.contains(column));
    for (table, entries) in &mapped {
        let unknown = entries.iter().filter(|column| !live(table, column));
        differences.extend(unknown.map(|column| format!("{table}.{column} is in the data map, not in the schema")));
    }
    for (table, columns) in columns {
        let entries = mapped.get(table.as_str());
        let unmapped = columns.iter().filter(|column| entries.is_none_or(|entries| !entries.contains(column.as_str())));
        differences.extend(unmapped.map(|column| format!("{table}.{column} is in the schema, not in the data map")));
    }
    differences
}

/// The SQLite schema as SQL, each column commented from the data map.
pub async fn dump(db: &Db, map: &[Table]) -> Result<String> {
    let sql = "SELECT type, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL \
               AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY tbl_name, type DESC, name";
    let mut out = String::new();
    for row in db.conn().query_all_raw(db.statement(sql, [])).await.map_err(error)? {
        let [kind, table, sql]: [String; 3] = [0, 1, 2].map(|index| row.try_get_by_index(index).unwrap_or_default());
        if kind == "table" {
            out.push('\n');
            let entries = map.iter().filter(|entry| entry.place == Place::Table && entry.name == table);
            create_table(&mut out, &sql, &entries.flat_map(|table| table.columns).collect::<Vec<_>>());
        } else {
            let _ = writeln!(out, "{sql};");
        }
    }
    Ok(out)
}

/// Prints one `CREATE TABLE` with a line a column.
fn create_table(out: &mut String, sql: &str, entries: &[&Entry]) {
    let Some((head, body)) = sql.split_once('(') else {
        let _ = writeln!(out, "{sql};");
        return;
    };
    let (body, tail) = body.rsplit_once(')').unwrap_or((body, ""));
    let _ = writeln!(out, "{}(", head);
    let parts = split_at_commas(body);
    for (index, part) in parts.iter().enumerate() {
        let comma = if index + 1 < parts.len() { "," } else { "" };
        let name = part.split_whitespace().next().unwrap_or_default().trim_matches(['"', '`']);
        let comment = entries.iter().find(|entry| entry.name == name).map(|entry| comment(&entry.label));
        let _ = writeln!(out, "    {part}{comma}{}", comment.unwrap_or_default());
    }
    let _ = writeln!(out, "){tail};");
}

fn comment(label: &Label) -> String {
    match label {
        Label::NotPersonal(reason) => format!(" -- {reason}"),
        Label::Personal(personal) => format!(
            " -- personal: {}; {}; {}",
            personal.category.text(),
            personal.protection.text(),
            personal.retention.text()
        ),
    }
}

/// Splits a column list at the commas outside parentheses and quotes.
fn split_at_commas(body: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0, None);
    for (at, c) in body.char_indices() {
        match (quote, c) {
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ',') if depth == 0 => {
                parts.push(body[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(body[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::DbErr;
    use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait};

    policy::personal! {
        table lamps {
            id: not_personal("opaque id"),
            name: {
                category: CameraName, subject: AccountHolder, purposes: [Watch: Contract], retention: Camera,
                protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
            },
        }
    }

    struct Lamps;

    impl MigrationName for Lamps {
        fn name(&self) -> &str {
            "m20260301_0001_lamps"
        }
    }

    #[async_trait]
    impl MigrationTrait for Lamps {
        async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
            let sql = "CREATE TABLE lamps (id BIGINT PRIMARY KEY, name VARCHAR(64) NOT NULL, CHECK (id IN (1, 2)))";
            manager.get_connection().execute_unprepared(sql).await.map(drop)
        }
    }

    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(Lamps)]
    }

    #[tokio::test]
    async fn the_data_map_and_the_live_schema_are_compared_both_ways_on_each_database() {
        crate::testing::each(migrations, |db| async move {
            let live = columns(&db).await.unwrap();
            assert_eq!(compare([&MAP, &crate::migrate::MAP], &live), [""; 0]);
            assert_eq!(
                compare([&MAP], &live),
                [
                    "schema_migrations.name is in the schema, not in the data map",
                    "schema_migrations.position is in the schema, not in the data map",
                ]
            );
            db.conn().execute_unprepared("ALTER TABLE lamps ADD COLUMN owner BIGINT").await.unwrap();
            db.conn().execute_unprepared("ALTER TABLE lamps RENAME COLUMN name TO label").await.unwrap();
            let live = columns(&db).await.unwrap();
            assert_eq!(
                compare([&MAP, &crate::migrate::MAP], &live),
                [
                    "lamps.name is in the data map, not in the schema",
                    "lamps.label is in the schema, not in the data map",
                    "lamps.owner is in the schema, not in the data map",
                ]
            );
        })
        .await;
    }

    #[tokio::test]
    async fn the_dump_shows_each_column_with_what_the_map_says_of_it() {
        let db = Db::memory().await.unwrap();
        db.migrate(migrations(), None).await.unwrap();
        let dump = dump(&db, &[MAP]).await.unwrap();
        assert!(dump.contains(
            "\nCREATE TABLE lamps (\n    id BIGINT PRIMARY KEY, -- opaque id\n    name VARCHAR(64) NOT NULL, -- personal: \
             user.device.camera.name; encrypted under the account's key; until you remove the camera\n    \
             CHECK (id IN (1, 2))\n);\n"
        ), "{dump}");
    }
}
