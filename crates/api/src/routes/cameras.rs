//! Cameras: list, add, edit, pause, remove, put in order, try an address.

use crate::{
    App,
    auth::Who,
    error::{Problem, Result},
    extract::{Json, Path},
    routes::{List, sharing::Right},
};
use accounts::{Caller, Scope};
use axum::extract::State;
use base::{Pii, Secret, Time};
use cloud::{Cloud, Status, StreamStatus};
use devices::{CameraId, Devices, Edit, Settings};
use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// A camera. There is never a password in it.
#[derive(Serialize, ToSchema)]
pub struct Camera {
    id: Uuid,
    name: String,
    state: CameraState,
    /// Why it does not record, while it should: `offline`, `refused`, `unauthorized`, `no_such_path`,
    /// `unsupported_codec`, `disk_full`…
    cause: Option<&'static str>,
    /// Since when it has not recorded.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Time>,
    /// Where it is, without port and path.
    host: String,
    streams: Vec<Stream>,
    /// The end of the newest footage.
    #[schema(value_type = Option<String>, format = DateTime)]
    recorded_until: Option<Time>,
    mode: Mode,
    /// Why the camera is there, in the owner's words.
    purpose: Option<String>,
    area: Area,
    retention_days: u32,
    /// Bytes that its footage may take; 0 for no limit.
    max_bytes: u64,
    transport: Transport,
    /// Whether sound is recorded.
    audio: bool,
    #[schema(value_type = String, format = DateTime)]
    created: Time,
    /// What who asks may do with it now: some of `live`, `history`, `export`, `control`, `manage`.
    rights: Vec<Right>,
    /// Addresses and user name; only for who may edit cameras.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
}

/// Where a camera is and as whom it is asked.
#[derive(Serialize, ToSchema)]
pub struct Address {
    url: String,
    sub_url: Option<String>,
    username: Option<String>,
    has_password: bool,
}

/// Whether a camera records.
#[derive(Serialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum CameraState {
    Recording,
    Connecting,
    Offline,
    Off,
}

/// What a stream sends.
#[derive(Serialize, ToSchema)]
pub struct Stream {
    /// `main` or `sub`.
    name: &'static str,
    /// RFC 6381, as in `avc1.64001f`.
    codec: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    /// Pictures a second.
    fps: Option<f32>,
    /// The codec of its sound: `mp4a.40.2`, `opus`, `alaw`, `ulaw`; null without sound.
    audio: Option<String>,
    /// How many watch it live.
    viewers: usize,
}

