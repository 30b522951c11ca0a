//! The tables of this context, for both dialects, and the triggers that keep the ledger of consents append-only.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, binary_len, binary_len_null, blob, blob_null, boolean, integer, small_integer,
        string_len, string_len_null, text, text_null, uuid, uuid_null,
    },
    sea_orm::{ConnectionTrait, DbBackend},
};

/// The migrations of this context.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(First), Box::new(Requests)]
}

struct First;

impl MigrationName for First {
    fn name(&self) -> &str {
        "m20261124_0600_privacy"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in
            [policy_versions(), acceptances(), consents(), erasures(), erasure_steps(), certificates(), exports()]
        {
            manager.create_table(table).await?;
        }
        let mut order = Index::create().name("consents_order").table("consents").unique().to_owned();
        manager.create_index(order.col("account").col("position").to_owned()).await?;
        let connection = manager.get_connection();
        let triggers = match connection.get_database_backend() {
            DbBackend::Postgres => POSTGRES_TRIGGERS,
            _ => SQLITE_TRIGGERS,
        };
        for trigger in triggers {
            connection.execute_unprepared(trigger).await?;
        }
        Ok(())
    }
}

struct Requests;

impl MigrationName for Requests {
    fn name(&self) -> &str {
        "m20261124_1600_requests"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Requests {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(requests()).await?;
        let mut open = Index::create().name("requests_open").table("requests").to_owned();
        manager.create_index(open.col("answered").col("due").to_owned()).await
    }
}

const SQLITE_TRIGGERS: &[&str] = &[
    "CREATE TRIGGER consents_stay BEFORE UPDATE ON consents \
     BEGIN SELECT RAISE(ABORT, 'consents are only ever added'); END",
    "CREATE TRIGGER consents_go_with_their_subject BEFORE DELETE ON consents \
     WHEN NOT EXISTS (SELECT 1 FROM erasures e WHERE e.account = OLD.account AND e.state = 'erasing') \
     BEGIN SELECT RAISE(ABORT, 'consents are only ever added'); END",
];

const POSTGRES_TRIGGERS: &[&str] = &[
    "CREATE FUNCTION consents_stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM erasures e WHERE e.account = OLD.account AND e.state = 'erasing') \
     THEN RETURN OLD; END IF; \
     RAISE EXCEPTION 'consents are only ever added'; END $$",
    "CREATE TRIGGER consents_stay BEFORE UPDATE OR DELETE ON consents FOR EACH ROW EXECUTE FUNCTION consents_stay()",
    "CREATE TRIGGER consents_stay_together BEFORE TRUNCATE ON consents \
     FOR EACH STATEMENT EXECUTE FUNCTION consents_stay()",
];

fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).to_owned()
}

fn policy_versions() -> TableCreateStatement {
    table("policy_versions")
        .col(integer("number").primary_key())
        .col(string_len("sha256_en", 64))
        .col(string_len("sha256_de", 64))
        .col(big_integer("seen"))
        .to_owned()
}

fn acceptances() -> TableCreateStatement {
    table("acceptances")
        .col(uuid("account"))
        .col(integer("version"))
        .col(string_len("sha256", 64))
        .col(string_len("language", 2))
        .col(big_integer("at"))
        .primary_key(Index::create().col("account").col("version"))
        .to_owned()
}

fn consents() -> TableCreateStatement {
    table("consents")
        .col(uuid("id").primary_key())
        .col(uuid("account"))
        .col(integer("position"))
        .col(string_len("kind", 16))
        .col(string_len("purpose", 32))
        .col(string_len("state", 32))
        .col(integer("version"))
        .col(string_len("sha256", 64))
        .col(string_len("language", 2))
        .col(string_len("method", 16))
        .col(big_integer("at"))
        .col(binary_len("previous", 32))
        .col(binary_len("hash", 32))
        .to_owned()
}

fn erasures() -> TableCreateStatement {
    table("erasures")
        .col(uuid("account").primary_key())
        .col(text("households"))
        .col(string_len("state", 16))
        .col(string_len("reason", 16))
        .col(big_integer("asked"))
        .col(big_integer("due"))
        .col(text("keys"))
        .col(big_integer_null("done"))
        .to_owned()
}

fn erasure_steps() -> TableCreateStatement {
    table("erasure_steps")
        .col(uuid("account"))
        .col(small_integer("position"))
        .col(string_len("name", 32))
        .col(integer("attempts"))
        .col(text_null("error"))
        .col(text("counts"))
        .col(big_integer_null("done"))
        .primary_key(Index::create().col("account").col("position"))
        .to_owned()
}

fn certificates() -> TableCreateStatement {
    table("certificates").col(uuid("account").primary_key()).col(text("body")).col(big_integer("created")).to_owned()
}

fn exports() -> TableCreateStatement {
    table("exports")
        .col(uuid("id").primary_key())
        .col(uuid("account"))
        .col(string_len("state", 16))
        .col(boolean("footage"))
        .col(small_integer("progress"))
        .col(big_integer("bytes"))
        .col(blob("key"))
        .col(big_integer("created"))
        .col(big_integer_null("ready"))
        .col(text_null("error"))
        .to_owned()
}

fn requests() -> TableCreateStatement {
    table("requests")
        .col(uuid("id").primary_key())
        .col(uuid_null("account"))
        .col(blob_null("address"))
        .col(binary_len_null("address_index", 32))
        .col(string_len("kind", 16))
        .col(string_len_null("clause", 16))
        .col(blob("text"))
        .col(string_len("language", 2))
        .col(big_integer("asked"))
        .col(big_integer_null("confirmed"))
        .col(big_integer("due"))
        .col(big_integer_null("extended"))
        .col(blob_null("extension"))
        .col(string_len_null("decision", 16))
        .col(blob_null("answer"))
        .col(big_integer_null("answered"))
        .col(big_integer_null("alarmed"))
        .to_owned()
}
