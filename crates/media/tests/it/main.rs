//! The way of a frame through this crate alone: a file's samples as RTP, to access units, to fragments, to files that
//! ffmpeg plays. Tests that need ffmpeg say so and pass when it is not installed.

#![allow(clippy::unwrap_used)]

mod camera;
mod foreign;
mod loss;
mod speed;
mod way_of_a_frame;