macro_rules! mirror {
    ($(#[doc = $doc:literal] $name:ident { $($variant:ident),+ })+) => {$(
        #[doc = $doc]
        #[derive(Serialize, Deserialize, ToSchema, Clone, Copy, PartialEq, Eq, Debug)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($variant),+ }

        impl From<devices::$name> for $name {
            fn from(value: devices::$name) -> Self {
                match value { $(devices::$name::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for devices::$name {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    )+};
}

mirror! {
    /// What is done with what the camera sees: `off` is not even connected to, `continuous` records everything.
    Mode { Off, Continuous }
    /// Whom the camera may see.
    Area { OwnHome, Shared, PublicView }
    /// How the stream travels.
    Transport { Tcp, Udp }
}

impl Camera {
    fn new(camera: devices::Camera, status: Status, rights: Vec<devices::Right>, full: bool) -> Self {
        let text = |value: &Pii<String>| value.open().clone();
        let address = full.then(|| Address {
            url: text(&camera.url),
            sub_url: camera.sub_url.as_ref().map(text),
            username: camera.username.as_ref().map(text),
            has_password: camera.has_password,
        });
        Self {
            id: camera.id.uuid(),
            name: text(&camera.name),
            state: state(status.condition.word()),
            cause: status.gap.as_ref().map(|gap| gap.cause.word()),
            since: status.gap.as_ref().map(|gap| gap.start),
            host: (*camera.host().open()).into(),
            streams: status.streams.iter().map(Stream::from).collect(),
            recorded_until: status.recorded_until,
            mode: camera.mode.into(),
            purpose: camera.purpose.as_ref().map(text),
            area: camera.area.into(),
            retention_days: camera.retention_days,
            max_bytes: camera.max_bytes,
            transport: camera.transport.into(),
            audio: camera.audio,
            created: camera.created,
            rights: rights.into_iter().map(Into::into).collect(),
            address,
        }
    }

    async fn of(devices: &Devices, cloud: &Cloud, caller: &Caller, camera: devices::Camera) -> base::Result<Self> {
        let status = cloud.status(caller, camera.id).await?;
        let rights = devices.rights(caller, camera.id).await?;
        Ok(Self::new(camera, status, rights, caller.scopes().has(Scope::CamerasWrite)))
    }
}

fn state(word: &str) -> CameraState {
    match word {
        "recording" => CameraState::Recording,
        "connecting" => CameraState::Connecting,
        "offline" => CameraState::Offline,
        _ => CameraState::Off,
    }
}

impl From<&StreamStatus> for Stream {
    fn from(status: &StreamStatus) -> Self {
        Self {
            name: status.stream.as_str(),
            codec: status.codec.clone(),
            width: status.width,
            height: status.height,
            fps: status.fps,
            audio: status.audio.clone(),
            viewers: status.viewers,
        }
    }
}

/// The cameras that `caller` may see, in their order, as the API shows them.
pub async fn shown(devices: &Devices, cloud: &Cloud, caller: &Caller) -> base::Result<List<Camera>> {
    let mut items = Vec::new();
    for camera in devices.cameras(caller).await? {
        items.push(Camera::of(devices, cloud, caller, camera).await?);
    }
    Ok(List::whole(items))
}

/// The cameras of the household, in the order that people gave them.
#[utoipa::path(get, path = "/api/v1/cameras", tag = "cameras", responses((status = 200, body = List<Camera>)))]
pub async fn list(State(app): State<Arc<App>>, Who(caller): Who) -> Result<axum::Json<List<Camera>>> {
    Ok(axum::Json(shown(&app.devices, &app.cloud, &caller).await?))
}

/// One camera.
#[utoipa::path(get, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = Uuid, Path)), responses((status = 200, body = Camera)))]
pub async fn get(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<axum::Json<Camera>> {
    let camera = app.devices.camera(&caller, CameraId::from(id)).await?;
    Ok(axum::Json(Camera::of(&app.devices, &app.cloud, &caller, camera).await?))
}

/// A camera to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCamera {
    name: String,
    /// `rtsp://host[:port]/path`. A user and password in it are taken out and kept apart.
    url: String,
    /// The small stream, for grids and for browsers that cannot play the main one.
    sub_url: Option<String>,
    username: Option<String>,
    password: Option<String>,
    transport: Option<Transport>,
    /// Whether to record sound; yes unless said.
    audio: Option<bool>,
    /// There is no default: nothing is recorded that nobody chose.
    mode: Mode,
    purpose: Option<String>,
    area: Option<Area>,
    retention_days: Option<u32>,
    max_bytes: Option<u64>,
}

impl NewCamera {
    fn settings(self, app: &App) -> Settings {
        let mut settings = Settings::new(self.name, self.url, self.mode.into());
        settings.sub_url = self.sub_url.map(Secret::new);
        settings.username = self.username.map(Secret::new);
        settings.password = self.password.map(Secret::new);
        settings.purpose = self.purpose.map(Pii::new);
        settings.retention_days = self.retention_days.unwrap_or(app.defaults.retention_days);
        settings.max_bytes = self.max_bytes.unwrap_or(app.defaults.max_bytes);
        settings.transport = self.transport.map_or(settings.transport, Into::into);
        settings.area = self.area.map_or(settings.area, Into::into);
        settings.audio = self.audio.unwrap_or(settings.audio);
        settings
    }
}

/// Add a camera.
#[utoipa::path(post, path = "/api/v1/cameras", tag = "cameras", request_body = NewCamera, responses(
    (status = 201, body = Camera),
    (status = 400, description = "A field is not acceptable", body = Problem),
))]
pub async fn add(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<NewCamera>,
) -> Result<(StatusCode, axum::Json<Camera>)> {
    caller.require(Scope::CamerasRead)?; // the answer shows the camera
    let camera = app.devices.add(&caller, body.settings(&app)).await?;
    Ok((StatusCode::CREATED, axum::Json(Camera::of(&app.devices, &app.cloud, &caller, camera).await?)))
}

/// What to change of a camera. A field that is missing stays; null removes what can be removed.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct CameraChange {
    name: Option<String>,
    url: Option<String>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    sub_url: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    username: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    password: Option<Option<String>>,
    transport: Option<Transport>,
    audio: Option<bool>,
    /// `off` pauses recording.
    mode: Option<Mode>,
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    purpose: Option<Option<String>>,
    area: Option<Area>,
    retention_days: Option<u32>,
    max_bytes: Option<u64>,
}

/// Tells null from a field that is missing.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl From<CameraChange> for Edit {
    fn from(change: CameraChange) -> Self {
        let secret = |value: Option<Option<String>>| value.map(|value| value.map(Secret::new));
        Self {
            name: change.name.map(Pii::new),
            url: change.url.map(Secret::new),
            sub_url: secret(change.sub_url),
            username: secret(change.username),
            password: secret(change.password),
            transport: change.transport.map(Into::into),
            audio: change.audio,
            mode: change.mode.map(Into::into),
            purpose: change.purpose.map(|purpose| purpose.map(Pii::new)),
            area: change.area.map(Into::into),
            retention_days: change.retention_days,
            max_bytes: change.max_bytes,
        }
    }
}

/// Change a camera, pause it or go on.
#[utoipa::path(patch, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = Uuid, Path)), request_body = CameraChange, responses(
    (status = 200, body = Camera),
    (status = 400, description = "A field is not acceptable", body = Problem),
))]
pub async fn edit(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<CameraChange>,
) -> Result<axum::Json<Camera>> {
    caller.require(Scope::CamerasRead)?; // the answer shows the camera
    let camera = app.devices.edit(&caller, CameraId::from(id), body.into()).await?;
    Ok(axum::Json(Camera::of(&app.devices, &app.cloud, &caller, camera).await?))
}

