//! What it costs to poll Reolink devices for events: `cargo run --release --example poll_reolink [DEVICES [SECONDS]]`.
//!
//! The devices are simulated by a second process. Each is asked every two seconds, over TLS, with one session.

use base::{Secret, World};
use camera::{
    Allow, Credentials,
    reolink::{Address, Reolink},
};
use simulator::{
    Daylight, Picture, Simulator,
    reolink::{Config, Model},
};
use std::{
    io::{BufRead, BufReader, Error, Result, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_secs(2);

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().unwrap_or_default();
    let number = |text: Option<String>, usual| text.and_then(|text| text.parse().ok()).unwrap_or(usual);
    let runtime = tokio::runtime::Runtime::new()?;
    if first == "simulate" {
        return runtime.block_on(simulate(number(arguments.next(), 64)));
    }
    let (devices, seconds) = (first.parse().unwrap_or(64), number(arguments.next(), 60));
    let mut child = Command::new(std::env::current_exe()?)
        .args(["simulate", &devices.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(child.stdout.take().ok_or(Error::other("no output"))?);
    let ports =
        output.lines().take(devices).map(|line| line?.parse().map_err(Error::other)).collect::<Result<Vec<u16>>>()?;
    runtime.block_on(poll(&ports, Duration::from_secs(seconds as u64)))?;
    // The end of its input ends the simulator.
    drop(child.stdin.take());
    child.wait().map(drop)
}

async fn simulate(devices: usize) -> Result<()> {
    let (listen, picture) = (([127, 0, 0, 1], 0).into(), Picture::Scenes(Daylight::Day));
    let config = simulator::Config { listen, cameras: 4, picture, credentials: None };
    let simulator = Simulator::start(config, World::system()).await.map_err(Error::other)?;
    let credentials = simulator::Credentials { username: "admin".into(), password: Secret::new("x".into()) };
    let mut open = Vec::new();
    for number in 0..devices {
        let device = simulator.reolink(Config::new(Model::Camera, vec![number % 4 + 1], credentials.clone()));
        let device = device.map_err(Error::other)?;
        writeln!(std::io::stdout(), "{}", device.https().map_or(0, |https| https.port()))?;
        open.push(device);
    }
    tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop)).await.map_err(Error::other)
}

async fn poll(ports: &[u16], time: Duration) -> Result<()> {
    let allow = Allow::new(vec!["127.0.0.0/8".parse().map_err(Error::other)?], vec![]);
    let mut tasks = tokio::task::JoinSet::new();
    let began = Instant::now();
    for &port in ports {
        let address = Address::new("127.0.0.1", Some(port), None).map_err(Error::other)?;
        let credentials = Credentials::new("admin", "x").map_err(Error::other)?;
        let camera = Reolink::new(address, credentials, None, &allow, &World::system());
        tasks.spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            let mut polls = 0u64;
            while began.elapsed() < time + EVERY {
                ticks.tick().await;
                polls += u64::from(camera.events(&[0]).await.is_ok_and(|events| events[0].is_ok()));
            }
            polls
        });
    }
    // Signing in is done by then.
    tokio::time::sleep(EVERY).await;
    let (before, at) = (processor()?, Instant::now());
    tokio::time::sleep(time.saturating_sub(EVERY)).await;
    let (used, passed) = (processor()? - before, at.elapsed());
    let polls: u64 = tasks.join_all().await.into_iter().sum();
    let share = used.as_secs_f64() / passed.as_secs_f64();
    println!("{} devices, {polls} answers, {:.2} % of a core (target: 1 %)", ports.len(), share * 100.0);
    Ok(())
}

/// User and system time of this process (proc(5)), in the kernel's hundredths of a second.
fn processor() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    Ok(Duration::from_millis(10 * fields.iter().skip(11).take(2).sum::<u64>()))
}
