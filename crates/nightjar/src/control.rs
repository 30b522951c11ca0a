//! How a command reaches the data: through the server that holds it, or by opening it itself.
//!
//! Whoever has `DIR/lock` has the data. A running server has it and answers on `DIR/control.sock`, which its owner alone can
//! reach: one JSON line with the request, one with the answer. Both ways lead to the same [`Request::run`].

use crate::{
    commands::minor::Step,
    config::{Config, Place},
    run::System,
};
use accounts::{AccountId, Caller, Scope};
use base::{Error, Kind, Result, Secret, Shutdown};
use devices::{CameraId, Mode, Settings, Transport, import::BadEntry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

/// No request or answer line is longer; an import of some thousand cameras fits.
const LONGEST_LINE: u64 = 4 << 20;

/// What a command asks of whoever holds the data.
#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    CameraAdd(NewCamera),
    /// Adds all cameras of an import file (its text), or none.
    CameraImport {
        file: String,
    },
    CameraList,
    CameraRemove {
        id: String,
    },
    TokenCreate {
        scopes: Vec<String>,
        days: Option<u32>,
    },
    SetupUrl,
    Minor {
        step: Step,
        account: String,
    },
    DeskList,
    DeskConfirm {
        id: String,
    },
    DeskExtend {
        id: String,
        reason: String,
    },
    DeskAnswer {
        id: String,
        decision: privacy::Decision,
        reasons: String,
        refused: Vec<privacy::Refusal>,
    },
    Check {
        repair: bool,
    },
    /// Notes that a recovery copy of the root key was saved.
    KeyCopied,
}

/// A camera as the command line describes it.
#[derive(Serialize, Deserialize)]
pub struct NewCamera {
    pub name: String,
    pub url: String,
    pub sub_url: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub transport: Transport,
    pub audio: bool,
}

impl From<NewCamera> for Settings {
    /// Whoever adds a camera at the terminal wants it recorded.
    fn from(camera: NewCamera) -> Self {
        let mut settings = Settings::new(camera.name, camera.url, Mode::Continuous);
        settings.sub_url = camera.sub_url.map(Secret::new);
        settings.username = camera.username.map(Secret::new);
        settings.password = camera.password.map(Secret::new);
        settings.transport = camera.transport;
        settings.audio = camera.audio;
        settings
    }
}

impl Request {
    /// Does what is asked, as the person at the machine's own terminal.
    pub async fn run(self, system: &System) -> Result<Value> {
        let caller = Caller::system(system.household);
        match self {
            Self::CameraAdd(camera) => add_cameras(system, &caller, vec![camera.into()]).await,
            Self::CameraImport { file } => {
                let cameras = devices::import::parse(&file, Mode::Continuous).map_err(|bad| refused(&bad))?;
                add_cameras(system, &caller, cameras).await
            }
            Self::CameraList => list_cameras(system, &caller).await,
            Self::CameraRemove { id } => {
                let id = id.parse::<CameraId>().map_err(|_| Error::not_found("no camera has this id"))?;
                system.devices.remove(&caller, id).await?;
                // A running recorder follows by itself.
                if system.recording.has_begun() {
                    system.cloud.erase_removed(&system.devices.all().await?).await?;
                }
                Ok(Value::Null)
            }
            Self::TokenCreate { scopes, days } => {
                let scopes = scopes.iter().map(|word| word.parse::<Scope>()).collect::<Result<_>>()?;
                let made = system.accounts.create_token(&caller, None, scopes, days).await?;
                Ok(json!(made.token.expose()))
            }
            Self::SetupUrl => system.setup_url(&caller).await.map(|url| json!(url.expose())),
            Self::Minor { step, account } => {
                let unknown = |_| Error::not_found("no account has this id");
                let account = account.parse::<AccountId>().map_err(unknown)?;
                match step {
                    Step::Report => system.privacy.report_member(&caller, account).await?,
                    Step::Confirm => system.privacy.decide_report(&caller, account, true).await?,
                    Step::Dismiss => system.privacy.decide_report(&caller, account, false).await?,
                }
                Ok(Value::Null)
            }
            Self::DeskList => list_requests(system, &caller).await,
            Self::DeskConfirm { id } => system.privacy.confirm_for(&caller, request(&id)?).await.map(|()| Value::Null),
            Self::DeskExtend { id, reason } => {
                system.privacy.extend_request(&caller, request(&id)?, &reason).await.map(|()| Value::Null)
            }
            Self::DeskAnswer { id, decision, reasons, refused } => {
                let answered = system.privacy.answer_request(&caller, request(&id)?, decision, &reasons, refused);
                answered.await.map(|()| Value::Null)
            }
            Self::Check { repair } => system.check(repair).await,
            Self::KeyCopied => system.recovery.note().map(|()| Value::Null),
        }
    }
}

fn request(id: &str) -> Result<privacy::RequestId> {
    id.parse().map_err(|_| Error::not_found("no request has this id"))
}

