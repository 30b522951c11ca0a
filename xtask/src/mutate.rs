//! The mutation run of the policy: each kept clause is switched off, and one of its tests must fail.

use crate::{
    marks::Proof,
    tree::{self, Source},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Test programs by the folder of their package.
type Programs = BTreeMap<PathBuf, Vec<PathBuf>>;

/// Builds all tests once with switchable rules, then runs the proofs of each clause with its rule on and off.
pub fn run(sources: &[Source]) -> Result<Vec<String>, String> {
    let programs = build()?;
    let mut problems = Vec::new();
    for (id, marks) in crate::generate::kept_marks(sources)? {
        let id = id.to_string();
        let broken: Vec<_> = marks.proven.iter().filter(|proof| !holds(&programs, proof, None)).collect();
        for proof in &broken {
            problems.push(format!("{id}: {} in {} does not pass to begin with", proof.test, proof.path));
        }
        let witnesses: Vec<_> = marks.proven.iter().filter(|proof| !holds(&programs, proof, Some(&id))).collect();
        match witnesses.first() {
            Some(witness) if broken.is_empty() => println!("{id}: gone, {} says so", witness.test),
            Some(_) => {}
            None => problems.push(format!("{id}: its rule can be switched off and no test notices")),
        }
    }
    Ok(problems)
}

fn build() -> Result<Programs, String> {
    println!("building the tests with switchable rules");
    let built = Command::new(env!("CARGO"))
        .args(["test", "--workspace", "--no-run", "--features", "policy/mutable", "--message-format", "json"])
        .current_dir(tree::root())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo test --no-run: {error}"))?;
    if !built.status.success() {
        return Err("the tests do not build".into());
    }
    let mut programs = Programs::new();
    for line in String::from_utf8_lossy(&built.stdout).lines() {
        let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let paths = (message["executable"].as_str(), message["manifest_path"].as_str());
        if let (Some(executable), Some(manifest), Some(true)) = (paths.0, paths.1, message["profile"]["test"].as_bool())
        {
            let folder = Path::new(manifest).parent().expect("a manifest lies in a folder");
            programs.entry(folder.into()).or_default().push(executable.into());
        }
    }
    Ok(programs)
}

/// Whether the test ran and passed in one of its package's programs, with the named rule off.
fn holds(programs: &Programs, proof: &Proof, off: Option<&str>) -> bool {
    let path = tree::root().join(&proof.path);
    let Some((folder, programs)) = programs.iter().find(|(folder, _)| path.starts_with(folder)) else { return false };
    let mut ran = 0;
    for program in programs {
        let mut command = Command::new(program);
        command.arg(&proof.test).current_dir(folder).env_remove("NIGHTJAR_CLAUSE_OFF").stderr(Stdio::null());
        if let Some(clause) = off {
            command.env("NIGHTJAR_CLAUSE_OFF", clause);
        }
        let Ok(run) = command.output() else { return false };
        let output = String::from_utf8_lossy(&run.stdout).into_owned();
        ran += output.matches(" ... ok").count();
        if !run.status.success() {
            return false;
        }
    }
    ran > 0
}
