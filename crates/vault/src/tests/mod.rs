//! What the vault promises, on shelves and keystores as they are used.

mod keys;
mod shelves;

use crate::*;
use base::{Secret, TestClock, Time, World};
use db::Db;
use std::{sync::Arc, time::Duration};

const OWNER: Owner = *b"some owner's id.";
const PORCH: Source = *b"camera on porch.";
const DRIVE: Source = *b"camera on drive.";

/// A vault over a shelf, with its keystore at hand.
struct House {
    vault: Vault,
    keystore: Db,
    world: World,
    clock: Arc<TestClock>,
}

impl House {
    async fn on(shelf: Arc<dyn Shelf>, keystore: Db) -> Self {
        let (world, clock) = World::test(7);
        let vault = Vault::open(keystore.clone(), root(1), shelf, world.clone()).await.unwrap();
        Self { vault, keystore, world, clock }
    }

    async fn in_memory() -> (Self, Memory) {
        let shelf = Memory::new(u64::MAX);
        (Self::on(Arc::new(shelf.clone()), keystore().await).await, shelf)
    }

    async fn epoch(&self, source: Source) -> EpochKey {
        self.vault.new_epoch(OWNER, source, 0, self.clock_now()).await.unwrap()
    }

    fn clock_now(&self) -> Time {
        self.world.clock.now()
    }

    fn name(&self) -> ObjectName {
        ObjectName::generate(&self.world)
    }

    /// A committed object with one fragment for each plaintext.
    fn record(&self, key: &EpochKey, plaintexts: &[&[u8]]) -> (ObjectName, Vec<Placed>) {
        let mut writer = self.vault.writer(self.name()).unwrap();
        let placed = (0..).zip(plaintexts).map(|(n, plain)| append(&mut writer, key, n, plain).unwrap()).collect();
        assert!(self.vault.shelf().commit().unwrap().is_empty());
        (writer.name(), placed)
    }

    async fn play(&self, object: ObjectName, offset: u64) -> Result<Vec<u8>, Error> {
        self.vault.open_fragment(object, offset, None, Purpose::Playback).await
    }
}

fn append(writer: &mut FileWriter, key: &EpochKey, sequence: u64, plain: &[u8]) -> Result<Placed, Error> {
    let meta = FragmentMeta {
        sequence,
        time: key.hour + Duration::from_secs(2 * sequence),
        duration: Duration::from_secs(2),
        flags: format::flags::KEY,
    };
    writer.append(&meta, key, &mut plain.to_vec())
}

fn root(byte: u8) -> root_key::RootKey {
    Secret::new([byte; 32])
}

async fn keystore() -> Db {
    let db = Db::memory().await.unwrap();
    db.migrate(migrations(), None).await.unwrap();
    db
}

#[tokio::test]
async fn a_fragment_is_opened_whole_or_by_any_range_and_each_opening_is_counted() {
    let (house, _) = House::in_memory().await;
    let plain: Vec<u8> = (0..3 * format::CHUNK + 500).map(|i| (i / 3) as u8).collect();
    let key = house.epoch(PORCH).await;
    let (object, placed) = house.record(&key, &[b"first", &plain, b""]);
    assert_eq!(house.play(object, 0).await.unwrap(), b"first");
    assert_eq!(house.play(object, placed[1].offset).await.unwrap(), plain);
    assert_eq!(house.play(object, placed[2].offset).await.unwrap(), b"");
    let (chunk, len) = (format::CHUNK as u64, plain.len() as u64);
    let ranges = [(0, 1), (chunk - 1, chunk + 1), (chunk, 2 * chunk), (5, len), (len - 1, len), (len, len), (7, 7)];
    for (start, end) in ranges {
        let part = house.vault.open_fragment(object, placed[1].offset, Some(start..end), Purpose::Live).await.unwrap();
        assert!(part == plain[start as usize..end as usize], "{start}..{end}");
    }
    for (start, end) in [(0, len + 1), (len + 1, len + 1), (u64::MAX, u64::MAX), (2, 1)] {
        let part = house.vault.open_fragment(object, placed[1].offset, Some(start..end), Purpose::Live).await;
        assert!(matches!(part, Err(Error::OutOfRange)), "{start}..{end}");
    }
    let opened = house.vault.openings().into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>();
    assert_eq!(opened, [(Purpose::Playback, 3), (Purpose::Live, 11)]);
}

#[tokio::test]
async fn one_flipped_bit_is_a_named_error_and_the_neighbours_still_play() {
    policy::prove!(C6_2);
    let (house, shelf) = House::in_memory().await;
    let (object, placed) = house.record(&house.epoch(PORCH).await, &[b"one", b"two", b"three"]);
    shelf.tamper(object, |bytes| bytes[placed[1].offset as usize + format::HEADER_LEN] ^= 1);
    let error = house.play(object, placed[1].offset).await.unwrap_err();
    assert_eq!(error.to_string(), "chunk 0 of the fragment is not authentic");
    assert!(house.vault.check_fragment(object, placed[1].offset).await.is_err());
    assert_eq!(house.play(object, 0).await.unwrap(), b"one");
    assert_eq!(house.vault.check_fragment(object, placed[2].offset).await.unwrap().sequence, 2);
    assert!(matches!(house.play(object, 1).await, Err(Error::BadHeader(_))), "no fragment begins there");
    assert!(matches!(house.play(object, 10_000).await, Err(Error::Truncated)));
    assert!(matches!(house.play(house.name(), 0).await, Err(Error::NoSuchObject)));
}

