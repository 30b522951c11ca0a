//! Finding footage among 64 cameras and 30 days: a fragment by time, a day and a month of timeline, the first answer
//! after a start, and the download of an hour.

use crate::{
    Figure, Place, Result,
    process::{median, quantile},
    server::{Client, Site, Source},
};
use base::{Time, World};
use cloud::table::{Entry, Table};
use sea_orm::{ConnectionTrait, Statement};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

const CAMERAS: usize = 64;
const MINUTES: i64 = 30 * 24 * 60;
const MINUTE: i64 = 60_000_000;

/// Records one camera for a while, then fills the index with a month of 64 cameras.
pub fn run(place: &Place) -> Result<Vec<Figure>> {
    let site = Site::new(place, "index", 0)?;
    let source = Source::start(place, 1, false)?;
    let token = site.token()?;
    let mut urls = source.urls.clone();
    let dead = crate::server::free_port()?;
    urls.extend((1..CAMERAS).map(|number| format!("rtsp://127.0.0.1:{dead}/cam{number}/main")));
    site.import(&urls)?;
    let mut server = site.serve()?;
    let camera = site.recording(&token, 1, Duration::from_secs(60))?.remove(0);
    thread::sleep(Duration::from_secs(75));
    server.stop();
    drop(source);

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let real = runtime.block_on(fill(&site))?;
    let mut figures = start(&site, &token)?;
    let mut server = site.serve()?;
    let mut client = Client::connect(site.address, &token)?;
    figures.extend(fragments(&mut client, &camera, real)?);
    figures.extend(timelines(&mut client, &camera, real)?);
    figures.extend(download(&mut client, &camera, real)?);
    server.stop();
    fs::remove_dir_all(&site.folder)?;
    Ok(figures)
}

/// Adds a month of minutes before the real footage to every camera. Gives the real range.
async fn fill(site: &Site) -> Result<base::Range> {
    let db = db::Db::open(&format!("sqlite://{}", site.folder.join("data/nightjar.db").display())).await?;
    let one = |sql: &str| Statement::from_string(db.backend(), sql);
    let row = db.conn().query_one_raw(one("SELECT MIN(start) AS a, MAX(end_) AS b FROM recording_files")).await?;
    let row = row.ok_or("nothing was recorded")?;
    let (start, end): (i64, i64) = (row.try_get("", "a")?, row.try_get("", "b")?);
    let origin = Time::from_micros(0);
    let entry = |n: i64| Entry { time: Time::from_micros(n * 2_000_000), duration: 2_000_000, len: 520_000, key: true };
    let table = Table { init_len: 700, entries: (0..30).map(entry).collect() }.encode(origin);
    let packed: String = table.iter().map(|byte| format!("{byte:02x}")).collect();
    let first = start - MINUTES * MINUTE;
    db.conn()
        .execute_unprepared(&format!(
            "INSERT INTO runs (id, camera, stream, start, end_, bytes)
             SELECT randomblob(16), c.id, 0, {first} + (h.value * 3600000000), {first} + (h.value * 3600000000) + 3600000000,
             930000000 FROM cameras c, (WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n
             WHERE value < {hours} - 1) SELECT value FROM n) h;
             INSERT INTO recording_files (id, camera, stream, run, params, epoch, start, end_, origin, bytes, closed, fragments)
             SELECT randomblob(16), c.id, 0, (SELECT r.id FROM runs r WHERE r.camera = c.id AND r.stream = 0 AND
             r.start = {first} + (m.value / 60) * 3600000000), (SELECT p.id FROM stream_params p LIMIT 1), zeroblob(16),
             {first} + m.value * {MINUTE}, {first} + (m.value + 1) * {MINUTE}, {first} + m.value * {MINUTE}, 15500000, 1,
             x'{packed}' FROM cameras c, (WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n
             WHERE value < {MINUTES} - 1) SELECT value FROM n) m",
            hours = MINUTES / 60,
        ))
        .await?;
    db.close().await?;
    Ok(base::Range { start: Time::from_micros(start), end: Time::from_micros(end) })
}

