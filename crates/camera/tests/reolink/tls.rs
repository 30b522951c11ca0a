//! Encryption: pinned on first use, plain HTTP only where nothing else is.

use crate::{PASSWORD, address, allow, client, config, device};
use base::World;
use camera::{
    Credentials,
    reolink::{Address, Error, Fingerprint, Reolink},
};
use simulator::reolink::{Config, Model};

fn known_by(address: Address, pin: Fingerprint) -> Reolink {
    let credentials = Credentials::new("nightjar", PASSWORD).unwrap();
    Reolink::new(address, credentials, Some(pin), &allow(), &World::system())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_pinned_on_first_use_and_another_one_is_refused_before_the_password() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let camera = client(&device);
    assert_eq!(camera.fingerprint(), None);
    camera.identity().await.unwrap();
    assert_eq!(camera.fingerprint(), Some(device.fingerprint()));
    assert!(!camera.is_plain());
    known_by(address(&device), device.fingerprint()).identity().await.unwrap();
    let logins = || (device.counts().logins, device.counts().refused);
    let before = logins();
    let error = known_by(address(&device), [7; 32]).identity().await.unwrap_err();
    assert_eq!((error, logins()), (Error::Certificate, before));
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_used_where_nothing_listens_for_https_and_said() {
    let (simulator, device) = device(Config { http: Some(0), https: None, ..config(Model::Camera) }).await;
    let shut = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let both = || Address::new("127.0.0.1", Some(shut), device.http().map(|http| http.port())).unwrap();
    let credentials = Credentials::new("nightjar", PASSWORD).unwrap();
    let camera = Reolink::new(both(), credentials, None, &allow(), &World::system());
    camera.identity().await.unwrap();
    assert!(camera.is_plain() && camera.fingerprint().is_none());
    let error = known_by(both(), [7; 32]).identity().await.unwrap_err();
    assert_eq!(
        error,
        Error::Camera(camera::Error::Refused),
        "a camera known by its certificate is never asked plainly"
    );
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_http_where_https_is_wanted_is_told() {
    let (simulator, device) = device(config(Model::Camera)).await;
    let wrong = Address::new("127.0.0.1", None, device.https().map(|https| https.port())).unwrap();
    let credentials = Credentials::new("nightjar", PASSWORD).unwrap();
    let camera = Reolink::new(wrong, credentials, None, &allow(), &World::system());
    assert_eq!(camera.identity().await.unwrap_err(), Error::WantsHttps);
    simulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_no_camera_is_a_named_error() {
    let simulator = crate::simulator(1).await;
    for (https, http) in [(Some(simulator.address().port()), None), (None, Some(simulator.address().port()))] {
        let credentials = Credentials::new("nightjar", PASSWORD).unwrap();
        let address = Address::new("127.0.0.1", https, http).unwrap();
        let error = Reolink::new(address, credentials, None, &allow(), &World::system()).identity().await.unwrap_err();
        assert!(
            matches!(error, Error::Tls | Error::Garbled { .. } | Error::Camera(camera::Error::Closed)),
            "{error:?}"
        );
    }
    simulator.stop().await;
}
