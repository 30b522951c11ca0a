//! A household with real parts: a database, a vault on a real disk, recorders, and simulated cameras that speak RTSP.

use accounts::{Accounts, Caller, ColumnKeys, HouseholdId};
use base::{Range, Secret, Shutdown, Time, World};
use camera::Allow;
use cloud::{Cloud, Config, Parts, Stream};
use connect::{Connect, Post};
use db::Db;
use devices::{
    CameraId, Devices, Mode, Settings,
    grant::{Action, ViewTicket},
};
use privacy::Privacy;
use simulator::{Daylight, Picture, Simulator};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};
use vault::{Disk, Shelf, Vault};

/// All migrations of the product in their order.
pub fn migrations() -> Vec<Box<dyn sea_orm_migration::MigrationTrait>> {
    let mut all = accounts::migrations();
    all.extend(db::migrations());
    all.extend(devices::migrations());
    all.extend(cloud::migrations());
    all.extend(connect::migrations());
    all.extend(privacy::migrations());
    all.sort_by(|a, b| a.name().cmp(b.name()));
    all
}

/// The data map of all that the product stores in its main database and its keystore.
pub fn map() -> Vec<policy::Table> {
    let contexts = [vault::DATA_MAP, accounts::DATA_MAP, devices::DATA_MAP, cloud::DATA_MAP, privacy::DATA_MAP];
    [db::DATA_MAP, db::QUEUES, connect::DATA_MAP]
        .into_iter()
        .chain(contexts)
        .chain([api::DATA_MAP])
        .flatten()
        .copied()
        .collect()
}

/// A running household.
pub struct House {
    pub accounts: Accounts,
    pub devices: Devices,
    pub cloud: Cloud,
    pub connect: Connect,
    pub privacy: Privacy,
    pub vault: Vault,
    pub db: Db,
    pub keystore: Db,
    pub household: HouseholdId,
    pub world: World,
    pub folder: Arc<tempfile::TempDir>,
    began: Time,
    shutdown: Shutdown,
}

impl House {
    /// A new household on this database.
    pub async fn new(db: Db) -> Self {
        Self::in_folder(db, Arc::new(tempfile::tempdir().expect("a temporary folder")), World::system()).await
    }

    /// A new household on a SQLite database in memory.
    pub async fn in_memory() -> Self {
        let db = Db::memory().await.expect("SQLite needs nothing");
        db.migrate(migrations(), None).await.expect("the migrations run");
        Self::new(db).await
    }

    /// The household of a folder that may have been used before.
    pub async fn in_folder(db: Db, folder: Arc<tempfile::TempDir>, world: World) -> Self {
        let shelf = Disk::open(&folder.path().join("shelf")).expect("the shelf opens");
        Self::over(db, folder, Arc::new(shelf), world).await
    }

    /// The household over a shelf of the test's own.
    pub async fn over(db: Db, folder: Arc<tempfile::TempDir>, shelf: Arc<dyn Shelf>, world: World) -> Self {
        let nowhere = connect::Config { post: Post::None, site: "http://localhost/".into() };
        Self::with(db, folder, shelf, world, nowhere).await
    }

