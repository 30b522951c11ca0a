//! What is deleted is gone: from the timeline, from the shelf, and from what any key can open.

use crate::house::{self, House, ffmpeg_complaints, installed};
use base::Range;
use cloud::Stream;
use devices::grant::Action;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_range_is_gone_and_what_is_around_it_still_plays() {
    policy::prove!(C3_16);
    let simulator = house::scenes(1).await;
    let house = House::in_memory().await;
    let camera = house.add("Porch", &simulator.urls()[0], false).await;
    let range = house.recorded(camera, Stream::Main, Duration::from_secs(12)).await;
    let second = |n: u64| range.start + Duration::from_secs(n);
    let doomed = Range { start: second(4), end: second(6) };
    let keys_before = house.vault.destroyed(range.start).await.expect("the log of keys").len();
    let deleted = house.cloud.delete_range(&house.caller(), camera, doomed).await.expect("deleted");
    assert!(deleted > 10_000, "{deleted} bytes");
    assert!(house.vault.destroyed(range.start).await.expect("the log of keys").len() > keys_before);

    let ticket = house.ticket(camera, Action::Play, doomed).await;
    let inside = Range { start: second(4) + Duration::from_millis(500), end: second(5) };
    let refused = house.cloud.recording(ticket, Stream::Main, inside).await.err().expect("nothing is left");
    assert_eq!(refused.kind(), base::Kind::NoFootage);
    let timeline = house.cloud.timeline(&house.caller(), camera, range).await.expect("a timeline");
    assert!(timeline.spans.iter().all(|span| span.range.intersection(inside).is_none()), "{:?}", timeline.spans);
    assert!(timeline.gaps.iter().any(|gap| gap.start == doomed.start), "the gap is told");
    if installed("ffmpeg") {
        for around in [Range { start: second(0), end: second(3) }, Range { start: second(8), end: second(11) }] {
            let path = house.mp4(camera, Stream::Main, around).await;
            assert_eq!(ffmpeg_complaints(&path), "");
        }
    }
    let report = house.cloud.check(false).await.expect("a check");
    assert_eq!(report.problems, []);
    house.stop().await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_camera_takes_its_footage_and_its_keys_along() {
    let simulator = house::scenes(1).await;
    let house = House::in_memory().await;
    let camera = house.add("Porch", &simulator.urls()[0], true).await;
    house.recorded(camera, Stream::Main, Duration::from_secs(4)).await;
    house.devices.remove(&house.caller(), camera).await.expect("removed");
    house.cloud.reconcile().await.expect("the recorder follows");
    assert_eq!(house.vault.epochs(camera.bytes()).await.expect("the keystore answers"), []);
    let mut objects = 0;
    house.vault.shelf().list(vault::ObjectName::FIRST, &mut |_| objects += 1).expect("a list");
    assert_eq!(objects, 0);
    house.stop().await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_switched_off_stores_nothing_after_two_seconds() {
    policy::prove!(C1_2_8);
    let simulator = house::scenes(1).await;
    let house = House::in_memory().await;
    let camera = house.add("Porch", &simulator.urls()[0], false).await;
    house.recorded(camera, Stream::Main, Duration::from_secs(3)).await;
    house.devices.set_mode(&house.caller(), camera, devices::Mode::Off).await.expect("switched off");
    let off = house.now();
    tokio::time::sleep(Duration::from_secs(5)).await;
    house.cloud.flush().await;
    let all = Range { start: off - Duration::from_secs(60), end: off + Duration::from_secs(60) };
    let timeline = house.cloud.timeline(&house.caller(), camera, all).await.expect("a timeline");
    let last = timeline.spans.iter().map(|span| span.range.end).max().expect("a span");
    assert!(last <= off + Duration::from_secs(2), "recorded {:?} too long", last.since(off));
    let gap = timeline.gaps.last().expect("a gap");
    assert_eq!((gap.cause, gap.end), (cloud::Cause::SwitchedOff, None));
    house.stop().await;
    simulator.stop().await;
}

/// The machine's clock, some days ahead.
struct Ahead(base::SystemClock, Duration);

impl base::Clock for Ahead {
    fn now(&self) -> base::Time {
        self.0.now() + self.1
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn footage_older_than_its_camera_keeps_is_gone_and_so_is_its_key() {
    policy::prove!(C1_2_7);
    let simulator = house::scenes(1).await;
    let folder = std::sync::Arc::new(tempfile::tempdir().expect("a folder"));
    let house = House::in_folder(house::file_db(&folder).await, folder, base::World::system()).await;
    let camera = house.add("Porch", &simulator.urls()[0], false).await;
    let range = house.recorded(camera, Stream::Main, Duration::from_secs(4)).await;
    house.devices.set_mode(&house.caller(), camera, devices::Mode::Off).await.expect("switched off");
    house.cloud.reconcile().await.expect("the recorder follows");
    let (_, folder) = house.stop().await;
    simulator.stop().await;

    for (days, kept) in [(6, true), (8, false)] {
        let clock = Ahead(base::SystemClock::new(), Duration::from_secs(days * 86_400));
        let world = base::World { clock: std::sync::Arc::new(clock), rng: base::World::system().rng };
        let house = House::in_folder(house::file_db(&folder).await, folder.clone(), world).await;
        house.cloud.sweep().await.expect("a sweep");
        let ticket = house.ticket(camera, Action::Play, range).await;
        let found = house.cloud.recording(ticket, Stream::Main, range).await;
        assert_eq!(found.is_ok(), kept, "after {days} days of 7");
        let keys = house.vault.epochs(camera.bytes()).await.expect("the keystore answers");
        assert_eq!(!keys.is_empty(), kept, "the key after {days} days");
        let mut objects = 0;
        house.vault.shelf().list(vault::ObjectName::FIRST, &mut |_| objects += 1).expect("a list");
        assert_eq!(objects > 0, kept, "the bytes after {days} days");
        house.stop().await;
    }
}
