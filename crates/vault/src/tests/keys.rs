//! That the ladder of keys opens what it should, and nothing once a rung is gone.

use super::*;
use sea_orm::ConnectionTrait;
use std::path::Path;

async fn sql(db: &Db, sql: &str) {
    db.conn().execute_unprepared(sql).await.unwrap();
}

async fn count(db: &Db, table: &str) -> i64 {
    let statement = db.statement(&format!("SELECT count(*) FROM {table}"), []);
    db.conn().query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// Runs a test on each database, with a vault over an empty shelf.
async fn each<F: Future<Output = ()> + Send + 'static>(test: impl Fn(House) -> F + Clone + Send + Sync + 'static) {
    let on = move |db| {
        let test = test.clone();
        async move { test(House::on(Arc::new(Memory::new(u64::MAX)), db).await).await }
    };
    db::testing::each(migrations, on).await;
}

/// A thief's copy of all wrapped keys but the generation key.
async fn copy_rows(db: &Db) {
    for table in ["owner_keys", "source_keys", "epoch_keys"] {
        sql(db, &format!("CREATE TABLE old_{table} AS SELECT * FROM {table}")).await;
    }
}

/// Puts the copy back under the living keys, from the given rung downwards.
async fn put_back(db: &Db, rungs: usize) {
    const OWNERS: &str = "INSERT INTO owner_keys (id, wrapped, generation_id, owner, version, column_key, created_at) \
        SELECT id, wrapped, (SELECT id FROM generation_keys), owner, version, column_key, created_at \
        FROM old_owner_keys WHERE true ON CONFLICT (id) DO UPDATE \
        SET wrapped = excluded.wrapped, version = excluded.version, column_key = excluded.column_key";
    const SOURCES: &str = "INSERT INTO source_keys SELECT * FROM old_source_keys WHERE true \
        ON CONFLICT (id) DO UPDATE SET wrapped = excluded.wrapped, version = excluded.version";
    const EPOCHS: &str = "INSERT INTO epoch_keys SELECT * FROM old_epoch_keys WHERE true \
        ON CONFLICT (id) DO UPDATE SET wrapped = excluded.wrapped";
    for statement in &[OWNERS, SOURCES, EPOCHS][3 - rungs..] {
        sql(db, statement).await;
    }
}

/// A vault opened anew, with no key in its memory.
async fn reopened(house: &House) -> Result<Vault, Error> {
    Vault::open(house.keystore.clone(), root(1), house.vault.shelf().clone(), house.world.clone()).await
}

#[derive(Clone, Copy)]
enum Victim {
    Epoch,
    Source,
    Owner,
}

/// Each rung of the ladder is destroyed, then a thief who copied the rows before tries with each part of the copy.
async fn a_copy_opens_nothing(house: House, victim: Victim) {
    let key = house.epoch(PORCH).await;
    let (object, _) = house.record(&key, &[b"a face"]);
    assert_eq!(house.play(object, 0).await.unwrap(), b"a face");
    copy_rows(&house.keystore).await;
    let (scope, gone) = match victim {
        Victim::Epoch => (Scope::Epoch, house.vault.destroy_epochs(vec![key.id], Reason::Expired).await.unwrap()),
        Victim::Source => (Scope::Source, house.vault.destroy_source(PORCH, Reason::Removed).await.unwrap()),
        Victim::Owner => (Scope::Owner, house.vault.destroy_owner(OWNER, Reason::Erased).await.unwrap()),
    };
    assert_eq!(gone.iter().map(|one| one.scope).collect::<Vec<_>>(), [scope]);
    assert!(matches!(house.play(object, 0).await, Err(Error::MissingKey)), "the key was cached");
    let rungs = if matches!(victim, Victim::Epoch) { 1..=3 } else { 2..=3 };
    for rungs in rungs.filter(|rungs| !matches!(victim, Victim::Owner) || *rungs == 3) {
        put_back(&house.keystore, rungs).await;
        let vault = reopened(&house).await.unwrap();
        let opened = vault.open_fragment(object, 0, None, Purpose::Playback).await;
        assert!(matches!(opened, Err(Error::Keystore(_))), "{opened:?}");
    }
}

#[tokio::test]
async fn a_copy_of_the_rows_opens_nothing_once_the_epoch_is_destroyed() {
    policy::prove!(C9_3_3);
    each(|house| a_copy_opens_nothing(house, Victim::Epoch)).await;
}

