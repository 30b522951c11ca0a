//! Signing in: that the time of a refusal does not tell whether an account exists, and that neither those who are signed
//! in nor a right password wait while somebody floods the same account with guesses.

use crate::{
    Figure, Place, Result,
    process::{median, quantile},
    server::Site,
};
use accounts::{Accounts, Browser, Caller, ColumnKeys, Label, Role};
use base::{Secret, World};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

const SAMPLES: u32 = 2000;
/// Few guesses for each account and none twice from one network, so that no limit is met.
const ACCOUNTS: u32 = 50;
const PASSWORD: &str = "seven quiet nightjars sing";

/// Both parts.
pub fn run(place: &Place) -> Result<Vec<Figure>> {
    let mut figures = refusals()?;
    figures.extend(flood(place)?);
    Ok(figures)
}

fn label() -> Label {
    Label::browser("bench")
}

/// Wrong passwords for accounts that exist and for others, in turn.
fn refusals() -> Result<Vec<Figure>> {
    let hashes = PrometheusBuilder::new().install_recorder()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let accounts = inhabited().await?;
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        let before = counted(&hashes);
        for sample in 0..SAMPLES {
            let address = Ipv4Addr::from_bits(0x0a00_0000 + sample);
            let browser = Browser { address: address.into(), label: label(), known: None };
            known.push(refused(&accounts, &format!("person {}", sample % ACCOUNTS), &browser).await?);
            unknown.push(refused(&accounts, &format!("nobody {}", sample % ACCOUNTS), &browser).await?);
        }
        let each = (counted(&hashes) - before) / f64::from(2 * SAMPLES);
        let (known, unknown) = (median(known), median(unknown));
        Ok(vec![
            Figure::plain("refusal, known and unknown login, medians", format!("{known:.3} and {unknown:.3} ms")),
            Figure::at_most("their difference", (known - unknown).abs(), "ms", 1.0, "1 ms"),
            Figure::at_most("Argon2 runs for each", each, "", 1.0, "1"),
        ])
    })
}

async fn inhabited() -> Result<Accounts> {
    let db = db::Db::memory().await?;
    db.migrate(accounts::migrations().into_iter().chain(db::migrations()).collect(), None).await?;
    let keys = ColumnKeys::new(|owner| async move {
        let mut key = [1; 32];
        key[..16].copy_from_slice(&owner);
        Ok(db::ColumnKey::new(key))
    });
    let accounts = Accounts::new(db, World::system(), keys);
    let host = Caller::system(accounts.ensure_household().await?);
    let browser = Browser { address: Ipv4Addr::LOCALHOST.into(), label: label(), known: None };
    for number in 0..ACCOUNTS {
        let (_, link) = accounts.add_by_hand(&host, &format!("person {number}"), Role::Member).await?;
        accounts.redeem_setup(&link.token, None, &Secret::new(PASSWORD.into()), &browser).await?;
    }
    Ok(accounts)
}

/// How long a refusal takes, in milliseconds.
async fn refused(accounts: &Accounts, login: &str, browser: &Browser) -> Result<f64> {
    let guess = Secret::new("eleven loud magpies argue".into());
    let begun = Instant::now();
    let refusal = accounts.sign_in(login, &guess, browser).await.err().ok_or("a wrong password was right")?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    match refusal.kind() {
        base::Kind::Unauthenticated => Ok(took),
        _ => Err(refusal.into()),
    }
}

fn counted(hashes: &PrometheusHandle) -> f64 {
    let text = hashes.render();
    let line = text.lines().find_map(|line| line.strip_prefix("nightjar_password_hashes_total "));
    line.and_then(|count| count.parse().ok()).unwrap_or_default()
}

/// What a request needs and what it brought.
struct Visit {
    server: SocketAddr,
    from: Ipv4Addr,
}

impl Visit {
    /// Status and whole text of the answer.
    fn ask(&self, method: &str, path: &str, cookie: &str, body: &str) -> Result<(u16, String)> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.bind(&SocketAddr::from((self.from, 0)).into())?;
        socket.connect(&self.server.into())?;
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.server,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
        Ok((status, answer))
    }

    fn sign_in(&self, password: &str) -> Result<(u16, String)> {
        self.ask(
            "POST",
            "/api/v1/session",
            "",
            &serde_json::json!({ "login": "Ada", "password": password }).to_string(),
        )
    }
}

/// 200 guesses a second for a minute from 64 networks, with somebody signed in and somebody who signs in.
fn flood(place: &Place) -> Result<Vec<Figure>> {
    const RATE: u32 = 200;
    const SECONDS: u32 = 60;
    let site = Site::new(place, "sign-in", 0)?;
    let mut server = site.serve()?;
    let home = Visit { server: site.address, from: Ipv4Addr::LOCALHOST };
    let url = site.say(&["setup-url"])?;
    let token = url.rsplit(['#', '=', '/']).next().ok_or("no token")?;
    let choice =
        serde_json::json!({ "token": token.trim(), "login": "Ada", "password": PASSWORD, "zone": "UTC", "policy": 1 });
    let (status, answer) = home.ask("POST", "/api/v1/setup", "", &choice.to_string())?;
    let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
    let cookie = cookie.filter(|_| status == 201).ok_or_else(|| format!("the owner cannot be made: {status}"))?;

    let begun = Instant::now();
    let flooders: Vec<_> = (0..16_u32)
        .map(|flooder| {
            let server = site.address;
            thread::spawn(move || {
                let mut refused = 0_u32;
                for guess in 0..RATE * SECONDS / 16 {
                    let due = Duration::from_secs(1) * (guess * 16 + flooder) / RATE;
                    thread::sleep(due.saturating_sub(begun.elapsed()));
                    let from = Ipv4Addr::from_bits(0x7f01_0001 + (guess % 4) * 16 + flooder);
                    let answer = Visit { server, from }.sign_in("a wrong guess that is long");
                    refused += u32::from(matches!(answer, Ok((429 | 503, _))));
                }
                refused
            })
        })
        .collect();
    let mut held = Vec::new();
    let mut came = None;
    while begun.elapsed() < Duration::from_secs(u64::from(SECONDS)) {
        let asked = Instant::now();
        let (status, _) = home.ask("GET", "/api/v1/session", cookie, "")?;
        if status != 200 {
            return Err(format!("a session was refused with {status}").into());
        }
        held.push(asked.elapsed().as_secs_f64() * 1e3);
        if came.is_none() && begun.elapsed() > Duration::from_secs(5) {
            came = Some(arrival(&Visit { from: Ipv4Addr::new(127, 2, 0, 1), ..home })?);
        }
        thread::sleep(Duration::from_millis(20));
    }
    let refused: u32 = flooders.into_iter().map(|flooder| flooder.join().unwrap_or_default()).sum();
    server.stop();
    fs::remove_dir_all(&site.folder)?;
    let came = came.ok_or("nobody came")?;
    Ok(vec![
        Figure::plain("guesses that were put off with 429 or 503", format!("{refused} of {}", RATE * SECONDS)),
        Figure::at_most("held session under the flood, p99", quantile(held, 0.99), "ms", 250.0, "250 ms"),
        Figure::at_most("right password from elsewhere under the flood", came, "s", 5.0, "5 s"),
    ])
}

/// How long it takes in seconds until a right password opens the account.
fn arrival(from: &Visit) -> Result<f64> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if from.sign_in(PASSWORD)?.0 == 200 {
            return Ok(begun.elapsed().as_secs_f64());
        }
        thread::sleep(Duration::from_millis(500));
    }
    Err("a right password was refused for 30 s".into())
}
