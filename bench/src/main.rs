//! Measures what the project promises about speed, on whole processes, and prints each figure beside its target.
//!
//! `bench [NAME]...` runs all or the named parts. CPU is user and system time of the whole server process from the
//! kernel's accounting; the load source runs in a process of its own and is printed beside, never subtracted.
//! `NIGHTJAR_BIN` names the server, `BENCH_DIR` a folder on a real disk.

mod index;
mod live;
mod micro;
mod process;
mod recorder;
mod server;
mod sign_in;

use std::{env, path::PathBuf, process::ExitCode};

type Failure = Box<dyn std::error::Error>;
type Result<T, E = Failure> = std::result::Result<T, E>;

/// One line of the report.
pub struct Figure {
    pub what: String,
    pub value: String,
    pub target: &'static str,
    /// None where there is no bound to compare with.
    pub met: Option<bool>,
}

impl Figure {
    /// A figure that should be at most `target`.
    pub fn at_most(what: impl Into<String>, value: f64, unit: &str, target: f64, text: &'static str) -> Self {
        Self { what: what.into(), value: format!("{value:.4} {unit}"), target: text, met: Some(value <= target) }
    }

    /// A figure that should be at least `target`.
    pub fn at_least(what: impl Into<String>, value: f64, unit: &str, target: f64, text: &'static str) -> Self {
        Self { what: what.into(), value: format!("{value:.3} {unit}"), target: text, met: Some(value >= target) }
    }

    /// A figure to know.
    pub fn plain(what: impl Into<String>, value: impl Into<String>) -> Self {
        Self { what: what.into(), value: value.into(), target: "", met: None }
    }
}

/// Where things are.
pub struct Place {
    pub nightjar: PathBuf,
    pub folder: PathBuf,
}

type Part = (&'static str, fn(&Place) -> Result<Vec<Figure>>);

const PARTS: [Part; 7] = [
    ("vault", micro::run),
    ("recorder-32", recorder::thirty_two),
    ("recorder-128", recorder::hundred_and_twenty_eight),
    ("recorder-1000", recorder::thousand),
    ("index", index::run),
    ("live", live::run),
    ("sign-in", sign_in::run),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    let place = Place {
        nightjar: env::var_os("NIGHTJAR_BIN").map_or_else(|| "target/release/nightjar".into(), PathBuf::from),
        folder: env::var_os("BENCH_DIR").map_or_else(|| "target/bench".into(), PathBuf::from),
    };
    if let Err(error) = std::fs::create_dir_all(&place.folder) {
        eprintln!("{} cannot be used: {error}", place.folder.display());
        return ExitCode::FAILURE;
    }
    println!("{}", machine());
    let mut failed = false;
    for (name, part) in PARTS {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        match part(&place) {
            Ok(figures) => figures.iter().for_each(print),
            Err(error) => {
                failed = true;
                println!("{name}: {error}");
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn print(figure: &Figure) {
    let verdict = match figure.met {
        Some(true) => "met",
        Some(false) => "SHORT",
        None => "",
    };
    println!("{:<78} {:>22}   {:<22} {verdict}", figure.what, figure.value, figure.target);
}

fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{count} × {} · Linux {}", model.trim_start_matches([' ', '\t', ':']), kernel.trim())
}
