//! Sealing and opening, on one core.

use crate::{Figure, Place, Result};
use base::World;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use vault::{
    FragmentMeta, Memory, ObjectName, Purpose, Vault,
    format::{Header, sealed_len},
};

const FRAGMENT: usize = 512 << 10;
const ROUNDS: usize = 400;

/// Seals and opens fragments of half a mebibyte in memory.
pub fn run(_: &Place) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<Vec<Figure>> {
    let world = World::system();
    let keystore = db::Db::memory().await?;
    keystore.migrate(vault::migrations(), None).await?;
    let root = vault::root_key::generate(&world);
    let vault = Vault::open(keystore, root, Arc::new(Memory::new(1 << 30)), world.clone()).await?;
    let key = vault.new_epoch([1; 16], [2; 16], 0, world.clock.now().hour()).await?;
    let name = ObjectName::generate(&world);
    let mut writer = vault.writer(name)?;
    let mut plain = vec![7u8; FRAGMENT];
    let mut offsets = Vec::new();
    for sequence in 0..ROUNDS as u64 {
        let meta = FragmentMeta { sequence, time: world.clock.now(), duration: Duration::from_secs(2), flags: 0 };
        offsets.push(writer.append(&meta, &key, &mut plain)?.offset);
    }
    let began = Instant::now();
    for offset in offsets {
        vault.open_fragment(name, offset, None, Purpose::Check).await?;
    }
    let opened = rate(began);
    Ok(vec![
        Figure::at_least("seal, one core", seal(&world)?, "GB/s", 2.0, "≥ 2 GB/s"),
        Figure::at_least("find, open and copy out, one core", opened, "GB/s", 2.0, "≥ 2 GB/s"),
    ])
}

/// Sealing alone: what a fragment costs before its one write.
fn seal(world: &World) -> Result<f64> {
    let key = base::Secret::new(world.random::<32>());
    let header = Header {
        owner: [1; 16],
        source: [2; 16],
        stream: 0,
        flags: 0,
        epoch: [3; 16],
        sequence: 1,
        time: world.clock.now(),
        duration: Duration::from_secs(2),
        sealed: sealed_len(FRAGMENT as u64) as u32,
        salt: world.random(),
    };
    let (mut plain, mut tags) = (vec![7u8; FRAGMENT], Vec::new());
    let began = Instant::now();
    for _ in 0..ROUNDS {
        vault::format::seal(&header, &key, &mut plain, &mut tags)?;
    }
    Ok(rate(began))
}

fn rate(began: Instant) -> f64 {
    (FRAGMENT * ROUNDS) as f64 / began.elapsed().as_secs_f64() / 1e9
}
