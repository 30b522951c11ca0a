//! Simulated cameras that speak RTSP, with scenes, a readable clock and faults.

mod config;
mod fault;

pub use config::{Config, Credentials, Daylight, Load, Picture};
pub use fault::{Fault, Kind};
