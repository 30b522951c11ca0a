//! A camera: where it is, what it is for, and what its owner wants done with what it sees.
//!
//! Invariants: name, addresses, credentials and purpose are sealed with the household's key; a URL holds no
//! credentials; nothing can be recorded unless the owner chose so, because the only way to a camera's address is
//! [`Devices::target`].

use crate::{CameraId, Devices, address};
use accounts::{Caller, HouseholdId, Scope};
use base::{Error, Pii, Result, Secret, Time, World};
use db::ColumnKey;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};
use std::collections::{HashMap, HashSet};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cameras")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub household: Uuid,
    pub name: Vec<u8>,
    pub url: Vec<u8>,
    pub sub_url: Option<Vec<u8>>,
    pub username: Option<Vec<u8>>,
    pub password: Option<Vec<u8>>,
    pub transport: String,
    pub audio: bool,
    pub mode: String,
    pub purpose: Option<Vec<u8>>,
    pub area: String,
    pub retention_days: i32,
    pub max_bytes: i64,
    pub position: i32,
    pub created: i64,
    pub changed: i64,
    /// While its owner's account is closing a camera neither records nor shows anything.
    pub closed: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

policy::personal! {
    table cameras {
        id: not_personal("opaque id"),
        household: {
            category: Membership, subject: AccountHolder, purposes: [Watch: Contract], source: Derived,
            retention: Camera, recipients: [Household], protection: Clear, export: Include, erase: Delete,
            clauses: [C9_3_4],
        },
        name: {
            category: CameraName, subject: AccountHolder, purposes: [Watch: Contract], retention: Camera,
            recipients: [Household], protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
        },
        url: {
            category: CameraAddress, subject: AccountHolder, purposes: [Connect: Contract], retention: Camera,
            recipients: [Camera], protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
        },
        sub_url: {
            category: CameraAddress, subject: AccountHolder, purposes: [Connect: Contract], retention: Camera,
            recipients: [Camera], protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
        },
        username: {
            category: CameraCredential, subject: AccountHolder, purposes: [Connect: Contract], retention: Camera,
            recipients: [Camera], protection: AccountKey, export: Include, erase: Delete, clauses: [C6_2],
        },
        password: {
            category: CameraCredential, subject: AccountHolder, purposes: [Connect: Contract], retention: Camera,
            recipients: [Camera], protection: AccountKey, export: Omit("a credential"), erase: Delete,
            clauses: [C6_2],
        },
        transport: not_personal("how the stream travels"),
        audio: {
            category: CameraSetting, subject: AccountHolder, purposes: [Record: Contract], retention: Camera,
            recipients: [Household, Camera], protection: Clear, export: Include, erase: Delete,
            clauses: [C1_2_7, C1_2_8],
        },
        mode: {
            category: CameraSetting, subject: AccountHolder, purposes: [Record: Contract], retention: Camera,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C1_2_7, C1_2_8],
        },
        purpose: {
            category: CameraSetting, subject: AccountHolder, purposes: [Record: Contract], retention: Camera,
            recipients: [Household], protection: AccountKey, export: Include, erase: Delete, clauses: [C1_2_7],
        },
        area: {
            category: CameraPlace, subject: AccountHolder, purposes: [Record: Contract], retention: Camera,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C1_2_7],
        },
        retention_days: {
            category: CameraSetting, subject: AccountHolder, purposes: [Record: Contract], retention: Camera,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C1_2_7],
        },
        max_bytes: not_personal("how much room the recordings may take"),
        position: {
            category: Preference, subject: AccountHolder, purposes: [Watch: Contract], retention: Camera,
            recipients: [Household], protection: Clear, export: Include, erase: Delete, clauses: [C6_2],
        },
        created: not_personal("when the camera was added"),
        changed: not_personal("when a setting last changed"),
        closed: not_personal("whether the owner's account is closing"),
    }
}

/// Declares an enum of words that are stored and shown to scripts.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident => $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            /// The word that is stored and shown to scripts.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;
            fn from_str(word: &str) -> Result<Self> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(Error::invalid(concat!("the ", stringify!($name), " is one of", $(" ", $word),*).to_lowercase())),
                }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What is done with what the camera sees. There is no default: the owner chooses.
    Mode {
        /// Nothing: the camera is not even connected to.
        Off => "off",
        /// Everything is recorded.
        Continuous => "continuous",
    }
}

