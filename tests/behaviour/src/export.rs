//! The copy of one's data: everything that is held, footage that plays, sealed while it waits, for its person alone.

use crate::{
    house::{House, ffmpeg_complaints, installed, scenes},
    served::{Credential, Served, request},
};
use accounts::Role;
use cloud::Stream;
use http::Method;
use serde_json::json;
use std::{path::Path, process::Command, time::Duration};

/// What Python's zipfile says of an archive, and its files below `into`.
fn unpacked(archive: &Path, into: &Path) -> String {
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nz.extractall(sys.argv[2])\n\
                  print('\\n'.join(z.namelist()))";
    let output = Command::new("python3").args(["-c", script]).arg(archive).arg(into).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_takes_everything_home_in_formats_that_others_read() {
    policy::prove!(C3_15);
    let simulator = scenes(1).await;
    let house = House::in_memory().await;
    let camera = house.add("=Porch \"north\"", &simulator.urls()[0], false).await;
    house.recorded(camera, Stream::Main, Duration::from_secs(4)).await;
    let owner = house.accounts.ensure_demo_owner(house.household, "ada@example.org").await.unwrap();
    let (ben, _) = house.accounts.add_by_hand(&house.caller(), "Ben", Role::Member).await.unwrap();
    let served = Served::new(house);
    let (ada, ben) = (served.session(owner).await, served.session(ben).await);
    let asked = served.ask(Method::POST, "/api/v1/privacy/export", &ada, Some(json!({ "footage": true }))).await;
    assert_eq!(asked.status, 202);
    let id = asked.json()["id"].as_str().unwrap().to_owned();
    served.house.privacy.make_exports().await.unwrap();
    let listed = served.ask(Method::GET, "/api/v1/privacy/export", &ada, None).await.json();
    assert_eq!((&listed[0]["state"], &listed[0]["progress"]), (&"ready".into(), &1000.into()), "{listed}");

    let path = format!("/api/v1/privacy/export/{id}/download");
    assert_eq!(served.ask(Method::GET, &path, &ben, None).await.status, 404, "it is nothing to others");
    assert_eq!(served.ask(Method::GET, &path, &Credential::Nobody, None).await.status, 401);
    let whole = served.ask(Method::GET, &path, &ada, None).await;
    assert_eq!((whole.status.as_u16(), &whole.headers["content-type"]), (200, &"application/zip".parse().unwrap()));
    let mut part = request(Method::GET, &path, &ada, None);
    part.headers_mut().insert("range", "bytes=100000-100010".parse().unwrap());
    let part = served.send(part).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &whole.body[100_000..100_011]), "a fetch can be taken up");

    let folder = served.house.folder.path();
    let (archive, files) = (folder.join("copy.zip"), folder.join("copy"));
    std::fs::write(&archive, &whole.body).unwrap();
    if !installed("python3") {
        return;
    }
    let names = unpacked(&archive, &files);
    for table in ["accounts", "members", "cameras", "recording_files", "views", "sessions", "households"] {
        for kind in ["json", "csv"] {
            assert!(names.contains(&format!("data/{table}.{kind}")), "{table}.{kind} in {names}");
        }
    }
    let read = |name: &str| std::fs::read_to_string(files.join(name)).unwrap();
    let accounts: serde_json::Value = serde_json::from_str(&read("data/accounts.json")).unwrap();
    assert_eq!(accounts[0]["login"], "ada@example.org", "what was sealed can be read");
    assert!(accounts[0].get("login_index").is_none() && !read("data/sessions.json").contains("hash"));
    let cameras: serde_json::Value = serde_json::from_str(&read("data/cameras.json")).unwrap();
    assert_eq!(cameras[0]["name"], "=Porch \"north\"");
    assert!(cameras[0].get("password").is_none());
    assert!(read("data/cameras.csv").contains("\"'=Porch \"\"north\"\"\""), "{}", read("data/cameras.csv"));
    let films: Vec<&str> = names.lines().filter(|name| name.ends_with("-main.mp4")).collect();
    assert!(!films.is_empty(), "{names}");
    if installed("ffmpeg") {
        for film in &films {
            assert_eq!(ffmpeg_complaints(&files.join(film)), "", "{film} plays");
        }
    }
    let views = served.ask(Method::GET, "/api/v1/views", &ada, None).await.json();
    let copied = views["items"].as_array().unwrap().iter().find(|view| view["action"] == "export").expect("a line");
    assert_eq!((&copied["who"], &copied["label"]), (&"ada@example.org".into(), &"copy of one's data".into()));
}
