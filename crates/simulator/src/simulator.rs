//! Puts the parts together: cameras, the RTSP server, and the threads that make pictures.

use crate::{
    camera::{Alarm, Camera, Stream},
    config::{Config, Daylight, Load, Picture},
    discovery,
    fault::{Fault, Kind},
    load,
    looped::Loop,
    pacer::{Counters, Pacer, Player},
    reolink,
    rtsp::{self, Server},
    studio::Studio,
};
use base::{Error, Result, Shutdown, World};
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};
use tokio::net::TcpListener;

/// The addresses of one camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    pub main: String,
    pub sub: String,
}

/// What the simulator has cost and how well it kept time.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// User and system time of the whole process; its own only where nothing else runs in it.
    pub cpu: Duration,
    /// Pictures and pieces of sound sent from loops.
    pub units: u64,
    /// Those among them that left more than 20 ms after their time.
    pub late: u64,
}

/// Simulated cameras at work. Dropping it stops them.
pub struct Simulator {
    address: SocketAddr,
    server: Arc<Server>,
    stop: Shutdown,
    alarms: Vec<Arc<Alarm>>,
    threads: Vec<JoinHandle<()>>,
    counters: Arc<Counters>,
    /// The light in which the cameras look at drawn scenes, if they do.
    daylight: Option<Daylight>,
}

impl Simulator {
    /// Starts the cameras; they accept connections when this returns. Must be called inside a tokio runtime.
    pub async fn start(config: Config, world: World) -> Result<Self> {
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| Error::unavailable("cannot listen for RTSP").field("listen").because(error))?;
        let address = listener.local_addr().map_err(|error| Error::internal("no local address").because(error))?;
        let stop = Shutdown::new();
        let (maker, maker_stop) = (world.clone(), stop.clone());
        let picture = config.picture;
        let daylight = match &picture {
            Picture::Scenes(daylight) => Some(*daylight),
            Picture::Files(_) | Picture::Load(_) => None,
        };
        let made =
            tokio::task::spawn_blocking(move || Made::start(config.cameras, &picture, &maker, &maker_stop)).await;
        let made = made.map_err(|error| Error::internal("the cameras could not be made").because(error))??;
        let cameras = made.cameras.into_iter().map(Arc::new).collect();
        let server = Arc::new(Server {
            cameras,
            absent: Vec::new(),
            credentials: config.credentials,
            world,
            timeout: rtsp::TIMEOUT,
        });
        tokio::spawn(rtsp::serve(server.clone(), listener, stop.clone()));
        Ok(Self {
            address,
            server,
            stop,
            alarms: made.alarms,
            threads: made.threads,
            counters: made.counters,
            daylight,
        })
    }

    /// Where the RTSP server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The addresses of all cameras, without credentials.
    pub fn urls(&self) -> Vec<Urls> {
        let url = |camera, stream| format!("rtsp://{}/cam{camera}/{stream}", self.address);
        (1..=self.server.cameras.len())
            .map(|camera| Urls { main: url(camera, "main"), sub: url(camera, "sub") })
            .collect()
    }

    /// Puts a Reolink device in front of some of the cameras; it stops with the simulator. Must be called inside a tokio
    /// runtime.
    pub fn reolink(&self, config: reolink::Config) -> Result<reolink::Device> {
        reolink::Device::start(config, &self.server.cameras, self.daylight, &self.server.world, &self.stop)
    }

    /// Lets those devices be found from that address, which is answered: port 3702 with the group of WS-Discovery, or
    /// any port of loopback, which is asked directly.
    pub async fn discoverable(&self, devices: &[&reolink::Device], at: SocketAddr) -> Result<SocketAddr> {
        let cards = devices.iter().map(|device| device.card()).collect();
        discovery::answer(at, cards, self.stop.child()).await
    }

    /// Causes a fault; an error if there is no such camera or it cannot have that fault.
    pub fn fault(&self, fault: Fault) -> Result<()> {
        let camera = fault.camera.checked_sub(1).and_then(|index| self.server.cameras.get(index)).cloned();
        let camera = camera.ok_or_else(|| Error::not_found(format!("there is no camera {}", fault.camera)))?;
        if matches!(fault.kind, Kind::BFrames | Kind::Resolution) && self.daylight.is_none() {
            return Err(Error::invalid(format!("only a camera with a drawn scene can have {}", fault.kind.name())));
        }
        let now = self.server.world.clock.monotonic();
        camera.faults.begin(fault.kind, now, fault.duration);
        match fault.kind {
            Kind::Drop | Kind::RefusePassword | Kind::SlowLoris => camera.cut(false),
            Kind::TimestampsWrap => {
                camera.cut(false);
                for stream in &camera.streams {
                    stream.wrap_next_session(fault.duration.as_secs() as u32);
                }
            }
            Kind::HalfOpen => drop(tokio::spawn(async move {
                tokio::time::sleep(fault.duration).await;
                camera.cut(true);
            })),
            Kind::Freeze
            | Kind::Garbage
            | Kind::TimestampsJump
            | Kind::NonMonotonic
            | Kind::BFrames
            | Kind::Resolution
            | Kind::ApiTruncated
            | Kind::ApiHtml
            | Kind::ApiEndless
            | Kind::ApiRedirect
            | Kind::ApiBatch => {}
        }
        Ok(())
    }

    /// Figures since the start.
    pub fn stats(&self) -> Stats {
        let (units, late) = (&self.counters.units, &self.counters.late);
        Stats { cpu: cpu_time(), units: units.load(Ordering::Relaxed), late: late.load(Ordering::Relaxed) }
    }

    /// Ends all connections and threads.
    pub async fn stop(mut self) {
        self.signal();
        let threads = std::mem::take(&mut self.threads);
        // A thread that panicked has said so already.
        let _ = tokio::task::spawn_blocking(|| threads.into_iter().for_each(|thread| drop(thread.join()))).await;
    }

    fn signal(&self) {
        self.stop.begin();
        self.alarms.iter().for_each(|alarm| alarm.ring());
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.signal();
    }
}

