//! One test binary for promises that need the whole system.
