//! How we behave towards a camera, and what we make of its answers.

use crate::{
    allow,
    script::{Act, Scripted, answer, described, ends_with_picture, header, method, ok, orderly, picture, sdp},
    sink::Keeper,
    target,
};
use base::World;
use camera::{Allow, Credentials, Error, Pump, Transport, play};
use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

async fn error_of(camera: &Scripted) -> Error {
    play(&target(&camera.url()), &allow(), &World::system()).await.map(drop).unwrap_err()
}

/// A camera that answers in an orderly way but for this method.
fn except(method_of: &'static str, act: impl Fn(&str) -> Act + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |request| match method(request) == method_of {
        true => act(request),
        false => Act::Answer(orderly(request)),
    })
}

#[tokio::test]
async fn a_session_is_opened_in_order_and_torn_down_when_dropped() {
    let camera = Scripted::start(|request| Act::Answer(orderly(request)));
    let session = play(&target(&camera.url()), &allow(), &World::system()).await.unwrap();
    assert_eq!(session.video_params().unwrap().width, 640);
    drop(session);
    assert_eq!(header(&camera.wait_for("TEARDOWN"), "Session"), Some("42"));
    let asked = camera.asked();
    let methods: Vec<&str> = asked.iter().map(|request| method(request)).collect();
    assert_eq!(methods, ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]);
    assert!(asked[2].starts_with(&format!("SETUP {}/track1 RTSP/1.0\r\n", camera.url())), "{}", asked[2]);
}

#[tokio::test]
async fn a_session_is_torn_down_when_play_fails_or_is_given_up() {
    let refusing = except("PLAY", |request| Act::Answer(answer(request, "455 Method Not Valid", "")));
    assert_eq!(error_of(&refusing).await, Error::Rejected { method: "PLAY", status: 455 });
    assert_eq!(header(&refusing.wait_for("TEARDOWN"), "Session"), Some("42"));
    let silent = except("PLAY", |_| Act::Silence);
    let given_up = tokio::time::timeout(Duration::from_millis(500), error_of(&silent)).await;
    assert!(given_up.is_err());
    silent.wait_for("TEARDOWN");
}

#[tokio::test]
async fn the_credential_leaves_only_when_asked_for_and_a_wrong_one_leaves_once() {
    let camera = Scripted::start(|request| match header(request, "Authorization") {
        Some(given) if given.contains("username=\"ada\"") && !given.contains("wrong") => Act::Answer(orderly(request)),
        _ => Act::Answer(answer(
            request,
            "401 Unauthorized",
            "WWW-Authenticate: Digest realm=\"cam\", nonce=\"abc\", qop=\"auth\"",
        )),
    });
    let ada = target(&camera.url()).with_credentials(Credentials::new("ada", "x").unwrap());
    play(&ada, &allow(), &World::system()).await.unwrap();
    let asked = camera.asked();
    assert_eq!(header(&asked[0], "Authorization"), None);
    assert!(header(&asked[1], "Authorization").unwrap().contains("nc=00000001"));
    assert!(header(&asked[2], "Authorization").unwrap().contains("nc=00000002"));

    let deaf = Scripted::start(|request| {
        let nonce = header(request, "CSeq").unwrap();
        Act::Answer(answer(
            request,
            "401 Unauthorized",
            &format!("WWW-Authenticate: Digest realm=\"cam\", nonce=\"{nonce}\""),
        ))
    });
    let ada = target(&deaf.url()).with_credentials(Credentials::new("ada", "wrong").unwrap());
    assert_eq!(play(&ada, &allow(), &World::system()).await.map(drop).unwrap_err(), Error::Unauthorized);
    assert_eq!(deaf.asked().iter().filter(|request| header(request, "Authorization").is_some()).count(), 1);
}

#[tokio::test]
async fn a_camera_that_renews_its_nonce_for_ever_is_left_alone() {
    let camera = Scripted::start(|request| {
        let nonce = header(request, "CSeq").unwrap();
        let lines = format!("WWW-Authenticate: Digest realm=\"cam\", nonce=\"{nonce}\", stale=true");
        Act::Answer(answer(request, "401 Unauthorized", &lines))
    });
    let ada = target(&camera.url()).with_credentials(Credentials::new("ada", "x").unwrap());
    assert_eq!(play(&ada, &allow(), &World::system()).await.map(drop).unwrap_err(), Error::Unauthorized);
    assert!(camera.asked().len() <= 3, "{}", camera.asked().len());
}

