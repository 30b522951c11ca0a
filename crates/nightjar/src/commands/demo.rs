//! `nightjar demo`: a household with four simulated cameras, on this machine alone.
//!
//! The cameras are real ones to the rest of the program: they are added by address and recorded over RTSP.

use crate::{
    config::Config,
    run::{self, Mode, System},
};
use accounts::Caller;
use base::{Error, Result, Secret, World};
use devices::{Edit, Settings};
use simulator::{Credentials, Daylight, Picture, Simulator, Urls};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

/// The scenes of the simulator, in its order.
const NAMES: [&str; 4] = ["Porch", "Drive", "Garden", "Nursery"];

/// Where the simulated cameras are.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

#[derive(clap::Args)]
pub struct Args {
    /// Where to listen; an address of this machine alone
    #[arg(long, default_value = "127.0.0.1:8480", value_name = "ADDR")]
    listen: SocketAddr,
    /// Keep the data here; without it, it is erased at exit
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// `nightjar demo`: prints one URL once the page can be opened.
pub async fn run(args: Args) -> Result<ExitCode> {
    if !args.listen.ip().to_canonical().is_loopback() {
        let message =
            format!("the demo lets in whoever can reach it, so it listens on loopback only, not {}", args.listen);
        return Err(Error::invalid(message));
    }
    let failed = |error| Error::unavailable("no temporary folder can be made").because(error);
    let scratch = tempfile::Builder::new().prefix("nightjar-demo-").tempdir().map_err(failed)?;
    let mut config = Config::default();
    config.server.listen = args.listen;
    config.storage.data = Some(args.data.unwrap_or_else(|| scratch.path().join("data")));
    config.cameras.allow.extend(LOOPBACK.map(|net| net.parse::<ipnet::IpNet>().expect("these are networks")));

    let server = run::bind(config)?;
    let (simulator, credentials) = cameras().await?;
    let urls = simulator.urls();
    server
        .run(Mode::Demo, async |system| {
            install(system, &urls, &credentials).await?;
            println!("{}", system.url());
            eprintln!("Whoever uses this machine can open the demo. Press Ctrl-C to stop it.");
            Ok(())
        })
        .await?;
    simulator.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Four cameras with a password of their own.
async fn cameras() -> Result<(Simulator, Credentials)> {
    let world = World::system();
    let password = world.random::<12>().iter().map(|byte| format!("{byte:02x}")).collect();
    let credentials = Credentials { username: "demo".into(), password: Secret::new(password) };
    let config = simulator::Config {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        cameras: NAMES.len(),
        picture: Picture::Scenes(Daylight::Day),
        credentials: Some(credentials.clone()),
    };
    Ok((Simulator::start(config, world).await?, credentials))
}

/// Adds the cameras, or tells those of an earlier demo where they are now.
async fn install(system: &System, urls: &[Urls], credentials: &Credentials) -> Result<()> {
    let caller = Caller::system(system.household);
    let known = system.devices.cameras(&caller).await?;
    let (username, password) = (Secret::new(credentials.username.clone()), credentials.password.clone());
    let mut new = Vec::new();
    for (name, urls) in NAMES.iter().zip(urls) {
        let (main, sub) = (Secret::new(urls.main.clone()), Secret::new(urls.sub.clone()));
        match known.iter().find(|camera| camera.name.open() == name) {
            Some(camera) => {
                let edit = Edit {
                    url: Some(main),
                    sub_url: Some(Some(sub)),
                    username: Some(Some(username.clone())),
                    password: Some(Some(password.clone())),
                    ..Edit::default()
                };
                system.devices.edit(&caller, camera.id, edit).await?;
            }
            None => {
                let mut camera = Settings::new(*name, main.expose().clone(), devices::Mode::Continuous);
                camera.sub_url = Some(sub);
                (camera.username, camera.password) = (Some(username.clone()), Some(password.clone()));
                new.push(camera);
            }
        }
    }
    system.devices.add_all(&caller, new).await.map(drop)
}