/// From the start of the process to the first answer of the API.
fn start(site: &Site, token: &str) -> Result<Vec<Figure>> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let began = Instant::now();
        let mut server = site.spawn()?;
        loop {
            let answered = Client::connect(site.address, token).and_then(|mut client| client.get("/api/v1/cameras"));
            if answered.is_ok_and(|answer| answer.status == 200) {
                break;
            }
            if began.elapsed() > Duration::from_secs(30) {
                return Err("no answer in 30 s".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        times.push(began.elapsed().as_secs_f64() * 1e3);
        server.stop();
    }
    Ok(vec![Figure::at_most("first API answer after start, that index", median(times), "ms", 150.0, "≤ 150 ms")])
}

/// With the camera's G.711 left out, and made Opus as browsers need it.
fn fragments(client: &mut Client, camera: &str, real: base::Range) -> Result<Vec<Figure>> {
    let silent = fragment_times(client, camera, real, 0, 200, || Ok(()))?;
    let heard = fragment_times(client, camera, real, 1, 200, || Ok(()))?;
    let cold = fragment_times(client, camera, real, 0, 40, drop_page_cache);
    let what = "a 2-s fragment by time, found, opened, sent: warm median";
    let cold = match cold {
        Ok(cold) => Figure::at_most("  p95, nothing in the page cache", quantile(cold, 0.95), "ms", 10.0, "≤ 10 ms"),
        Err(error) => Figure::plain("  p95, nothing in the page cache", format!("not measured: {error}")),
    };
    Ok(vec![
        Figure::at_most(what, median(silent.clone()), "ms", 2.0, "≤ 2 ms"),
        Figure::plain("  p95", format!("{:.3} ms", quantile(silent, 0.95))),
        Figure::at_most("  with its G.711 made Opus: median", median(heard), "ms", 2.0, "≤ 2 ms"),
        cold,
    ])
}

/// Makes the next read come from the disk; only root may.
fn drop_page_cache() -> Result<()> {
    fs::write("/proc/sys/vm/drop_caches", "3").map_err(|error| format!("the page cache stays ({error})").into())
}

fn fragment_times(
    client: &mut Client,
    camera: &str,
    real: base::Range,
    audio: u8,
    count: usize,
    before: impl Fn() -> Result<()>,
) -> Result<Vec<f64>> {
    let (world, seconds) = (World::system(), real.duration().as_secs().max(5) - 4);
    let mut times = Vec::new();
    for _ in 0..count {
        before()?;
        let second = u64::from_be_bytes(world.random()) % seconds;
        let at = real.start + Duration::from_secs(second + 1);
        let began = Instant::now();
        let answer = client.get(&format!("/api/v1/cameras/{camera}/segment.m4s?at={at}&stream=main&audio={audio}"))?;
        if answer.status != 200 {
            return Err(format!("a fragment was answered with {}", answer.status).into());
        }
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

fn timelines(client: &mut Client, camera: &str, real: base::Range) -> Result<Vec<Figure>> {
    let mut of = |days: u64| -> Result<f64> {
        let start = real.end - Duration::from_secs(days * 86_400);
        let path = format!("/api/v1/cameras/{camera}/timeline?start={start}&end={}", real.end);
        let mut times = Vec::new();
        for _ in 0..50 {
            let began = Instant::now();
            let answer = client.get(&path)?;
            if answer.status != 200 {
                return Err(format!("a timeline was answered with {}", answer.status).into());
            }
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        Ok(median(times))
    };
    Ok(vec![
        Figure::at_most("timeline of one day", of(1)?, "ms", 2.0, "≤ 2 ms"),
        Figure::at_most("timeline of 30 days", of(30)?, "ms", 10.0, "≤ 10 ms"),
    ])
}

/// The rate of a download, measured over what was really recorded and repeated until it is long enough.
fn download(client: &mut Client, camera: &str, real: base::Range) -> Result<Vec<Figure>> {
    let path = format!("/api/v1/cameras/{camera}/recording.mp4?start={}&end={}", real.start, real.end);
    let (mut bytes, mut rates) = (0u64, Vec::new());
    while bytes < 1 << 30 {
        let began = Instant::now();
        let answer = client.get(&path)?;
        if answer.status != 200 {
            return Err(format!("a download was answered with {}", answer.status).into());
        }
        bytes += answer.body.len() as u64;
        rates.push(answer.body.len() as f64 / began.elapsed().as_secs_f64() / 1e9);
    }
    Ok(vec![Figure::at_least("download as MP4, whole server and client", median(rates), "GB/s", 1.2, "≥ 1.2 GB/s")])
}
