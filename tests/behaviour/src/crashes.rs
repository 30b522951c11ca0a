//! What a crash costs: the fragment in flight; after a power cut at most the last second besides.

use crate::{
    house::{self, House, ffmpeg_complaints, installed},
    process::Program,
};
use base::Range;
use cloud::Stream;
use sea_orm::ConnectionTrait;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use vault::{Error, Memory, Object, ObjectName, Shelf, Space};

/// A fragment of two seconds in flight, one that waits for the writer, and a group commit.
const LOSS: Duration = Duration::from_millis(2000 + 100 + 1000 + 900);

/// The way from a process to its shelf, until the power goes.
struct Wire {
    shelf: Memory,
    cut: AtomicBool,
}

impl Wire {
    fn shelf(&self) -> Result<&Memory, Error> {
        match self.cut.load(Ordering::SeqCst) {
            false => Ok(&self.shelf),
            true => Err(Error::Io(std::io::Error::other("the power is off"))),
        }
    }
}

impl Shelf for Wire {
    fn create(&self, name: ObjectName) -> Result<Box<dyn Object>, Error> {
        self.shelf()?.create(name)
    }
    fn open(&self, name: ObjectName) -> Result<Box<dyn Object>, Error> {
        self.shelf()?.open(name)
    }
    fn remove(&self, name: ObjectName) -> Result<(), Error> {
        self.shelf()?.remove(name)
    }
    fn list(&self, from: ObjectName, visit: &mut dyn FnMut(ObjectName)) -> Result<(), Error> {
        self.shelf()?.list(from, visit)
    }
    fn space(&self) -> Result<Space, Error> {
        self.shelf()?.space()
    }
    fn commit(&self) -> Result<Vec<ObjectName>, Error> {
        self.shelf()?.commit()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_loses_at_most_the_fragment_in_flight_and_the_last_second() {
    let simulator = house::scenes(1).await;
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let shelf = Memory::new(1 << 30);
    let wire = Arc::new(Wire { shelf: shelf.clone(), cut: AtomicBool::new(false) });
    let house = House::over(house::file_db(&folder).await, folder.clone(), wire.clone(), base::World::system()).await;
    let camera = house.add("Porch", &simulator.urls()[0], false).await;
    let before = house.recorded(camera, Stream::Main, Duration::from_secs(9)).await;
    let survivors = Arc::new(tempfile::tempdir().expect("a folder"));
    for (db, name) in [(&house.db, "nightjar.db"), (&house.keystore, "keys.db")] {
        let copy = survivors.path().join(name);
        db.conn().execute_unprepared(&format!("VACUUM INTO '{}'", copy.display())).await.expect("a copy");
    }
    std::fs::copy(folder.path().join("root-key"), survivors.path().join("root-key")).expect("a copy");
    let cut = house.now();
    wire.cut.store(true, Ordering::SeqCst);
    shelf.crash();
    // The process died with the power: nothing of it is stopped in order.
    std::mem::forget(house);

    let house = House::over(house::file_db(&survivors).await, survivors, Arc::new(shelf), base::World::system()).await;
    house.recorded(camera, Stream::Main, Duration::from_secs(2)).await;
    let all = Range { start: before.start, end: house.now() };
    let timeline = house.cloud.timeline(&house.caller(), camera, all).await.expect("a timeline");
    let kept = timeline.spans.first().expect("footage from before the cut").range;
    assert!(kept.start <= before.start, "the beginning is there");
    assert!(cut.since(kept.end) <= LOSS, "{:?} were lost", cut.since(kept.end));
    let gap = timeline.gaps.first().expect("the gap is told");
    assert_eq!(gap.cause, cloud::Cause::Crash);
    let report = house.cloud.check(false).await.expect("a check");
    assert_eq!(report.problems, []);
    if installed("ffmpeg") {
        let path = house.mp4(camera, Stream::Main, kept).await;
        assert_eq!(ffmpeg_complaints(&path), "");
    }
    house.stop().await;
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_at_random_leave_a_clean_index_and_lose_no_more_than_a_fragment() {
    let Some(program) = Program::new("") else { return };
    let simulator = house::scenes(1).await;
    program.say(&["camera", "add", "--name", "Porch", "--url", &simulator.urls()[0].main]);
    let (chance, _) = base::World::test(20);
    let world = base::World::system();
    let began = world.clock.now();
    let mut up = Duration::ZERO;
    for _ in 0..20 {
        let mut server = program.serve();
        let [a, b] = chance.random();
        let life = Duration::from_millis(3000 + u64::from(u16::from_be_bytes([a, b])) * 2500 / 65_535);
        tokio::time::sleep(life).await;
        server.kill().expect("it was running");
        server.wait().expect("it ended");
        up += life;
    }
    let report: serde_json::Value = serde_json::from_str(&checked(&program)).expect("JSON");
    assert_eq!(report["problems"], serde_json::json!([]), "after the last kill and a restart");
    assert_eq!(report["ok"], true);
    let span = world.clock.now().since(began);
    let kept = Duration::from_secs_f64(report["fragments"].as_f64().expect("a number"));
    eprintln!("20 kills: up {up:?} of {span:?}, {kept:?} fragments kept");
    assert!(report["fragments"].as_u64().expect("a number") >= 20, "each life left something");
    simulator.stop().await;
}

/// Lets a server mend what the last kill left, stops it in order, and checks.
fn checked(program: &Program) -> String {
    let server = program.serve();
    std::thread::sleep(Duration::from_secs(4));
    program.stop(server);
    program.say(&["check", "--json"])
}
