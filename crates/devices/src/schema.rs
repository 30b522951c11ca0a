//! The tables of cameras, their changes and the view log, for both dialects.

use sea_orm_migration::{prelude::*, schema::*};

/// The migrations of this context.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(First)]
}

struct First;

impl MigrationName for First {
    fn name(&self) -> &str {
        "m20261124_0200_devices"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [cameras(), camera_changes(), views()] {
            manager.create_table(table).await?;
        }
        for (name, table, columns) in [
            ("cameras_household", "cameras", &["household", "position"][..]),
            ("camera_changes_household", "camera_changes", &["household", "id"]),
            ("views_household", "views", &["household", "id"]),
            ("views_last", "views", &["last"]),
        ] {
            let mut index = Index::create().name(name).table(table).to_owned();
            for column in columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn cameras() -> TableCreateStatement {
    Table::create()
        .table("cameras")
        .col(uuid("id").primary_key())
        .col(uuid("household"))
        .col(blob("name"))
        .col(blob("url"))
        .col(blob_null("sub_url"))
        .col(blob_null("username"))
        .col(blob_null("password"))
        .col(string_len("transport", 8))
        .col(boolean("audio"))
        .col(string_len("mode", 16))
        .col(blob_null("purpose"))
        .col(string_len("area", 16))
        .col(integer("retention_days"))
        .col(big_integer("max_bytes"))
        .col(integer("position"))
        .col(big_integer("created"))
        .col(big_integer("changed"))
        .to_owned()
}

fn camera_changes() -> TableCreateStatement {
    Table::create()
        .table("camera_changes")
        .col(uuid("id").primary_key())
        .col(uuid("household"))
        .col(uuid("camera"))
        .col(uuid_null("account"))
        .col(string_len("label", 64))
        .col(text("what"))
        .col(big_integer("at"))
        .to_owned()
}

fn views() -> TableCreateStatement {
    Table::create()
        .table("views")
        .col(uuid("id").primary_key())
        .col(uuid("household"))
        .col(uuid_null("camera"))
        .col(uuid_null("account"))
        .col(string_len("label", 64))
        .col(string_len("deed", 16))
        .col(boolean("allowed"))
        .col(big_integer_null("media_start"))
        .col(big_integer_null("media_end"))
        .col(big_integer("started"))
        .col(big_integer("last"))
        .to_owned()
}
