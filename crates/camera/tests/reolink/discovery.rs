//! Devices are found by asking who is there.

use crate::{allow, config};
use base::World;
use camera::{Allow, discovery::discover};
use simulator::reolink::{Config, Model};
use std::{net::Ipv4Addr, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_let_themselves_be_found_are_found_once_each() {
    let simulator = crate::simulator(2).await;
    let camera = simulator.reolink(config(Model::Camera)).unwrap();
    let battery = simulator.reolink(Config { cameras: vec![2], ..config(Model::Battery) }).unwrap();
    let at = simulator.discoverable(&[&camera, &battery], "127.0.0.1:0".parse().unwrap()).await.unwrap();
    let look = async |allow: Allow| {
        discover(at, Ipv4Addr::LOCALHOST, Duration::from_millis(900), &allow, &World::system()).await.unwrap()
    };
    let found = look(allow()).await;
    let mut models: Vec<_> = found.iter().map(|found| found.hardware.clone().unwrap()).collect();
    models.sort();
    assert_eq!(models, ["Argus 3 Pro", "RLC-810A"], "asked twice, told once");
    assert!(found.iter().all(|found| found.address.open().is_loopback() && found.name.is_some()));
    let elsewhere = Allow::new(Allow::default_nets(), vec![]);
    assert_eq!(look(elsewhere).await, [], "nobody may be on this machine");
    simulator.stop().await;
}
