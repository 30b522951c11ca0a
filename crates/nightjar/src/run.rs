//! The composition root: everything is put together here, in the order in which it starts.

use crate::{
    config::{Config, Database, Server, Tls},
    control, data_map, listen,
    reactions::reactions,
    root_key::{Recovery, beside, whereabouts, write_private},
    tls,
};
use accounts::{Accounts, Caller, ColumnKeys, HouseholdId};
use base::{Error, Result, Secret, Shutdown, World};
use cloud::Cloud;
use connect::{Connect, Post};
use db::{Db, outbox::Outbox};
use devices::Devices;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use privacy::Privacy;
use rustix::{
    fs::FlockOperation,
    io::Errno,
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
};
use serde_json::Value;
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::IsTerminal,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};
use vault::Vault;

/// How often it is looked whether a request waits too long.
const LOOK: Duration = Duration::from_secs(60);
/// How often what is past its time is deleted.
const EXPIRE: Duration = Duration::from_secs(3600);

/// The data of an installation, opened: the contexts over it, and the lock that keeps others away.
pub struct System {
    pub config: Config,
    pub world: World,
    pub household: HouseholdId,
    pub accounts: Accounts,
    pub devices: Devices,
    pub cloud: Cloud,
    pub connect: Connect,
    pub privacy: Privacy,
    pub recovery: Recovery,
    /// Has begun where nothing records: a command opened the data.
    pub recording: Shutdown,
    databases: [Db; 2],
    /// Where browsers reach the server, once it listens.
    address: OnceLock<SocketAddr>,
    _lock: File,
}

