//! The versions of the policy, embedded and kept for ever: what each says, since when, what it allows, and how two differ.
//!
//! Invariants, checked when the book is opened: numbers count from 1 without a gap; a version is dated thirty days before
//! it takes effect, but for the first; its texts exist in each language.

use base::{Error, Result, Time};
use policy::{Label, Language, Retention, Table, enforce};
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long before it takes effect a version is announced.
pub const NOTICE: Duration = Duration::from_secs(30 * 86_400);

const LIST: &str = include_str!("../../../policy/versions.toml");
const CLAUSES: &str = include_str!("../../../policy/clauses.toml");

/// What lies in policy/versions, in the order of the numbers: English, German, map.
const FILES: &[[&str; 3]] = &[[
    include_str!("../../../policy/versions/1.en.md"),
    include_str!("../../../policy/versions/1.de.md"),
    include_str!("../../../policy/versions/1.map"),
]];

/// All versions, and the state of the clauses.
#[derive(Clone, Debug)]
pub struct Book {
    versions: Vec<Version>,
    clauses: BTreeMap<String, Clause>,
}

/// One version.
#[derive(Clone, Debug)]
pub struct Version {
    pub number: u32,
    /// When it was published.
    pub date: Time,
    /// From when it holds.
    pub effective: Time,
    /// Whether it must be accepted anew.
    pub material: bool,
    /// Whether a release of the program has carried it: from then on it never changes.
    pub released: bool,
    texts: [String; 2],
    reach: Reach,
}

/// Whether the program keeps a clause.
#[derive(Clone, Debug, Deserialize)]
pub struct Clause {
    pub state: ClauseState,
    /// The promise in one sentence.
    pub says: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClauseState {
    Kept,
    Planned,
}

/// A stretch of a text in a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `same`, `removed` or `added`.
    pub kind: &'static str,
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: Vec<Listed>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    number: u32,
    date: String,
    effective: String,
    material: bool,
    released: bool,
}

#[derive(Deserialize)]
struct Clauses {
    clauses: BTreeMap<String, Clause>,
}

impl Version {
    fn new(listed: &Listed, [english, german, map]: [&str; 3]) -> Result<Self> {
        Ok(Self {
            number: listed.number,
            date: day(&listed.date)?,
            effective: day(&listed.effective)?,
            material: listed.material,
            released: listed.released,
            texts: [english.into(), german.into()],
            reach: Reach::parse(map),
        })
    }

    /// The text in a language, as it was published.
    pub fn text(&self, language: Language) -> &str {
        &self.texts[language as usize]
    }

    /// SHA-256 of the text in a language, in hexadecimal.
    pub fn sha256(&self, language: Language) -> String {
        hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.text(language).as_bytes()).as_ref())
    }
}

impl Book {
    /// The book that this program carries.
    pub fn embedded() -> Result<Self> {
        let broken = |error: toml::de::Error| Error::internal("the policy's list is broken").because(error);
        let list: List = toml::from_str(LIST).map_err(broken)?;
        let clauses: Clauses = toml::from_str(CLAUSES).map_err(broken)?;
        if list.version.len() != FILES.len() {
            return Err(Error::internal("policy/versions.toml and the embedded texts differ"));
        }
        let versions = list.version.iter().zip(FILES).map(|(listed, files)| Version::new(listed, *files));
        Self::bound(versions.collect::<Result<_>>()?, clauses.clauses)
    }

    /// A book of these versions.
    fn bound(mut versions: Vec<Version>, clauses: BTreeMap<String, Clause>) -> Result<Self> {
        for at in 0..versions.len() {
            let (before, version) = versions.split_at_mut(at);
            let (before, version) = (before.last(), &mut version[0]);
            if version.number as usize != at + 1 || version.texts.iter().any(|text| text.trim().is_empty()) {
                return Err(Error::internal("a version of the policy is out of order or has no text"));
            }
            let Some(before) = before else { continue };
            let announced = version.effective >= version.date + NOTICE && version.date >= before.date;
            let hasty = format!("version {} of the policy takes effect within thirty days", version.number);
            enforce!(C13_1, announced, Error::internal(hasty));
            version.material |= version.reach.widens(&before.reach);
        }
        match versions.is_empty() {
            true => Err(Error::internal("there is no policy")),
            false => Ok(Self { versions, clauses }),
        }
    }