#[tokio::test]
async fn redirects_are_followed_twice_checked_each_time_and_the_credential_stays_behind() {
    let to = |url: String| {
        move |request: &str| Act::Answer(answer(request, "302 Moved Temporarily", &format!("Location: {url}")))
    };
    let last = Scripted::start(|request| match header(request, "Authorization") {
        None => Act::Answer(answer(request, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"")),
        Some(_) => Act::Answer(orderly(request)),
    });
    let ada = |camera: &Scripted| target(&camera.url()).with_credentials(Credentials::new("ada", "x").unwrap());
    let same_host = except("DESCRIBE", to(last.url()));
    assert!(play(&ada(&same_host), &allow(), &World::system()).await.is_ok());
    let other_host = except("DESCRIBE", to(last.url().replace("127.0.0.1", "127.0.0.2")));
    let error = play(&ada(&other_host), &allow(), &World::system()).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Unauthorized | Error::Refused), "{error}");
    assert!(last.asked().iter().filter(|request| header(request, "Authorization").is_some()).count() >= 3);

    for forbidden in ["rtsp://192.168.1.1/", "rtsp://169.254.169.254:80/", "rtsp://[::1]:554/"] {
        assert!(matches!(error_of(&except("OPTIONS", to(forbidden.into()))).await, Error::Forbidden(_)), "{forbidden}");
    }
    let nowhere =
        except("DESCRIBE", |request| Act::Answer(answer(request, "301 Moved", "Location: http://127.0.0.1/")));
    assert!(matches!(error_of(&nowhere).await, Error::Protocol { .. }));
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let circle = Scripted::start(|request| {
        let url = request.split(' ').nth(1).unwrap();
        Act::Answer(answer(request, "302 Found", &format!("Location: {url}")))
    });
    assert!(matches!(error_of(&circle).await, Error::Protocol { .. }));
    assert_eq!(circle.asked().len(), 3);
}

#[tokio::test]
async fn a_track_may_not_lead_to_where_cameras_may_not_be() {
    for url in ["rtsp://169.254.169.254/track1", "rtsp://192.168.7.7/track1", "rtsp://0.0.0.0/track1"] {
        let camera =
            except("DESCRIBE", move |request| Act::Answer(described(request, &sdp().replace("track1", url), "")));
        assert!(matches!(error_of(&camera).await, Error::Forbidden(_)), "{url}");
        assert!(camera.asked().iter().all(|request| method(request) != "SETUP"));
    }
    let base = except("DESCRIBE", |request| {
        Act::Answer(described(request, &sdp(), "Content-Base: rtsp://169.254.169.254/live/\r\n"))
    });
    assert!(matches!(error_of(&base).await, Error::Forbidden(_)));
}

#[tokio::test]
async fn each_refusal_is_told_apart() {
    let status = |method: &'static str, status: &'static str| {
        except(method, move |request| Act::Answer(answer(request, status, "")))
    };
    assert_eq!(error_of(&status("DESCRIBE", "404 Not Found")).await, Error::NoSuchPath(404));
    assert_eq!(error_of(&status("SETUP", "454 Session Not Found")).await, Error::NoSuchPath(454));
    assert_eq!(error_of(&status("DESCRIBE", "401 Unauthorized")).await, Error::Unauthorized);
    let crowded = Error::Rejected { method: "SETUP", status: 453 };
    assert_eq!(error_of(&status("SETUP", "453 Not Enough Bandwidth")).await, crowded);
    let described_as = |from: &'static str, to: &'static str| {
        except("DESCRIBE", move |request| Act::Answer(described(request, &sdp().replace(from, to), "")))
    };
    assert_eq!(error_of(&described_as("H264/90000", "AV1/90000")).await, Error::UnsupportedCodec("AV1".into()));
    assert_eq!(error_of(&described_as("m=video", "m=text")).await, Error::UnsupportedCodec("no video".into()));
    assert_eq!(error_of(&except("DESCRIBE", |_| Act::HangUp)).await, Error::Closed);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = play(&target(&format!("rtsp://{closed}/")), &allow(), &World::system()).await;
    assert_eq!(refused.map(drop).unwrap_err(), Error::Refused);
    let nothing = Allow::new(vec![], vec![]);
    let camera = Scripted::start(|request| Act::Answer(orderly(request)));
    let forbidden = play(&target(&camera.url()), &nothing, &World::system()).await;
    assert!(matches!(forbidden.map(drop), Err(Error::Forbidden(_))));
    assert!(camera.asked().is_empty());
}

#[tokio::test]
async fn odd_answers_are_understood() {
    let camera = Scripted::start(|request| {
        let text = match method(request) {
            "OPTIONS" => answer(request, "405 Method Not Allowed", ""),
            "DESCRIBE" => described(request, &sdp().replace("\r\n", "\n"), "Content-Base:   \r\n"),
            "SETUP" => ok(request, "session: 42 ; timeout=20\r\ntransport: RTP/AVP/TCP; interleaved=4 - 5"),
            _ => ok(request, ""),
        };
        // No CSeq at all, a line that is no header, and lower-case names.
        let text: String = text.split_inclusive("\r\n").filter(|line| !line.starts_with("CSeq")).collect();
        Act::Answer(text.replacen("RTSP/1.0 ", "RTSP/1.0   ", 1).replace("Content-Length:", "content-length :"))
    });
    let session = play(&target(&camera.url()), &allow(), &World::system()).await.unwrap();
    assert!(session.video_params().is_some());
}

