//! One test binary for promises that need the whole system; a file for each promise.
//!
//! Do not add a test here that a unit test beside the code can make.

#![cfg(test)]

mod access;
mod codecs;
mod crashes;
mod faults;
mod forgetting;
mod house;
mod mail;
mod recording;
mod served;
mod sharing;
mod watching;