    /// All versions, the oldest first.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The version of that number.
    pub fn version(&self, number: u32) -> Result<&Version> {
        let found = self.versions.iter().find(|version| version.number == number);
        found.ok_or_else(|| Error::not_found("there is no such version of the policy"))
    }

    /// The version that holds at `now`; the first one before any does.
    pub fn current(&self, now: Time) -> &Version {
        let holding = self.versions.iter().rev().find(|version| version.effective <= now);
        holding.unwrap_or(&self.versions[0])
    }

    /// The newest version, which may not hold yet.
    pub fn newest(&self) -> &Version {
        &self.versions[self.versions.len() - 1]
    }

    /// The version that everybody must have accepted, or a later one, to go on as before.
    pub fn required(&self, now: Time) -> u32 {
        let holding = self.versions.iter().filter(|version| version.effective <= now);
        holding.filter(|version| version.material).map(|version| version.number).max().unwrap_or(1)
    }

    /// What is said of a clause.
    pub fn clause(&self, id: &str) -> Option<&Clause> {
        self.clauses.get(id)
    }

    /// All clauses, by id.
    pub fn clauses(&self) -> impl Iterator<Item = (&str, &Clause)> {
        self.clauses.iter().map(|(id, clause)| (id.as_str(), clause))
    }

    /// How the text of one version becomes that of another, word by word.
    pub fn diff(&self, from: u32, to: u32, language: Language) -> Result<Vec<Change>> {
        let (old, new) = (self.version(from)?.text(language), self.version(to)?.text(language));
        let mut changes = Vec::<Change>::new();
        for change in TextDiff::from_words(old, new).iter_all_changes() {
            let kind = match change.tag() {
                ChangeTag::Equal => "same",
                ChangeTag::Delete => "removed",
                ChangeTag::Insert => "added",
            };
            match changes.last_mut() {
                Some(last) if last.kind == kind => last.text.push_str(change.value()),
                _ => changes.push(Change { kind, text: change.value().into() }),
            }
        }
        Ok(changes)
    }

    /// What the live data map allows and the newest released version does not: then a new version is due.
    pub fn outgrown(&self, map: &[Table]) -> Vec<String> {
        match self.versions.iter().rev().find(|version| version.released) {
            Some(version) => Reach::of(map).beyond(&version.reach),
            None => Vec::new(),
        }
    }
}

/// What the data map allows: each kind of data with its purposes, its recipients and the longest it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(BTreeSet<String>);

impl Reach {
    /// What this map allows.
    pub fn of(map: &[Table]) -> Self {
        let mut lines = BTreeSet::new();
        for entry in map.iter().flat_map(|table| table.columns) {
            let Label::Personal(personal) = &entry.label else { continue };
            let category = personal.category.text();
            for (purpose, basis) in personal.purposes {
                lines.insert(format!("{category} for {} by {}", purpose.text(), basis.text()));
            }
            for recipient in personal.recipients {
                lines.insert(format!("{category} to {}", recipient.text()));
            }
            lines.insert(match personal.retention {
                Retention::Minutes(minutes) => format!("{category} kept days {}", minutes.div_ceil(1440)),
                Retention::Days(days) => format!("{category} kept days {days}"),
                other => format!("{category} kept {}", other.text()),
            });
        }
        Self(lines)
    }