#[tokio::test]
async fn a_flood_instead_of_an_answer_is_an_error_and_not_a_heap_of_bytes() {
    let junk = || "x".repeat(3 << 20);
    for text in
        [junk(), format!("RTSP/1.0 200 OK\r\n{}", "a: b\r\n".repeat(1 << 20)), "$\0\u{1}\0".to_owned() + &junk()]
    {
        let camera = Scripted::start(move |_| Act::Answer(text.repeat(3)));
        let begun = Instant::now();
        assert!(matches!(error_of(&camera).await, Error::Protocol { .. }), "{:?}", error_of(&camera).await);
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_camera_that_answers_a_byte_at_a_time_does_not_hold_us() {
    let camera = Scripted::start(|request| {
        let text = orderly(request);
        Act::Play(
            String::new(),
            Box::new(move |mut stream| {
                for byte in text.bytes() {
                    if stream.write_all(&[byte]).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(300));
                }
            }),
        )
    });
    let begun = Instant::now();
    assert!(matches!(error_of(&camera).await, Error::Timeout { step: "OPTIONS", .. }));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn keep_alives_go_out_in_time_and_silence_ends_the_session() {
    for (public, expected) in [("OPTIONS, GET_PARAMETER", "GET_PARAMETER"), ("OPTIONS", "OPTIONS")] {
        let camera = except("OPTIONS", move |request| Act::Answer(ok(request, &format!("Public: {public}"))));
        let (world, clock) = World::test(3);
        let session = play(&target(&camera.url()), &allow(), &world).await.unwrap();
        let pump = Pump::start(1, Duration::from_millis(20), world).unwrap();
        let (keeper, watch) = Keeper::new();
        let handle = pump.attach(session, keeper);
        thread::sleep(Duration::from_millis(100));
        clock.advance(Duration::from_millis(9900));
        thread::sleep(Duration::from_millis(100));
        assert_eq!(camera.asked().len(), 4, "the time-out of 20 s asks for one every 10 s");
        clock.advance(Duration::from_millis(100));
        let until = Instant::now() + Duration::from_secs(3);
        while camera.asked().len() < 5 && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
        let asked = camera.asked();
        assert_eq!((method(&asked[4]), header(&asked[4], "Session")), (expected, Some("42")));
        clock.advance(Duration::from_secs(1));
        assert!(matches!(watch.end(Duration::from_secs(3)), Err(Error::Timeout { .. })));
        camera.wait_for("TEARDOWN");
        drop(handle);
    }
}

#[tokio::test]
async fn a_camera_that_does_not_know_its_own_keep_alive_is_asked_for_options() {
    let camera = except("GET_PARAMETER", |request| Act::Answer(answer(request, "501 Not Implemented", "")));
    let (world, clock) = World::test(3);
    let session = play(&target(&camera.url()), &allow(), &world).await.unwrap();
    let pump = Pump::start(1, Duration::from_millis(20), world).unwrap();
    let _handle = pump.attach(session, Keeper::new().0);
    thread::sleep(Duration::from_millis(100));
    clock.advance(Duration::from_secs(10));
    camera.wait_for("GET_PARAMETER");
    let until = Instant::now() + Duration::from_secs(3);
    while camera.asked().len() < 6 && Instant::now() < until {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(method(&camera.asked()[5]), "OPTIONS");
}

#[tokio::test]
async fn media_that_overtakes_the_answer_to_play_is_kept() {
    let camera = except("PLAY", |request| {
        let answer = ok(request, "Session: 42");
        let play = move |mut stream: TcpStream| {
            let second = picture(1, 900);
            let _ = stream.write_all(&[&picture(0, 900), answer.as_bytes(), &second[..500]].concat());
            thread::sleep(Duration::from_millis(50));
            let _ = stream.write_all(&second[500..]);
            thread::sleep(Duration::from_secs(2));
        };
        Act::Play(String::new(), Box::new(play))
    });
    let session = play(&target(&camera.url()), &allow(), &World::system()).await.unwrap();
    let pump = Pump::start(1, Duration::from_millis(20), World::system()).unwrap();
    let (keeper, watch) = Keeper::new();
    let _handle = pump.attach(session, keeper);
    let kept = watch.wait(Duration::from_secs(2), "both pictures", |kept| kept.video.len() == 2);
    assert!(kept.video.iter().all(|(_, bytes, _)| ends_with_picture(bytes, 900)));
}

#[tokio::test]
async fn udp_that_the_camera_does_not_speak_is_declined_clearly() {
    let camera = except("SETUP", |request| match header(request, "Transport").unwrap().contains("TCP") {
        true => Act::Answer(orderly(request)),
        false => Act::Answer(answer(request, "461 Unsupported Transport", "")),
    });
    let udp = camera::Target::new(&camera.url(), Transport::Udp, true).unwrap();
    let error = play(&udp, &allow(), &World::system()).await.map(drop).unwrap_err();
    assert_eq!(error, Error::Rejected { method: "SETUP", status: 461 });
}
