//! The tables of accounts, for both dialects.

use sea_orm_migration::{prelude::*, schema::*};

/// The migrations of this context.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(First), Box::new(Factors)]
}

struct First;

impl MigrationName for First {
    fn name(&self) -> &str {
        "m20261124_0100_people"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [households(), accounts(), members(), credentials(), sessions(), api_tokens(), links()] {
            manager.create_table(table).await?;
        }
        for (table, column) in
            [("members", "account"), ("sessions", "account"), ("api_tokens", "account"), ("links", "account")]
        {
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
        .col(blob_null("name"))
        .col(string_len("zone", 64))
        .col(big_integer("created"))
        .to_owned()
}

fn accounts() -> TableCreateStatement {
    Table::create()
        .table("accounts")
        .col(uuid("id").primary_key())
        .col(binary_len("login_index", 32).unique_key())
        .col(blob("login"))
        .col(big_integer_null("verified"))
        .col(boolean("waiting"))
        .col(blob_null("display_name"))
        .col(blob_null("phone"))
        .col(string_len("language", 8))
        .col(string_len_null("zone", 64))
        .col(big_integer_null("adult"))
        .col(big_integer("created"))
        .col(big_integer_null("closed"))
        .to_owned()
}

fn members() -> TableCreateStatement {
    Table::create()
        .table("members")
        .col(uuid("household"))
        .col(uuid("account"))
        .col(string_len("role", 16))
        .col(big_integer("created"))
        .col(big_integer_null("until"))
        .primary_key(Index::create().col("household").col("account"))
        .foreign_key(&mut belongs_to("members", "household", "households"))
        .foreign_key(&mut belongs_to("members", "account", "accounts"))
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
        .col(uuid_null("household"))
        .col(binary_len("hash", 32).unique_key())
        .col(string_len("label", 64))
        .col(blob_null("name"))
        .col(big_integer("created"))
        .col(big_integer("last_used"))
        .col(big_integer("confirmed"))
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

fn links() -> TableCreateStatement {
    Table::create()
        .table("links")
        .col(binary_len("hash", 32).primary_key())
        .col(string_len("purpose", 16))
        .col(uuid_null("household"))
        .col(uuid_null("account"))
        .col(blob_null("address"))
        .col(big_integer("created"))
        .col(big_integer("expires"))
        .foreign_key(&mut belongs_to("links", "household", "households"))
        .foreign_key(&mut belongs_to("links", "account", "accounts"))
        .to_owned()
}

struct Factors;

impl MigrationName for Factors {
    fn name(&self) -> &str {
        "m20261124_0110_factors"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Factors {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Until now every password was long enough to stand alone.
        let strong = Table::alter().table("credentials").add_column(boolean("strong").default(true)).to_owned();
        manager.alter_table(strong).await?;
        for table in [totp(), recovery_codes(), passkeys(), identities(), known_browsers(), sign_ins()] {
            manager.create_table(table).await?;
        }
        for (table, column) in [
            ("recovery_codes", "account"),
            ("passkeys", "account"),
            ("identities", "account"),
            ("known_browsers", "account"),
            ("sign_ins", "account"),
            ("sign_ins", "at"),
        ] {
            let name = format!("{table}_{column}");
            manager.create_index(Index::create().name(name).table(table).col(column).to_owned()).await?;
        }
        Ok(())
    }
}

fn totp() -> TableCreateStatement {
    Table::create()
        .table("totp")
        .col(uuid("account").primary_key())
        .col(blob("secret"))
        .col(boolean("active"))
        .col(big_integer("step"))
        .col(big_integer("created"))
        .foreign_key(&mut belongs_to("totp", "account", "accounts"))
        .to_owned()
}

fn recovery_codes() -> TableCreateStatement {
    Table::create()
        .table("recovery_codes")
        .col(binary_len("hash", 32).primary_key())
        .col(uuid("account"))
        .col(big_integer("created"))
        .foreign_key(&mut belongs_to("recovery_codes", "account", "accounts"))
        .to_owned()
}

fn passkeys() -> TableCreateStatement {
    Table::create()
        .table("passkeys")
        .col(uuid("id").primary_key())
        .col(uuid("account"))
        .col(binary_len("hash", 32).unique_key())
        .col(blob("credential"))
        .col(blob_null("name"))
        .col(big_integer("created"))
        .col(big_integer_null("last_used"))
        .foreign_key(&mut belongs_to("passkeys", "account", "accounts"))
        .to_owned()
}

fn identities() -> TableCreateStatement {
    Table::create()
        .table("identities")
        .col(uuid("id").primary_key())
        .col(uuid("account"))
        .col(string_len("issuer", 64))
        .col(binary_len("subject_index", 32).unique_key())
        .col(big_integer("created"))
        .col(big_integer_null("last_used"))
        .foreign_key(&mut belongs_to("identities", "account", "accounts"))
        .to_owned()
}

fn known_browsers() -> TableCreateStatement {
    Table::create()
        .table("known_browsers")
        .col(binary_len("hash", 32))
        .col(uuid("account"))
        .col(big_integer("last_used"))
        .primary_key(Index::create().col("hash").col("account"))
        .foreign_key(&mut belongs_to("known_browsers", "account", "accounts"))
        .to_owned()
}

fn sign_ins() -> TableCreateStatement {
    Table::create()
        .table("sign_ins")
        .col(uuid("id").primary_key())
        .col(uuid("account"))
        .col(big_integer("at"))
        .col(string_len("label", 64))
        .col(string_len("method", 64))
        .col(string_len("outcome", 32))
        .foreign_key(&mut belongs_to("sign_ins", "account", "accounts"))
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