words! {
    /// Whom the camera may see.
    Area {
        /// The owner's home alone.
        OwnHome => "own_home",
        /// A place that several households use.
        Shared => "shared",
        /// A place that anybody may pass.
        PublicView => "public_view",
    }
}

words! {
    /// How the stream travels.
    Transport {
        Tcp => "tcp",
        Udp => "udp",
    }
}

words! {
    /// Which of a camera's streams.
    Stream {
        Main => "main",
        Sub => "sub",
    }
}

/// The most days that recordings can be kept.
pub const MOST_DAYS: u32 = 3650;
/// The longest purpose text, in characters.
const LONGEST_PURPOSE: usize = 500;
const LONGEST_CREDENTIAL: usize = 256;

/// All that an owner says about a camera.
#[derive(Clone, Debug)]
pub struct Settings {
    pub name: Pii<String>,
    /// May hold `user:password@`, which is moved to the fields below unless they are given.
    pub url: Secret<String>,
    pub sub_url: Option<Secret<String>>,
    pub username: Option<Secret<String>>,
    pub password: Option<Secret<String>>,
    pub transport: Transport,
    pub audio: bool,
    pub mode: Mode,
    /// Why the camera is there, in the owner's words.
    pub purpose: Option<Pii<String>>,
    pub area: Area,
    /// How many days recordings are kept, 1 to [`MOST_DAYS`].
    pub retention_days: u32,
    /// How many bytes recordings may take; 0 means no bound but the disk.
    pub max_bytes: u64,
}

impl Settings {
    /// A camera at `url` in the owner's home, with sound, over TCP, its recordings kept for 7 days.
    pub fn new(name: impl Into<String>, url: impl Into<String>, mode: Mode) -> Self {
        Self {
            name: Pii::new(name.into()),
            url: Secret::new(url.into()),
            sub_url: None,
            username: None,
            password: None,
            transport: Transport::Tcp,
            audio: true,
            mode,
            purpose: None,
            area: Area::OwnHome,
            retention_days: 7,
            max_bytes: 0,
        }
    }

    /// The settings as they are kept, or an error that names the field at fault.
    pub fn checked(mut self) -> Result<Self> {
        self.name = Pii::new(accounts::name(self.name.open(), "name")?);
        self.purpose = checked_purpose(self.purpose)?;
        self.check_numbers()?;
        let main = address::parse(self.url.expose(), "url")?;
        let sub = self.sub_url.filter(|url| !url.expose().trim().is_empty());
        let sub = sub.map(|url| address::parse(url.expose(), "sub_url")).transpose()?;
        self.url = Secret::new(main.url);
        let mut found = (main.username, main.password);
        self.sub_url = sub.map(|sub| {
            if found.0.is_none() {
                found = (sub.username, sub.password);
            }
            Secret::new(sub.url)
        });
        self.username = self.username.or(found.0);
        self.password = self.password.or(found.1);
        self.username = checked_credential(self.username, "username")?;
        self.password = checked_credential(self.password, "password")?;
        Ok(self)
    }

