//! Reolink devices in front of simulated cameras: the vendor's HTTP API (its guide, version 8 of 2023-4) with the quirks
//! of real firmware, as real clients meet them.
//!
//! A [`Device`] is a camera, a battery camera or a recorder with many channels; its channels are cameras of a
//! [`Simulator`](crate::Simulator), which gives them their streams. What goes wrong with the first of them also goes wrong
//! with the API.

mod card;
mod clock;
mod commands;
mod doors;
mod hooks;
mod pretty;
mod session;
mod settings;
mod snapshot;

pub use clock::Clock;

use crate::{Credentials, Daylight, Kind, camera::Camera, discovery::Card};
use base::{Error, Result, Shutdown, Time, World};
use doors::Way;
use session::Sessions;
use settings::Settings;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// A wired camera with one channel.
    Camera,
    /// A camera on Wi-Fi that runs on a battery and sleeps unless it is woken.
    Battery,
    /// A network video recorder with sixteen channels.
    Recorder,
}

impl Model {
    /// What the device is called at the factory.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Model::Camera => "RLC-810A",
            Model::Battery => "Argus 3 Pro",
            Model::Recorder => "RLN16-410",
        }
    }

    fn exact_type(self) -> &'static str {
        if self == Model::Recorder { "NVR" } else { "IPC" }
    }

    fn hardware(self) -> &'static str {
        match self {
            Model::Camera => "IPC_523128M8MP",
            Model::Battery => "IPC_523SD8",
            Model::Recorder => "N3MB01",
        }
    }

    fn firmware(self) -> &'static str {
        match self {
            Model::Camera => "v3.1.0.956_22041503",
            Model::Battery => "v3.0.0.1216_22052301",
            Model::Recorder => "v3.2.0.258_23060601",
        }
    }

    fn channels(self) -> usize {
        if self == Model::Recorder { 16 } else { 1 }
    }

    fn on_wifi(self) -> bool {
        self == Model::Battery
    }

    /// The UID of the device, or of the camera at one of its channels: sixteen characters.
    pub(crate) fn uid(self, channel: usize) -> String {
        format!("9527{:04}SIMULA{:02}", self as usize, channel)
    }
}

/// What a device is to be.
#[derive(Clone, Debug)]
pub struct Config {
    pub model: Model,
    /// Its channels in order: cameras of the simulator, counted from 1. A recorder with fewer than sixteen has free
    /// channels.
    pub cameras: Vec<usize>,
    /// Channels, counted from 0, whose camera cannot be reached.
    pub offline: Vec<usize>,
    /// Where the device is.
    pub address: IpAddr,
    /// The port of plain HTTP, 0 for a free one; none if HTTP is off, as it is at the factory.
    pub http: Option<u16>,
    /// The port of HTTPS, with a certificate that the device signed itself; none if it is off.
    pub https: Option<u16>,
    /// The port of RTSP; none if it is off, as it is at the factory.
    pub rtsp: Option<u16>,
    pub credentials: Credentials,
    pub clock: Clock,
    /// How long a login lasts.
    pub lease: Duration,
    /// Logins at a time.
    pub sessions: usize,
    /// Length of a file on the card. Files end at multiples of it.
    pub clip: Duration,
    /// How far back the card reaches when the device starts.
    pub recorded: Duration,
}

impl Config {
    /// A device as it leaves the factory, on loopback with a free port for HTTPS.
    pub fn new(model: Model, cameras: Vec<usize>, credentials: Credentials) -> Self {
        Self {
            model,
            cameras,
            offline: Vec::new(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            http: None,
            https: Some(0),
            rtsp: None,
            credentials,
            clock: Clock::default(),
            lease: Duration::from_secs(3600),
            sessions: 8,
            clip: Duration::from_secs(60),
            recorded: Duration::from_secs(3600),
        }
    }
}

/// What a camera detects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    Motion,
    Person,
    Vehicle,
    Animal,
    Face,
    Package,
    Visitor,
}

/// What clients have done to a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests over HTTP and HTTPS.
    pub requests: u64,
    /// Logins that were let in.
    pub logins: u64,
    /// Logins that were refused.
    pub refused: u64,
    /// Sessions that are open now.
    pub sessions: usize,
    /// How often a sleeping battery camera was woken.
    pub wakes: u64,
    /// Commands that moved, lit or sounded something.
    pub actions: u64,
    /// Restarts.
    pub reboots: u64,
}

