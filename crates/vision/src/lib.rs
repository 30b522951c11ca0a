//! Pure functions of frames: decoders of H.264 and H.265 key frames, pictures, JPEGs and thumbnails.
//!
//! Nothing here knows a camera, a file or a row. What comes in was sent by a device that may be hostile: sizes are
//! checked before a decoder allocates, and its failure, a panic included, is an [`Error`].

mod decode;
mod error;
mod h264;
mod h265;
mod jpeg;
mod picture;

pub use decode::{Decoder, MAX_PIXELS, MAX_SIDE, decoder};
pub use error::Error;
pub use jpeg::{jpeg, thumbnail};
pub use picture::{Colour, Matrix, Picture, Plane};

#[cfg(test)]
mod tests;