    fn check_numbers(&self) -> Result<()> {
        if !(1..=MOST_DAYS).contains(&self.retention_days) {
            let message = format!("recordings are kept 1 to {MOST_DAYS} days");
            return Err(Error::invalid(message).field("retention_days"));
        }
        match i64::try_from(self.max_bytes) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::invalid("so many bytes fit on no disk").field("max_bytes")),
        }
    }

    /// What differs, for the log of changes: the names of the fields, with the value only where it is no secret and
    /// says nothing of a person.
    pub(crate) fn differences(&self, old: &Self) -> Vec<String> {
        let mut what = Vec::new();
        let mut note = |differs: bool, words: String| {
            if differs {
                what.push(words);
            }
        };
        let same = |a: &Option<Secret<String>>, b: &Option<Secret<String>>| {
            a.as_ref().map(Secret::expose) == b.as_ref().map(Secret::expose)
        };
        note(self.name != old.name, "name".into());
        note(self.url.expose() != old.url.expose(), "url".into());
        note(!same(&self.sub_url, &old.sub_url), "sub_url".into());
        note(!same(&self.username, &old.username), "username".into());
        note(!same(&self.password, &old.password), "password".into());
        note(self.transport != old.transport, format!("transport={}", self.transport.as_str()));
        note(self.audio != old.audio, format!("audio={}", if self.audio { "on" } else { "off" }));
        note(self.mode != old.mode, format!("mode={}", self.mode.as_str()));
        note(self.purpose != old.purpose, "purpose".into());
        note(self.area != old.area, format!("area={}", self.area.as_str()));
        note(self.retention_days != old.retention_days, format!("retention_days={}", self.retention_days));
        note(self.max_bytes != old.max_bytes, format!("max_bytes={}", self.max_bytes));
        what
    }
}

fn checked_purpose(purpose: Option<Pii<String>>) -> Result<Option<Pii<String>>> {
    let Some(purpose) = purpose.map(|purpose| purpose.into_inner().trim().to_owned()).filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    if purpose.chars().count() > LONGEST_PURPOSE {
        let message = format!("a purpose has at most {LONGEST_PURPOSE} characters");
        return Err(Error::invalid(message).field("purpose"));
    }
    if purpose.chars().any(|c| c != '\n' && accounts::is_deceptive(c)) {
        let message = "a purpose holds no control characters and none that change the direction of writing";
        return Err(Error::invalid(message).field("purpose"));
    }
    Ok(Some(Pii::new(purpose)))
}

/// An empty credential is none. Line breaks would end a header of the protocol.
fn checked_credential(secret: Option<Secret<String>>, field: &'static str) -> Result<Option<Secret<String>>> {
    let Some(secret) = secret.filter(|secret| !secret.expose().is_empty()) else { return Ok(None) };
    if secret.expose().chars().count() > LONGEST_CREDENTIAL {
        return Err(Error::invalid(format!("it has at most {LONGEST_CREDENTIAL} characters")).field(field));
    }
    match secret.expose().chars().any(char::is_control) {
        true => Err(Error::invalid("it holds no control characters").field(field)),
        false => Ok(Some(secret)),
    }
}

/// A change of settings. What is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    pub name: Option<Pii<String>>,
    pub url: Option<Secret<String>>,
    /// `Some(None)` removes it; so with the fields below.
    pub sub_url: Option<Option<Secret<String>>>,
    pub username: Option<Option<Secret<String>>>,
    pub password: Option<Option<Secret<String>>>,
    pub transport: Option<Transport>,
    pub audio: Option<bool>,
    pub mode: Option<Mode>,
    pub purpose: Option<Option<Pii<String>>>,
    pub area: Option<Area>,
    pub retention_days: Option<u32>,
    pub max_bytes: Option<u64>,
}

impl Edit {
    /// The settings after this change. A URL with a user in it replaces the credentials unless the edit names them.
    fn applied(self, old: Settings) -> Result<Settings> {
        let brings_user = [self.url.as_ref(), self.sub_url.as_ref().and_then(Option::as_ref)]
            .into_iter()
            .flatten()
            .any(|url| address::parse(url.expose(), "url").is_ok_and(|address| address.username.is_some()));
        let kept = |old: Option<Secret<String>>| old.filter(|_| !brings_user);
        Settings {
            name: self.name.unwrap_or(old.name),
            url: self.url.unwrap_or(old.url),
            sub_url: self.sub_url.unwrap_or(old.sub_url),
            username: self.username.unwrap_or(kept(old.username)),
            password: self.password.unwrap_or(kept(old.password)),
            transport: self.transport.unwrap_or(old.transport),
            audio: self.audio.unwrap_or(old.audio),
            mode: self.mode.unwrap_or(old.mode),
            purpose: self.purpose.unwrap_or(old.purpose),
            area: self.area.unwrap_or(old.area),
            retention_days: self.retention_days.unwrap_or(old.retention_days),
            max_bytes: self.max_bytes.unwrap_or(old.max_bytes),
        }
        .checked()
    }
}