    /// The household, which writes to people as it is told.
    pub async fn writing(post: Post) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let shelf = Disk::open(&folder.path().join("shelf")).expect("the shelf opens");
        let to_people = connect::Config { post, site: "https://cams.example/".into() };
        let db = file_db(&folder).await;
        Self::with(db, folder, Arc::new(shelf), World::system(), to_people).await
    }

    async fn with(
        db: Db,
        folder: Arc<tempfile::TempDir>,
        shelf: Arc<dyn Shelf>,
        world: World,
        to_people: connect::Config,
    ) -> Self {
        let url = format!("sqlite://{}", folder.path().join("keys.db").display());
        let keystore = Db::open_keystore(&url);
        let keystore = keystore.await.expect("the keystore opens");
        keystore.migrate(vault::migrations(), None).await.expect("the keystore migrates");
        let key_file = folder.path().join("root-key");
        if !key_file.exists() {
            vault::root_key::create(&key_file, &vault::root_key::generate(&world)).expect("a root key");
        }
        let root_key = vault::root_key::read(&key_file).expect("the root key");
        let vault = Vault::open(keystore.clone(), root_key, shelf, world.clone()).await.expect("the vault opens");
        let keys = {
            let vault = vault.clone();
            ColumnKeys::new(move |owner: [u8; 16]| {
                let vault = vault.clone();
                async move { Ok(vault.column_key(owner).await?) }
            })
        };
        let accounts = Accounts::new(db.clone(), world.clone(), keys.clone());
        let household = accounts.ensure_household().await.expect("a household");
        let devices = Devices::new(db.clone(), world.clone(), keys.clone(), accounts.clone());
        let connect = Connect::new(db.clone(), world.clone(), keys.clone(), accounts.clone(), to_people);
        let shutdown = Shutdown::new();
        let mut nets = Allow::default_nets();
        nets.push("127.0.0.0/8".parse().expect("a network"));
        let config = Config { allow: Arc::new(Allow::new(nets, vec![])), io_threads: 1, disk_max_bytes: 0 };
        let parts = Parts { db: db.clone(), vault: vault.clone(), devices: devices.clone(), world: world.clone() };
        let cloud = Cloud::start(parts, config, shutdown.clone()).await.expect("recording starts");
        let privacy = Privacy::new(privacy::Parts {
            db: db.clone(),
            world: world.clone(),
            keys,
            accounts: accounts.clone(),
            holders: vec![
                Arc::new(vault.clone()),
                Arc::new(cloud.clone()),
                Arc::new(connect.clone()),
                Arc::new(devices.clone()),
                Arc::new(accounts.clone()),
            ],
            map: map(),
            record: folder.path().join("data.erasures"),
            exports: folder.path().join("exports"),
            operator: privacy::Operator { name: "The Test & Sons".into(), contact: "privacy@example.org".into() },
        })
        .expect("the policy is in order");
        Self {
            accounts,
            devices,
            cloud,
            connect,
            privacy,
            vault,
            db,
            keystore,
            household,
            began: world.clock.now(),
            world,
            folder,
            shutdown,
        }
    }

    /// Whoever owns the machine.
    pub fn caller(&self) -> Caller {
        Caller::system(self.household)
    }

    /// Adds a camera that records.
    pub async fn add(&self, name: &str, urls: &simulator::Urls, with_sub: bool) -> CameraId {
        let mut settings = Settings::new(name, urls.main.clone(), Mode::Continuous);
        settings.sub_url = with_sub.then(|| Secret::new(urls.sub.clone()));
        settings.audio = true;
        self.devices.add(&self.caller(), settings).await.expect("the camera is added").id
    }

    /// A ticket for a range.
    pub async fn ticket(&self, camera: CameraId, action: Action, range: Range) -> ViewTicket {
        self.devices.ticket(&self.caller(), camera, action, Some(range)).await.expect("a ticket")
    }

    /// Waits until so much of a stream was stored since the household started, without a gap; gives its span.
    pub async fn recorded(&self, camera: CameraId, stream: Stream, at_least: Duration) -> Range {
        let everything =
            Range { start: self.now() - Duration::from_secs(3600), end: self.now() + Duration::from_secs(3600) };
        for _ in 0..600 {
            let timeline = self.cloud.timeline(&self.caller(), camera, everything).await.expect("a timeline");
            let span = timeline.spans.iter().rev().find(|span| span.stream == stream);
            let whole = |range: Range| range.duration() >= at_least && range.end > self.began + at_least;
            if let Some(span) = span.filter(|span| whole(span.range)) {
                return span.range;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{at_least:?} were not recorded in a minute");
    }

    pub fn now(&self) -> Time {
        self.world.clock.now()
    }

    /// The MP4 of a range as a file in the folder.
    pub async fn mp4(&self, camera: CameraId, stream: Stream, range: Range) -> PathBuf {
        let ticket = self.ticket(camera, Action::Download, range).await;
        let recording = self.cloud.recording(ticket, stream, range).await.expect("a recording");
        let bytes = whole(&recording).await;
        assert_eq!(bytes.len() as u64, recording.len());
        let path = self.folder.path().join(format!("{}-{}.mp4", camera, self.now().micros()));
        std::fs::write(&path, bytes).expect("the folder is writable");
        path
    }

    /// Ends recording as SIGTERM does.
    pub async fn stop(self) -> (Db, Arc<tempfile::TempDir>) {
        self.shutdown.begin();
        self.cloud.stop().await;
        (self.db, self.folder)
    }
}

/// The migrated SQLite database in a folder.
pub async fn file_db(folder: &tempfile::TempDir) -> Db {
    let url = format!("sqlite://{}", folder.path().join("nightjar.db").display());
    let db = Db::open(&url).await.expect("the database opens");
    db.migrate(migrations(), None).await.expect("the migrations run");
    db
}

/// All bytes of a recording.
pub async fn whole(recording: &Arc<cloud::playback::Recording>) -> Vec<u8> {
    part(recording, 0..recording.len()).await
}

/// Some bytes of a recording.
pub async fn part(recording: &Arc<cloud::playback::Recording>, range: std::ops::Range<u64>) -> Vec<u8> {
    use futures_util::TryStreamExt;
    let parts: Vec<bytes::Bytes> = recording.clone().content(range).try_collect().await.expect("the footage opens");
    parts.concat()
}

/// Simulated cameras with drawn scenes.
pub async fn scenes(cameras: usize) -> Simulator {
    let listen: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let config = simulator::Config { listen, cameras, picture: Picture::Scenes(Daylight::Day), credentials: None };
    Simulator::start(config, World::system()).await.expect("the simulator starts")
}

/// Whether a program is installed; says so if not.
pub fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("-version").output().is_ok();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// What ffmpeg says of a file when it decodes all of it: nothing, if it is right.
pub fn ffmpeg_complaints(path: &Path) -> String {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        .args(["-f", "null", "-"])
        .output()
        .expect("ffmpeg runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Frames that ffprobe decodes.
pub fn frames(path: &Path, stream: &str) -> u64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", stream, "-show_entries"])
        .args(["stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .expect("ffprobe runs");
    String::from_utf8_lossy(&output.stdout).trim().trim_end_matches(',').parse().unwrap_or(0)
}
