//! The tables of facts and jobs, for both dialects.

use sea_orm_migration::{prelude::*, schema::*};

/// The migrations of facts and jobs.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(First)]
}

struct First;

impl MigrationName for First {
    fn name(&self) -> &str {
        "m20261124_0600_facts_and_jobs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(facts()).await?;
        manager.create_table(jobs()).await?;
        let facts = Index::create().name("facts_done").table("facts").col("done").col("kind").col("id").to_owned();
        manager.create_index(facts).await?;
        let jobs = Index::create().name("jobs_state").table("jobs").col("state").col("next").to_owned();
        manager.create_index(jobs).await
    }
}

fn facts() -> TableCreateStatement {
    Table::create()
        .table("facts")
        .col(big_integer("id").auto_increment().primary_key())
        .col(string_len("kind", 64))
        .col(text("body"))
        .col(big_integer("created"))
        .col(big_integer_null("done"))
        .col(integer("attempts"))
        .col(big_integer("next"))
        .to_owned()
}

fn jobs() -> TableCreateStatement {
    Table::create()
        .table("jobs")
        .col(uuid("id").primary_key())
        .col(string_len("kind", 64))
        .col(uuid_null("subject"))
        .col(text("body"))
        .col(string_len("state", 16))
        .col(integer("progress"))
        .col(integer("attempts"))
        .col(integer("failures"))
        .col(big_integer("next"))
        .col(big_integer_null("lease_until"))
        .col(text_null("error"))
        .col(big_integer("created"))
        .col(big_integer_null("finished"))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_column_has_its_entry_in_the_data_map_and_every_entry_its_column() {
        crate::testing::each(migrations, |db| async move {
            let columns = crate::schema::columns(&db).await.unwrap();
            assert_eq!(crate::schema::compare(crate::DATA_MAP.iter().chain(crate::QUEUES), &columns), [""; 0]);
        })
        .await;
    }
}