/// The requests as the API shows them.
async fn list_requests(system: &System, caller: &Caller) -> Result<Value> {
    let requests = api::requests(&system.privacy, caller).await?;
    serde_json::to_value(requests).map_err(|error| Error::internal("the list cannot be written").because(error))
}

async fn add_cameras(system: &System, caller: &Caller, mut cameras: Vec<Settings>) -> Result<Value> {
    for camera in &mut cameras {
        camera.retention_days = system.config.cameras.retention_days;
        camera.max_bytes = system.config.cameras.max_bytes;
    }
    let ids = system.devices.add_all(caller, cameras).await?;
    Ok(json!(ids.iter().map(ToString::to_string).collect::<Vec<_>>()))
}

/// One error that names every bad entry of an import file.
fn refused(bad: &[BadEntry]) -> Error {
    let line = |bad: &BadEntry| {
        let name = bad.name.as_ref().map_or_else(String::new, |name| format!(" ({})", name.open()));
        let place = if bad.entry == 0 { "the file".into() } else { format!("camera {}{name}", bad.entry) };
        format!("  {place}: {}", crate::log::chain(&bad.error))
    };
    let lines: Vec<_> = bad.iter().map(line).collect();
    Error::invalid(format!("no camera was added\n{}", lines.join("\n")))
}

/// The cameras as the API shows them.
async fn list_cameras(system: &System, caller: &Caller) -> Result<Value> {
    let cameras = api::cameras(&system.devices, &system.cloud, caller).await?;
    serde_json::to_value(cameras.items).map_err(|error| Error::internal("the list cannot be written").because(error))
}

/// An answer on the socket.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Done(Value),
    Failed { usage: bool, message: String },
}

impl From<Result<Value>> for Reply {
    fn from(result: Result<Value>) -> Self {
        match result {
            Ok(value) => Self::Done(value),
            Err(error) => Self::Failed { usage: error.kind() == Kind::Invalid, message: crate::log::chain(&error) },
        }
    }
}

fn socket(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Asks the server that holds the data, or opens the data and does it here.
pub async fn ask(place: &Place, request: Request) -> Result<Value> {
    let config = Config::load(place)?;
    match System::try_open(&config).await? {
        Some(system) => {
            let done = request.run(&system).await;
            system.close().await;
            done
        }
        None => ask_server(config.data()?, &request).await,
    }
}

async fn ask_server(data: &Path, request: &Request) -> Result<Value> {
    let failed = |error: std::io::Error| {
        Error::unavailable(format!("{} is in use, but its server does not answer", data.display())).because(error)
    };
    let mut stream = UnixStream::connect(socket(data)).await.map_err(failed)?;
    let mut line = serde_json::to_string(request).expect("requests are plain values");
    line.push('\n');
    stream.write_all(line.as_bytes()).await.map_err(failed)?;
    let mut answer = String::new();
    BufReader::new(stream).take(LONGEST_LINE).read_line(&mut answer).await.map_err(failed)?;
    match serde_json::from_str(&answer) {
        Ok(Reply::Done(value)) => Ok(value),
        Ok(Reply::Failed { usage: true, message }) => Err(Error::invalid(message)),
        Ok(Reply::Failed { message, .. }) => Err(Error::unavailable(message)),
        Err(error) => Err(Error::unavailable("the server's answer is not understood").because(error)),
    }
}

/// Answers commands until shutdown begins.
pub async fn serve(system: Arc<System>, shutdown: Shutdown) -> Result<()> {
    let path = socket(system.config.data()?);
    let listener = listen(&path)
        .map_err(|error| Error::unavailable(format!("{}: cannot listen", path.display())).because(error))?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => drop(tokio::spawn(answer(system.clone(), stream))),
                    Err(error) => tracing::warn!(%error, "a command could not connect"),
                },
                () = shutdown.begun() => break,
            }
        }
        let _ = fs::remove_file(path);
    });
    Ok(())
}

/// The lock is ours, so a socket that is still there belongs to nobody. It is bound under another name and moved into place
/// once it is closed to others, so that no moment lets them in.
fn listen(path: &Path) -> std::io::Result<UnixListener> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&new)?;
    fs::set_permissions(&new, Permissions::from_mode(0o600))?;
    fs::rename(&new, path)?;
    Ok(listener)
}

async fn answer(system: Arc<System>, stream: UnixStream) {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    if BufReader::new(read).take(LONGEST_LINE).read_line(&mut line).await.is_err() {
        return;
    }
    let reply: Reply = match serde_json::from_str::<Request>(&line) {
        Ok(request) => request.run(&system).await.into(),
        Err(_) => Err(Error::invalid("the server does not understand the command; is it of another version?")).into(),
    };
    drop(Secret::new(line));
    let mut line = serde_json::to_string(&reply).expect("answers are plain values");
    line.push('\n');
    let _ = write.write_all(line.as_bytes()).await;
}
