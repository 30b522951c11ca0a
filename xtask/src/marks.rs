//! The clauses of the policy and their marks in the tree: `enforce!` on the line that keeps one, `prove!` in a test.

use crate::tree::{self, Source};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A clause id that sorts as people count: C1.2.9 before C1.2.10.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Id(Vec<u32>);

impl Id {
    /// From `C1.2.10`, or `C1_2_10` as code writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.strip_prefix('C')?.split(['.', '_']).map(|part| part.parse().ok());
        numbers.collect::<Option<Vec<_>>>().map(Self)
    }

    /// As code writes it.
    pub fn ident(&self) -> String {
        self.to_string().replace('.', "_")
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(u32::to_string).collect();
        write!(f, "C{}", numbers.join("."))
    }
}

/// What policy/clauses.toml says of a clause.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    pub state: State,
    /// The version that first kept it.
    pub since: Option<String>,
    /// The promise in one sentence.
    pub says: String,
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy, Debug)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Kept,
    Planned,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    clauses: BTreeMap<String, Clause>,
}

/// The clauses of policy/clauses.toml.
pub fn clauses() -> Result<BTreeMap<Id, Clause>, String> {
    let path = "policy/clauses.toml";
    let text = std::fs::read_to_string(tree::root().join(path)).map_err(|error| format!("{path}: {error}"))?;
    let file: File = toml::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    file.clauses
        .into_iter()
        .map(|(id, clause)| Ok((Id::parse(&id).ok_or(format!("{path}: {id} is no clause id"))?, clause)))
        .collect()
}

/// Where a clause is marked.
#[derive(Default)]
pub struct Marks {
    /// The files with an `enforce!`.
    pub enforced: BTreeSet<String>,
    /// The tests with a `prove!`.
    pub proven: BTreeSet<Proof>,
}

/// A test that proves a clause.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proof {
    pub path: String,
    pub test: String,
}

/// The marks of the whole tree by clause. The crates that define and read the marks hold none.
pub fn marks(sources: &[Source]) -> Result<BTreeMap<Id, Marks>, Vec<String>> {
    let (mut marks, mut problems) = (BTreeMap::<Id, Marks>::new(), Vec::new());
    let marked = sources
        .iter()
        .filter(|s| s.is_rust() && !s.path.starts_with("crates/policy/") && !s.path.starts_with("xtask/"));
    for source in marked {
        for (at, argument) in calls(&source.text, "enforce!(") {
            let id = argument.split(',').next().unwrap_or_default().trim();
            match Id::parse(id) {
                Some(id) => drop(marks.entry(id).or_default().enforced.insert(source.path.clone())),
                None => problems.push(format!("{}:{}: enforce!({id}) names no clause", source.path, source.line(at))),
            }
        }
        for (at, argument) in calls(&source.text, "prove!(") {
            let Some(test) = test_around(&source.text, at) else {
                problems.push(format!("{}:{}: prove! stands in no test", source.path, source.line(at)));
                continue;
            };
            for id in argument.split(',').map(str::trim).filter(|id| !id.is_empty()) {
                match Id::parse(id) {
                    Some(id) => {
                        let proof = Proof { path: source.path.clone(), test: test.clone() };
                        marks.entry(id).or_default().proven.insert(proof);
                    }
                    None => problems.push(format!("{}:{}: prove!({id}) names no clause", source.path, source.line(at))),
                }
            }
        }
    }
    if problems.is_empty() { Ok(marks) } else { Err(problems) }
}

/// The arguments of each call of a macro, up to the first `)`, outside comments.
fn calls<'a>(text: &'a str, opening: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    text.match_indices(opening).filter_map(move |(at, _)| {
        let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let rest = &text[at + opening.len()..];
        (!text[line_start..at].contains("//")).then(|| (at, rest.split(')').next().unwrap_or(rest)))
    })
}