/// An answer that is an error: `rspCode` and `detail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub i32, pub &'static str);

/// A simulated Reolink device at work. Dropping it stops it.
pub struct Device {
    state: Arc<State>,
    stop: Shutdown,
}

impl Device {
    /// Starts the device in front of those cameras; it accepts connections when this returns. Must be called inside a
    /// tokio runtime.
    pub(crate) fn start(
        config: Config,
        cameras: &[Arc<Camera>],
        daylight: Option<Daylight>,
        world: &World,
        stop: &Shutdown,
    ) -> Result<Self> {
        let stop = stop.child();
        let open = [config.http, config.https, config.rtsp];
        let state = State::new(config, cameras, daylight, world, &stop)?;
        for way in Way::ALL.into_iter().filter(|way| open[*way as usize].is_some()) {
            state.admit_by(way).map_err(|error| Error::unavailable("cannot listen").because(error))?;
        }
        Ok(Self { state, stop })
    }

    /// Where it speaks plain HTTP, if that is on.
    pub fn http(&self) -> Option<SocketAddr> {
        self.state.doors.open(Way::Http)
    }

    /// Where it speaks HTTPS, if that is on.
    pub fn https(&self) -> Option<SocketAddr> {
        self.state.doors.open(Way::Https)
    }

    /// Where it speaks RTSP, if that is on: `/Preview_01_main` and `/Preview_01_sub` are its first channel. Its cameras can
    /// be reached at the simulator's own addresses too.
    pub fn rtsp(&self) -> Option<SocketAddr> {
        self.state.doors.open(Way::Rtsp)
    }

    /// How it presents itself to who looks for cameras.
    pub(crate) fn card(&self) -> Card {
        let (model, name) = (self.state.model, self.state.shown_name(0));
        Card { id: model.uid(self.state.channels[0].number), name, hardware: model.name().into() }
    }

