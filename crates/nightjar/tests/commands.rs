//! The program as scripts use it: exit codes, what stands on stdout, a server and its commands.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

fn nightjar(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightjar"));
    command.current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Runs to the end with this on stdin; gives exit code, stdout and stderr.
fn run(folder: &Path, line: &str, input: &str) -> (i32, String, String) {
    let mut command = nightjar(folder);
    command.args(line.split_whitespace());
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A running `serve`, stopped with SIGTERM when dropped.
struct Server(Child);

impl Server {
    /// Starts and waits until it answers commands.
    fn start(folder: &Path, port: u16) -> Self {
        let mut command = nightjar(folder);
        command.args(["serve", "--data", "data"]).env("NIGHTJAR__SERVER__LISTEN", format!("127.0.0.1:{port}"));
        Self::spawn(command, folder)
    }

    fn spawn(mut command: Command, folder: &Path) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server starts");
        let server = Self(child);
        until("the control socket is there", || folder.join("data/control.sock").exists());
        server
    }

    fn terminate(&mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
        self.0.wait().expect("it ends").code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

#[test]
fn wrong_use_and_bad_configuration_exit_with_2_and_name_the_key() {
    let folder = folder();
    fs::write(folder.path().join("bad.toml"), "[server]\nlisen = \"127.0.0.1:1\"\n").unwrap();
    for (line, says) in [
        ("demo --listen 0.0.0.0:0", "loopback only"),
        ("demo --listen 192.0.2.1:8480", "loopback only"),
        ("serve", "no data folder"),
        ("serve --config bad.toml", "bad.toml: server.lisen: unknown key"),
        ("config check --config none.toml --data data", "none.toml: no such file"),
        ("token create --data data --scope everything", "scope"),
        ("token create --data data --scope admin --ttl 366", "365"),
        ("camera add --data data --name x --url http://10.0.0.1/", "url"),
        ("frobnicate", "unrecognized"),
    ] {
        let (code, stdout, stderr) = run(folder.path(), line, "");
        assert_eq!((code, stdout.as_str()), (2, ""), "{line}: {stderr}");
        assert!(stderr.contains(says), "{line}: {stderr}");
    }
    let checked = nightjar(folder.path())
        .args(["config", "check", "--data", "data"])
        .env("NIGHTJAR__CAMERAS__RETENTION", "3")
        .output()
        .unwrap();
    let stderr = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.status.code() == Some(2) && stderr.contains("cameras.retention: unknown key"), "{stderr}");
    assert!(!folder.path().join("data/shelf/x").exists());
}

#[test]
fn cameras_come_all_or_none_and_their_passwords_are_never_printed() {
    let folder = folder();
    let entry = |name: &str, url: &str| format!("[[camera]]\nname = \"{name}\"\nurl = \"{url}\"\n");
    let good = entry("Porch", "rtsp://eve:hunter2@10.0.0.1/main");
    fs::write(folder.path().join("bad.toml"), good.clone() + &entry("Drive", "http://eve:hunter2@10.0.0.2/")).unwrap();
    fs::write(folder.path().join("good.toml"), good + &entry("Garden", "rtsp://10.0.0.3/main")).unwrap();

    let (code, stdout, stderr) = run(folder.path(), "camera import --data data bad.toml", "");
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    assert!(stderr.contains("camera 2 (Drive): url:") && !stderr.contains("hunter2"), "{stderr}");
    assert_eq!(run(folder.path(), "camera list --data data --json", "").1.trim(), "[]");

    let (code, ids, _) = run(folder.path(), "camera import --data data good.toml", "");
    assert_eq!((code, ids.lines().count()), (0, 2));
    let (code, added, stderr) = run(
        folder.path(),
        "camera add --data data --name Attic --url rtsp://10.0.0.4/ --username eve --password-stdin",
        "hunter2\n",
    );
    assert_eq!(code, 0, "{stderr}");
    let (_, list, _) = run(folder.path(), "camera list --data data --json", "");
    assert!(!list.contains("hunter2"), "{list}");
    let cameras: serde_json::Value = serde_json::from_str(&list).unwrap();
    let names: Vec<_> = cameras.as_array().unwrap().iter().map(|camera| camera["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Porch", "Garden", "Attic"]);
    assert_eq!(run(folder.path(), &format!("camera remove --data data {added}"), "").0, 0);
    assert_eq!(run(folder.path(), &format!("camera remove --data data {added}"), "").0, 1, "it is gone");
    assert_eq!(run(folder.path(), "camera remove --data data nonsense", "").0, 1);
}

#[test]
fn the_root_key_goes_out_and_comes_back_under_a_passphrase() {
    let folder = folder();
    let key = folder.path().join("data.root-key");
    assert_eq!(run(folder.path(), "check --data data --json", "").0, 0);
    let made = fs::read(&key).unwrap();
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run(folder.path(), "key export --data data copy", "short\n").0, 2);
    assert_eq!(run(folder.path(), "key export --data data copy", "correct horse battery\n").0, 0);

    fs::remove_file(&key).unwrap();
    let (code, _, stderr) = run(folder.path(), "check --data data", "");
    assert!(code == 1 && stderr.contains("data.root-key is missing") && !key.exists(), "{stderr}");
    assert_ne!(run(folder.path(), "key import --data data copy", "correct house battery\n").0, 0);
    assert!(!key.exists());
    assert_eq!(run(folder.path(), "key import --data data copy", "correct horse battery\n").0, 0);
    assert_eq!(fs::read(&key).unwrap(), made);
    assert_eq!(run(folder.path(), "check --data data", "").0, 0);

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, _, stderr) = run(folder.path(), "check --data data", "");
    assert!(code != 0 && stderr.contains("read by others"), "{stderr}");
}