#[tokio::test]
async fn a_copy_of_the_rows_opens_nothing_once_the_source_is_destroyed() {
    policy::prove!(C9_3_3);
    each(|house| a_copy_opens_nothing(house, Victim::Source)).await;
}

#[tokio::test]
async fn a_copy_of_the_rows_opens_nothing_once_the_owner_is_destroyed() {
    policy::prove!(C9_3_3);
    each(|house| a_copy_opens_nothing(house, Victim::Owner)).await;
}

#[tokio::test]
async fn what_hangs_beside_a_destroyed_key_still_opens() {
    each(|house| async move {
        let (doomed, beside) = (house.epoch(PORCH).await, house.epoch(PORCH).await);
        let (other, theirs) = (house.epoch(DRIVE).await, *b"another owner's.");
        let theirs = house.vault.new_epoch(theirs, *b"their own camera", 1, house.clock_now()).await.unwrap();
        let objects = [&beside, &other, &theirs].map(|key| house.record(key, &[&key.id]).0);
        let column = house.vault.column_key(OWNER).await.unwrap().seal_text("t.name/1", "Ada", &house.world);
        house.vault.destroy_epochs(vec![doomed.id], Reason::Expired).await.unwrap();
        let vault = reopened(&house).await.unwrap();
        for (object, key) in objects.iter().zip([&beside, &other, &theirs]) {
            assert_eq!(vault.open_fragment(*object, 0, None, Purpose::Playback).await.unwrap(), key.id);
        }
        let opened = vault.column_key(OWNER).await.unwrap().open_text("t.name/1", &column).unwrap();
        assert_eq!(opened, "Ada", "the column key outlives the owner key's renewal");
        vault.destroy_source(PORCH, Reason::Removed).await.unwrap();
        assert!(matches!(vault.open_fragment(objects[0], 0, None, Purpose::Live).await, Err(Error::MissingKey)));
        assert_eq!(vault.open_fragment(objects[1], 0, None, Purpose::Live).await.unwrap(), other.id);
        assert_eq!(vault.column_key(OWNER).await.unwrap().open_text("t.name/1", &column).unwrap(), "Ada");
        vault.destroy_owner(OWNER, Reason::Erased).await.unwrap();
        assert!(matches!(vault.open_fragment(objects[1], 0, None, Purpose::Live).await, Err(Error::MissingKey)));
        assert_eq!(vault.open_fragment(objects[2], 0, None, Purpose::Live).await.unwrap(), theirs.id);
        assert!(matches!(vault.column_key(OWNER).await, Err(Error::ErasedOwner)), "nor is another key made");
    })
    .await;
}

