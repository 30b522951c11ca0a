//! The client of the Reolink API against simulated devices, over real sockets: what it reads, what it changes, and how it
//! takes the quirks of real firmware.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod battery;
mod discovery;
mod playback;
mod quirks;
mod reads;
mod sessions;
mod tls;

use base::{Secret, World};
use camera::{
    Allow, Credentials,
    reolink::{Address, Reolink},
};
use simulator::{
    Daylight, Picture, Simulator,
    reolink::{Config, Device, Model},
};

const PASSWORD: &str = "tr0ub4dor&3";

/// Cameras of the tests stand on this machine.
fn allow() -> Allow {
    Allow::new(vec!["127.0.0.0/8".parse().unwrap()], vec![])
}

async fn simulator(cameras: usize) -> Simulator {
    let picture = Picture::Scenes(Daylight::Day);
    let config = simulator::Config { listen: "127.0.0.1:0".parse().unwrap(), cameras, picture, credentials: None };
    Simulator::start(config, World::system()).await.unwrap()
}

fn config(model: Model) -> Config {
    let credentials = simulator::Credentials { username: "nightjar".into(), password: Secret::new(PASSWORD.into()) };
    Config::new(model, vec![1], credentials)
}

/// A simulator with one camera and the device before it.
async fn device(config: Config) -> (Simulator, Device) {
    let simulator = simulator(config.cameras.iter().copied().max().unwrap()).await;
    let device = simulator.reolink(config).unwrap();
    (simulator, device)
}

fn address(device: &Device) -> Address {
    let port = |at: Option<std::net::SocketAddr>| at.map(|at| at.port());
    Address::new("127.0.0.1", port(device.https()), port(device.http())).unwrap()
}

fn client_with(device: &Device, password: &str) -> Reolink {
    let credentials = Credentials::new("nightjar", password).unwrap();
    Reolink::new(address(device), credentials, None, &allow(), &World::system())
}

fn client(device: &Device) -> Reolink {
    client_with(device, PASSWORD)
}
