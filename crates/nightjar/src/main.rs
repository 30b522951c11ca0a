//! The program: configuration, commands, and the place where everything is put together.

fn main() {}