#[tokio::test]
async fn a_rotated_generation_opens_all_as_before() {
    each(|house| async move {
        let key = house.epoch(PORCH).await;
        let (object, _) = house.record(&key, &[b"x"]);
        house.vault.rotate_generation().await.unwrap();
        house.vault.rotate_generation().await.unwrap();
        assert_eq!(count(&house.keystore, "generation_keys").await, 1);
        let vault = reopened(&house).await.unwrap();
        assert_eq!(vault.open_fragment(object, 0, None, Purpose::Playback).await.unwrap(), b"x");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_root_key_is_told_and_a_keystore_without_its_generation_is_not_set_up_anew() {
    let (house, shelf) = House::in_memory().await;
    house.epoch(PORCH).await;
    let shelf: Arc<dyn Shelf> = Arc::new(shelf);
    let open = |root| Vault::open(house.keystore.clone(), root, shelf.clone(), house.world.clone());
    let error = open(root(2)).await.err().unwrap();
    assert_eq!(error.to_string(), "this root key does not fit this keystore: the keystore was made with another one");
    open(root(1)).await.unwrap();
    assert_eq!(count(&house.keystore, "generation_keys").await, 1);
    let orphaned = "PRAGMA foreign_keys = OFF; DELETE FROM generation_keys; PRAGMA foreign_keys = ON";
    sql(&house.keystore, orphaned).await;
    assert!(matches!(open(root(1)).await, Err(Error::Keystore(_))));
}

#[tokio::test]
async fn each_changed_byte_of_a_wrapped_key_is_noticed_and_no_key_fits_another_row() {
    let (house, _) = House::in_memory().await;
    let (one, two) = (house.epoch(PORCH).await, house.epoch(DRIVE).await);
    let objects = [house.record(&one, &[b"1"]).0, house.record(&two, &[b"2"]).0];
    sql(&house.keystore, "CREATE TABLE saved AS SELECT id, wrapped FROM epoch_keys").await;
    let restore = "UPDATE epoch_keys SET wrapped = (SELECT wrapped FROM saved WHERE saved.id = epoch_keys.id)";
    for byte in 1..=60 {
        let flip = format!(
            "UPDATE epoch_keys SET wrapped = CAST(substr(wrapped, 1, {byte} - 1) || \
             CASE substr(wrapped, {byte}, 1) WHEN x'00' THEN x'01' ELSE x'00' END || substr(wrapped, {byte} + 1) AS BLOB)"
        );
        sql(&house.keystore, &flip).await;
        let vault = reopened(&house).await.unwrap();
        let opened = vault.open_fragment(objects[0], 0, None, Purpose::Check).await;
        assert!(matches!(opened, Err(Error::Keystore(_))), "byte {byte}: {opened:?}");
        sql(&house.keystore, restore).await;
    }
    let changes = [
        "UPDATE epoch_keys SET wrapped = (SELECT wrapped FROM saved WHERE saved.id <> epoch_keys.id)",
        "UPDATE epoch_keys SET stream = 1",
        "UPDATE epoch_keys SET hour = hour + 1",
        "UPDATE source_keys SET version = version + 1",
        "UPDATE owner_keys SET version = version + 1",
        "UPDATE owner_keys SET owner = source FROM source_keys",
    ];
    for change in changes {
        let tables = ["epoch_keys", "source_keys", "owner_keys"];
        let before = tables.map(|table| format!("CREATE TABLE before_{table} AS SELECT * FROM {table}"));
        sql(&house.keystore, &before.join(";")).await;
        sql(&house.keystore, change).await;
        let vault = reopened(&house).await.unwrap();
        let opened = vault.open_fragment(objects[1], 0, None, Purpose::Check).await;
        assert!(matches!(opened, Err(Error::Keystore(_))), "{change}: {opened:?}");
        for (table, columns) in tables.iter().zip(["stream, hour, wrapped", "version", "version, owner"]) {
            let before = format!("SELECT {columns} FROM before_{table} b WHERE b.id = {table}.id");
            sql(&house.keystore, &format!("UPDATE {table} SET ({columns}) = ({before}); DROP TABLE before_{table}"))
                .await;
        }
    }
    let vault = reopened(&house).await.unwrap();
    assert_eq!(vault.open_fragment(objects[1], 0, None, Purpose::Check).await.unwrap(), b"2");
}

#[tokio::test]
async fn a_source_belongs_to_one_owner_for_good() {
    let (house, _) = House::in_memory().await;
    house.epoch(PORCH).await;
    let stolen = house.vault.new_epoch(*b"another owner's.", PORCH, 0, house.clock_now()).await;
    assert!(matches!(stolen, Err(Error::ForeignKey)));
}

#[tokio::test]
async fn destructions_are_written_down_once_and_forgotten_after_a_year() {
    each(|house| async move {
        let (one, two) = (house.epoch(PORCH).await, house.epoch(PORCH).await);
        let ids = vec![one.id, two.id, *b"never was a key."];
        let gone = house.vault.destroy_epochs(ids.clone(), Reason::Expired).await.unwrap();
        assert_eq!(gone.iter().map(|one| one.kid.into_bytes()).collect::<Vec<_>>(), ids[..2]);
        assert!(house.vault.destroy_epochs(ids, Reason::Expired).await.unwrap().is_empty());
        assert!(house.vault.destroy_owner(*b"nobody we know..", Reason::Erased).await.unwrap().is_empty());
        let mut records = house.vault.destroyed(Time::MIN).await.unwrap();
        records.sort_by_key(|record| record.kid != gone[0].kid);
        assert_eq!(records, gone);
        assert_eq!((gone[0].scope, gone[0].reason, gone[0].time), (Scope::Epoch, Reason::Expired, house.clock_now()));
        house.clock.advance(Duration::from_secs(367 * 24 * 3600));
        house.vault.destroy_source(PORCH, Reason::Removed).await.unwrap();
        let records = house.vault.destroyed(Time::MIN).await.unwrap();
        assert_eq!(records.iter().map(|record| record.reason).collect::<Vec<_>>(), [Reason::Removed]);
    })
    .await;
}

#[tokio::test]
async fn the_epochs_of_a_source_are_known_by_hour_and_stream() {
    let (house, _) = House::in_memory().await;
    let key = house.epoch(PORCH).await;
    let sub = house.vault.new_epoch(OWNER, PORCH, 1, house.clock_now() + Duration::from_secs(59)).await.unwrap();
    house.epoch(DRIVE).await;
    let epochs = house.vault.epochs(PORCH).await.unwrap();
    let expected = [&key, &sub].map(|key| Epoch { id: key.id, stream: key.stream, hour: key.hour });
    assert_eq!(epochs, expected);
    assert_eq!(key.hour, house.clock_now().hour());
}

#[tokio::test]
async fn the_data_map_tells_of_each_column_of_the_keystore() {
    each(|house| async move {
        let live = db::schema::columns(&house.keystore).await.unwrap();
        assert_eq!(db::schema::compare(DATA_MAP.iter().chain([&db::MAP]), &live), [""; 0]);
    })
    .await;
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

async fn keystore_in(folder: &Path) -> Db {
    let db = Db::open_keystore(&format!("sqlite://{}/keys.db", folder.display())).await.unwrap();
    db.migrate(migrations(), None).await.unwrap();
    db
}

#[tokio::test]
async fn a_new_epoch_is_in_the_files_when_it_is_given_out_and_no_key_is_there_in_clear() {
    policy::prove!(C6_2);
    let dir = tempfile::tempdir().unwrap();
    let (live, crashed) = (dir.path().join("live"), dir.path().join("crashed"));
    std::fs::create_dir(&live).unwrap();
    let house = House::on(Arc::new(Memory::new(u64::MAX)), keystore_in(&live).await).await;
    let key = house.epoch(PORCH).await;
    copy_folder(&live, &crashed); // as a kill would leave it
    let (object, _) = house.record(&key, &[b"x"]);
    let world = house.world.clone();
    let vault = Vault::open(keystore_in(&crashed).await, root(1), house.vault.shelf().clone(), world).await.unwrap();
    assert_eq!(vault.open_fragment(object, 0, None, Purpose::Playback).await.unwrap(), b"x");
    assert!(!folder_holds(&live, key.key.expose()) && !folder_holds(&live, root(1).expose()));
    assert!(folder_holds(&live, &key.id), "the search finds what is there");
}

#[tokio::test]
async fn a_destroyed_row_leaves_no_trace_in_the_files_of_the_keystore() {
    policy::prove!(C9_3_3);
    let dir = tempfile::tempdir().unwrap();
    let house = House::on(Arc::new(Memory::new(u64::MAX)), keystore_in(dir.path()).await).await;
    let (key, other) = (house.epoch(PORCH).await, house.epoch(DRIVE).await);
    let mut rows = Vec::new();
    for table in ["generation_keys", "owner_keys", "source_keys", "epoch_keys WHERE stream = 0"] {
        let statement = house.keystore.statement(&format!("SELECT wrapped FROM {table}"), []);
        let found = house.keystore.conn().query_all_raw(statement).await.unwrap();
        rows.extend(found.iter().map(|row| row.try_get_by_index::<Vec<u8>>(0).unwrap()));
    }
    assert!(rows.len() == 6 && rows.iter().all(|row| folder_holds(dir.path(), row)));
    house.vault.destroy_epochs(vec![key.id, other.id], Reason::Expired).await.unwrap();
    for (n, row) in rows.iter().enumerate() {
        assert!(!folder_holds(dir.path(), row), "row {n} is still there");
    }
}

fn folder_holds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// `cargo test --release -p vault -- --ignored --nocapture a_month`
#[tokio::test]
#[ignore = "a measurement; run it in release"]
async fn a_month_of_epochs_is_rewrapped_in_a_blink() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::on(Arc::new(Memory::new(u64::MAX)), keystore_in(dir.path()).await).await;
    let start = std::time::Instant::now();
    let mut keys = Vec::new();
    for _ in 0..2 * 24 * 30 {
        keys.push(house.epoch(PORCH).await.id);
    }
    let made = start.elapsed() / keys.len() as u32;
    let start = std::time::Instant::now();
    house.vault.destroy_epochs(keys[..2].to_vec(), Reason::Expired).await.unwrap();
    let destroyed = start.elapsed();
    let vault = reopened(&house).await.unwrap();
    let start = std::time::Instant::now();
    let (object, _) = house.record(&house.epoch(DRIVE).await, &[b"x"]);
    vault.open_fragment(object, 0, None, Purpose::Playback).await.unwrap();
    println!(
        "new epoch {made:?}; destroy 2 of 1,440 epochs {destroyed:?}; new epoch and first opening {:?}",
        start.elapsed()
    );
    assert!(destroyed < Duration::from_millis(200));
}