/// User and system time of this process (getrusage(2)).
#[allow(unsafe_code)]
fn cpu_time() -> Duration {
    // SAFETY: all-zero is a valid rusage, and the call writes nothing but that struct.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    [usage.ru_utime, usage.ru_stime]
        .map(|time| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000))
        .iter()
        .sum()
}

/// Cameras and the threads behind them.
#[derive(Default)]
struct Made {
    cameras: Vec<Camera>,
    alarms: Vec<Arc<Alarm>>,
    threads: Vec<JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Made {
    fn start(count: usize, picture: &Picture, world: &World, stop: &Shutdown) -> Result<Self> {
        let mut made = Self::default();
        match picture {
            Picture::Scenes(daylight) => made.scenes(count, *daylight, world, stop)?,
            Picture::Files(paths) => made.files(count, paths, world, stop)?,
            Picture::Load(load) => made.load(count, load, world, stop)?,
        }
        Ok(made)
    }

    fn scenes(&mut self, count: usize, daylight: Daylight, world: &World, stop: &Shutdown) -> Result<()> {
        for number in 0..count {
            let (studio, camera) = Studio::new(number, daylight, world)?;
            self.cameras.push(camera);
            self.alarms.push(studio.alarm());
            let stop = stop.clone();
            self.spawn(format!("scene-{}", number + 1), move || {
                if let Err(error) = studio.run(&stop) {
                    tracing::error!(camera = number + 1, ?error, "a scene ended");
                }
            })?;
        }
        Ok(())
    }

    fn files(&mut self, count: usize, paths: &[PathBuf], world: &World, stop: &Shutdown) -> Result<()> {
        let films: Vec<Loop> = paths.iter().map(|path| Loop::read(path)).collect::<Result<_>>()?;
        if films.is_empty() {
            return Err(Error::invalid("no file to play").field("file"));
        }
        let cameras = (0..count).map(|camera| (camera % films.len(), None)).collect();
        self.pacer(films, cameras, false, world, stop)
    }

    fn load(&mut self, count: usize, load: &Load, world: &World, stop: &Shutdown) -> Result<()> {
        let film = load::make(load)?;
        let nanos = film.duration.as_nanos() as u64;
        // A second thread pays only where one would be busy.
        let share = if count > 128 { count.div_ceil(2) } else { count.max(1) };
        for first in (0..count).step_by(share) {
            let phase = |_| (0, Some(Duration::from_nanos(u64::from_ne_bytes(world.random()) % nanos)));
            let cameras = (first..count.min(first + share)).map(phase).collect();
            self.pacer(vec![film.clone()], cameras, load.packet_writes, world, stop)?;
        }
        Ok(())
    }

    /// A thread that plays the films; of each camera, which film and at what phase.
    fn pacer(
        &mut self,
        films: Vec<Loop>,
        cameras: Vec<(usize, Option<Duration>)>,
        packet_writes: bool,
        world: &World,
        stop: &Shutdown,
    ) -> Result<()> {
        let alarm = Arc::new(Alarm::default());
        let mut players = Vec::new();
        for (film, phase) in cameras {
            let faults = Arc::default();
            let stream = Stream::new(films[film].params.clone(), &faults, &alarm, world, packet_writes);
            self.cameras.push(Camera::new(stream.clone(), stream.clone(), faults));
            players.push(Player::new(stream, film, phase));
        }
        self.alarms.push(alarm.clone());
        let pacer = Pacer { films, players, alarm, counters: self.counters.clone(), world: world.clone() };
        let stop = stop.clone();
        self.spawn("pacer".into(), move || pacer.run(&stop))
    }

    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new().name(name).spawn(work);
        self.threads.push(thread.map_err(|error| Error::internal("cannot start a thread").because(error))?);
        Ok(())
    }
}
