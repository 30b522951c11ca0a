//! What recording costs: CPU per stream-minute and memory per stream, of the whole server process.

use crate::{
    Figure, Place, Result,
    process::{Process, median, used},
    server::{Site, Source},
};
use std::{fs, path::Path, process::Command, thread, time::Duration};

const WINDOWS: usize = 5;
const WINDOW: Duration = Duration::from_secs(12);
const WARM_UP: Duration = Duration::from_secs(15);

struct Cost {
    /// CPU seconds per stream-minute.
    cpu: f64,
    /// MiB per stream, the server at rest subtracted.
    memory: f64,
    source: f64,
}

fn cost(place: &Place, cameras: usize, packet_writes: bool) -> Result<Cost> {
    let source = Source::start(place, cameras, packet_writes)?;
    let site = Site::new(place, "recorder", 20 << 30)?;
    let token = site.token()?;
    let mut server = site.serve()?;
    thread::sleep(Duration::from_secs(1));
    let at_rest = server.memory("VmRSS")?;
    site.import(&source.urls)?;
    site.recording(&token, cameras, Duration::from_secs(60))?;
    thread::sleep(WARM_UP);
    let source_before = source.process.cpu()?;
    let minutes = cameras as f64 * WINDOW.as_secs_f64() / 60.0;
    let windows: Vec<f64> = (0..WINDOWS).map(|_| used(&server, WINDOW)).collect::<Result<_>>()?;
    let cpu = median(windows) / minutes;
    let source = (source.process.cpu()? - source_before) / (minutes * WINDOWS as f64);
    let memory = (server.memory("VmRSS")? - at_rest) / cameras as f64;
    server.stop();
    fs::remove_dir_all(&site.folder)?;
    Ok(Cost { cpu, memory, source })
}

/// 32 streams, each RTP packet written by itself.
pub fn thirty_two(place: &Place) -> Result<Vec<Figure>> {
    let cost = cost(place, 32, true)?;
    Ok(vec![
        Figure::at_most(
            "recorder, 32 streams, a write per RTP packet: CPU per stream-minute",
            cost.cpu,
            "s",
            0.018,
            "≤ 0.018 s",
        ),
        Figure::plain("  the load source beside it", format!("{:.4} s", cost.source)),
        Figure::at_most("  memory per stream", cost.memory, "MiB", 0.6, "≤ 0.6 MB"),
    ])
}

/// 128 streams, whole frames.
pub fn hundred_and_twenty_eight(place: &Place) -> Result<Vec<Figure>> {
    let cost = cost(place, 128, false)?;
    let ffmpeg = ffmpeg(place)?;
    Ok(vec![
        Figure::at_most(
            "recorder, 128 streams, whole frames: CPU per stream-minute",
            cost.cpu,
            "s",
            0.015,
            "≤ 0.015 s",
        ),
        Figure::plain("  the load source beside it", format!("{:.4} s", cost.source)),
        Figure::at_most("  memory per stream", cost.memory, "MiB", 0.6, "≤ 0.6 MB"),
        Figure::plain("  one ffmpeg -c copy -f segment per camera, 16 of them, beside it", format!("{ffmpeg:.4} s")),
        Figure::at_least("  which is so many times as much", ffmpeg / cost.cpu, "×", 12.0, "≥ 12 ×"),
    ])
}

/// The usual way, 16 times: one `ffmpeg -c copy -f segment` for each camera. CPU seconds per stream-minute.
fn ffmpeg(place: &Place) -> Result<f64> {
    let source = Source::start(place, 16, false)?;
    let folder = place.folder.join("ffmpeg");
    fs::create_dir_all(&folder)?;
    let start = |(number, url): (usize, &String)| {
        let mut command = Command::new("ffmpeg");
        command.args([
            "-nostdin",
            "-loglevel",
            "error",
            "-rtsp_transport",
            "tcp",
            "-i",
            url,
            "-c",
            "copy",
            "-f",
            "segment",
        ]);
        command.args(["-segment_time", "10", "-segment_format", "mov", "-reset_timestamps", "1"]);
        command.arg(segments(&folder, number));
        Process::start(&mut command)
    };
    let recorders: Vec<Process> = source.urls.iter().enumerate().map(start).collect::<Result<_>>()?;
    thread::sleep(WARM_UP);
    let total = |recorders: &[Process]| recorders.iter().map(Process::cpu).sum::<Result<f64>>();
    let before = total(&recorders)?;
    thread::sleep(WINDOW * 2);
    let cpu = (total(&recorders)? - before) / (16.0 * WINDOW.as_secs_f64() * 2.0 / 60.0);
    drop(recorders);
    fs::remove_dir_all(&folder)?;
    Ok(cpu)
}

fn segments(folder: &Path, number: usize) -> std::path::PathBuf {
    folder.join(format!("{number}-%05d.mov"))
}

/// 1,000 streams for three minutes, the shelf held at 20 GB meanwhile.
pub fn thousand(place: &Place) -> Result<Vec<Figure>> {
    let source = Source::start(place, 1000, false)?;
    let site = Site::new(place, "thousand", 20 << 30)?;
    let token = site.token()?;
    site.import(&source.urls)?;
    let mut server = site.serve()?;
    let ids = site.recording(&token, 1000, Duration::from_secs(120))?;
    thread::sleep(WARM_UP);
    let began = base::World::system().clock.now();
    let cpu = used(&server, Duration::from_secs(180))? / 180.0;
    let ended = base::World::system().clock.now();
    let gaps = gaps(&site, &token, &ids, base::Range { start: began, end: ended })?;
    let shelf = used_bytes(&site.folder.join("shelf"))?;
    let memory = server.memory("VmRSS")?;
    server.stop();
    fs::remove_dir_all(&site.folder)?;
    Ok(vec![
        Figure::at_most("1,000 streams for 3 minutes: cores", cpu, "", 0.6, "≤ 0.6"),
        Figure::at_most("  gaps and missing footage in that time", gaps as f64, "", 0.0, "0"),
        Figure::at_most(
            "  shelf afterwards, held at 20 GiB",
            shelf as f64 / (1u64 << 30) as f64,
            "GiB",
            21.0,
            "20 GiB",
        ),
        Figure::plain("  memory of the server", format!("{memory:.0} MiB")),
    ])
}

/// Gaps, and spans that do not reach through the range.
fn gaps(site: &Site, token: &str, ids: &[String], range: base::Range) -> Result<usize> {
    let mut client = crate::server::Client::connect(site.address, token)?;
    let mut wrong = 0;
    // The shelf holds about 80 seconds at this rate: only the last minute must be whole.
    let start = range.end - Duration::from_secs(60);
    for id in ids {
        let path = format!("/api/v1/cameras/{id}/timeline?start={start}&end={}", range.end);
        let answer: serde_json::Value = serde_json::from_slice(&client.get(&path)?.body)?;
        let gaps = answer["gaps"].as_array().map_or(0, Vec::len);
        let spans = answer["spans"].as_array().map_or(0, Vec::len);
        wrong += gaps + usize::from(spans != 1);
    }
    Ok(wrong)
}

fn used_bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(meta) = entry.metadata() else { continue };
        sum += if meta.is_dir() { used_bytes(&entry.path())? } else { meta.len() };
    }
    Ok(sum)
}
