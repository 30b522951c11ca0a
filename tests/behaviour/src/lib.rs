//! One test binary for promises that need the whole system; a file for each promise.
//!
//! Do not add a test here that a unit test beside the code can make.

#![cfg(test)]

mod access;
mod codecs;
mod crashes;
mod export;
mod faults;
mod forgetting;
mod guessing;
mod house;
mod identifying;
mod issuer;
mod killed;
mod leaving;
mod mail;
mod policy_pages;
mod process;
mod recording;
mod served;
mod sharing;
mod watching;
