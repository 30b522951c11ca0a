//! Starts simulated cameras on a port of loopback, for a look with a real client: `simulate PORT [day|night] [CAMERAS]`.

use base::World;
use simulator::{Config, Daylight, Picture, Simulator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| words.get(at).map(String::as_str);
    let daylight = if word(1) == Some("night") { Daylight::Night } else { Daylight::Day };
    let config = Config {
        listen: format!("127.0.0.1:{}", word(0).unwrap_or("8554")).parse()?,
        cameras: word(2).map_or(Ok(4), str::parse)?,
        picture: Picture::Scenes(daylight),
        credentials: None,
    };
    let simulator = Simulator::start(config, World::system()).await?;
    for urls in simulator.urls() {
        println!("{}\n{}", urls.main, urls.sub);
    }
    tokio::signal::ctrl_c().await?;
    simulator.stop().await;
    Ok(())
}
