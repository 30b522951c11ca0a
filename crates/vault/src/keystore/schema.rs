//! The tables of the keystore, and what the policy says of them.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, binary, integer, small_integer, string_len, uuid},
};

/// The data map of the keystore.
pub const DATA_MAP: &[policy::Table] = &[GENERATION, OWNER, SOURCE, EPOCH, DESTROYED, ERASED];

policy::personal! {
    GENERATION: table generation_keys {
        id: not_personal("names a key that no person has"),
        wrapped: not_personal("a key of the server, encrypted under the root key"),
        created_at: not_personal("when the server made its key"),
    }
}

policy::personal! {
    OWNER: table owner_keys {
        id: not_personal("names a key"),
        generation_id: not_personal("the key above it"),
        owner: {
            category: AccountId, subject: AccountHolder, purposes: [Record: Contract], source: Derived,
            retention: Account, protection: Clear, export: Omit("an opaque id"), erase: Delete, clauses: [C9_3_3],
        },
        version: not_personal("counts renewals of the key"),
        wrapped: {
            category: Key, subject: AccountHolder, purposes: [Record: Contract], source: Derived,
            retention: Account, protection: WrappedKey, export: Omit("a key"), erase: Delete, clauses: [C6_2, C9_3_3],
        },
        column_key: {
            category: Key, subject: AccountHolder, purposes: [Account: Contract], source: Derived,
            retention: Account, protection: WrappedKey, export: Omit("a key"), erase: Delete, clauses: [C6_2],
        },
        created_at: not_personal("when the server made the key"),
    }
}

policy::personal! {
    SOURCE: table source_keys {
        id: not_personal("names a key"),
        owner_key_id: not_personal("the key above it"),
        source: not_personal("an opaque id of a camera"),
        version: not_personal("counts renewals of the key"),
        wrapped: {
            category: Key, subject: AccountHolder, purposes: [Record: Contract], source: Derived,
            retention: Camera, protection: WrappedKey, export: Omit("a key"), erase: Delete, clauses: [C6_2, C9_3_3],
        },
        created_at: not_personal("when the server made the key"),
    }
}

policy::personal! {
    EPOCH: table epoch_keys {
        id: not_personal("names a key, in the headers of the fragments that it seals"),
        source_key_id: not_personal("the key above it"),
        stream: not_personal("main or sub stream"),
        hour: {
            category: RecordingTimes, subject: AccountHolder, purposes: [Record: Contract], source: Derived,
            retention: LastUse, protection: Clear, export: Omit("told by the recordings"), erase: Delete,
            clauses: [C9_3_3],
        },
        wrapped: {
            category: Key, subject: AccountHolder, purposes: [Record: Contract], source: Derived,
            retention: LastUse, protection: WrappedKey, export: Omit("a key"), erase: Delete, clauses: [C6_2, C9_3_3],
        },
    }
}

policy::personal! {
    DESTROYED: table destroyed_keys {
        kid: not_personal("names a key that is gone"),
        scope: not_personal("what the key was for"),
        reason: not_personal("why it was destroyed"),
        destroyed_at: not_personal("when the server destroyed it"),
    }
}

policy::personal! {
    ERASED: table erased_owners {
        owner: {
            category: AccountId, subject: AccountHolder, purposes: [Rights: LegalObligation], source: Derived,
            retention: Days(366), protection: Clear, export: Omit("an opaque id"),
            erase: Keep(
                "so that nothing new is sealed for whoever was erased; an opaque id that belongs to nobody any more",
                "damit für gelöschte Personen nichts Neues verschlüsselt wird; eine Kennung, die niemandem mehr gehört",
            ),
            clauses: [C3_5],
        },
        erased_at: not_personal("when the server erased them"),
    }
}

/// The migrations of the keystore's own database.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Keystore), Box::new(Fence)]
}

/// Owners that were erased get no new keys.
struct Fence;

impl MigrationName for Fence {
    fn name(&self) -> &str {
        "m20261124_0002_erased_owners"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Fence {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create().table("erased_owners").to_owned();
        manager.create_table(table.col(uuid("owner").primary_key()).col(big_integer("erased_at")).to_owned()).await
    }
}

struct Keystore;

impl MigrationName for Keystore {
    fn name(&self) -> &str {
        "m20261124_0001_keystore"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Keystore {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [generation_keys(), owner_keys(), source_keys(), epoch_keys(), destroyed_keys()] {
            manager.create_table(table).await?;
        }
        for (table, column) in [("source_keys", "owner_key_id"), ("epoch_keys", "source_key_id")] {
            let name = format!("{table}_{column}");
            manager.create_index(Index::create().name(name).table(table).col(column).to_owned()).await?;
        }
        Ok(())
    }
}

fn key_table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).col(uuid("id").primary_key()).col(binary("wrapped")).to_owned()
}

fn child_of(table: &mut TableCreateStatement, column: &'static str, parent: &'static str) {
    let mut key = ForeignKey::create();
    key.from_col(column).to_tbl(parent).to_col("id").on_delete(ForeignKeyAction::Cascade);
    table.col(uuid(column)).foreign_key(&mut key);
}

fn generation_keys() -> TableCreateStatement {
    key_table("generation_keys").col(big_integer("created_at")).to_owned()
}

fn owner_keys() -> TableCreateStatement {
    let mut table = key_table("owner_keys");
    child_of(&mut table, "generation_id", "generation_keys");
    table
        .col(uuid("owner").unique_key())
        .col(integer("version"))
        .col(binary("column_key"))
        .col(big_integer("created_at"))
        .to_owned()
}

fn source_keys() -> TableCreateStatement {
    let mut table = key_table("source_keys");
    child_of(&mut table, "owner_key_id", "owner_keys");
    table.col(uuid("source").unique_key()).col(integer("version")).col(big_integer("created_at")).to_owned()
}

fn epoch_keys() -> TableCreateStatement {
    let mut table = key_table("epoch_keys");
    child_of(&mut table, "source_key_id", "source_keys");
    table.col(small_integer("stream")).col(big_integer("hour")).to_owned()
}

fn destroyed_keys() -> TableCreateStatement {
    Table::create()
        .table("destroyed_keys")
        .col(uuid("kid").primary_key())
        .col(string_len("scope", 16))
        .col(string_len("reason", 16))
        .col(big_integer("destroyed_at"))
        .to_owned()
}