/// Remove a camera. Its recordings can no longer be opened, and are deleted.
#[utoipa::path(delete, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn remove(State(app): State<Arc<App>>, Who(caller): Who, Path(id): Path<Uuid>) -> Result<StatusCode> {
    app.devices.remove(&caller, CameraId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An order of cameras.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The id of each camera of the household, once.
    order: Vec<Uuid>,
}

/// Put the cameras in order.
#[utoipa::path(put, path = "/api/v1/cameras/order", tag = "cameras", request_body = Order, responses((status = 204)))]
pub async fn reorder(State(app): State<Arc<App>>, Who(caller): Who, Json(body): Json<Order>) -> Result<StatusCode> {
    let order: Vec<CameraId> = body.order.into_iter().map(Into::into).collect();
    app.devices.reorder(&caller, &order).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An address to try. With the id of a camera, what is missing is taken from that camera, the password too.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Trial {
    camera: Option<Uuid>,
    url: Option<String>,
    sub_url: Option<String>,
    username: Option<String>,
    password: Option<String>,
    transport: Option<Transport>,
    audio: Option<bool>,
}

/// What a camera sends.
#[derive(Serialize, ToSchema)]
pub struct Found {
    /// What the camera calls its server.
    server: Option<String>,
    /// The main stream, then the sub stream if its address was given.
    streams: Vec<FoundStream>,
}

/// What one stream of a camera sends.
#[derive(Serialize, ToSchema)]
pub struct FoundStream {
    /// `main` or `sub`.
    name: &'static str,
    /// RFC 6381.
    codec: String,
    width: u32,
    height: u32,
    /// Pictures a second, as measured.
    fps: Option<f32>,
    /// The codec of its sound.
    audio: Option<String>,
    /// What it offers besides and would not be recorded.
    skipped: Vec<String>,
}

impl Trial {
    /// What it takes to connect to the stream of that name.
    async fn target(&self, app: &App, caller: &Caller, stream: devices::Stream) -> base::Result<devices::Target> {
        let secret = |text: &Option<String>| text.clone().map(Secret::new);
        if let Some(camera) = self.camera {
            let edit = Edit {
                url: secret(&self.url),
                sub_url: secret(&self.sub_url).map(Some),
                username: secret(&self.username).map(Some),
                password: secret(&self.password).map(Some),
                transport: self.transport.map(Into::into),
                audio: self.audio,
                ..Edit::default()
            };
            return app.devices.probe_target(caller, CameraId::from(camera), edit, stream).await;
        }
        let mut settings = Settings::new("probe", self.url.clone().unwrap_or_default(), devices::Mode::Off);
        settings.sub_url = secret(&self.sub_url);
        settings.username = secret(&self.username);
        settings.password = secret(&self.password);
        let settings = settings.checked()?;
        let url = match stream {
            devices::Stream::Main => settings.url,
            devices::Stream::Sub => settings.sub_url.unwrap_or(settings.url),
        };
        let transport = self.transport.map_or(settings.transport, Into::into);
        let audio = self.audio.unwrap_or(settings.audio);
        Ok(devices::Target { url, username: settings.username, password: settings.password, transport, audio })
    }
}

/// Try an address: says what the camera sends, or precisely what is wrong.
#[utoipa::path(post, path = "/api/v1/cameras/probe", tag = "cameras", request_body = Trial, responses(
    (status = 200, body = Found),
    (status = 400, description = "What is wrong with the address, the credential or the stream", body = Problem),
    (status = 503, description = "What stands between us and the camera", body = Problem),
))]
pub async fn probe(
    State(app): State<Arc<App>>,
    Who(caller): Who,
    Json(body): Json<Trial>,
) -> Result<axum::Json<Found>> {
    let mut found = Found { server: None, streams: Vec::new() };
    let sub = body.sub_url.as_ref().is_some_and(|url| !url.trim().is_empty()).then_some(devices::Stream::Sub);
    for stream in [Some(devices::Stream::Main), sub].into_iter().flatten() {
        let target = body.target(&app, &caller, stream).await?;
        let probe = app.cloud.probe(&caller, target).await?.map_err(|error| Problem::of_camera(error, stream))?;
        found.server = found.server.or(probe.server);
        found.streams.push(FoundStream {
            name: stream.as_str(),
            codec: probe.video.rfc6381(),
            width: probe.video.width,
            height: probe.video.height,
            fps: probe.video.fps,
            audio: probe.audio.map(|audio| audio.rfc6381()),
            skipped: probe.skipped,
        });
    }
    Ok(axum::Json(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_tells_null_from_nothing() {
        let change: CameraChange = serde_json::from_str(r#"{"sub_url":null,"name":"Porch"}"#).unwrap();
        let edit = Edit::from(change);
        assert!(matches!(edit.sub_url, Some(None)) && edit.password.is_none());
        assert_eq!(edit.name.unwrap().open(), "Porch");
        assert!(serde_json::from_str::<CameraChange>(r#"{"id":"x"}"#).is_err(), "an unknown field is refused");
    }
}