/// A camera as its household sees it: all but the password.
#[derive(Clone, Debug)]
pub struct Camera {
    pub id: CameraId,
    pub household: HouseholdId,
    pub name: Pii<String>,
    /// Without credentials. Who may not change the camera sees only its host, here and in `sub_url`, and no user: some
    /// cameras carry secrets in the path.
    pub url: Pii<String>,
    pub sub_url: Option<Pii<String>>,
    pub username: Option<Pii<String>>,
    pub has_password: bool,
    pub transport: Transport,
    pub audio: bool,
    pub mode: Mode,
    pub purpose: Option<Pii<String>>,
    pub area: Area,
    pub retention_days: u32,
    pub max_bytes: u64,
    pub position: u32,
    pub created: Time,
    pub changed: Time,
}

impl Camera {
    /// Where the camera is, without port, path and credentials.
    pub fn host(&self) -> Pii<&str> {
        Pii::new(address::host(self.url.open()))
    }

    /// The streams that the camera is known to have.
    pub fn streams(&self) -> &'static [Stream] {
        match self.sub_url {
            Some(_) => &[Stream::Main, Stream::Sub],
            None => &[Stream::Main],
        }
    }

    /// The camera as this caller may see it.
    fn seen_by(mut self, caller: &Caller) -> Self {
        if !caller.scopes().has(Scope::CamerasWrite) {
            self.url = host_only(&self.url);
            self.sub_url = self.sub_url.as_ref().map(host_only);
            self.username = None;
        }
        self
    }

    fn new(row: &Model, settings: Settings) -> Self {
        let shown = |secret: Option<Secret<String>>| secret.map(|secret| Pii::new(secret.expose().clone()));
        Self {
            id: row.id.into(),
            household: row.household.into(),
            name: settings.name,
            url: Pii::new(settings.url.expose().clone()),
            sub_url: shown(settings.sub_url),
            username: shown(settings.username),
            has_password: settings.password.is_some(),
            transport: settings.transport,
            audio: settings.audio,
            mode: settings.mode,
            purpose: settings.purpose,
            area: settings.area,
            retention_days: settings.retention_days,
            max_bytes: settings.max_bytes,
            position: row.position.max(0) as u32,
            created: Time::from_micros(row.created),
            changed: Time::from_micros(row.changed),
        }
    }
}

fn host_only(url: &Pii<String>) -> Pii<String> {
    Pii::new(format!("rtsp://{}", address::host(url.open())))
}

/// What is to be done with what a camera sees. It holds nothing personal, so it is there also when a household's key is gone.
#[derive(Clone, Debug)]
pub struct Instructions {
    pub id: CameraId,
    pub household: HouseholdId,
    pub mode: Mode,
    pub retention_days: u32,
    pub max_bytes: u64,
    /// The owner's account is closing: nothing is recorded, whatever the mode.
    pub closed: bool,
    has_sub: bool,
}

impl Instructions {
    fn new(row: &Model) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            household: row.household.into(),
            mode: stored(&row.mode)?,
            retention_days: row.retention_days.max(1) as u32,
            max_bytes: row.max_bytes.max(0) as u64,
            closed: row.closed,
            has_sub: row.sub_url.is_some(),
        })
    }

    /// The streams that the camera is known to have.
    pub fn streams(&self) -> &'static [Stream] {
        if self.has_sub { &[Stream::Main, Stream::Sub] } else { &[Stream::Main] }
    }
}

/// What it takes to connect to a stream.
#[derive(Clone, Debug)]
pub struct Target {
    pub url: Secret<String>,
    pub username: Option<Secret<String>>,
    pub password: Option<Secret<String>>,
    pub transport: Transport,
    /// Whether the owner wants sound. Without it the audio track is not asked for.
    pub audio: bool,
}

impl Target {
    fn of(settings: Settings, stream: Stream) -> Result<Self> {
        let url = match stream {
            Stream::Main => settings.url,
            Stream::Sub => settings.sub_url.ok_or_else(|| Error::not_found("the camera has no sub stream"))?,
        };
        let Settings { username, password, transport, audio, .. } = settings;
        Ok(Self { url, username, password, transport, audio })
    }
}