    /// The SHA-256 of its certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.state.doors.fingerprint()
    }

    /// A channel, counted from 0, detects something for that long.
    pub fn alarm(&self, channel: usize, alarm: Alarm, duration: Duration) {
        let until = self.state.world.clock.monotonic() + duration;
        lock(&self.state.alarms).push((channel, alarm, until));
    }

    /// From now on each batch that holds this command collapses into one time-out, and so does the command by itself.
    pub fn jam(&self, command: &str) {
        lock(&self.state.jammed).insert(command.to_owned());
    }

    /// From now on the device answers to this command that it is done, and does nothing.
    pub fn ignore(&self, command: &str) {
        lock(&self.state.ignored).insert(command.to_owned());
    }

    /// Sets the clock wrong, or right again.
    pub fn set_clock(&self, clock: Clock) {
        *lock(&self.state.clock) = clock;
    }

    /// How its clock stands.
    pub fn clock(&self) -> Clock {
        *lock(&self.state.clock)
    }

    /// Ends all sessions without telling anybody.
    pub fn expire_sessions(&self) {
        self.state.sessions.expire();
    }

    /// What clients have done so far.
    pub fn counts(&self) -> Counts {
        let (logins, refused) = self.state.sessions.tally();
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let State { requests, wakes, actions, reboots, sessions, .. } = &*self.state;
        Counts {
            requests: load(requests),
            logins,
            refused,
            sessions: sessions.list().len(),
            wakes: load(wakes),
            actions: load(actions),
            reboots: load(reboots),
        }
    }

    /// Ends all connections.
    pub fn stop(&self) {
        self.stop.begin();
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What all connections to a device share.
pub(crate) struct State {
    model: Model,
    channels: Vec<Channel>,
    /// Itself, for what it starts when a setting says so.
    own: Weak<State>,
    world: World,
    started: Time,
    clip: Duration,
    recorded: Duration,
    clock: Mutex<Clock>,
    sessions: Sessions,
    settings: Settings,
    doors: doors::Doors,
    card: card::Card,
    alarms: Mutex<Vec<(usize, Alarm, Duration)>>,
    jammed: Mutex<BTreeSet<String>>,
    ignored: Mutex<BTreeSet<String>>,
    presets: Mutex<BTreeSet<(usize, u64, String)>>,
    hooks: Mutex<BTreeSet<hooks::Hook>>,
    /// Until when a battery camera stays awake.
    awake_until: Mutex<Duration>,
    daylight: Option<Daylight>,
    requests: AtomicU64,
    wakes: AtomicU64,
    actions: AtomicU64,
    reboots: AtomicU64,
}

/// A camera at a device.
pub(crate) struct Channel {
    camera: Arc<Camera>,
    /// Its place among the cameras of the simulator, counted from 0.
    number: usize,
    online: AtomicBool,
    lens: snapshot::Lens,
}

/// How long a battery camera stays awake after somebody has woken it.
const AWAKE: Duration = Duration::from_secs(20);

impl State {
    fn new(
        config: Config,
        cameras: &[Arc<Camera>],
        daylight: Option<Daylight>,
        world: &World,
        stop: &Shutdown,
    ) -> Result<Arc<Self>> {
        if config.cameras.is_empty() || config.cameras.len() > config.model.channels() {
            return Err(Error::invalid(format!("this model has 1 to {} channels", config.model.channels())));
        }
        if config.clip < Duration::from_secs(1) || config.clip.subsec_nanos() != 0 {
            return Err(Error::invalid("a file on the card is whole seconds long"));
        }
        let channel = |(place, number): (usize, &usize)| {
            let camera = number.checked_sub(1).and_then(|index| Some((index, cameras.get(index)?.clone())));
            let (number, camera) = camera.ok_or_else(|| Error::not_found(format!("there is no camera {number}")))?;
            let online = AtomicBool::new(!config.offline.contains(&place));
            Ok(Channel { camera, number, online, lens: snapshot::Lens::default() })
        };
        let channels = config.cameras.iter().enumerate().map(channel).collect::<Result<_>>()?;
        let ports = [config.http, config.https, config.rtsp].map(Option::unwrap_or_default);
        let doors = doors::Doors::new(config.address, ports, stop.clone())?;
        Ok(Arc::new_cyclic(|own| Self {
            model: config.model,
            channels,
            own: own.clone(),
            world: world.clone(),
            started: world.clock.now(),
            clip: config.clip,
            recorded: config.recorded,
            clock: Mutex::new(config.clock),
            sessions: Sessions::new(config.credentials, config.sessions.max(1), config.lease, world),
            settings: Settings::default(),
            doors,
            card: card::Card::default(),
            alarms: Mutex::default(),
            jammed: Mutex::default(),
            ignored: Mutex::default(),
            presets: Mutex::default(),
            hooks: Mutex::default(),
            awake_until: Mutex::default(),
            daylight,
            requests: AtomicU64::new(0),
            wakes: AtomicU64::new(0),
            actions: AtomicU64::new(0),
            reboots: AtomicU64::new(0),
        }))
    }

    /// Whether that is wrong with the device just now.
    fn suffers(&self, kind: Kind) -> bool {
        self.channels[0].camera.faults.active(kind, self.world.clock.monotonic())
    }

    /// The channel with that number, if a camera is there and can be reached.
    fn channel(&self, number: usize) -> Result<&Channel, Refusal> {
        let channel = self.channels.get(number).ok_or(Refusal(-49, "channel invalid"))?;
        if channel.online.load(Ordering::Relaxed) { Ok(channel) } else { Err(Refusal(-99, "device offline")) }
    }

    /// What a channel detects now: what was asked for, and what its scene shows.
    fn detects(&self, channel: usize) -> BTreeSet<Alarm> {
        let now = self.world.clock.monotonic();
        let mut alarms = lock(&self.alarms);
        alarms.retain(|(_, _, until)| *until > now);
        let mut found: BTreeSet<Alarm> = alarms.iter().filter(|(at, ..)| *at == channel).map(|alarm| alarm.1).collect();
        if let (Some(_), Some(channel)) = (self.daylight, self.channels.get(channel)) {
            found.extend(snapshot::seen(channel.number, self.world.clock.now()));
        }
        if !found.is_empty() {
            found.insert(Alarm::Motion);
        }
        found
    }

    /// Whether a battery camera sleeps; other models never do.
    fn sleeps(&self) -> bool {
        self.model == Model::Battery && self.world.clock.monotonic() >= *lock(&self.awake_until)
    }

    /// A command that needs the whole camera: a battery camera wakes, counts it, and stays awake for a while. Whether it
    /// slept.
    fn wake(&self) -> bool {
        if self.model != Model::Battery {
            return false;
        }
        let now = self.world.clock.monotonic();
        let mut awake_until = lock(&self.awake_until);
        let slept = now >= *awake_until;
        *awake_until = now + AWAKE;
        if slept {
            self.wakes.fetch_add(1, Ordering::Relaxed);
        }
        slept
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
