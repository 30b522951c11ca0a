//! The program as a process of its own: configured, started, asked over HTTP, stopped and killed.

use http::Method;
use serde_json::{Value, json};
use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A password that is good enough for everybody here.
pub const PASSWORD: &str = "seven quiet nightjars sing";

/// The program, as `make` built it.
fn nightjar() -> Option<PathBuf> {
    let named = std::env::var_os("NIGHTJAR_BIN").map(PathBuf::from);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/nightjar");
    let found = named.or_else(|| built.canonicalize().ok()).filter(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: the program is not built (NIGHTJAR_BIN)");
    }
    found
}

/// An installation in a folder of its own.
pub struct Program {
    nightjar: PathBuf,
    pub folder: tempfile::TempDir,
    port: u16,
    client: reqwest::Client,
}

/// What came back, with the session that it began.
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub session: Option<String>,
}

impl Program {
    /// A new installation on a free port, configured besides as `more` says; `None`, and a line that says so, if the program is
    /// not built.
    pub fn new(more: &str) -> Option<Self> {
        let nightjar = nightjar()?;
        let folder = tempfile::tempdir().expect("a folder");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a local address").port();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\n[storage]\ndata = \"{}\"\n[cameras]\nallow = [\"127.0.0.0/8\"]\n{more}",
            folder.path().join("data").display()
        );
        std::fs::write(folder.path().join("config.toml"), config).expect("writable");
        Some(Self { nightjar, folder, port, client: reqwest::Client::new() })
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.nightjar);
        command.args(words).arg("--config").arg(self.folder.path().join("config.toml"));
        command
    }

    /// Runs a command to its end; gives what it says.
    pub fn say(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("it runs");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {complaint} {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stdout).expect("text")
    }

    fn log(&self) -> File {
        let path = self.folder.path().join("log");
        OpenOptions::new().append(true).create(true).open(path).expect("a log")
    }

    /// Starts a server; its log is the file `log` of the folder.
    pub fn serve(&self) -> Child {
        let log = self.log();
        self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn().expect("it starts")
    }

    /// Starts a server and waits until it answers.
    pub async fn served(&self) -> Child {
        let mut server = self.serve();
        for _ in 0..1200 {
            if self.try_to_ask(Method::GET, "/readyz", None, None).await.is_some_and(|answer| answer.status == 200) {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let _ = (server.kill(), server.wait());
        panic!("the server was not ready in thirty seconds");
    }

    /// Stops a server in order.
    pub fn stop(&self, mut server: Child) {
        Command::new("kill").arg(server.id().to_string()).status().expect("kill runs");
        server.wait().expect("it ended");
    }

    async fn try_to_ask(
        &self,
        method: Method,
        path: &str,
        session: Option<&str>,
        body: Option<Value>,
    ) -> Option<Answer> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let mut request = self.client.request(method, url);
        if let Some(session) = session {
            request = request.header("cookie", format!("{}={session}", api::COOKIE));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let cookies = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
        let named = format!("{}=", api::COOKIE);
        let session = cookies.filter_map(|cookie| cookie.strip_prefix(&named)?.split(';').next()).next();
        let session = session.filter(|session| !session.is_empty()).map(str::to_owned);
        let body = answer.bytes().await.ok()?;
        Some(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default(), session })
    }

    /// Asks the server, in a session or in none.
    pub async fn ask(&self, method: Method, path: &str, session: Option<&str>, body: Option<Value>) -> Answer {
        self.try_to_ask(method, path, session, body).await.unwrap_or_else(|| panic!("{path} was not answered"))
    }

    /// The same for what must succeed.
    pub async fn done(&self, method: Method, path: &str, session: &str, body: Option<Value>) -> Value {
        let answer = self.ask(method, path, Some(session), body).await;
        assert!((200..300).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// Uses up a set-up link; gives the session.
    pub async fn set_up(&self, link: &str, login: &str) -> String {
        let token = link.trim().rsplit('=').next().expect("a token");
        let choice = json!({ "token": token, "login": login, "password": PASSWORD, "policy": 1, "language": "en" });
        let made = self.ask(Method::POST, "/api/v1/setup", None, Some(choice)).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.session.expect("a session")
    }

    /// The main database, while no server has it.
    pub async fn db(&self) -> db::Db {
        db::Db::open(&format!("sqlite://{}", self.data().join("nightjar.db").display())).await.expect("it opens")
    }
}

/// Files below a folder in which a word stands.
pub fn places_of(word: &str, folder: &Path) -> Vec<String> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        // What is no file, such as a socket, or goes meanwhile, holds nothing.
        let bytes = if path.is_file() { std::fs::read(&path).unwrap_or_default() } else { Vec::new() };
        if path.is_dir() {
            places.extend(places_of(word, &path));
        } else if bytes.windows(word.len()).any(|window| window == word.as_bytes()) {
            places.push(path.display().to_string());
        }
    }
    places
}