/// Seals and opens the columns of one row.
struct Row<'a> {
    key: &'a ColumnKey,
    id: Uuid,
}

impl Row<'_> {
    fn place(&self, column: &str) -> String {
        format!("cameras.{column}/{}", self.id)
    }

    fn seal(&self, column: &str, plain: &str, world: &World) -> Vec<u8> {
        self.key.seal_text(&self.place(column), plain, world)
    }

    fn open(&self, column: &str, sealed: &[u8]) -> Result<String> {
        self.key.open_text(&self.place(column), sealed)
    }

    fn open_secret(&self, column: &str, sealed: &Option<Vec<u8>>) -> Result<Option<Secret<String>>> {
        sealed.as_ref().map(|sealed| self.open(column, sealed).map(Secret::new)).transpose()
    }

    fn settings(&self, row: &Model) -> Result<Settings> {
        Ok(Settings {
            name: Pii::new(self.open("name", &row.name)?),
            url: Secret::new(self.open("url", &row.url)?),
            sub_url: self.open_secret("sub_url", &row.sub_url)?,
            username: self.open_secret("username", &row.username)?,
            password: self.open_secret("password", &row.password)?,
            transport: stored(&row.transport)?,
            audio: row.audio,
            mode: stored(&row.mode)?,
            purpose: row.purpose.as_ref().map(|text| self.open("purpose", text).map(Pii::new)).transpose()?,
            area: stored(&row.area)?,
            retention_days: row.retention_days.max(1) as u32,
            max_bytes: row.max_bytes.max(0) as u64,
        })
    }

    /// The columns that hold the settings.
    fn sealed(&self, settings: &Settings, world: &World) -> ActiveModel {
        let seal = |column: &str, secret: &Option<Secret<String>>| {
            secret.as_ref().map(|secret| self.seal(column, secret.expose(), world))
        };
        ActiveModel {
            id: Set(self.id),
            name: Set(self.seal("name", settings.name.open(), world)),
            url: Set(self.seal("url", settings.url.expose(), world)),
            sub_url: Set(seal("sub_url", &settings.sub_url)),
            username: Set(seal("username", &settings.username)),
            password: Set(seal("password", &settings.password)),
            transport: Set(settings.transport.as_str().into()),
            audio: Set(settings.audio),
            mode: Set(settings.mode.as_str().into()),
            purpose: Set(settings.purpose.as_ref().map(|text| self.seal("purpose", text.open(), world))),
            area: Set(settings.area.as_str().into()),
            retention_days: Set(settings.retention_days as i32),
            max_bytes: Set(settings.max_bytes as i64),
            changed: Set(world.clock.now().micros()),
            ..Default::default()
        }
    }
}

fn stored<T: std::str::FromStr<Err = Error>>(word: &str) -> Result<T> {
    word.parse()
        .map_err(|cause| Error::internal("a camera has a setting that this program does not know").because(cause))
}

fn opened(row: &Model, key: &ColumnKey) -> Result<Camera> {
    Ok(Camera::new(row, Row { key, id: row.id }.settings(row)?))
}

impl Devices {
    /// The household's cameras, in the order that people gave them.
    pub async fn cameras(&self, caller: &Caller) -> Result<Vec<Camera>> {
        caller.require(Scope::CamerasRead)?;
        let mut rows = self.rows(self.db.conn(), caller).await?;
        if let Some(known) = self.known_to(caller).await? {
            rows.retain(|row| known.contains(&row.id.into()));
        }
        let key = self.keys.of(caller.household()).await?;
        rows.iter().map(|row| Ok(opened(row, &key)?.seen_by(caller))).collect()
    }

    /// One camera of the household.
    pub async fn camera(&self, caller: &Caller, id: CameraId) -> Result<Camera> {
        caller.require(Scope::CamerasRead)?;
        if self.known_to(caller).await?.is_some_and(|known| !known.contains(&id)) {
            return Err(unknown());
        }
        let row = self.row(self.db.conn(), caller, id).await?;
        Ok(opened(&row, &self.keys.of(caller.household()).await?)?.seen_by(caller))
    }

