//! Many cameras from one TOML file: `[[camera]]` with `name`, `url`, `sub_url`, `username`, `password`, `transport`
//! ("tcp" or "udp") and `audio`.
//!
//! All or nothing: [`parse`] gives every camera or every bad entry; [`crate::Devices::add_all`] then adds them at once.

use crate::{Mode, Settings};
use base::{Error, Pii, Result, Secret};
use toml::{Table, Value};

/// An entry that cannot be a camera.
#[derive(Debug)]
pub struct BadEntry {
    /// Its place among the `[[camera]]` entries, from 1; 0 stands for the file itself.
    pub entry: usize,
    /// Its name, if it has one. For the person who wrote the file, not for a log.
    pub name: Option<Pii<String>>,
    pub error: Error,
}

/// Reads the cameras of a file; all of them in the given mode, which whoever imports them chose.
pub fn parse(text: &str, mode: Mode) -> Result<Vec<Settings>, Vec<BadEntry>> {
    let whole = |error| vec![BadEntry { entry: 0, name: None, error }];
    let entries = entries(text).map_err(whole)?;
    let (mut cameras, mut bad) = (Vec::with_capacity(entries.len()), Vec::new());
    for (at, entry) in entries.into_iter().enumerate() {
        let name = entry.get("name").and_then(Value::as_str).map(|name| Pii::new(name.to_owned()));
        match settings(entry, mode) {
            Ok(settings) => cameras.push(settings),
            Err(error) => bad.push(BadEntry { entry: at + 1, name, error }),
        }
    }
    if bad.is_empty() { Ok(cameras) } else { Err(bad) }
}

fn entries(text: &str) -> Result<Vec<Table>> {
    let mut file: Table = text.parse().map_err(|error| not_toml(text, &error))?;
    let cameras = file.remove("camera");
    if let Some(key) = file.keys().next() {
        return Err(Error::invalid(format!("the file holds [[camera]] entries and nothing else, not {key:.40?}")));
    }
    let Some(Value::Array(cameras)) = cameras else { return Err(no_entries()) };
    let tables =
        cameras.into_iter().map(|entry| if let Value::Table(entry) = entry { Ok(entry) } else { Err(no_entries()) });
    tables.collect()
}

fn no_entries() -> Error {
    Error::invalid("the file has no [[camera]] entry")
}

/// Says where, and not what: the line may hold a password.
fn not_toml(text: &str, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    Error::invalid(format!("line {line} is not well-formed TOML"))
}

fn settings(mut entry: Table, mode: Mode) -> Result<Settings> {
    let required = |value: Option<String>, field| value.ok_or_else(|| Error::invalid("it is missing").field(field));
    let name = required(text(&mut entry, "name")?, "name")?;
    let url = required(text(&mut entry, "url")?, "url")?;
    let mut settings = Settings::new(name, url, mode);
    settings.sub_url = text(&mut entry, "sub_url")?.map(Secret::new);
    settings.username = text(&mut entry, "username")?.map(Secret::new);
    settings.password = text(&mut entry, "password")?.map(Secret::new);
    if let Some(transport) = text(&mut entry, "transport")? {
        settings.transport = transport.parse().map_err(|error: Error| error.field("transport"))?;
    }
    settings.audio = flag(&mut entry, "audio")?.unwrap_or(settings.audio);
    match entry.keys().next() {
        Some(unknown) => Err(Error::invalid(format!("there is no setting {unknown:.40?}"))),
        None => settings.checked(),
    }
}

fn text(entry: &mut Table, field: &'static str) -> Result<Option<String>> {
    match entry.remove(field) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::invalid("it must be a text in quotes").field(field)),
    }
}

fn flag(entry: &mut Table, field: &'static str) -> Result<Option<bool>> {
    match entry.remove(field) {
        None => Ok(None),
        Some(Value::Boolean(flag)) => Ok(Some(flag)),
        Some(_) => Err(Error::invalid("it must be true or false").field(field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;

    #[test]
    fn a_file_gives_every_camera_in_the_chosen_mode() {
        let file = r#"
            [[camera]]
            name = "Porch"
            url = "rtsp://ada:s%40fe@10.0.0.9/main"
            sub_url = "rtsp://10.0.0.9/sub"
            transport = "udp"
            audio = false

            [[camera]]
            name = "Drive"
            url = "rtsp://10.0.0.10/main"
            username = "bob"
            password = "secret"
        "#;
        let cameras = parse(file, Mode::Continuous).unwrap();
        let secret = |secret: &Option<Secret<String>>| secret.as_ref().map(|secret| secret.expose().clone());
        let [porch, drive] = &cameras[..] else { panic!("{cameras:?}") };
        assert_eq!((porch.name.open().as_str(), porch.transport, porch.audio), ("Porch", Transport::Udp, false));
        assert_eq!(porch.url.expose(), "rtsp://10.0.0.9/main");
        assert_eq!((secret(&porch.username), secret(&porch.password)), (Some("ada".into()), Some("s@fe".into())));
        assert_eq!((secret(&drive.username), secret(&drive.password)), (Some("bob".into()), Some("secret".into())));
        assert!(drive.audio && cameras.iter().all(|camera| camera.mode == Mode::Continuous));
    }

    #[test]
    fn each_bad_entry_is_named_with_its_field_and_no_value_is_repeated() {
        let file = r#"
            camera = [
                { name = "ok", url = "rtsp://cam/" },
                { name = "web", url = "http://hunter2/" },
                { url = "rtsp://cam/" },
                { name = "udp", url = "rtsp://cam/", transport = "hunter2" },
                { name = "typo", url = "rtsp://cam/", passwrod = "hunter2" },
                { name = "flag", url = "rtsp://cam/", audio = "hunter2" },
                { name = 7, url = "rtsp://cam/" },
            ]
        "#;
        let bad = parse(file, Mode::Continuous).unwrap_err();
        let named: Vec<_> = bad
            .iter()
            .map(|bad| (bad.entry, bad.name.as_ref().map(|name| name.open().as_str()), bad.error.at_field()))
            .collect();
        assert_eq!(
            named,
            [
                (2, Some("web"), Some("url")),
                (3, None, Some("name")),
                (4, Some("udp"), Some("transport")),
                (5, Some("typo"), None),
                (6, Some("flag"), Some("audio")),
                (7, None, Some("name")),
            ]
        );
        assert!(!format!("{bad:?}").contains("hunter2"));
    }

    #[test]
    fn a_file_that_is_something_else_is_refused_as_a_whole() {
        for file in
            ["", "x = 1", "[camera]\nname = 'a'", "camera = [1]", "[[camera]]\nname = \"hunter2", "[[camera]]\nx"]
        {
            let bad = parse(file, Mode::Off).unwrap_err();
            assert_eq!((bad.len(), bad[0].entry), (1, 0), "{file}");
            assert!(!format!("{bad:?}").contains("hunter2"));
        }
    }
}