#[test]
fn commands_reach_the_running_server_and_it_stops_in_order() {
    let folder = folder();
    let port = free_port();
    let mut server = Server::start(folder.path(), port);
    let socket = folder.path().join("data/control.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    until("the set-up address is there", || folder.path().join("data/setup-url").exists());
    let url = fs::read_to_string(folder.path().join("data/setup-url")).unwrap();
    assert!(url.starts_with(&format!("http://127.0.0.1:{port}/setup#token=")), "{url}");
    assert_eq!(fs::metadata(folder.path().join("data/setup-url")).unwrap().permissions().mode() & 0o777, 0o600);

    let (code, _, stderr) = run(folder.path(), "serve --data data", "");
    assert!(code == 1 && stderr.contains("another nightjar uses this data folder"), "{stderr}");
    let (code, added, _) = run(folder.path(), "camera add --data data --name Porch --url rtsp://10.255.255.1/", "");
    assert_eq!(code, 0);
    let (code, token, _) = run(folder.path(), "token create --data data --scope cameras:read", "");
    assert!(code == 0 && token.trim().starts_with("njp_") && token.lines().count() == 1, "{token}");
    let cameras = get(port, "/api/v1/cameras", token.trim());
    assert!(cameras.contains(added.trim()) && cameras.contains("\"Porch\""), "{cameras}");
    assert!(get(port, "/api/v1/storage", "njp_wrong").starts_with("HTTP/1.1 401"));
    let (code, again, _) = run(folder.path(), "setup-url --data data", "");
    assert!(code == 0 && again.starts_with(&format!("http://127.0.0.1:{port}/setup#token=")) && again != url);
    let (code, checked, _) = run(folder.path(), "check --data data --json", "");
    assert!(code == 0 && checked.contains("\"ok\": true"), "{checked}");

    assert_eq!(server.terminate(), 0);
    assert!(!socket.exists());
    assert_eq!(run(folder.path(), "camera list --data data", "").0, 0, "the data can be opened again");
}

fn get(port: u16, path: &str, token: &str) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn with_tls_on_plain_http_is_told_where_to_go_and_gets_no_data() {
    policy::prove!(C6_4);
    let folder = folder();
    let port = free_port();
    let mut command = nightjar(folder.path());
    command.args(["serve", "--data", "data"]).env("NIGHTJAR__SERVER__LISTEN", format!("127.0.0.1:{port}"));
    command.env("NIGHTJAR__SERVER__TLS", "self-signed");
    let _server = Server::spawn(command, folder.path());
    let token = run(folder.path(), "token create --data data --scope cameras:read", "").1;
    let refused = get(port, "/api/v1/cameras", token.trim());
    assert!(refused.starts_with("HTTP/1.1 403") && !refused.contains("items"), "{refused}");
    let page = get(port, "/storage", "");
    assert!(page.starts_with("HTTP/1.1 308") && page.contains("location: https://localhost/storage\r\n"), "{page}");
    let key = folder.path().join("data/tls/key.pem");
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn systemd_is_told_when_the_server_is_ready_alive_and_stopping() {
    let folder = folder();
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = nightjar(folder.path());
    command.args(["serve", "--data", "data"]).env("NIGHTJAR__SERVER__LISTEN", "127.0.0.1:0");
    command.env("NOTIFY_SOCKET", folder.path().join("notify")).env("WATCHDOG_USEC", "400000");
    let mut server = Server::spawn(command, folder.path());
    let told = || {
        let mut message = [0; 256];
        let length = socket.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).trim().to_owned()
    };
    assert_eq!(told(), "READY=1");
    assert_eq!((told(), told()), ("WATCHDOG=1".into(), "WATCHDOG=1".into()));
    assert_eq!(server.terminate(), 0);
    assert!((0..20).any(|_| told() == "STOPPING=1"));
}

#[test]
fn the_demo_prints_one_address_and_leaves_nothing_behind() {
    let folder = folder();
    let mut command = nightjar(folder.path());
    command.args(["demo", "--listen", "127.0.0.1:0"]).env("TMPDIR", folder.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut url = String::new();
    stdout.read_line(&mut url).unwrap();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with("/\n"), "{url}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "one temporary folder");
    let mut server = Server(child);
    assert_eq!(server.terminate(), 0);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "and nothing else");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the folder is erased");
}

#[test]
fn simulated_cameras_print_their_addresses_and_take_faults_from_stdin() {
    let folder = folder();
    let mut command = nightjar(folder.path());
    command.args(["simulate", "--cameras", "2", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (first, second) = (lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap());
    assert!(first.starts_with("rtsp://127.0.0.1:") && first.ends_with("/cam1/main"), "{first}");
    assert!(second.ends_with("/cam2/main"), "{second}");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"1:freeze:1\n9:freeze\n1:nonsense\n").unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(errors.next().unwrap().unwrap().contains("no camera 9"));
    drop(stdin);
    let mut server = Server(child);
    std::thread::sleep(Duration::from_millis(200));
    assert!(server.0.try_wait().unwrap().is_none(), "it stays when stdin ends");
    assert_eq!(server.terminate(), 0);
}

#[test]
fn simulated_cameras_can_have_the_api_of_reolink_devices() {
    let folder = folder();
    let simulate = |arguments: &[&str]| {
        let mut command = nightjar(folder.path());
        command.args(["simulate", "--cameras", "1", "--listen", "127.0.0.1:0", "--reolink"]).args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    assert_eq!(simulate(&[]).wait().unwrap().code(), Some(2), "a device has an account");
    let mut child = simulate(&["--user", "ada", "--password", "pw"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (rtsp, api) = (lines.next().unwrap().unwrap(), lines.next().unwrap().unwrap());
    let mut server = Server(child);
    assert!(rtsp.ends_with("/cam1/main"), "{rtsp}");
    let address = api.strip_prefix("https://").unwrap();
    assert!(std::net::TcpStream::connect(address).is_ok(), "{api}");
    assert_eq!(server.terminate(), 0);
}

#[test]
fn the_service_of_systemd_is_well_shut_in() {
    let unit = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../packaging/systemd/nightjar.service");
    let asked =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=20"]).arg(unit).output();
    match asked {
        Ok(asked) => assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stdout)),
        Err(_) => eprintln!("skipped: systemd-analyze is not installed"),
    }
}

#[test]
fn a_completion_script_and_the_version_go_to_stdout() {
    let folder = folder();
    assert!(run(folder.path(), "completions bash", "").1.contains("nightjar"));
    assert!(run(folder.path(), "version", "").1.starts_with("nightjar 0."));
    assert!(run(folder.path(), "config show --data data", "").1.contains("listen = \"127.0.0.1:8480\""));
}