    /// Adds a camera. Nothing is recorded unless the settings say so.
    pub async fn add(&self, caller: &Caller, settings: Settings) -> Result<Camera> {
        let ids = self.add_all(caller, vec![settings]).await?;
        let id = ids.first().ok_or_else(|| Error::internal("a camera was added without an id"))?;
        let row = self.row(self.db.conn(), caller, *id).await?;
        opened(&row, &self.keys.of(caller.household()).await?)
    }

    /// Adds all of the cameras, or none.
    pub async fn add_all(&self, caller: &Caller, cameras: Vec<Settings>) -> Result<Vec<CameraId>> {
        caller.require(Scope::CamerasWrite)?;
        let cameras = cameras.into_iter().map(Settings::checked).collect::<Result<Vec<_>>>()?;
        let key = self.keys.of(caller.household()).await?;
        let tx = self.db.begin().await?;
        let mut position = self.next_position(&tx, caller).await?;
        let mut ids = Vec::with_capacity(cameras.len());
        for settings in &cameras {
            let id = CameraId::generate(&self.world);
            let mut row = Row { key: &key, id: id.uuid() }.sealed(settings, &self.world);
            row.household = Set(caller.household().uuid());
            row.position = Set(position);
            row.created = row.changed.clone();
            Entity::insert(row).exec_without_returning(&tx).await.map_err(db::error)?;
            self.log_change(&tx, caller, id, &["added".into(), format!("mode={}", settings.mode.as_str())]).await?;
            position += 1;
            ids.push(id);
        }
        tx.commit().await.map_err(db::error)?;
        self.announce();
        Ok(ids)
    }

    /// Changes a camera's settings.
    pub async fn edit(&self, caller: &Caller, id: CameraId, edit: Edit) -> Result<Camera> {
        caller.require(Scope::CamerasWrite)?;
        let key = self.keys.of(caller.household()).await?;
        let sealer = Row { key: &key, id: id.uuid() };
        let tx = self.db.begin().await?;
        let row = self.row(&tx, caller, id).await?;
        let old = sealer.settings(&row)?;
        let new = edit.applied(old.clone())?;
        let what = new.differences(&old);
        if what.is_empty() {
            return Ok(Camera::new(&row, old));
        }
        let row = Entity::update(sealer.sealed(&new, &self.world)).exec(&tx).await.map_err(db::error)?;
        self.log_change(&tx, caller, id, &what).await?;
        tx.commit().await.map_err(db::error)?;
        self.announce();
        Ok(Camera::new(&row, new))
    }

    /// Switches recording off or on again.
    pub async fn set_mode(&self, caller: &Caller, id: CameraId, mode: Mode) -> Result<Camera> {
        self.edit(caller, id, Edit { mode: Some(mode), ..Edit::default() }).await
    }

    /// Removes a camera and all that was said of it. What was recorded goes through `cloud`, which follows
    /// [`Devices::changes`].
    pub async fn remove(&self, caller: &Caller, id: CameraId) -> Result<()> {
        caller.require(Scope::CamerasWrite)?;
        caller.require_resident()?;
        let tx = self.db.begin().await?;
        let row = self.row(&tx, caller, id).await?;
        Entity::delete_by_id(row.id).exec(&tx).await.map_err(db::error)?;
        self.log_change(&tx, caller, id, &["removed".into()]).await?;
        tx.commit().await.map_err(db::error)?;
        self.announce();
        Ok(())
    }

    /// Puts the household's cameras in this order. It must name each of them once.
    pub async fn reorder(&self, caller: &Caller, order: &[CameraId]) -> Result<()> {
        caller.require(Scope::CamerasWrite)?;
        let tx = self.db.begin().await?;
        let known: HashMap<Uuid, i32> =
            self.rows(&tx, caller).await?.into_iter().map(|row| (row.id, row.position)).collect();
        let named: HashSet<Uuid> = order.iter().map(|id| id.uuid()).collect();
        if named.len() != order.len() || named.len() != known.len() || named.iter().any(|id| !known.contains_key(id)) {
            return Err(Error::invalid("the order must name each camera of the household once").field("order"));
        }
        for (position, id) in (0..).zip(order) {
            if known.get(&id.uuid()) != Some(&position) {
                let row = ActiveModel { id: Set(id.uuid()), position: Set(position), ..Default::default() };
                Entity::update(row).exec(&tx).await.map_err(db::error)?;
            }
        }
        tx.commit().await.map_err(db::error)
    }

