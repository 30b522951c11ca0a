//! TLS 1.2 and 1.3 by rustls: the certificate that was given, or one of our own made at first start.

use crate::{
    config::{Server, Tls},
    root_key::write_private,
};
use base::{Error, Result, World};
use policy::enforce;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use std::{fs, path::Path, sync::Arc, time::Duration};
use x509_parser::{prelude::parse_x509_certificate, public_key::PublicKey};

/// How long a certificate of our own holds: browsers accept no more than 398 days.
const VALID: Duration = Duration::from_secs(397 * 86_400);

/// What the listener needs for TLS; `None` if it is off.
pub fn load(server: &Server, data: &Path, world: &World) -> Result<Option<Arc<ServerConfig>>> {
    match (server.tls, &server.cert, &server.key) {
        (Tls::Off, ..) => Ok(None),
        (Tls::Files, Some(cert), Some(key)) => configured(cert, key).map(Some),
        (Tls::Files, ..) => Err(Error::invalid("server.tls is \"files\": set server.cert and server.key")),
        (Tls::SelfSigned, ..) => {
            let folder = data.join("tls");
            let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
            if !cert.exists() || !key.exists() || expires(&cert)? < world.clock.now() + Duration::from_secs(86_400) {
                make(server, &folder, world)?;
            }
            configured(&cert, &key).map(Some)
        }
    }
}

fn configured(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let unusable = |what: &Path| Error::invalid(format!("{}: cannot be used for TLS", what.display()));
    let chain = certificates(cert)?;
    let bits = chain.first().and_then(|leaf| rsa_bits(leaf));
    enforce!(
        C9_2_2,
        bits.is_none_or(|bits| bits >= 2048),
        Error::invalid(format!(
            "{}: its RSA key has {} bits; at least 2048 are needed",
            cert.display(),
            bits.unwrap_or_default()
        ))
    );
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key).because(error))?;
    let mut config = ServerConfig::builder_with_protocol_versions(&[&TLS13, &TLS12])
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|error| unusable(cert).because(error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unreadable = |error| Error::invalid(format!("{}: no certificate in it", path.display())).because(error);
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(unreadable)?
        .collect::<std::result::Result<_, _>>()
        .map_err(unreadable)?;
    match chain.is_empty() {
        true => Err(Error::invalid(format!("{}: no certificate in it", path.display()))),
        false => Ok(chain),
    }
}

/// The size of the certificate's RSA key; `None` for other keys.
fn rsa_bits(leaf: &CertificateDer) -> Option<usize> {
    let (_, parsed) = parse_x509_certificate(leaf).ok()?;
    match parsed.public_key().parsed().ok()? {
        PublicKey::RSA(key) => Some(key.key_size()),
        _ => None,
    }
}

/// When the first certificate of the file ends.
pub fn expires(cert: &Path) -> Result<base::Time> {
    let chain = certificates(cert)?;
    let (_, parsed) = parse_x509_certificate(&chain[0])
        .map_err(|error| Error::invalid(format!("{}: not an X.509 certificate", cert.display())).because(error))?;
    Ok(base::Time::from_micros(parsed.validity().not_after.timestamp().saturating_mul(1_000_000)))
}

/// Makes a certificate (ECDSA P-256) for the configured names, this machine, and the address that is listened on.
fn make(server: &Server, folder: &Path, world: &World) -> Result<()> {
    let failed = |error: rcgen::Error| Error::internal("no certificate could be made").because(error);
    let mut names = server.names.clone();
    names.extend(["localhost".into(), "127.0.0.1".into(), "::1".into()]);
    if !server.listen.ip().is_unspecified() {
        names.push(server.listen.ip().to_string());
    }
    names.sort();
    names.dedup();
    let mut params = rcgen::CertificateParams::new(names).map_err(failed)?;
    let day = |time: base::Time| {
        let instant = jiff::Timestamp::from_microsecond(time.micros()).unwrap_or_default();
        let date = jiff::tz::Offset::UTC.to_datetime(instant);
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    let now = world.clock.now();
    (params.not_before, params.not_after) = (day(now), day(now + VALID));
    params.distinguished_name.push(rcgen::DnType::CommonName, "Nightjar");
    let key = rcgen::KeyPair::generate().map_err(failed)?;
    let cert = params.self_signed(&key).map_err(failed)?;
    let written = fs::create_dir_all(folder)
        .and_then(|()| write_private(&folder.join("key.pem"), key.serialize_pem().as_bytes()))
        .and_then(|()| write_private(&folder.join("cert.pem"), cert.pem().as_bytes()));
    written.map_err(|error| Error::unavailable(format!("{}: cannot be written", folder.display())).because(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Kind;
    use std::process::Command;

    fn openssl(folder: &Path, args: &str) {
        let done =
            Command::new("openssl").current_dir(folder).args(args.split(' ')).output().expect("openssl is there");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    #[test]
    fn an_rsa_key_of_1024_bits_is_refused_and_one_of_2048_is_taken() {
        policy::prove!(C9_2_2);
        let folder = tempfile::tempdir().unwrap();
        for bits in [1024, 2048] {
            let make = "req -x509 -newkey rsa:BITS -nodes -keyout key.pem -out cert.pem -days 9 -subj /CN=localhost";
            openssl(folder.path(), &make.replace("BITS", &bits.to_string()));
            let loaded = configured(&folder.path().join("cert.pem"), &folder.path().join("key.pem"));
            match (bits, loaded) {
                (2048, Ok(_)) => {}
                (1024, Err(error)) => assert!(error.message().contains("1024 bits"), "{error:?}"),
                (_, other) => panic!("{bits} bits: {:?}", other.map(drop)),
            }
        }
    }

    #[test]
    fn our_own_certificate_is_kept_and_made_anew_before_it_ends() {
        let (folder, (world, clock)) = (tempfile::tempdir().unwrap(), World::test(1));
        let server = Server { tls: Tls::SelfSigned, names: vec!["nightjar.example".into()], ..Server::default() };
        let cert = || fs::read(folder.path().join("tls/cert.pem")).unwrap();
        assert!(load(&server, folder.path(), &world).unwrap().is_some());
        let first = cert();
        clock.advance(Duration::from_secs(86_400));
        load(&server, folder.path(), &world).unwrap();
        assert_eq!(cert(), first);
        clock.advance(VALID);
        load(&server, folder.path(), &world).unwrap();
        assert_ne!(cert(), first);
    }

    #[test]
    fn files_that_hold_no_certificate_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        for content in [None, Some("nonsense")] {
            if let Some(content) = content {
                fs::write(&cert, content).unwrap();
            }
            let error = configured(&cert, &key).map(drop).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid);
            assert!(error.message().contains("cert.pem"));
        }
    }
}
