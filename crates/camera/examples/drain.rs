//! What reading cameras costs: `drain URL COUNT SECONDS [udp] [watched]` plays COUNT streams, `{}` in the URL being
//! their number from 1, and prints the CPU time of this process per stream and minute.

use base::{Time, World};
use camera::{Allow, Error, Handle, Pump, Sink, Target, Transport, play};
use media::{
    Track,
    rtcp::SenderReport,
    rtp::{Depacketizer, Unit},
};
use std::{fs, thread, time::Duration};

/// Keeps a group of pictures, as a recorder does, and throws it away.
#[derive(Default)]
struct Group(Vec<u8>);

impl Sink for Group {
    fn buffer(&mut self, _: Track) -> &mut Vec<u8> {
        &mut self.0
    }

    fn unit(&mut self, track: Track, unit: &Unit, _: &Depacketizer, _: Time) {
        if track == Track::Audio {
            self.0.truncate(self.0.len() - unit.len);
        } else if unit.key {
            self.0.drain(..self.0.len() - unit.len);
        }
    }

    fn sender_report(&mut self, _: Track, _: &SenderReport, _: i64, _: Time) {}

    fn drained(&mut self) {}

    fn ended(&mut self, result: Result<(), Error>) {
        if let Err(error) = result {
            eprintln!("a session ended: {error}");
        }
    }
}

/// Time on a processor of all threads of this process, seconds.
fn cpu() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let times = tasks.filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
    times.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum::<f64>() / 1e9
}

fn received(handles: &[Handle]) -> (u64, u64) {
    handles.iter().map(Handle::stats).fold((0, 0), |(bytes, lost), stats| (bytes + stats.bytes, lost + stats.lost))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, count, seconds, options @ ..] = &words[..] else {
        return Err("usage: drain URL COUNT SECONDS [udp] [watched]".into());
    };
    let (count, seconds): (usize, u64) = (count.parse()?, seconds.parse()?);
    let chosen = |option: &str| options.iter().any(|word| word == option);
    let transport = if chosen("udp") { Transport::Udp } else { Transport::Tcp };
    let mut nets = Allow::default_nets();
    nets.push("127.0.0.0/8".parse()?);
    let (allow, world) = (Allow::new(nets, vec![]), World::system());
    let pump = Pump::start(1, Duration::from_millis(200), world.clone())?;
    let mut handles = Vec::new();
    for number in 1..=count {
        let target = Target::new(&url.replace("{}", &number.to_string()), transport, true)?;
        let handle = pump.attach(play(&target, &allow, &world).await?, Box::new(Group::default()));
        handle.set_watched(chosen("watched"));
        handles.push(handle);
    }
    thread::sleep(Duration::from_secs(5));
    let (cpu_before, bytes_before) = (cpu(), received(&handles).0);
    thread::sleep(Duration::from_secs(seconds));
    let (spent, (bytes, lost)) = (cpu() - cpu_before, received(&handles));
    let minutes = count as f64 * seconds as f64 / 60.0;
    let rate = (bytes - bytes_before) as f64 * 8.0 / 1e3 / (count as f64 * seconds as f64);
    println!("{count} streams, {rate:.0} kbit/s each, {lost} lost: {:.4} s a stream-minute", spent / minutes);
    Ok(())
}
