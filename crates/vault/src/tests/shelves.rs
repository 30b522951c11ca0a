//! Power cuts, full disks, names and modes: the promises of both shelves.

use super::*;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn listed(shelf: &dyn Shelf, from: ObjectName) -> BTreeSet<ObjectName> {
    let mut names = BTreeSet::new();
    shelf.list(from, &mut |name| names.extend([name])).unwrap();
    names
}

#[tokio::test]
async fn a_power_cut_loses_what_came_after_the_last_commit_and_nothing_else() {
    let (house, shelf) = House::in_memory().await;
    let key = house.epoch(PORCH).await;
    let (old, _) = house.record(&key, &[b"old"]);
    let mut writer = house.vault.writer(house.name()).unwrap();
    append(&mut writer, &key, 0, b"one").unwrap();
    let last = append(&mut writer, &key, 1, b"two").unwrap();
    shelf.commit().unwrap();
    append(&mut writer, &key, 2, b"lost").unwrap();
    let unsynced = house.vault.writer(house.name()).unwrap().name();
    house.vault.shelf().remove(old).unwrap();
    shelf.crash();
    assert!(matches!(append(&mut writer, &key, 3, b"late"), Err(Error::Broken)), "the old handle is dead");
    let scan = house.vault.scan(writer.name()).await.unwrap();
    assert_eq!((scan.fragments.len(), scan.end, scan.tail), (2, last.offset + last.len, None));
    assert_eq!(house.play(writer.name(), last.offset).await.unwrap(), b"two");
    assert_eq!(listed(&shelf, ObjectName::FIRST), [old, writer.name()].into(), "an uncommitted removal comes back");
    assert!(matches!(house.vault.scan(unsynced).await, Err(Error::NoSuchObject)));
}

#[tokio::test]
async fn one_object_can_be_made_durable_by_itself() {
    let (house, shelf) = House::in_memory().await;
    let key = house.epoch(PORCH).await;
    let [mut synced, mut other] = [(); 2].map(|()| house.vault.writer(house.name()).unwrap());
    append(&mut synced, &key, 0, b"kept").unwrap();
    append(&mut other, &key, 0, b"lost").unwrap();
    synced.sync().unwrap();
    shelf.crash();
    assert_eq!(house.play(synced.name(), 0).await.unwrap(), b"kept");
    assert_eq!(listed(&shelf, ObjectName::FIRST), [synced.name()].into());
}

/// The same on both shelves: `fill` leaves room for less than a fragment, `free` gives it back.
async fn a_full_shelf(house: House, fill: impl FnOnce(), free: impl FnOnce()) {
    let key = house.epoch(PORCH).await;
    let mut writer = house.vault.writer(house.name()).unwrap();
    let fragment = vec![5; 300_000];
    let first = append(&mut writer, &key, 0, &fragment).unwrap();
    fill();
    for _ in 0..3 {
        assert!(matches!(append(&mut writer, &key, 1, &fragment), Err(Error::Full)));
        let scan = house.vault.scan(writer.name()).await.unwrap();
        assert_eq!((scan.end, scan.tail), (first.len, None), "nothing of the failed append is left");
    }
    free();
    let second = append(&mut writer, &key, 1, &fragment).unwrap();
    assert_eq!(second.offset, first.len);
    assert_eq!(house.play(writer.name(), second.offset).await.unwrap(), fragment);
}

#[tokio::test]
async fn a_full_shelf_is_a_named_error_leaves_no_part_and_goes_on_once_there_is_room() {
    let (house, shelf) = House::in_memory().await;
    a_full_shelf(house, || shelf.set_room(500_000), || shelf.set_room(1_000_000)).await;
}

