//! What a camera sends is recorded, sealed, found again and exported.

use crate::house::{self, House, ffmpeg_complaints, frames, installed, migrations};
use base::Range;
use cloud::Stream;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_camera_sends_comes_back_as_an_mp4_that_ffmpeg_accepts() {
    db::testing::each(migrations, |db| async move {
        let simulator = house::scenes(1).await;
        let house = House::new(db).await;
        let camera = house.add("Porch", &simulator.urls()[0], true).await;
        let main = house.recorded(camera, Stream::Main, Duration::from_secs(6)).await;
        let sub = house.recorded(camera, Stream::Sub, Duration::from_secs(4)).await;
        if installed("ffmpeg") {
            for (stream, range) in [(Stream::Main, main), (Stream::Sub, sub)] {
                let path = house.mp4(camera, stream, range).await;
                assert_eq!(ffmpeg_complaints(&path), "");
                let seconds = range.duration().as_secs_f64();
                let fps = frames(&path, "v:0") as f64 / seconds;
                assert!((4.0..=16.0).contains(&fps), "{fps} frames a second");
                assert!(frames(&path, "a:0") > 0, "the sound is there");
            }
        }
        house.stop().await;
        simulator.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_on_the_shelf_tells_what_it_is() {
    policy::prove!(C6_2);
    let simulator = house::scenes(1).await;
    let house = House::in_memory().await;
    let camera = house.add("Canary-nursery", &simulator.urls()[0], false).await;
    house.recorded(camera, Stream::Main, Duration::from_secs(5)).await;
    let (_, folder) = house.stop().await;
    let mut searched = 0;
    for entry in walk(folder.path()) {
        let Ok(bytes) = std::fs::read(&entry) else { continue };
        searched += bytes.len();
        for mark in [&b"moof"[..], b"mdat", b"ftyp", b"Canary-nursery", b"\x00\x00\x00\x01\x65"] {
            let found = bytes.windows(mark.len()).any(|window| window == mark);
            assert!(!found, "{:?} stands in {}", String::from_utf8_lossy(mark), entry.display());
        }
    }
    assert!(searched > 100_000, "there was something to search");
    simulator.stop().await;
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn byte_ranges_after_a_restart_equal_the_whole_download() {
    let simulator = house::scenes(1).await;
    let folder = std::sync::Arc::new(tempfile::tempdir().expect("a folder"));
    let db = house::file_db(&folder).await;
    let house = House::in_folder(db, folder, base::World::system()).await;
    let camera = house.add("Porch", &simulator.urls()[0], false).await;
    let range = house.recorded(camera, Stream::Main, Duration::from_secs(8)).await;
    let range = Range { start: range.start + Duration::from_millis(1500), end: range.end - Duration::from_millis(500) };
    let ticket = house.ticket(camera, devices::grant::Action::Download, range).await;
    let whole = house::whole(&house.cloud.recording(ticket, Stream::Main, range).await.expect("a recording")).await;
    let (_, folder) = house.stop().await;
    simulator.stop().await;

    let house = House::in_folder(house::file_db(&folder).await, folder, base::World::system()).await;
    let ticket = house.ticket(camera, devices::grant::Action::Download, range).await;
    let recording = house.cloud.recording(ticket, Stream::Main, range).await.expect("still there");
    let (chance, _) = base::World::test(7);
    for _ in 0..200 {
        let pick = |bound: u64| u64::from_be_bytes(chance.random()) % bound;
        let start = pick(whole.len() as u64);
        let end = start + 1 + pick(whole.len() as u64 - start);
        let part = house::part(&recording, start..end).await;
        assert!(part == whole[start as usize..end as usize], "bytes {start}..{end} differ");
    }
    house.stop().await;
}