impl System {
    /// Opens the data; `None` if another process has it.
    pub async fn try_open(config: &Config) -> Result<Option<Self>> {
        match lock(config)? {
            Some(lock) => {
                // A shutdown that has begun: a command looks and changes, but neither mends nor records.
                let still = Shutdown::new();
                still.begin();
                Self::open(config.clone(), lock, World::system(), Mode::Server, &[], still).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// Opens the data: databases, keys, shelf, contexts; what should record does so until `recording` ends.
    async fn open(
        config: Config,
        lock: File,
        world: World,
        mode: Mode,
        own_ports: &[u16],
        recording: Shutdown,
    ) -> Result<Self> {
        let data = config.data()?.to_owned();
        let keys_file = data.join("keystore.db");
        let fresh = !keys_file.exists();
        let root_key = whereabouts(&config)?.load(fresh, &world)?;

        let main = Db::open(&main_url(&config, &data)).await?;
        main.migrate(migrations(), Some(&data.join("restore-points"))).await?;
        // No restore point for keys: a copy of a destroyed key would undo its destruction.
        let keystore = Db::open_keystore(&format!("sqlite://{}", keys_file.display())).await?;
        keystore.migrate(vault::migrations(), None).await?;

        let (shelf, max_bytes) = match config.storage.disk.first() {
            Some(disk) => (disk.path.clone(), disk.max_bytes),
            None => (data.join("shelf"), 0),
        };
        let shelf = Arc::new(vault::Disk::open(&shelf).map_err(|error| {
            Error::unavailable(format!("the recordings' folder {} cannot be opened", shelf.display())).because(error)
        })?);
        let recovery = Recovery::new(root_key.clone(), &data, world.clone());
        let vault = Vault::open(keystore.clone(), root_key, shelf, world.clone()).await?;

        let keys = column_keys(&vault);
        let accounts = Accounts::new(main.clone(), world.clone(), keys.clone()).named(&config.server.names)?;
        let accounts = accounts.with_issuers(config.accounts.issuers()?, crate::issuers::fetch()?);
        let devices = Devices::new(main.clone(), world.clone(), keys.clone(), accounts.clone());
        let post = if mode == Mode::Demo { Post::Shown } else { config.mail.post()? };
        let mut listen = config.server.listen;
        own_ports.iter().for_each(|port| listen.set_port(*port));
        let to_people = connect::Config { post, site: url(&config.server, listen) };
        let connect = Connect::new(main.clone(), world.clone(), keys.clone(), accounts.clone(), to_people);
        let household = accounts.ensure_household().await?;
        let parts =
            cloud::Parts { db: main.clone(), vault: vault.clone(), devices: devices.clone(), world: world.clone() };
        let allow = Arc::new(camera::Allow::new(config.cameras.allow.clone(), own_ports.to_vec()));
        let cloud =
            Cloud::start(parts, cloud::Config { allow, io_threads: 0, disk_max_bytes: max_bytes }, recording.clone());
        let cloud = cloud.await?;
        let privacy = Privacy::new(privacy::Parts {
            db: main.clone(),
            world: world.clone(),
            keys,
            accounts: accounts.clone(),
            // In the order in which a person is erased: the keys first, the accounts last.
            holders: vec![
                Arc::new(vault),
                Arc::new(cloud.clone()),
                Arc::new(connect.clone()),
                Arc::new(devices.clone()),
                Arc::new(accounts.clone()),
            ],
            map: whole_map(),
            record: beside(&data, "erasures"),
            exports: data.join("exports"),
            operator: privacy::Operator {
                name: config.operator.name.clone(),
                contact: config.operator.contact.clone(),
            },
        })?;
        // Before anybody can look: what was erased stays erased, also when an old backup was restored.
        privacy.replay().await?;
        privacy.publish().await?;
        let (databases, address) = ([main, keystore], OnceLock::new());
        Ok(Self {
            config,
            world,
            household,
            accounts,
            devices,
            cloud,
            connect,
            privacy,
            recovery,
            recording,
            databases,
            address,
            _lock: lock,
        })
    }

    /// Closes the databases, so that nothing is left in their logs.
    pub async fn close(self) {
        for database in self.databases {
            if let Err(error) = database.close().await {
                tracing::warn!(?error, "a database was not closed in order");
            }
        }
    }

    /// What became true and is told on.
    fn outbox(&self) -> Outbox {
        Outbox::new(self.databases[0].clone(), self.world.clone())
    }

    /// A new single-use address for the owner, noted in the view log.
    pub async fn setup_url(&self, caller: &Caller) -> Result<Secret<String>> {
        let setup = self.accounts.create_setup_link(caller).await?;
        self.devices.log_setup_link(caller).await?;
        Ok(Secret::new(format!("{}setup#token={}", self.url(), setup.token.expose())))
    }

    /// The address of the first page, with a slash at its end.
    pub fn url(&self) -> String {
        url(&self.config.server, self.address.get().copied().unwrap_or(self.config.server.listen))
    }

    /// What `nightjar check` finds.
    pub async fn check(&self, repair: bool) -> Result<Value> {
        let found = self.cloud.check(repair).await?;
        serde_json::to_value(found).map_err(|error| Error::internal("the findings cannot be written").because(error))
    }
}

/// Takes the lock of the data folder, which is made if it is missing; `None` if another process has it.
fn lock(config: &Config) -> Result<Option<File>> {
    let data = config.data()?;
    let failed = |error: std::io::Error| {
        Error::unavailable(format!("the data folder {} cannot be used", data.display())).because(error)
    };
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(failed)?;
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(data.join("lock"));
    let file = file.map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(failed(error.into())),
    }
}

fn main_url(config: &Config, data: &Path) -> String {
    match &config.storage.database {
        Database::Sqlite => format!("sqlite://{}", data.join("nightjar.db").display()),
        Database::Postgres(url) => url.clone(),
    }
}

/// The migrations of all contexts; [`Db::migrate`] puts them in the order of time.
fn migrations() -> Vec<Box<dyn sea_orm_migration::MigrationTrait>> {
    let all = [
        accounts::migrations(),
        db::migrations(),
        devices::migrations(),
        cloud::migrations(),
        connect::migrations(),
        privacy::migrations(),
    ];
    all.into_iter().flatten().collect()
}

/// The data map of the whole program.
fn whole_map() -> Vec<policy::Table> {
    [
        db::DATA_MAP,
        db::QUEUES,
        vault::DATA_MAP,
        accounts::DATA_MAP,
        devices::DATA_MAP,
        cloud::DATA_MAP,
        connect::DATA_MAP,
        privacy::DATA_MAP,
        api::DATA_MAP,
        data_map::DATA_MAP,
    ]
    .concat()
}

fn column_keys(vault: &Vault) -> ColumnKeys {
    let vault = vault.clone();
    ColumnKeys::new(move |owner| {
        let vault = vault.clone();
        async move { Ok(vault.column_key(owner).await?) }
    })
}

/// The address under which a browser on this machine or, better, under the configured name reaches the server.
fn url(server: &Server, address: SocketAddr) -> String {
    let scheme = if server.tls == Tls::Off { "http" } else { "https" };
    let host = match (server.names.first(), address.ip()) {
        (Some(name), _) => name.clone(),
        (None, IpAddr::V4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        (None, IpAddr::V6(ip)) if ip.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        (None, IpAddr::V4(ip)) => ip.to_string(),
        (None, IpAddr::V6(ip)) => format!("[{ip}]"),
    };
    format!("{scheme}://{host}:{}/", address.port())
}

/// A server about to start: its data is locked and its port is taken, so that neither can fail later.
pub struct Bound {
    config: Config,
    lock: File,
    listener: TcpListener,
    address: SocketAddr,
}

/// Takes the lock and the port.
pub fn bind(config: Config) -> Result<Bound> {
    let in_use = || Error::conflict("another nightjar uses this data folder");
    let lock = lock(&config)?.ok_or_else(in_use)?;
    let listener = listen::bind(config.server.listen)?;
    let address = listener.local_addr().map_err(|error| Error::internal("no local address").because(error))?;
    Ok(Bound { config, lock, listener, address })
}

/// Who is let in without a password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nobody.
    Server,
    /// Whoever uses this machine, as the owner.
    Demo,
}

impl Bound {
    /// Starts everything, tells `ready` once requests are answered, and serves until SIGTERM or SIGINT.
    pub async fn run(self, mode: Mode, ready: impl AsyncFnOnce(&System) -> Result<()>) -> Result<()> {
        guard_process();
        let world = World::system();
        let measurements = measurements()?;
        let tls = tls::load(&self.config.server, self.config.data()?, &world)?;
        let shutdown = Shutdown::new();
        let system =
            System::open(self.config, self.lock, world, mode, &[self.address.port()], shutdown.child()).await?;
        let _ = system.address.set(self.address);
        let system = Arc::new(system);

        let chores = tokio::spawn(chores(system.clone(), shutdown.child()));
        let (rights, ending) = (system.privacy.clone(), shutdown.child());
        let erasures =
            tokio::spawn(async move { tokio::join!(rights.run_erasures(ending.clone()), rights.run_exports(ending)) });
        control::serve(system.clone(), shutdown.child()).await?;
        let router = api::router(Arc::new(app(&system, mode, measurements).await?))?;
        let serving = shutdown.child();
        let server = tokio::spawn(async move { listen::serve(self.listener, tls, router, &serving).await });

        // Caught before anybody is told: who hears that it is ready may stop it in the same instant.
        let stop = stop_signal()?;
        ready(&system).await?;
        notify_systemd(&shutdown);
        tokio::select! {
            () = stop => {}
            () = shutdown.begun() => {}
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        tracing::info!("stopping");
        // Viewers first, then recorders, which finish their fragments, then what is written to the database.
        shutdown.begin();
        let served = server.await.map_err(|error| Error::internal("the listener broke").because(error))?;
        system.cloud.stop().await;
        let _ = chores.await;
        let _ = erasures.await;
        if let Some(system) = Arc::into_inner(system) {
            system.close().await;
        }
        served
    }
}

/// Keeps keys out of core files and out of other programs' reach, and allows as many sockets and files as the machine
/// does: each camera needs both.
fn guard_process() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let files = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
}

/// What the API works with.
async fn app(system: &Arc<System>, mode: Mode, measurements: PrometheusHandle) -> Result<api::App> {
    let server = &system.config.server;
    let demo = match mode {
        Mode::Server => None,
        Mode::Demo => Some(system.accounts.ensure_demo_owner(system.household, "Ada").await?),
    };
    let (saved, copied, measured) = (system.clone(), system.clone(), system.clone());
    Ok(api::App {
        world: system.world.clone(),
        household: system.household,
        accounts: system.accounts.clone(),
        devices: system.devices.clone(),
        cloud: system.cloud.clone(),
        connect: system.connect.clone(),
        privacy: system.privacy.clone(),
        defaults: api::Defaults {
            retention_days: system.config.cameras.retention_days,
            max_bytes: system.config.cameras.max_bytes,
        },
        sign_up: system.config.accounts.sign_up,
        can_mail: system.connect.can_mail(),
        http: api::Http { names: server.names.clone(), encrypted: server.tls != Tls::Off, demo },
        root_key: api::RootKey {
            copy_saved: Box::new(move || saved.recovery.saved()),
            copy: Box::new(move |passphrase| {
                let copy = copied.recovery.copy(passphrase)?;
                copied.recovery.note()?;
                Ok(copy)
            }),
        },
        metrics: Arc::new(move || {
            measure(&measured.cloud);
            measurements.run_upkeep();
            measurements.render()
        }),
    })
}

fn measurements() -> Result<PrometheusHandle> {
    let failed = |error| Error::internal("measurements cannot be taken").because(error);
    PrometheusBuilder::new().install_recorder().map_err(failed)
}

/// Notes how every stream is doing. Cameras are named by id alone.
fn measure(cloud: &Cloud) {
    for (camera, status) in cloud.gauges() {
        let labels = [("camera", camera.to_string()), ("stream", status.stream.as_str().to_owned())];
        let recording = status.condition == cloud::Condition::Recording;
        metrics::gauge!("nightjar_stream_recording", &labels).set(f64::from(u8::from(recording)));
        metrics::counter!("nightjar_stream_bytes_total", &labels).absolute(status.bytes);
        metrics::counter!("nightjar_stream_lost_packets_total", &labels).absolute(status.lost);
        metrics::counter!("nightjar_stream_reconnects_total", &labels).absolute(status.reconnects.into());
        metrics::gauge!("nightjar_stream_viewers", &labels).set(status.viewers as f64);
        let last = status.last_frame.map_or(0.0, |last| last.micros() as f64 / 1e6);
        metrics::gauge!("nightjar_stream_last_frame_seconds", &labels).set(last);
    }
}

/// Notes how many requests of people wait, and how many of them too long.
async fn measure_requests(privacy: &Privacy) -> Result<()> {
    privacy.look_after_requests().await?;
    let open = privacy.open_requests().await?;
    metrics::gauge!("nightjar_privacy_requests_open").set(open.all as f64);
    metrics::gauge!("nightjar_privacy_requests_overdue").set(open.overdue as f64);
    Ok(())
}

/// What is done beside: the view log is written out, facts are followed by what they bring about, mails go out, and what
/// is past its time is deleted.
async fn chores(system: Arc<System>, shutdown: Shutdown) {
    let (logs, stop) = (system.devices.clone(), shutdown.clone());
    let logs = tokio::spawn(async move { logs.keep_logs(stop).await });
    let reactions =
        reactions(system.accounts.clone(), system.devices.clone(), system.connect.clone(), system.privacy.clone());
    let (outbox, stop) = (system.outbox(), shutdown.clone());
    let outbox = tokio::spawn(async move { outbox.run(reactions, stop).await });
    let (mails, stop) = (system.connect.clone(), shutdown.clone());
    let mails = tokio::spawn(async move { mails.run(stop).await });
    let (mut tick, mut requests) = (tokio::time::interval(EXPIRE), tokio::time::interval(LOOK));
    loop {
        tokio::select! {
            _ = tick.tick() => if let Err(error) = system.accounts.expire().await {
                tracing::warn!(?error, "old sessions could not be deleted");
            },
            _ = requests.tick() => if let Err(error) = measure_requests(&system.privacy).await {
                tracing::warn!(?error, "the requests could not be looked at");
            },
            () = shutdown.begun() => break,
        }
    }
    let _ = tokio::join!(logs, outbox, mails);
}

/// Catches the signals from now on; what it gives resolves at SIGTERM or SIGINT. SIGHUP is taken and does nothing, so that
/// closing a terminal does not stop a recorder.
pub fn stop_signal() -> Result<impl Future<Output = ()>> {
    let catch = |kind| signal(kind).map_err(|error| Error::internal("signals cannot be received").because(error));
    let (mut terminate, mut interrupt) = (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
    let mut hangup = catch(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = hangup.recv() => tracing::info!("SIGHUP does nothing here"),
            }
        }
    })
}

