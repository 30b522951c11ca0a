//! What a person is told when a camera misbehaves, what is kept, and that its neighbour never notices.

use crate::house::{self, House, ffmpeg_complaints, installed};
use base::Range;
use cloud::{Cause, Stream, Timeline};
use devices::CameraId;
use simulator::{Fault, Kind};
use std::{process::Command, time::Duration};

const FAULT: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_a_camera_is_told_by_its_cause_and_its_neighbour_never_notices() {
    let simulator = house::scenes(Kind::ALL.len() + 1).await;
    let house = House::in_memory().await;
    let mut cameras = Vec::new();
    for urls in simulator.urls() {
        cameras.push(house.add("Camera", &urls, false).await);
    }
    for camera in &cameras {
        house.recorded(*camera, Stream::Main, Duration::from_secs(4)).await;
    }
    let struck = house.now();
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        simulator.fault(Fault { camera: number + 1, kind, duration: FAULT }).expect("scenes can have every fault");
    }
    tokio::time::sleep(FAULT + Duration::from_secs(24)).await;
    let range = Range { start: struck - Duration::from_secs(2), end: house.now() };
    for (kind, camera) in Kind::ALL.into_iter().zip(&cameras) {
        let timeline = house.cloud.timeline(&house.caller(), *camera, range).await.expect("a timeline");
        let gaps: Vec<Cause> = timeline.gaps.iter().map(|gap| gap.cause).collect();
        eprintln!("{}: gaps {gaps:?}, missing {:?}", kind.name(), missing(&timeline, range));
        judge(kind, &gaps, &timeline, range);
        plays(&house, *camera, &timeline, kind).await;
    }
    let neighbour = cameras[Kind::ALL.len()];
    let timeline = house.cloud.timeline(&house.caller(), neighbour, range).await.expect("a timeline");
    assert_eq!((timeline.spans.len(), timeline.gaps.len()), (1, 0), "the neighbour is whole: {timeline:?}");
    assert!(missing(&timeline, range) < Duration::from_secs(6));
    let report = house.cloud.check(false).await.expect("a check");
    assert_eq!(report.problems, []);
    house.stop().await;
    simulator.stop().await;
}

fn judge(kind: Kind, gaps: &[Cause], timeline: &Timeline, range: Range) {
    let named = |causes: &[Cause]| gaps.iter().any(|gap| causes.contains(gap));
    match kind {
        Kind::RefusePassword => assert!(named(&[Cause::Unauthorized]), "refuse-password: {gaps:?}"),
        Kind::Freeze | Kind::SlowLoris | Kind::HalfOpen => {
            assert!(named(&[Cause::Offline]), "{}: {gaps:?}", kind.name())
        }
        Kind::Garbage => assert!(named(&[Cause::Corrupt, Cause::Offline]), "garbage: {gaps:?}"),
        // These may pass without a gap worth a mark; what they must not do is stop the recording.
        Kind::Drop | Kind::TimestampsWrap => {}
        Kind::TimestampsJump => assert!(gaps.iter().all(|gap| *gap == Cause::ClockJump), "timestamps-jump: {gaps:?}"),
        Kind::NonMonotonic | Kind::BFrames | Kind::Resolution => {
            assert!(missing(timeline, range) < Duration::from_secs(8), "{}: {timeline:?}", kind.name());
        }
        // The API of a device in front of the camera: its video does not care.
        Kind::ApiTruncated | Kind::ApiHtml | Kind::ApiEndless | Kind::ApiRedirect | Kind::ApiBatch => {
            assert_eq!(gaps, [], "{}", kind.name());
        }
    }
    if kind != Kind::RefusePassword {
        let last = timeline.spans.last().map(|span| span.range.end).expect("some footage");
        assert!(range.end.since(last) < Duration::from_secs(9), "{} records again: {timeline:?}", kind.name());
    }
}

/// How much of the range has no footage.
fn missing(timeline: &Timeline, range: Range) -> Duration {
    let kept: Duration = timeline.spans.iter().map(|span| span.range.duration()).sum();
    range.duration().saturating_sub(kept)
}

/// What ffmpeg says of repeated timestamps.
const REPEATED: [&str; 2] = ["non monotonically", "Last message repeated"];

async fn plays(house: &House, camera: CameraId, timeline: &Timeline, kind: Kind) {
    if !installed("ffmpeg") {
        return;
    }
    for span in &timeline.spans {
        let path = house.mp4(camera, Stream::Main, span.range).await;
        let complaints = ffmpeg_complaints(&path);
        // A camera that repeats its timestamps gives a file that repeats them. Pictures that refer to one that garbage
        // replaced are kept, smeared as they are: they may still show who was there.
        let expected = |line: &str| {
            REPEATED.iter().any(|known| line.contains(known)) || (kind == Kind::Garbage && line.starts_with("[h264"))
        };
        let serious: Vec<&str> = complaints.lines().filter(|line| !expected(line)).collect();
        assert_eq!(serious, Vec::<&str>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_recording_with_a_named_gap_and_room_lets_it_go_on() {
    let simulator = house::scenes(1).await;
    let Some(small) = SmallDisk::mount() else { return };
    let db = db::Db::memory().await.expect("SQLite");
    db.migrate(house::migrations(), None).await.expect("migrations");
    let folder = std::sync::Arc::new(tempfile::tempdir().expect("a folder"));
    let shelf = vault::Disk::open(&small.0.path().join("shelf")).expect("the shelf opens");
    let house = House::over(db, folder, std::sync::Arc::new(shelf), base::World::system()).await;
    let camera = house.add("Porch", &simulator.urls()[0], false).await;
    house.recorded(camera, Stream::Main, Duration::from_secs(4)).await;
    let ballast = small.0.path().join("ballast");
    std::fs::write(&ballast, vec![1u8; 150 << 20]).expect("there is room for it");
    tokio::time::sleep(Duration::from_secs(8)).await;
    let usage = house.cloud.usage(&house.caller(), house.now() - Duration::from_secs(3600)).await.expect("usage");
    assert!(usage.full);
    std::fs::remove_file(&ballast).expect("it was there");
    let freed = house.now();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let all = Range { start: freed - Duration::from_secs(60), end: freed + Duration::from_secs(60) };
    let timeline = house.cloud.timeline(&house.caller(), camera, all).await.expect("a timeline");
    let gap = timeline.gaps.iter().find(|gap| gap.cause == Cause::DiskFull).expect("a gap with its cause");
    assert!(gap.end.is_some_and(|end| end.since(freed) < Duration::from_secs(6)), "it goes on by itself: {timeline:?}");
    assert_eq!(house.cloud.check(false).await.expect("a check").problems, []);
    house.stop().await;
    simulator.stop().await;
}

/// 200 MiB of memory as a disk.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=200m", "tmpfs"]).arg(folder.path()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: a small disk cannot be mounted here (it needs root)");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}
