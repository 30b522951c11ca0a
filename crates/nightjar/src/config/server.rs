//! `[server]`: where the web app and the API listen, and how they are encrypted.

use super::section;
use base::{Error, Result};
use policy::enforce;
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::PathBuf};

section! {
    /// Where the web app and the API listen, and how they are encrypted.
    Server {
        /// Address and port to listen on. Port 0 takes a free port and prints it.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8480)),
        /// Host names under which browsers reach this server. A request for any other name is answered with 421, which
        /// stops a foreign page that points its own name at this machine. The address itself is always accepted.
        names: Vec<String> = Vec::new(),
        /// `"off"`: plain HTTP, accepted on a loopback address only (for use behind a reverse proxy on this machine).
        /// `"self-signed"`: a certificate is made at first start and kept in the data folder. `"files"`: `cert` and `key`.
        tls: Tls = Tls::Off,
        /// PEM file with the certificate chain, for `tls = "files"`. RSA keys shorter than 2048 bits are refused.
        cert: Option<PathBuf> = None,
        /// PEM file with the private key, for `tls = "files"`.
        key: Option<PathBuf> = None,
    }
}

/// How connections are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    Off,
    SelfSigned,
    Files,
}

impl Server {
    pub(super) fn check(&self) -> Result<()> {
        enforce!(
            C9_2_1,
            self.tls != Tls::Off || self.listen.ip().is_loopback(),
            Error::invalid(format!("server.tls is \"off\", which is refused away from loopback ({})", self.listen))
        );
        if self.tls == Tls::Files && (self.cert.is_none() || self.key.is_none()) {
            return Err(Error::invalid("server.tls is \"files\": set server.cert and server.key"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_refused_away_from_loopback() {
        policy::prove!(C9_2_1);
        let server = |listen: &str, tls| Server { listen: listen.parse().unwrap(), tls, ..Server::default() };
        assert!(server("127.0.0.1:80", Tls::Off).check().is_ok());
        assert!(server("[::1]:80", Tls::Off).check().is_ok());
        assert!(server("0.0.0.0:443", Tls::SelfSigned).check().is_ok());
        for everywhere in ["0.0.0.0:80", "[::]:80", "192.168.1.2:80"] {
            let message = server(everywhere, Tls::Off).check().unwrap_err().to_string();
            assert!(message.contains("refused away from loopback"), "{message}");
        }
    }

    #[test]
    fn certificate_files_must_be_named() {
        assert!(Server { tls: Tls::Files, ..Server::default() }.check().is_err());
    }
}