/// Tells systemd that the server is ready, and from then on that it is alive.
fn notify_systemd(shutdown: &Shutdown) {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    if let Some(patience) = sd_notify::watchdog_enabled() {
        let shutdown = shutdown.child();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(patience / 2);
            while !shutdown.has_begun() {
                tick.tick().await;
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
            }
        });
    }
}

/// Tells the owner how to come in the first time: at the terminal and in `DIR/setup-url`, never in the log.
pub async fn invite_owner(system: &System) -> Result<()> {
    let file = system.config.data()?.join("setup-url");
    let failed = |error| Error::unavailable(format!("{} cannot be written", file.display())).because(error);
    if system.accounts.is_set_up(system.household).await? {
        return match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        };
    }
    let url = system.setup_url(&Caller::system(system.household)).await?;
    write_private(&file, format!("{}\n", url.expose()).as_bytes()).map_err(failed)?;
    if std::io::stdout().is_terminal() {
        println!("Open this address within 30 minutes to set up the server:\n\n  {}\n", url.expose());
    }
    tracing::info!(file = %file.display(), "nobody has set up this server yet; the address to open is in the file");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_names_what_a_browser_can_reach() {
        let at = |listen: &str, tls, names: &[&str]| {
            let names = names.iter().map(ToString::to_string).collect();
            url(&Server { tls, names, ..Server::default() }, listen.parse().unwrap())
        };
        assert_eq!(at("127.0.0.1:8480", Tls::Off, &[]), "http://127.0.0.1:8480/");
        assert_eq!(at("0.0.0.0:443", Tls::SelfSigned, &[]), "https://127.0.0.1:443/");
        assert_eq!(at("[::]:443", Tls::Files, &["cams.example"]), "https://cams.example:443/");
        assert_eq!(at("[fd00::1]:8480", Tls::Files, &[]), "https://[fd00::1]:8480/");
    }

    #[test]
    fn a_data_folder_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.storage.data = Some(folder.path().join("data"));
        let first = lock(&config).unwrap();
        assert!(first.is_some() && lock(&config).unwrap().is_none());
        drop(first);
        assert!(lock(&config).unwrap().is_some());
    }
}
