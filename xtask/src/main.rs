//! Tasks of the tree: `cargo xtask tidy | codegen | clauses`.

mod generate;
mod marks;
mod mutate;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "cargo xtask TASK
  tidy      checks what no compiler checks, and that generated files are fresh
  codegen   writes the generated files
  clauses   switches each kept clause off and wants to see one of its tests fail";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let problems = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy(),
        ["codegen"] => tree::sources().and_then(|sources| generate::write(&sources)).map(|()| Vec::new()),
        ["clauses"] => tree::sources().and_then(|sources| mutate::run(&sources)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match problems {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            eprintln!("{} problems", problems.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn tidy() -> Result<Vec<String>, String> {
    let sources = tree::sources()?;
    let mut problems = tidy::check(&sources)?;
    problems.extend(generate::stale(&sources)?);
    problems.extend(generate::outgrown()?);
    Ok(problems)
}
