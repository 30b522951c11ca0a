//! Starts simulated cameras on a port of loopback, for a look with a real client: `simulate PORT day|night|load|packets|FILE [CAMERAS]`.

use base::World;
use simulator::{Config, Daylight, Load, Picture, Simulator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| words.get(at).map(String::as_str);
    let picture = match word(1) {
        None | Some("day") => Picture::Scenes(Daylight::Day),
        Some("night") => Picture::Scenes(Daylight::Night),
        Some(kind @ ("load" | "packets")) => {
            Picture::Load(Load { packet_writes: kind == "packets", cache: Some("/tmp/simulator-loop".into()) })
        }
        Some(file) => Picture::Files(vec![file.into()]),
    };
    let config = Config {
        listen: format!("127.0.0.1:{}", word(0).unwrap_or("8554")).parse()?,
        cameras: word(2).map_or(Ok(4), str::parse)?,
        picture,
        credentials: None,
    };
    let simulator = Simulator::start(config, World::system()).await?;
    for urls in simulator.urls() {
        println!("{}\n{}", urls.main, urls.sub);
    }
    tokio::signal::ctrl_c().await?;
    println!("{:?}", simulator.stats());
    simulator.stop().await;
    Ok(())
}
