//! The tables of mail and inbox, for both dialects.

use sea_orm_migration::{prelude::*, schema::*};

/// The migrations of this context.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(First), Box::new(Bounced)]
}

struct First;

impl MigrationName for First {
    fn name(&self) -> &str {
        "m20261124_0700_connect"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [mails(), inbox(), suppressed(), mail_choices()] {
            manager.create_table(table).await?;
        }
        for (table, columns) in
            [("mails", ["state", "next"]), ("mails", ["account", "id"]), ("inbox", ["account", "id"])]
        {
            let [first, second] = columns;
            let name = format!("{table}_{first}");
            manager.create_index(Index::create().name(name).table(table).col(first).col(second).to_owned()).await?;
        }
        Ok(())
    }
}

struct Bounced;

impl MigrationName for Bounced {
    fn name(&self) -> &str {
        "m20261124_1610_bounced"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Bounced {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter().table("suppressed").to_owned();
        manager.alter_table(table.add_column(boolean("bounced").default(false)).to_owned()).await
    }
}

fn mails() -> TableCreateStatement {
    Table::create()
        .table("mails")
        .col(uuid("id").primary_key())
        .col(uuid_null("account"))
        .col(blob("recipient"))
        .col(blob("letter"))
        .col(string_len("class", 16))
        .col(string_len_null("topic", 16))
        .col(string_len("state", 16))
        .col(integer("attempts"))
        .col(big_integer("next"))
        .col(big_integer("created"))
        .col(big_integer_null("done"))
        .foreign_key(&mut belongs_to("mails"))
        .to_owned()
}

fn inbox() -> TableCreateStatement {
    Table::create()
        .table("inbox")
        .col(uuid("id").primary_key())
        .col(uuid("account"))
        .col(blob("notice"))
        .col(big_integer("created"))
        .col(big_integer_null("read"))
        .foreign_key(&mut belongs_to("inbox"))
        .to_owned()
}

fn suppressed() -> TableCreateStatement {
    Table::create()
        .table("suppressed")
        .col(binary_len("address_index", 32).primary_key())
        .col(big_integer("created"))
        .to_owned()
}

fn mail_choices() -> TableCreateStatement {
    Table::create()
        .table("mail_choices")
        .col(uuid("account"))
        .col(string_len("topic", 16))
        .col(boolean("wanted"))
        .col(big_integer("changed"))
        .primary_key(Index::create().col("account").col("topic"))
        .foreign_key(&mut belongs_to("mail_choices"))
        .to_owned()
}

/// What belongs to a person goes with the account.
fn belongs_to(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .name(format!("{table}_account_fk"))
        .from(table, "account")
        .to("accounts", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}