    /// What is to be done with every camera of every household, for the recorders. Never for an answer to somebody.
    pub async fn all(&self) -> Result<Vec<Instructions>> {
        let order = Entity::find().order_by_asc(Column::Household).order_by_asc(Column::Position);
        let rows = order.order_by_asc(Column::Id).all(self.db.conn()).await.map_err(db::error)?;
        rows.iter().map(Instructions::new).collect()
    }

    /// The cameras whose footage may not take more than so many bytes. Asked often.
    pub async fn bounds(&self) -> Result<Vec<(CameraId, u64)>> {
        let bounded =
            Entity::find().select_only().columns([Column::Id, Column::MaxBytes]).filter(Column::MaxBytes.gt(0));
        let rows = bounded.into_tuple::<(Uuid, i64)>().all(self.db.conn()).await.map_err(db::error)?;
        Ok(rows.into_iter().map(|(id, bytes)| (id.into(), bytes as u64)).collect())
    }

    /// What a recorder needs to connect to a stream: a conflict unless the owner chose that the camera records, not
    /// found if there is no such stream.
    pub async fn target(&self, id: CameraId, stream: Stream) -> Result<Target> {
        let row = Entity::find_by_id(id.uuid()).one(self.db.conn()).await.map_err(db::error)?;
        let row = row.ok_or_else(unknown)?;
        let mode: Mode = stored(&row.mode)?;
        policy::enforce!(C1_2_7, mode == Mode::Continuous, Error::conflict("recording is switched off"));
        let key = self.keys.of(row.household.into()).await?;
        Target::of(Row { key: &key, id: row.id }.settings(&row)?, stream)
    }

    /// What it takes to try a camera's address, with changes that are not saved yet. For a probe that its owner asked
    /// for, never to record.
    pub async fn probe_target(&self, caller: &Caller, id: CameraId, edit: Edit, stream: Stream) -> Result<Target> {
        caller.require(Scope::CamerasWrite)?;
        let row = self.row(self.db.conn(), caller, id).await?;
        let key = self.keys.of(caller.household()).await?;
        Target::of(edit.applied(Row { key: &key, id: row.id }.settings(&row)?)?, stream)
    }

    /// The household that a camera belongs to.
    pub(crate) async fn household_of(&self, id: CameraId) -> Result<Option<HouseholdId>> {
        let household = Entity::find_by_id(id.uuid()).select_only().column(Column::Household);
        let household = household.into_tuple::<Uuid>().one(self.db.conn()).await.map_err(db::error)?;
        Ok(household.map(Into::into))
    }

    async fn row(&self, conn: &impl ConnectionTrait, caller: &Caller, id: CameraId) -> Result<Model> {
        let mine = Column::Household.eq(caller.household().uuid());
        let row = Entity::find_by_id(id.uuid()).filter(mine).one(conn).await.map_err(db::error)?;
        row.ok_or_else(unknown)
    }

    async fn rows(&self, conn: &impl ConnectionTrait, caller: &Caller) -> Result<Vec<Model>> {
        let mine = Entity::find().filter(Column::Household.eq(caller.household().uuid()));
        let order = mine.order_by_asc(Column::Position).order_by_asc(Column::Id);
        order.all(conn).await.map_err(db::error)
    }

    async fn next_position(&self, conn: &impl ConnectionTrait, caller: &Caller) -> Result<i32> {
        let last = Entity::find().select_only().column_as(Column::Position.max(), "last");
        let last = last.filter(Column::Household.eq(caller.household().uuid()));
        let last: Option<Option<i32>> = last.into_tuple().one(conn).await.map_err(db::error)?;
        Ok(last.flatten().map_or(0, |last| last + 1))
    }
}

pub(crate) fn unknown() -> Error {
    Error::not_found("no such camera")
}
