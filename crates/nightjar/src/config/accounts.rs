//! `[accounts]`: who may have one.

use accounts::{Issuer, SignUp};
use base::{Error, Result, Secret};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

crate::config::section! {
    /// Who may have an account.
    Accounts {
        /// Who may sign up: `open` (anybody; needs `[mail]`), `invitation` (whoever holds an invitation to a household), or
        /// `closed` (accounts are made by hand).
        sign_up: SignUp = SignUp::Invitation,
        /// Other services that sign people in, each a table `[[accounts.oidc]]`: `name`, `issuer` (its OpenID Connect issuer;
        /// may be left out for `google` and `facebook`), `client_id`, and `client_secret_file` (a file that holds the secret).
        /// There, allow the redirect to `https://NAME/sign-in/return`.
        oidc: Vec<Oidc> = Vec::new(),
    }
}

/// A service that signs people in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    name: String,
    issuer: Option<String>,
    client_id: String,
    client_secret_file: Option<PathBuf>,
}

/// Name, issuer, and the address where a code is exchanged, of services that need not be described.
const KNOWN: [(&str, &str, Option<&str>); 2] = [
    ("google", "https://accounts.google.com", None),
    // Facebook describes itself without it.
    ("facebook", "https://www.facebook.com", Some("https://graph.facebook.com/v21.0/oauth/access_token")),
];

impl Accounts {
    pub(super) fn check(&self) -> Result<()> {
        for (at, service) in self.oidc.iter().enumerate() {
            let name = &service.name;
            let wrong = |what: &str| Err(Error::invalid(format!("accounts.oidc: {name}: {what}")));
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
                return wrong("a name has 1 to 32 of a-z, 0-9 and -");
            }
            if ["return", "agree"].contains(&name.as_str()) {
                return wrong("this name has another meaning; choose another");
            }
            if self.oidc[..at].iter().any(|other| other.name == *name) {
                return wrong("the name is there twice");
            }
            let Some(url) = service.url() else { return wrong("give its issuer") };
            if !url.starts_with("https://") && !url.starts_with("http://127.0.0.1:") {
                return wrong("an issuer is an https address");
            }
        }
        Ok(())
    }

    /// The services, with their secrets read.
    pub fn issuers(&self) -> Result<Vec<Issuer>> {
        self.oidc.iter().map(Oidc::read).collect()
    }
}

impl Oidc {
    fn url(&self) -> Option<&str> {
        let known = KNOWN.iter().find(|(name, ..)| *name == self.name).map(|(_, url, _)| *url);
        self.issuer.as_deref().or(known)
    }

    fn read(&self) -> Result<Issuer> {
        let secret = |file: &PathBuf| -> Result<_> {
            let text = std::fs::read_to_string(file);
            let failed =
                |cause| Error::invalid(format!("{}: the secret cannot be read", file.display())).because(cause);
            Ok::<_, Error>(Secret::new(text.map_err(failed)?.trim().to_owned()))
        };
        let url = self.url().ok_or_else(|| Error::invalid("accounts.oidc: give an issuer"))?;
        let token_url = KNOWN.iter().find(|(_, known, _)| *known == url).and_then(|(.., token)| *token);
        Ok(Issuer {
            name: self.name.clone(),
            url: url.into(),
            client_id: self.client_id.clone(),
            client_secret: self.client_secret_file.as_ref().map(secret).transpose()?,
            token_url: token_url.map(Into::into),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, issuer: Option<&str>) -> Oidc {
        let issuer = issuer.map(Into::into);
        Oidc { name: name.into(), issuer, client_id: "nightjar".into(), client_secret_file: None }
    }

    fn checked(oidc: Vec<Oidc>) -> bool {
        Accounts { oidc, ..Accounts::default() }.check().is_ok()
    }

    #[test]
    fn a_service_has_a_name_of_its_own_and_an_encrypted_issuer() {
        assert!(checked(vec![
            service("google", None),
            service("facebook", None),
            service("id", Some("https://id.example"))
        ]));
        for wrong in [
            vec![service("id", None)],
            vec![service("id", Some("http://id.example"))],
            vec![service("id", Some("file:///etc/passwd"))],
            vec![service("return", Some("https://id.example"))],
            vec![service("a/b", Some("https://id.example"))],
            vec![service("google", None), service("google", None)],
        ] {
            assert!(!checked(wrong.clone()), "{wrong:?}");
        }
        let issuers = Accounts { oidc: vec![service("facebook", None)], ..Accounts::default() }.issuers().unwrap();
        assert!(issuers[0].token_url.as_ref().unwrap().starts_with("https://graph.facebook.com/"));
    }
}
