//! The tables of accounts, for both dialects.

use sea_orm_migration::{prelude::*, schema::*};

/// The migrations of this context.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(First)]
}

struct First;

impl MigrationName for First {
    fn name(&self) -> &str {
        "m20261124_0100_accounts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [households(), accounts(), credentials(), sessions(), api_tokens(), setup_tokens()] {
            manager.create_table(table).await?;
        }
        for (table, column) in [("accounts", "household"), ("sessions", "account"), ("api_tokens", "account")] {
            let name = format!("{table}_{column}");
            manager.create_index(Index::create().name(name).table(table).col(column).to_owned()).await?;
        }
        Ok(())
    }
}

fn households() -> TableCreateStatement {
    Table::create()
        .table("households")
        .col(uuid("id").primary_key())
        .col(string_len("zone", 64))
        .col(big_integer("created"))
        .to_owned()
}

fn accounts() -> TableCreateStatement {
    Table::create()
        .table("accounts")
        .col(uuid("id").primary_key())
        .col(uuid("household"))
        .col(string_len("role", 16))
        .col(binary_len("login_index", 32).unique_key())
        .col(blob("login"))
        .col(blob_null("display_name"))
        .col(big_integer("created"))
        .foreign_key(&mut belongs_to("accounts", "household", "households"))
        .to_owned()
}

fn credentials() -> TableCreateStatement {
    Table::create()
        .table("credentials")
        .col(uuid("account").primary_key())
        .col(blob("password"))
        .col(big_integer("changed"))
        .foreign_key(&mut belongs_to("credentials", "account", "accounts"))
        .to_owned()
}

fn sessions() -> TableCreateStatement {
    Table::create()
        .table("sessions")
        .col(uuid("id").primary_key())
        .col(uuid("account"))
        .col(binary_len("hash", 32).unique_key())
        .col(string_len("label", 64))
        .col(big_integer("created"))
        .col(big_integer("last_used"))
        .foreign_key(&mut belongs_to("sessions", "account", "accounts"))
        .to_owned()
}

fn api_tokens() -> TableCreateStatement {
    Table::create()
        .table("api_tokens")
        .col(uuid("id").primary_key())
        .col(uuid("household"))
        .col(uuid_null("account"))
        .col(binary_len("hash", 32).unique_key())
        .col(string_len("scopes", 128))
        .col(blob_null("name"))
        .col(big_integer("created"))
        .col(big_integer("expires"))
        .col(big_integer_null("last_used"))
        .foreign_key(&mut belongs_to("api_tokens", "household", "households"))
        .foreign_key(&mut belongs_to("api_tokens", "account", "accounts"))
        .to_owned()
}

fn setup_tokens() -> TableCreateStatement {
    Table::create()
        .table("setup_tokens")
        .col(binary_len("hash", 32).primary_key())
        .col(uuid("household"))
        .col(uuid_null("account"))
        .col(big_integer("created"))
        .col(big_integer("expires"))
        .foreign_key(&mut belongs_to("setup_tokens", "household", "households"))
        .foreign_key(&mut belongs_to("setup_tokens", "account", "accounts"))
        .to_owned()
}

/// What belongs to a person or a household goes with it.
fn belongs_to(table: &'static str, column: &'static str, parent: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_{column}_fk"))
        .from(table, column)
        .to(parent, "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
