//! The rules of the tree that no compiler checks. Each rule is a function from the sources to sentences of complaint.

use crate::{
    generate,
    tree::{self, Source},
};
use policy::Place;
use std::collections::BTreeSet;

/// A crate, what of ours it may use, and which libraries would make it know what it must not.
struct Direction {
    name: &'static str,
    uses: &'static [&'static str],
    never: &'static [&'static str],
}

const NO_IO: &[&str] = &["tokio", "mio", "socket2", "rustix", "libc", "axum", "sea-orm"];
const NO_HTTP: &[&str] = &["axum", "http", "tower-http"];
const NO_ROWS: &[&str] = &["axum", "sea-orm"];

/// The table of ARCHITECTURE.md. The program, the tasks and the tests of the whole may use everything.
const DIRECTIONS: &[Direction] = &[
    Direction { name: "base", uses: &[], never: NO_IO },
    Direction { name: "policy", uses: &["base"], never: NO_IO },
    Direction { name: "media", uses: &["base"], never: NO_IO },
    Direction { name: "camera", uses: &["base", "media"], never: NO_ROWS },
    Direction { name: "vision", uses: &["base", "media"], never: NO_IO },
    Direction { name: "db", uses: &["base", "policy"], never: NO_HTTP },
    Direction { name: "vault", uses: &["base", "policy", "db"], never: NO_HTTP },
    Direction { name: "simulator", uses: &["base", "media"], never: NO_ROWS },
    Direction { name: "accounts", uses: &["base", "policy", "db"], never: NO_HTTP },
    Direction { name: "devices", uses: &["base", "policy", "db", "accounts"], never: NO_HTTP },
    Direction {
        name: "cloud",
        uses: &["base", "policy", "db", "accounts", "devices", "media", "camera", "vision", "vault"],
        never: NO_HTTP,
    },
    Direction { name: "connect", uses: &["base", "policy", "db", "accounts", "devices"], never: NO_HTTP },
    Direction { name: "privacy", uses: &["base", "policy", "db", "accounts", "connect"], never: NO_HTTP },
    Direction {
        name: "api",
        uses: &["base", "policy", "accounts", "devices", "cloud", "connect", "privacy", "media"],
        never: &["sea-orm"],
    },
];

/// The parts of `cloud` that may ask the vault for plain bytes, and what for: they take a ticket, or are a named purpose
/// of the system.
const OPENERS: &[(&str, &[&str])] = &[
    ("playback", &["Playback"]),
    ("live", &["Live"]),
    ("stills", &["Playback", "Thumbnail"]),
    ("adopt", &["Check"]),
    ("check", &["Check"]),
    ("erase", &["Reseal"]),
    ("detect", &["Detect"]),
];
const PURPOSES: &[&str] = &["Playback", "Live", "Check", "Reseal", "Thumbnail", "Detect"];

/// All rules.
pub fn check(sources: &[Source]) -> Result<Vec<String>, String> {
    let mut problems = directions()?;
    problems.extend(openers(sources));
    problems.extend(heads(sources));
    problems.extend(words(sources));
    problems.extend(links(sources));
    problems.extend(log_fields(sources));
    problems.extend(browser_keys(sources));
    problems.extend(fuzz_targets(sources)?);
    problems.extend(crate::marks::check(sources)?);
    Ok(problems)
}

fn directions() -> Result<Vec<String>, String> {
    let mut problems = Vec::new();
    let manifest = |path: &str| -> Result<toml::Table, String> {
        let text = std::fs::read_to_string(tree::root().join(path)).map_err(|error| format!("{path}: {error}"))?;
        text.parse().map_err(|error| format!("{path}: {error}"))
    };
    let members: BTreeSet<_> = DIRECTIONS.iter().map(|direction| direction.name).chain(["nightjar"]).collect();
    for entry in std::fs::read_dir(tree::root().join("crates")).map_err(|error| error.to_string())? {
        let name = entry.map_err(|error| error.to_string())?.file_name().to_string_lossy().into_owned();
        if !members.contains(name.as_str()) {
            problems.push(format!("crates/{name} has no line in the table of directions"));
        }
    }
    for direction in DIRECTIONS {
        let manifest = manifest(&format!("crates/{}/Cargo.toml", direction.name))?;
        for section in ["dependencies", "build-dependencies"] {
            let used = manifest.get(section).and_then(|section| section.as_table()).into_iter().flat_map(|t| t.keys());
            for used in used {
                let ours = members.contains(used.as_str());
                if ours && !direction.uses.contains(&used.as_str()) || direction.never.contains(&used.as_str()) {
                    problems.push(format!("{} must not use {used}", direction.name));
                }
            }
        }
    }
    Ok(problems)
}

