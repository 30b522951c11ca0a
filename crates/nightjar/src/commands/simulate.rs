//! `nightjar simulate`: simulated cameras, for tests and for trying things out.

use base::{Error, Result, Secret, World};
use simulator::{
    Config, Credentials, Daylight, Fault, Load, Picture, Simulator,
    reolink::{self, Device, Model},
};
use std::{net::SocketAddr, path::PathBuf, process::ExitCode};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

#[derive(clap::Args)]
pub struct Args {
    /// How many cameras
    #[arg(long, default_value_t = 4, value_name = "N")]
    cameras: usize,
    /// Where to listen; port 0 takes a free port
    #[arg(long, default_value = "127.0.0.1:8554", value_name = "ADDR")]
    listen: SocketAddr,
    /// Loop this MP4 (H.264 or H.265, AAC or no sound) instead of drawing scenes; several are dealt round-robin
    #[arg(long = "file", value_name = "MP4", conflicts_with = "load")]
    files: Vec<PathBuf>,
    /// Send one pre-packetised loop to every camera, for measuring a recorder
    #[arg(long)]
    load: bool,
    /// With --load: write each RTP packet by itself instead of whole pictures
    #[arg(long, requires = "load")]
    packet_writes: bool,
    /// With --load: keep the encoded loop in this file, so that the next start need not encode it again
    #[arg(long, requires = "load", value_name = "FILE")]
    cache: Option<PathBuf>,
    /// Who may look
    #[arg(long, requires = "password")]
    user: Option<String>,
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// Put a Reolink device before each camera and print the address of its API too
    #[arg(long, requires = "password")]
    reolink: bool,
    /// Cause a fault at the start: CAM:KIND[:SECONDS]; later ones are read as lines from stdin
    #[arg(long = "fault", value_name = "CAM:KIND[:SECONDS]")]
    faults: Vec<Fault>,
}

/// `nightjar simulate`: prints the address of each camera once it accepts, then stays.
pub async fn run(args: Args) -> Result<ExitCode> {
    let picture = match (args.load, args.files.is_empty()) {
        (true, _) => Picture::Load(Load { packet_writes: args.packet_writes, cache: args.cache }),
        (false, false) => Picture::Files(args.files),
        (false, true) => Picture::Scenes(Daylight::Day),
    };
    let password = args.password.map(Secret::new);
    let credentials = args.user.zip(password).map(|(username, password)| Credentials { username, password });
    let config = Config { listen: args.listen, cameras: args.cameras, picture, credentials: credentials.clone() };
    let simulator = Simulator::start(config, World::system()).await?;
    for fault in args.faults {
        simulator.fault(fault)?;
    }
    let stop = crate::run::stop_signal()?;
    for urls in simulator.urls() {
        println!("{}", urls.main);
    }
    let devices = match credentials.filter(|_| args.reolink) {
        Some(credentials) => reolink(&simulator, args.cameras, args.listen, &credentials)?,
        None => Vec::new(),
    };
    for address in devices.iter().filter_map(Device::https) {
        println!("https://{address}");
    }
    obey(&simulator, stop).await;
    simulator.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// A Reolink device before each camera, with RTSP switched on.
fn reolink(simulator: &Simulator, cameras: usize, at: SocketAddr, who: &Credentials) -> Result<Vec<Device>> {
    let device = |camera| {
        let config = reolink::Config::new(Model::Camera, vec![camera], who.clone());
        simulator.reolink(reolink::Config { address: at.ip(), rtsp: Some(0), ..config })
    };
    (1..=cameras).map(device).collect()
}

/// Causes the faults that stdin asks for, until it is asked to stop. The end of stdin is no reason to stop.
async fn obey(simulator: &Simulator, stop: impl Future<Output = ()>) {
    let mut lines = Some(BufReader::new(tokio::io::stdin()).lines());
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            line = next(&mut lines) => match line {
                Some(line) => cause(simulator, &line),
                None => lines = None,
            },
        }
    }
}

/// The next line; waits for ever once there are no more.
async fn next(lines: &mut Option<Lines<BufReader<Stdin>>>) -> Option<String> {
    match lines {
        Some(lines) => lines.next_line().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

fn cause(simulator: &Simulator, line: &str) {
    let caused = match line.trim() {
        "" => Ok(()),
        line => line.parse::<Fault>().and_then(|fault| simulator.fault(fault)),
    };
    if let Err(error) = caused {
        let error: Error = error;
        eprintln!("nightjar: {}", error.message());
    }
}