/// A file system of its own in memory; mounting one needs root.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = ["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(dir.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(dir))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[tokio::test]
async fn a_full_disk_is_a_named_error_leaves_no_part_and_goes_on_once_there_is_room() {
    let Some(disk) = Tmpfs::mount("1m") else {
        eprintln!("skipped: mounting a small file system needs root");
        return;
    };
    let shelf = Arc::new(Disk::open(&disk.0.path().join("shelf")).unwrap());
    let ballast = disk.0.path().join("ballast");
    assert_eq!(shelf.space().unwrap(), Space { free: 1 << 20, total: 1 << 20 });
    let house = House::on(shelf, keystore().await).await;
    a_full_shelf(house, || fs::write(&ballast, vec![1; 600_000]).unwrap(), || fs::remove_file(&ballast).unwrap()).await;
}

#[tokio::test]
async fn a_disk_holds_opaque_names_that_only_its_owner_can_read_and_no_word_of_the_content() {
    policy::prove!(C6_2);
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("shelf");
    let house = House::on(Arc::new(Disk::open(&root).unwrap()), keystore().await).await;
    let key = house.epoch(PORCH).await;
    let fragment = [&b"moof....mdat\0\0\0\x01Nursery"[..], &[0x67; 4000]].concat();
    let (object, _) = house.record(&key, &[&fragment, &fragment]);
    assert_eq!(house.play(object, 0).await.unwrap(), fragment);
    let found = files(&root);
    let name = object.uuid().simple().to_string();
    assert_eq!(found, [root.join(&name[..7]).join(&name)]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&found[0]), mode(&root.join(&name[..7])), mode(&root)), (0o600, 0o700, 0o700));
    let bytes = fs::read(&found[0]).unwrap();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    for needle in [&b"moof"[..], b"mdat", b"\0\0\0\x01N", b"Nursery", &[0x67; 4], key.key.expose()] {
        assert!(!holds(needle), "{needle:?}");
    }
    assert!(holds(b"NJF1"), "the search finds what is there");
}

#[tokio::test]
async fn an_object_is_made_once_removed_for_good_and_its_empty_folder_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = Arc::new(Disk::open(dir.path()).unwrap());
    let house = House::on(shelf.clone(), keystore().await).await;
    let key = house.epoch(PORCH).await;
    let (first, _) = house.record(&key, &[b"1"]);
    assert!(matches!(house.vault.writer(first), Err(Error::Exists)));
    house.clock.advance(Duration::from_secs(3600));
    let (second, _) = house.record(&key, &[b"2"]);
    assert_eq!(listed(&*shelf, ObjectName::FIRST), [first, second].into());
    assert_eq!(listed(&*shelf, second), [second].into(), "older folders are not even read");
    fs::write(dir.path().join("lost+found"), "").unwrap();
    fs::write(dir.path().join(&second.uuid().simple().to_string()[..7]).join("README"), "").unwrap();
    assert_eq!(listed(&*shelf, ObjectName::FIRST), [first, second].into(), "foreign files are passed over");
    shelf.remove(first).unwrap();
    shelf.remove(first).unwrap();
    assert!(shelf.commit().unwrap().is_empty());
    assert_eq!(listed(&*shelf, ObjectName::FIRST), [second].into());
    assert!(!dir.path().join(&first.uuid().simple().to_string()[..7]).exists());
    assert!(matches!(house.play(first, 0).await, Err(Error::NoSuchObject)));
    house.vault.truncate(second, 10).await.unwrap();
    assert_eq!(house.vault.scan(second).await.unwrap().tail, Some(Tail::Torn));
}

