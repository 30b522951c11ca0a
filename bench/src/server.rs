//! A real server over a folder, simulated cameras beside it, and a small HTTP client.

use crate::{Place, Result, process::Process};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// A free port of this machine.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Simulated cameras under load, and their addresses.
pub struct Source {
    pub process: Process,
    pub urls: Vec<String>,
}

impl Source {
    /// `packet_writes`: each RTP packet is written by itself.
    pub fn start(place: &Place, cameras: usize, packet_writes: bool) -> Result<Self> {
        let mut command = Command::new(&place.nightjar);
        command.args(["simulate", "--load", "--listen", "127.0.0.1:0", "--cameras", &cameras.to_string(), "--cache"]);
        command.arg(place.folder.join("load-loop"));
        if packet_writes {
            command.arg("--packet-writes");
        }
        let mut process = Process::start(&mut command)?;
        let out = process.child().stdout.take().ok_or("no output")?;
        let lines = BufReader::new(out).lines().take(cameras);
        let urls = lines.collect::<std::io::Result<Vec<_>>>()?;
        if urls.len() < cameras {
            return Err("the load source ended early".into());
        }
        Ok(Self { process, urls })
    }
}

/// A server's folder and configuration.
pub struct Site {
    nightjar: PathBuf,
    pub folder: PathBuf,
    pub address: SocketAddr,
}

impl Site {
    /// An empty site; what was there before is removed. `max_bytes` bounds the shelf, 0 does not.
    pub fn new(place: &Place, name: &str, max_bytes: u64) -> Result<Self> {
        let folder = place.folder.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let folder = folder.canonicalize()?;
        let address: SocketAddr = format!("127.0.0.1:{}", free_port()?).parse()?;
        let config = format!(
            "[server]\nlisten = \"{address}\"\n[storage]\ndata = \"{0}/data\"\n[[storage.disk]]\npath = \"{0}/shelf\"\n\
             max_bytes = {max_bytes}\n[cameras]\nallow = [\"127.0.0.0/8\"]\n",
            folder.display()
        );
        fs::write(folder.join("config.toml"), config)?;
        Ok(Self { nightjar: place.nightjar.clone(), folder, address })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.nightjar);
        command.args(words).arg("--config").arg(self.folder.join("config.toml"));
        command
    }

    /// Runs a command over the site and gives what it prints.
    pub fn say(&self, words: &[&str]) -> Result<String> {
        let output = self.command(words).output()?;
        if !output.status.success() {
            return Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Adds cameras with these addresses.
    pub fn import(&self, urls: &[String]) -> Result<()> {
        let entry =
            |(number, url): (usize, &String)| format!("[[camera]]\nname = \"Load {number}\"\nurl = \"{url}\"\n");
        let list: String = urls.iter().enumerate().map(entry).collect();
        let file = self.folder.join("cameras.toml");
        fs::write(&file, list)?;
        self.say(&["camera", "import", path(&file)?]).map(drop)
    }

    /// A token that may read everything.
    pub fn token(&self) -> Result<String> {
        let words = ["token", "create", "--scope", "cameras:read", "--scope", "media:read", "--scope", "metrics:read"];
        self.say(&words)
    }

    /// Starts the server and waits until it answers.
    pub fn serve(&self) -> Result<Process> {
        let process = Process::start(&mut self.command(&["serve"]))?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if TcpStream::connect(self.address).is_ok() {
                return Ok(process);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err("the server does not answer".into())
    }

    /// Starts the server without waiting.
    pub fn spawn(&self) -> Result<Process> {
        Process::start(&mut self.command(&["serve"]))
    }

    /// Waits until so many cameras record, and gives their ids.
    pub fn recording(&self, token: &str, cameras: usize, patience: Duration) -> Result<Vec<String>> {
        let deadline = Instant::now() + patience;
        let mut seen = 0;
        while Instant::now() < deadline {
            let mut client = Client::connect(self.address, token)?;
            let mut ids = Vec::new();
            let mut path = String::from("/api/v1/cameras?limit=2000");
            loop {
                let answer: Value = serde_json::from_slice(&client.get(&path)?.body)?;
                let items = answer["items"].as_array().cloned().unwrap_or_default();
                let recording = items.iter().filter(|item| item["state"] == "recording");
                ids.extend(recording.filter_map(|item| item["id"].as_str().map(str::to_owned)));
                match answer["next"].as_str() {
                    Some(next) => path = format!("/api/v1/cameras?limit=2000&after={next}"),
                    None => break,
                }
            }
            if ids.len() >= cameras {
                return Ok(ids);
            }
            seen = ids.len();
            thread::sleep(Duration::from_millis(500));
        }
        Err(format!("only {seen} of {cameras} cameras record").into())
    }
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| "the path is not UTF-8".into())
}

/// One kept-alive HTTP/1.1 connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    head: String,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let head = format!("host: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
        Ok(Self { stream: BufReader::with_capacity(1 << 20, stream), head })
    }

    /// GET of a path; the whole body.
    pub fn get(&mut self, path: &str) -> Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\n{}", self.head);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length, mut chunked) = (0, 0usize, false);
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err("the server closed the connection".into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse()?;
            } else if let Some(rest) = line.strip_prefix("content-length:") {
                length = rest.trim().parse()?;
            } else if line.starts_with("transfer-encoding: chunked") {
                chunked = true;
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = Vec::new();
        if chunked {
            self.chunks(&mut body)?;
        } else {
            body.resize(length, 0);
            self.stream.read_exact(&mut body)?;
        }
        Ok(Answer { status, body })
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> Result<()> {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16)?;
            let start = body.len();
            body.resize(start + size, 0);
            self.stream.read_exact(&mut body[start..])?;
            self.stream.read_line(&mut line)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}