#[tokio::test]
async fn a_torn_tail_is_found_at_any_place_and_cut_off() {
    let (house, shelf) = House::in_memory().await;
    let (object, placed) = house.record(&house.epoch(PORCH).await, &[b"one", b"two"]);
    let whole = shelf.bytes(object).unwrap();
    for end in 0..=whole.len() as u64 {
        shelf.tamper(object, |bytes| *bytes = whole[..end as usize].to_vec());
        let scan = house.vault.scan(object).await.unwrap();
        let found = placed.iter().filter(|placed| placed.offset + placed.len <= end).count();
        let cut = placed[..found].last().map_or(0, |placed| placed.offset + placed.len);
        assert_eq!((scan.fragments.len(), scan.end), (found, cut), "cut at {end}");
        assert_eq!(scan.tail, (cut < end).then_some(Tail::Torn), "cut at {end}");
        house.vault.truncate(object, scan.end).await.unwrap();
        assert_eq!(house.vault.scan(object).await.unwrap().tail, None);
    }
}

#[tokio::test]
async fn a_scan_needs_no_key_and_tells_garbage_from_a_torn_tail() {
    let (house, shelf) = House::in_memory().await;
    let key = house.epoch(PORCH).await;
    let (object, placed) = house.record(&key, &[b"one", b"two"]);
    house.vault.destroy_owner(OWNER, Reason::Erased).await.unwrap();
    shelf.tamper(object, |bytes| bytes.extend_from_slice(&[0; 200]));
    let scan = house.vault.scan(object).await.unwrap();
    assert_eq!(scan.fragments.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, placed[1].offset]);
    let header = scan.fragments[1].1;
    assert_eq!((header.owner, header.source, header.stream, header.epoch), (OWNER, PORCH, 0, key.id));
    assert_eq!((header.sequence, header.time), (1, key.hour + Duration::from_secs(2)));
    assert_eq!(scan.tail, Some(Tail::BadHeader("it does not begin with NJF1")));
    assert!(house.vault.scan(house.name()).await.is_err());
}

#[tokio::test]
async fn what_is_resealed_opens_after_its_old_key_is_destroyed_and_damage_is_told_by_fragment() {
    let (house, shelf) = House::in_memory().await;
    let old = house.epoch(PORCH).await;
    let big = vec![9; format::CHUNK + 1];
    let (object, placed) = house.record(&old, &[b"keep", b"delete", &big, b"broken"]);
    shelf.tamper(object, |bytes| *bytes.last_mut().unwrap() ^= 1);
    let (new, copy) = (house.epoch(PORCH).await, house.name());
    let kept = [0, 2, 3].map(|n: usize| FragmentAt { object, offset: placed[n].offset });
    let outcome = house.vault.reseal(kept.to_vec(), copy, new).await.unwrap();
    assert!(matches!(outcome[2], Err(Error::BadTag { chunk: 0 })));
    shelf.crash();
    house.vault.destroy_epochs(vec![old.id], Reason::Deleted).await.unwrap();
    assert_eq!(house.play(copy, outcome[0].as_ref().unwrap().offset).await.unwrap(), b"keep");
    assert_eq!(house.play(copy, outcome[1].as_ref().unwrap().offset).await.unwrap(), big);
    assert!(matches!(house.play(object, placed[1].offset).await, Err(Error::MissingKey)));
    let scan = house.vault.scan(copy).await.unwrap();
    assert_eq!(scan.fragments.iter().map(|(_, header)| header.sequence).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(house.vault.openings()[Purpose::Reseal as usize].1, 3);
}

#[tokio::test]
async fn resealing_leaves_nothing_when_it_cannot_be_written_and_never_crosses_to_another_source() {
    let (house, shelf) = House::in_memory().await;
    let (object, placed) = house.record(&house.epoch(PORCH).await, &[b"one"]);
    let at = FragmentAt { object, offset: placed[0].offset };
    for (key, room) in [(house.epoch(DRIVE).await, u64::MAX), (house.epoch(PORCH).await, placed[0].len + 50)] {
        shelf.set_room(room);
        let copy = house.name();
        let error = house.vault.reseal(vec![at], copy, key).await.unwrap_err();
        assert!(matches!(error, Error::ForeignKey | Error::Full), "{error}");
        assert!(shelf.bytes(copy).is_none());
    }
}

#[tokio::test]
async fn errors_reach_the_caller_with_a_kind_to_act_on() {
    let kind = |error: Error| base::Error::from(error).kind();
    assert_eq!(kind(Error::MissingKey), base::Kind::NoFootage);
    assert_eq!(kind(Error::Full), base::Kind::Unavailable);
    assert_eq!(kind(Error::BadTag { chunk: 1 }), base::Kind::Internal);
    assert_eq!(kind(Error::Keystore(base::Error::unavailable("busy"))), base::Kind::Unavailable);
}
