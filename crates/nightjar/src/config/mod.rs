//! Configuration: one TOML file, then environment variables, then flags; unknown keys are refused by name.
//!
//! Each section is a file of its own and a [`section!`] in it, so that a field cannot exist without its documentation.
//! `docs/reference/configuration.md` is generated from here.

mod accounts;
mod cameras;
mod mail;
mod operator;
mod reference;
mod server;
mod storage;
mod vault;

pub use accounts::Accounts;
pub use cameras::Cameras;
pub use mail::Mail;
pub use operator::Operator;
pub use reference::reference;
pub use server::{Server, Tls};
pub use storage::{Database, Storage};
pub use vault::Vault;

use base::{Error, Result};
use clap::Args;
use figment::{
    Figment, Source,
    error::Kind,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the reference says of one key.
pub struct Field {
    pub key: &'static str,
    pub doc: &'static str,
}

/// Declares a section: a struct whose fields all have a documentation line and a default.
macro_rules! section {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $($(#[doc = $doc])+ pub $field: $type,)+ }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $name {
            /// What the section is for.
            pub const ABOUT: &str = concat!($($about, "\n"),+);
            /// Its keys, in the order of the reference.
            pub const FIELDS: &[crate::config::Field] =
                &[$(crate::config::Field { key: stringify!($field), doc: concat!($($doc, "\n"),+) }),+];
        }
    };
}
pub(crate) use section;

/// Where a command finds the configuration and the data.
#[derive(Args, Clone, Debug, Default)]
pub struct Place {
    /// The configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder; overrides storage.data
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The file with the root key; overrides vault.root_key
    #[arg(long, value_name = "FILE")]
    pub root_key: Option<PathBuf>,
}

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: Server,
    pub storage: Storage,
    pub vault: Vault,
    pub cameras: Cameras,
    pub mail: Mail,
    pub accounts: Accounts,
    pub operator: Operator,
}

impl Config {
    /// Reads the file, the environment and the flags of `place`, in this order, and checks the result.
    pub fn load(place: &Place) -> Result<Self> {
        let mut figment = Figment::new();
        if let Some(file) = &place.config {
            if !file.is_file() {
                return Err(Error::invalid(format!("{}: no such file", file.display())));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Env::prefixed("NIGHTJAR__").split("__"));
        if let Some(data) = &place.data {
            figment = figment.merge(Serialized::default("storage.data", data));
        }
        if let Some(key) = &place.root_key {
            figment = figment.merge(Serialized::default("vault.root_key", key));
        }
        let config: Self = figment.extract().map_err(refusal)?;
        config.check()?;
        Ok(config)
    }

    /// Refuses what no start could honour.
    fn check(&self) -> Result<()> {
        self.server.check()?;
        self.storage.check()?;
        self.accounts.check()?;
        self.cameras.check()?;
        self.mail.check()
    }

    /// The data folder; an error that says how to give one if none is configured.
    pub fn data(&self) -> Result<&Path> {
        self.storage
            .data
            .as_deref()
            .ok_or_else(|| Error::invalid("no data folder: give --data DIR or set storage.data"))
    }

    /// The configuration as TOML, with the password of a database URL masked.
    pub fn show(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::internal("the configuration cannot be written").because(error))
    }
}

/// The first thing that is wrong, with the file (or the environment) and the key named.
fn refusal(error: figment::Error) -> Error {
    let source = error.metadata.as_ref().map_or_else(String::new, |metadata| match &metadata.source {
        Some(Source::File(path)) => format!("{}: ", path.display()),
        _ => format!("{}: ", metadata.name),
    });
    let mut path = error.path.clone();
    let problem = match &error.kind {
        Kind::UnknownField(key, known) => {
            if path.last() != Some(key) {
                path.push(key.clone());
            }
            format!("unknown key (known here: {})", known.join(", "))
        }
        kind => kind.to_string(),
    };
    Error::invalid(format!("{source}{}: {problem}", path.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn load(toml: &str) -> Result<Config> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(toml.as_bytes()).unwrap();
        Config::load(&Place { config: Some(file.path().into()), ..Place::default() })
    }

    #[test]
    fn nothing_configured_is_the_documented_default() {
        assert_eq!(load("").unwrap(), Config::default());
        assert_eq!(Config::default().server.listen.to_string(), "127.0.0.1:8480");
    }

    #[test]
    fn an_unknown_key_is_refused_with_file_and_key() {
        let message = load("[server]\nlisen = \"127.0.0.1:1\"\n").unwrap_err().to_string();
        assert!(message.contains("server.lisen: unknown key") && message.contains("listen"), "{message}");
        assert!(message.starts_with('/'), "names the file: {message}");
        assert!(load("[sever]\n").unwrap_err().to_string().contains("sever: unknown key"));
        assert!(load("[[storage.disk]]\npath = \"/a\"\nsize = 3\n").unwrap_err().to_string().contains("size"));
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_by_name() {
        let message = load("[cameras]\nretention_days = \"seven\"\n").unwrap_err().to_string();
        assert!(message.contains("cameras.retention_days"), "{message}");
        assert!(load("[server]\ntls = \"maybe\"\n").unwrap_err().to_string().contains("server.tls"));
        assert!(load("not toml").is_err());
    }

    #[test]
    fn flags_win_over_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"[storage]\ndata = \"/from/file\"\n").unwrap();
        let place =
            Place { config: Some(file.path().into()), data: Some("/from/flag".into()), root_key: Some("/key".into()) };
        let config = Config::load(&place).unwrap();
        assert_eq!(config.data().unwrap(), Path::new("/from/flag"));
        assert_eq!(config.vault.root_key.as_deref(), Some(Path::new("/key")));
    }

    #[test]
    fn show_masks_the_password_of_the_database() {
        let config = load("[storage]\ndatabase = \"postgres://nightjar:hunter2@db/nightjar\"\n").unwrap();
        let shown = config.show().unwrap();
        assert!(!shown.contains("hunter2") && shown.contains("postgres://nightjar:***@db/nightjar"), "{shown}");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
