//! Generated references and tidy checks.

fn main() {}