    /// From the lines of a file.
    pub fn parse(text: &str) -> Self {
        Self(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// As the lines of a file.
    pub fn lines(&self) -> String {
        self.0.iter().map(|line| format!("{line}\n")).collect()
    }

    fn widens(&self, before: &Self) -> bool {
        !self.beyond(before).is_empty()
    }

    /// What this allows and `before` did not. To keep something for fewer days is no widening.
    fn beyond(&self, before: &Self) -> Vec<String> {
        let shorter = |line: &str| {
            let Some((category, days)) = kept_days(line) else { return false };
            before.0.iter().filter_map(|line| kept_days(line)).any(|(other, most)| other == category && most >= days)
        };
        self.0.iter().filter(|line| !before.0.contains(*line) && !shorter(line)).cloned().collect()
    }
}

fn kept_days(line: &str) -> Option<(&str, u32)> {
    let (category, days) = line.split_once(" kept days ")?;
    Some((category, days.parse().ok()?))
}

/// Midnight in UTC of a date.
fn day(date: &str) -> Result<Time> {
    format!("{date}T00:00:00Z").parse()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn version(number: u32, date: &str, effective: &str, words: &str, map: &str) -> Version {
        let (date, effective) = (date.to_owned(), effective.to_owned());
        let listed = Listed { number, date, effective, material: false, released: true };
        Version::new(&listed, [words, words, map]).unwrap()
    }

    /// Version 2 changes words, version 3 allows more.
    pub(crate) fn three() -> Book {
        let first = "a for x by consent\na kept days 30\n";
        Book::bound(
            vec![
                version(1, "2026-01-01", "2026-01-01", "We keep <it> for 30 days.", first),
                version(
                    2,
                    "2026-03-01",
                    "2026-04-01",
                    "We keep <it> for 20 days.",
                    "a for x by consent\na kept days 20\n",
                ),
                version(
                    3,
                    "2026-05-01",
                    "2026-06-01",
                    "We also sell it.",
                    "a for x by consent\na to others\na kept days 20\n",
                ),
            ],
            BTreeMap::from([("C3.13".into(), Clause { state: ClauseState::Kept, says: "You are answered.".into() })]),
        )
        .unwrap()
    }

    fn at(date: &str) -> Time {
        day(date).unwrap()
    }

    #[test]
    fn the_book_of_this_program_is_in_order_and_each_text_names_each_clause() {
        policy::prove!(C0_1);
        let book = Book::embedded().unwrap();
        for version in book.versions() {
            for language in Language::ALL {
                let named = |id: &str| version.text(language).contains(&format!("[{id}]"));
                let missing: Vec<_> = book.clauses().filter(|(id, _)| !named(id)).map(|(id, _)| id).collect();
                assert!(version.number < book.newest().number || missing.is_empty(), "{language:?}: {missing:?}");
            }
        }
        assert!(book.version(0).is_err() && book.version(99).is_err());
    }

    #[test]
    fn a_change_is_announced_thirty_days_ahead_or_the_server_does_not_start() {
        policy::prove!(C13_1);
        let hasty =
            vec![version(1, "2026-01-01", "2026-01-01", "a", ""), version(2, "2026-03-01", "2026-03-30", "b", "")];
        assert!(Book::bound(hasty, BTreeMap::new()).is_err());
        let gap = vec![version(2, "2026-01-01", "2026-01-01", "a", "")];
        assert!(Book::bound(gap, BTreeMap::new()).is_err());
    }

    #[test]
    fn a_version_is_asked_for_again_where_it_allows_more_and_not_where_it_keeps_less() {
        let book = three();
        assert_eq!(book.versions().iter().map(|version| version.material).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(book.required(at("2026-04-02")), 1);
        assert_eq!(book.required(at("2026-05-31")), 1, "announced, and not in force");
        assert_eq!(book.required(at("2026-06-01")), 3);
        assert_eq!(book.current(at("2026-05-31")).number, 2);
        assert_eq!(book.current(at("2020-01-01")).number, 1);
    }

    #[test]
    fn a_diff_shows_the_words_that_changed() {
        let changes = three().diff(1, 2, Language::English).unwrap();
        let shown: Vec<_> = changes.iter().map(|change| (change.kind, change.text.as_str())).collect();
        assert_eq!(shown, [("same", "We keep <it> for "), ("removed", "30"), ("added", "20"), ("same", " days.")]);
    }

    #[test]
    fn what_the_live_map_allows_beyond_the_released_version_is_told() {
        let mut book = three();
        assert_eq!(book.outgrown(&[]), [""; 0]);
        book.versions[2].reach = Reach::default();
        let outgrown = book.outgrown(crate::DATA_MAP);
        assert!(outgrown.iter().any(|line| line.starts_with("user.consent for")), "{outgrown:?}");
    }
}
