//! `[cameras]`: where cameras may be, and what holds for a camera unless it says otherwise.

use super::section;
use base::{Error, Result};
use ipnet::IpNet;

section! {
    /// Where cameras may be, and what holds for a camera unless it says otherwise.
    Cameras {
        /// Networks in which a camera may be. The address is checked after its name was resolved, on each connection. The
        /// ports of this server are always refused.
        allow: Vec<IpNet> = camera::Allow::default_nets(),
        /// How many days footage is kept.
        retention_days: u32 = 7,
        /// How many bytes one camera may keep; the oldest footage goes first. 0 for no limit.
        max_bytes: u64 = 0,
    }
}

impl Cameras {
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=devices::MOST_DAYS).contains(&self.retention_days) {
            return Err(Error::invalid(format!("cameras.retention_days must be from 1 to {}", devices::MOST_DAYS)));
        }
        Ok(())
    }
}