fn openers(sources: &[Source]) -> Vec<String> {
    let mut problems = Vec::new();
    let product = |source: &&Source| {
        source.is_rust() && source.path.starts_with("crates/") && !source.path.starts_with("crates/vault/")
    };
    for source in sources.iter().filter(product) {
        let part = source.path.strip_prefix("crates/cloud/src/").and_then(|path| path.split(['/', '.']).next());
        let allowed = OPENERS.iter().find(|(opener, _)| Some(*opener) == part).map(|(_, purposes)| *purposes);
        let mut complain = |at, what: &str| {
            let (path, line) = (&source.path, source.line(at));
            problems.push(format!("{path}:{line}: {what}: only the named openers of cloud do, each for its purpose"));
        };
        if allowed.is_none() {
            source.text.match_indices(".open_fragment(").for_each(|(at, _)| complain(at, "opens a fragment"));
        }
        for purpose in PURPOSES.iter().filter(|purpose| !allowed.is_some_and(|allowed| allowed.contains(purpose))) {
            let named = format!(" Purpose::{purpose}");
            source.text.match_indices(&named).for_each(|(at, _)| complain(at, purpose));
        }
    }
    problems
}

fn heads(sources: &[Source]) -> Vec<String> {
    let headless = sources.iter().filter(|source| source.is_rust() && !source.text.starts_with("//!"));
    headless.map(|source| format!("{}: does not open with //! on what it is for", source.path)).collect()
}

/// Words that mark unfinished work or name a machine that is not the reader's.
fn words(sources: &[Source]) -> Vec<String> {
    let forbidden = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("/wo", "rk/"),
        concat!("/tmp/", "brief"),
        concat!("arti", "factory"),
        concat!("/home/", "user"),
    ];
    let mut problems = Vec::new();
    for source in sources {
        for word in forbidden {
            if let Some(at) = source.text.find(word) {
                problems.push(format!("{}:{}: says {word}", source.path, source.line(at)));
            }
        }
    }
    problems
}

/// Fields of log lines that have no entry in the data map.
fn log_fields(sources: &[Source]) -> Vec<String> {
    let mapped: BTreeSet<_> = generate::entries(Place::Log).collect();
    let ours = sources.iter().filter(|source| source.is_rust() && source.path.starts_with("crates/"));
    let mut problems = Vec::new();
    for source in ours {
        for (at, field) in
            ["error", "warn", "info", "debug", "trace"].iter().flat_map(|level| fields(&source.text, level))
        {
            if !mapped.contains(field) {
                let line = source.line(at);
                problems.push(format!("{}:{line}: the log field {field} has no entry in the data map", source.path));
            }
        }
    }
    problems
}

/// The names of the fields in each `tracing::LEVEL!(…)`.
fn fields<'a>(text: &'a str, level: &str) -> Vec<(usize, &'a str)> {
    let opening = format!("tracing::{level}!(");
    let mut fields = Vec::new();
    for (at, _) in text.match_indices(&opening) {
        let arguments = &text[at + opening.len()..];
        // Fields come first; the message is the first string.
        let before_message = arguments.split('"').next().unwrap_or(arguments);
        let parts = before_message.split(',').map(str::trim).filter(|part| !part.is_empty());
        fields.extend(parts.filter_map(|part| {
            let name = part.split('=').next().unwrap_or(part).trim().trim_start_matches(['%', '?']);
            let name = name.rsplit('.').next().unwrap_or(name);
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some((at, name))
        }));
    }
    fields
}