/// The name of the test function around a byte of the text: the one after the last `#[test]`, `#[tokio::test(…)]`.
fn test_around(text: &str, at: usize) -> Option<String> {
    let before = &text[..at];
    let is_test = |attribute: &str| attribute.split(['(', ']']).next().is_some_and(|name| name.ends_with("test"));
    let (test, _) = before.match_indices("#[").filter(|(at, _)| is_test(&before[*at..])).last()?;
    let (_, after) = before[test..].split_once("fn ")?;
    let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// What is wrong between clauses and marks: a kept clause needs both, a planned one has not both.
pub fn check(sources: &[Source]) -> Result<Vec<String>, String> {
    let clauses = clauses()?;
    let marks = match marks(sources) {
        Ok(marks) => marks,
        Err(problems) => return Ok(problems),
    };
    let mut problems = Vec::new();
    for id in marks.keys().filter(|id| !clauses.contains_key(id)) {
        problems.push(format!("{id} is marked in the code and unknown to policy/clauses.toml"));
    }
    for (id, clause) in &clauses {
        let none = Marks::default();
        let marks = marks.get(id).unwrap_or(&none);
        let (enforced, proven) = (!marks.enforced.is_empty(), !marks.proven.is_empty());
        match (clause.state, enforced, proven) {
            (State::Kept, false, _) => {
                problems.push(format!("{id} is kept, and no line carries enforce!({})", id.ident()))
            }
            (State::Kept, _, false) => {
                problems.push(format!("{id} is kept, and no test carries prove!({})", id.ident()))
            }
            (State::Planned, true, true) => {
                problems.push(format!("{id} is planned, but enforced and proven: mark it kept in policy/clauses.toml"));
            }
            _ => {}
        }
        if (clause.state == State::Kept) != clause.since.is_some() {
            problems.push(format!("{id}: a kept clause, and no other, says since which version"));
        }
    }
    problems.extend(unnamed(&clauses)?);
    Ok(problems)
}

/// Clauses that the policy's text does not name, and names in it that are no clause.
fn unnamed(clauses: &BTreeMap<Id, Clause>) -> Result<Vec<String>, String> {
    let newest = (1..).take_while(|number| tree::root().join(english(*number)).exists()).last().unwrap_or(1);
    let path = &english(newest);
    let text = std::fs::read_to_string(tree::root().join(path)).map_err(|error| format!("{path}: {error}"))?;
    let named: BTreeSet<Id> =
        text.split('[').skip(1).filter_map(|part| part.split_once(']')).filter_map(|(id, _)| Id::parse(id)).collect();
    let missing = clauses.keys().filter(|id| !named.contains(id)).map(|id| format!("{path} does not name {id}"));
    let unknown = named.iter().filter(|id| !clauses.contains_key(id)).map(|id| format!("{path} names {id}, no clause"));
    Ok(missing.chain(unknown).collect())
}

/// The English text of a version of the policy.
fn english(number: u32) -> String {
    format!("policy/versions/{number}.en.md")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Vec<Source> {
        vec![Source { path: "crates/cloud/src/x.rs".into(), text: text.into() }]
    }

    #[test]
    fn marks_are_found_with_their_test_and_not_in_comments() {
        let text = "policy::enforce!(C6_2, ok, err);\n// enforce!(C1_1)\n#[tokio::test(flavor = \"x\")]\nasync fn it_holds() {\n    \
                    policy::prove!(C6_2, C9_3_4);\n}";
        let marks = marks(&source(text)).map_err(|problems| problems.join("\n")).unwrap();
        let ids: Vec<_> = marks.keys().map(Id::to_string).collect();
        assert_eq!(ids, ["C6.2", "C9.3.4"]);
        let kept = &marks[&Id::parse("C6.2").unwrap()];
        assert_eq!(kept.enforced.len(), 1);
        assert!(kept.proven.iter().all(|proof| proof.test == "it_holds"));
    }

    #[test]
    fn a_proof_outside_a_test_and_a_mark_without_a_clause_are_named() {
        assert!(marks(&source("fn f() { policy::prove!(C6_2); }")).is_err());
        assert!(marks(&source("policy::enforce!(Six, ok, err);")).is_err());
    }

    #[test]
    fn clause_ids_sort_as_people_count() {
        let mut ids = ["C1.2.10", "C1.2.9", "C1.1.1", "C10.1"].map(|id| Id::parse(id).unwrap());
        ids.sort();
        assert_eq!(ids.map(|id| id.to_string()), ["C1.1.1", "C1.2.9", "C1.2.10", "C10.1"]);
        assert!(Id::parse("6.2").is_none() && Id::parse("C6.x").is_none());
    }
}