#[tokio::test]
async fn many_writers_and_commits_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let shelf = Arc::new(Disk::open(dir.path()).unwrap());
    let house = House::on(shelf.clone(), keystore().await).await;
    let key = house.epoch(PORCH).await;
    let plain = vec![3; 10_000];
    let names: Vec<_> = std::thread::scope(|scope| {
        let write = |_| {
            let mut writer = house.vault.writer(house.name()).unwrap();
            for n in 0..20 {
                append(&mut writer, &key, n, &plain).unwrap();
            }
            writer.name()
        };
        let threads: Vec<_> = (0..20).map(|n| scope.spawn(move || write(n))).collect();
        (0..10).for_each(|_| assert!(shelf.commit().unwrap().is_empty()));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(shelf.commit().unwrap().is_empty());
    for name in names {
        let scan = house.vault.scan(name).await.unwrap();
        assert_eq!((scan.fragments.len(), scan.tail), (20, None));
        for (offset, _) in scan.fragments {
            house.vault.check_fragment(name, offset).await.unwrap();
        }
    }
}

#[test]
fn files_of_the_shelf_are_not_inherited_by_other_programs() {
    let (dir, (world, _)) = (tempfile::tempdir().unwrap(), World::test(1));
    let shelf = Disk::open(dir.path()).unwrap();
    let _object = shelf.create(ObjectName::generate(&world)).unwrap();
    let held = |flags: u32| flags & 0o2_000_000 == 0; // O_CLOEXEC, as /proc shows it
    let inherited: Vec<_> = fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|fd| {
            let fd = fd.ok()?;
            let target = fs::read_link(fd.path()).ok()?;
            let info = fs::read_to_string(Path::new("/proc/self/fdinfo").join(fd.file_name())).ok()?;
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?.trim().to_owned();
            (target.starts_with(dir.path()) && held(u32::from_str_radix(&flags, 8).ok()?)).then_some(target)
        })
        .collect();
    assert!(inherited.is_empty(), "{inherited:?}");
}

/// `cargo test --release -p vault -- --ignored --nocapture commits_by_count`
#[test]
#[ignore = "a measurement; run it in release, on the disk that TMPDIR names"]
fn commits_by_count() {
    let (dir, (world, _)) = (tempfile::tempdir().unwrap(), World::test(1));
    let shelf = Disk::open(dir.path()).unwrap();
    let block = vec![1u8; 250_000];
    for count in [1, 2, 4, 8, 16, 32, 64, 128, 256] {
        let mut objects: Vec<_> = (0..count).map(|_| shelf.create(ObjectName::generate(&world)).unwrap()).collect();
        let mut times = [Duration::ZERO; 2];
        for round in 0..10u64 {
            for (way, time) in times.iter_mut().enumerate() {
                let end = (2 * round + way as u64) * block.len() as u64;
                for object in &mut objects {
                    object.append(end, &mut [std::io::IoSlice::new(&block)]).unwrap();
                }
                let start = std::time::Instant::now();
                match way {
                    0 => objects.iter_mut().for_each(|object| object.sync().unwrap()),
                    _ => rustix::fs::syncfs(fs::File::open(dir.path()).unwrap()).unwrap(),
                }
                *time += start.elapsed() / 10;
            }
        }
        println!("{count:4} files of 250 kB: fdatasync each {:?}, syncfs {:?}", times[0], times[1]);
    }
}

/// `cargo test --release -p vault -- --ignored --nocapture an_hour`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement; run it in release"]
async fn an_hour_is_read_and_opened_at_more_than_a_gigabyte_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let house = House::on(Arc::new(Disk::open(dir.path()).unwrap()), keystore().await).await;
    let key = house.epoch(PORCH).await;
    let plain = vec![7; 500_000];
    let objects: Vec<_> = (0..60).map(|_| house.record(&key, &vec![&plain[..]; 30])).collect();
    let (mut bytes, start) = (0, std::time::Instant::now());
    for (object, placed) in &objects {
        for at in placed {
            bytes += house.play(*object, at.offset).await.unwrap().len();
        }
    }
    let rate = bytes as f64 / start.elapsed().as_secs_f64() / 1e9;
    let each = start.elapsed() / (60 * 30);
    println!("an hour of 2 Mbit/s, one fragment after another: {rate:.2} GB/s, {each:?} each of 500 kB");
    assert!(rate >= 1.2);
}