/// Keys of browser storage that have no entry in the data map. A file that stores says its keys as `KEY = '…'`.
fn browser_keys(sources: &[Source]) -> Vec<String> {
    let mapped: BTreeSet<_> = generate::entries(Place::WebStorage).collect();
    let storing = |source: &&Source| {
        source.path.starts_with("web/src/")
            && ["localStorage", "sessionStorage", "indexedDB"].iter().any(|word| source.text.contains(word))
    };
    let mut problems = Vec::new();
    for source in sources.iter().filter(storing) {
        let keys: Vec<_> = source.text.split("KEY = '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
        if keys.is_empty() {
            problems.push(format!("{} stores in the browser under a key that is no KEY = '…'", source.path));
        }
        let unmapped = keys.into_iter().filter(|key| !mapped.contains(key));
        problems.extend(unmapped.map(|key| format!("{}: the key {key} has no entry in the data map", source.path)));
    }
    problems
}

/// Relative links of Markdown files that lead nowhere.
fn links(sources: &[Source]) -> Vec<String> {
    let mut problems = Vec::new();
    for source in sources.iter().filter(|source| source.path.ends_with(".md")) {
        let folder = tree::root().join(&source.path);
        let folder = folder.parent().expect("a file lies in a folder");
        for (at, _) in source.text.match_indices("](") {
            let target = source.text[at + 2..].split([')', '#', ' ']).next().unwrap_or_default();
            let local = !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
            if local && !folder.join(target).exists() {
                problems.push(format!("{}:{}: links to {target}, which is not there", source.path, source.line(at)));
            }
        }
    }
    problems
}

/// A fuzz target stands in three places: its file, the manifest, and a seed corpus.
fn fuzz_targets(sources: &[Source]) -> Result<Vec<String>, String> {
    let manifest =
        sources.iter().find(|source| source.path == "fuzz/Cargo.toml").ok_or("fuzz/Cargo.toml is missing")?;
    let manifest: toml::Table = manifest.text.parse().map_err(|error| format!("fuzz/Cargo.toml: {error}"))?;
    let listed: BTreeSet<&str> = manifest
        .get("bin")
        .and_then(|bins| bins.as_array())
        .into_iter()
        .flatten()
        .filter_map(|bin| bin.get("name")?.as_str())
        .collect();
    let files = sources.iter().filter_map(|source| source.path.strip_prefix("fuzz/fuzz_targets/")?.strip_suffix(".rs"));
    let unlisted = files.filter(|target| !listed.contains(target));
    let mut problems: Vec<_> =
        unlisted.map(|target| format!("fuzz target {target} is not listed in fuzz/Cargo.toml")).collect();
    for target in listed {
        let seeds = std::fs::read_dir(tree::root().join("fuzz/corpus").join(target));
        if seeds.map_or(0, Iterator::count) == 0 {
            problems.push(format!("fuzz target {target} has no seeds in fuzz/corpus/{target}"));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn fragments_are_opened_by_their_named_openers_only_and_for_their_purpose() {
        let open = |path: &str, purpose: &str| {
            openers(&[source(path, &format!("vault.open_fragment(object, 0, None, Purpose::{purpose})"))]).len()
        };
        assert_eq!(open("crates/cloud/src/playback.rs", "Playback"), 0);
        assert_eq!(open("crates/cloud/src/check/mod.rs", "Check"), 0);
        assert_eq!(open("crates/cloud/src/check/mod.rs", "Playback"), 1);
        assert_eq!(open("crates/cloud/src/recorder/writer.rs", "Check"), 2);
        assert_eq!(open("crates/api/src/playback.rs", "Playback"), 2);
    }

    #[test]
    fn the_fields_of_a_log_line_are_found() {
        let text =
            "tracing::warn!(camera = %state.camera, %error, ?a.cause, \"no, it = {x}\"); tracing::warn!(\"alone\")";
        let names: Vec<_> = fields(text, "warn").into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["camera", "error", "cause"]);
    }

    #[test]
    fn a_file_opens_with_what_it_is_for_and_links_lead_somewhere() {
        assert_eq!(heads(&[source("a.rs", "use x;")]).len(), 1);
        assert_eq!(heads(&[source("a.rs", "//! A.\n")]).len(), 0);
        let page =
            source("README.md", "[a](ARCHITECTURE-of-nothing.md) [b](https://example.org) [c](#here) [d](Cargo.toml)");
        assert_eq!(links(&[page]).len(), 1);
    }
}
