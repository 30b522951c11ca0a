//! The tables of cameras, their changes and the view log, for both dialects.

use sea_orm_migration::{prelude::*, schema::*};

/// The migrations of this context.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(First), Box::new(crate::holder::Closable)]
}

struct First;

impl MigrationName for First {
    fn name(&self) -> &str {
        "m20261124_0202_devices"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let groups = [camera_groups(), camera_group_cameras(), grants(), invitations()];
        for table in [cameras(), camera_changes(), views()].into_iter().chain(groups) {
            manager.create_table(table).await?;
        }
        for (name, table, columns) in [
            ("cameras_household", "cameras", &["household", "position"][..]),
            ("camera_changes_household", "camera_changes", &["household", "id"]),
            ("views_household", "views", &["household", "id"]),
            ("views_last", "views", &["last"]),
            ("views_who", "views", &["household", "account", "camera"]),
            ("views_chain", "views", &["household", "number"]),
            ("camera_groups_household", "camera_groups", &["household"]),
            ("grants_member", "grants", &["household", "account"]),
            ("invitations_household", "invitations", &["household"]),
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
        .col(big_integer_null("number"))
        .col(blob_null("chain"))
        .to_owned()
}

fn camera_groups() -> TableCreateStatement {
    Table::create()
        .table("camera_groups")
        .col(uuid("id").primary_key())
        .col(uuid("household"))
        .col(blob("name"))
        .to_owned()
}

fn camera_group_cameras() -> TableCreateStatement {
    Table::create()
        .table("camera_group_cameras")
        .col(uuid("camera_group"))
        .col(uuid("camera"))
        .primary_key(Index::create().col("camera_group").col("camera"))
        .foreign_key(&mut goes_with("camera_group_cameras", "camera_group", "camera_groups"))
        .foreign_key(&mut goes_with("camera_group_cameras", "camera", "cameras"))
        .to_owned()
}

fn grants() -> TableCreateStatement {
    Table::create()
        .table("grants")
        .col(uuid("id").primary_key())
        .col(uuid("household"))
        .col(uuid("account"))
        .col(uuid_null("camera"))
        .col(uuid_null("camera_group"))
        .col(small_integer("rights"))
        .col(big_integer_null("begins"))
        .col(big_integer_null("ends"))
        .col(text("weekly"))
        .foreign_key(
            ForeignKey::create()
                .name("grants_member_fk")
                .from_tbl("grants")
                .from_col("household")
                .from_col("account")
                .to_tbl("members")
                .to_col("household")
                .to_col("account")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(&mut goes_with("grants", "camera", "cameras"))
        .foreign_key(&mut goes_with("grants", "camera_group", "camera_groups"))
        .to_owned()
}

fn invitations() -> TableCreateStatement {
    Table::create()
        .table("invitations")
        .col(uuid("id").primary_key())
        .col(uuid("household"))
        .col(uuid_null("inviter"))
        .col(binary_len("hash", 32).unique_key())
        .col(text("offer"))
        .col(blob_null("address"))
        .col(big_integer("created"))
        .col(big_integer("expires"))
        .to_owned()
}

/// What is for one thing goes with it.
fn goes_with(table: &'static str, column: &'static str, parent: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fk"))
        .from(table, column)
        .to(parent, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
