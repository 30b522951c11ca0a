//! `[mail]`: how people are written to. Without a server everything works, and links are handed over in person.

use super::{section, storage::masked};
use base::{Error, Result, Secret};
use connect::{Post, Smtp};
use serde::{Deserialize, Serialize, Serializer};
use std::{fmt, path::PathBuf};

section! {
    /// How people are written to. Without a server everything works: notices come into the inbox of the app, and links
    /// for invitations and passwords are handed over in person.
    Mail {
        /// The mail server: `"smtps://user:password@host"` speaks TLS from the start, `"smtp://user:password@host"` begins
        /// it with STARTTLS and sends nothing without, except to a server on this machine. Special characters in the
        /// password are written as in any URL (`%40` for `@`).
        smtp: Option<MailServer> = None,
        /// As whom mails are sent, as in `"Nightjar <cams@example.org>"`. Needed if `smtp` is set.
        from: Option<String> = None,
        /// PEM file with the private key (RSA or Ed25519) that signs mails for the domain of `from` (DKIM). Unset: the mail
        /// server signs, or nobody does.
        dkim_key: Option<PathBuf> = None,
        /// Under which name the public half of `dkim_key` stands in the DNS: `SELECTOR._domainkey.DOMAIN`.
        dkim_selector: Option<String> = None,
    }
}

/// The URL of a mail server. Shown with its password masked.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct MailServer(String);

impl fmt::Display for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(&self.0))
    }
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for MailServer {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Mail {
    pub(super) fn check(&self) -> Result<()> {
        self.post().map(drop)
    }

    /// Where mail goes.
    pub fn post(&self) -> Result<Post> {
        let Some(MailServer(url)) = &self.smtp else { return Ok(Post::None) };
        let from = self.from.as_deref().ok_or_else(|| Error::invalid("mail.smtp is set: set mail.from too"))?;
        let named = |error: Error| Error::invalid(format!("mail: {error}"));
        let smtp = Smtp::new(&Secret::new(url.clone()), from).map_err(named)?;
        match (&self.dkim_key, &self.dkim_selector) {
            (None, None) => Ok(Post::Smtp(smtp)),
            (Some(file), Some(selector)) => {
                let pem = std::fs::read_to_string(file).map_err(|error| {
                    Error::invalid(format!("mail.dkim_key: {} cannot be read", file.display())).because(error)
                })?;
                Ok(Post::Smtp(smtp.signed(selector, &Secret::new(pem)).map_err(named)?))
            }
            _ => Err(Error::invalid("mail.dkim_key and mail.dkim_selector go together: set both or none")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(smtp: &str, from: Option<&str>) -> Mail {
        Mail { smtp: Some(MailServer(smtp.into())), from: from.map(Into::into), ..Mail::default() }
    }

    #[test]
    fn a_server_needs_a_sender_and_a_signature_its_selector() {
        assert!(matches!(Mail::default().post(), Ok(Post::None)));
        assert!(mail("smtps://mail.example.org", Some("cams@example.org")).check().is_ok());
        assert!(mail("smtps://mail.example.org", None).check().unwrap_err().message().contains("mail.from"));
        assert!(mail("http://mail.example.org", Some("cams@example.org")).check().is_err());
        let key = |file: &str| Mail {
            dkim_key: Some(file.into()),
            ..mail("smtps://mail.example.org", Some("cams@example.org"))
        };
        assert!(key("/nowhere").check().unwrap_err().message().contains("dkim_selector"));
        let both = Mail { dkim_selector: Some("s1".into()), ..key("/nowhere") };
        assert!(both.check().unwrap_err().message().contains("/nowhere"));
    }

    #[test]
    fn the_password_of_the_mail_server_is_shown_to_nobody() {
        let mail = mail("smtps://me:hunter2@mail.example.org", None);
        let shown = format!("{mail:?} {}", toml::to_string(&mail).unwrap());
        assert!(!shown.contains("hunter2") && shown.contains("smtps://me:***@mail.example.org"), "{shown}");
    }
}
