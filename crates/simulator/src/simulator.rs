//! Puts the parts together: cameras, the RTSP server, and the threads that make pictures.

use crate::{
    camera::{Alarm, Camera},
    config::{Config, Picture},
    fault::{Fault, Kind},
    rtsp::{self, Server},
    studio::Studio,
};
use base::{Error, Result, Shutdown, World};
use std::{net::SocketAddr, sync::Arc, thread::JoinHandle};
use tokio::net::TcpListener;

/// The addresses of one camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    pub main: String,
    pub sub: String,
}

/// Simulated cameras at work. Dropping it stops them.
pub struct Simulator {
    address: SocketAddr,
    server: Arc<Server>,
    stop: Shutdown,
    alarms: Vec<Arc<Alarm>>,
    threads: Vec<JoinHandle<()>>,
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
        let made = tokio::task::spawn_blocking(move || Made::start(config.cameras, &picture, &maker, &maker_stop)).await;
        let made = made.map_err(|error| Error::internal("the cameras could not be made").because(error))??;
        let cameras = made.cameras.into_iter().map(Arc::new).collect();
        let server = Arc::new(Server { cameras, credentials: config.credentials, world, timeout: rtsp::TIMEOUT });
        tokio::spawn(rtsp::serve(server.clone(), listener, stop.clone()));
        Ok(Self { address, server, stop, alarms: made.alarms, threads: made.threads })
    }

    /// Where the RTSP server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The addresses of all cameras, without credentials.
    pub fn urls(&self) -> Vec<Urls> {
        let url = |camera, stream| format!("rtsp://{}/cam{camera}/{stream}", self.address);
        (1..=self.server.cameras.len()).map(|camera| Urls { main: url(camera, "main"), sub: url(camera, "sub") }).collect()
    }

    /// Causes a fault; an error if there is no such camera or it cannot have that fault.
    pub fn fault(&self, fault: Fault) -> Result<()> {
        let camera = fault.camera.checked_sub(1).and_then(|index| self.server.cameras.get(index)).cloned();
        let camera = camera.ok_or_else(|| Error::not_found(format!("there is no camera {}", fault.camera)))?;
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
            | Kind::Resolution => {}
        }
        Ok(())
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

/// Cameras and the threads behind them.
#[derive(Default)]
struct Made {
    cameras: Vec<Camera>,
    alarms: Vec<Arc<Alarm>>,
    threads: Vec<JoinHandle<()>>,
}

impl Made {
    fn start(count: usize, picture: &Picture, world: &World, stop: &Shutdown) -> Result<Self> {
        let mut made = Self::default();
        match picture {
            Picture::Scenes(daylight) => {
                for number in 0..count {
                    let (studio, camera) = Studio::new(number, *daylight, world)?;
                    made.cameras.push(camera);
                    made.alarms.push(studio.alarm());
                    let stop = stop.clone();
                    made.spawn(format!("scene-{}", number + 1), move || {
                        if let Err(error) = studio.run(&stop) {
                            tracing::error!(camera = number + 1, ?error, "a scene ended");
                        }
                    })?;
                }
            }
            Picture::Files(_) | Picture::Load(_) => return Err(Error::invalid("wip")),
        }
        Ok(made)
    }

    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new().name(name).spawn(work);
        self.threads.push(thread.map_err(|error| Error::internal("cannot start a thread").because(error))?);
        Ok(())
    }
}
