//! JPEGs of pictures, straight from their planes: JPEG is YCbCr too, only with its own range and matrix.

use crate::{Colour, Error, Matrix, Picture, Plane};
use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};

/// The quality of thumbnails, of 100.
const THUMBNAIL_QUALITY: u8 = 75;

/// The picture as a JPEG; `quality` goes from 1 to 100.
pub fn jpeg(picture: &Picture, quality: u8) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(picture.y.samples.len() / 6);
    let mut encoder = Encoder::new(&mut bytes, quality.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode_image(Source::new(picture)).map_err(|error| Error::Jpeg(error.to_string()))?;
    Ok(bytes)
}

/// The picture as a JPEG of at most `max_width` pixels across, its shape kept. It is never enlarged.
pub fn thumbnail(picture: &Picture, max_width: u32) -> Result<Vec<u8>, Error> {
    if picture.width() <= max_width {
        return jpeg(picture, THUMBNAIL_QUALITY);
    }
    let width = max_width.max(2);
    let height = (u64::from(picture.height()) * u64::from(width) / u64::from(picture.width())).max(2) as u32;
    let mut resizer = Resizer::new();
    let smaller = Picture {
        y: resize(&mut resizer, &picture.y, width, height)?,
        cb: resize(&mut resizer, &picture.cb, width.div_ceil(2), height.div_ceil(2))?,
        cr: resize(&mut resizer, &picture.cr, width.div_ceil(2), height.div_ceil(2))?,
        colour: picture.colour,
    };
    jpeg(&smaller, THUMBNAIL_QUALITY)
}

fn resize(resizer: &mut Resizer, plane: &Plane, width: u32, height: u32) -> Result<Plane, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Jpeg(error.to_string());
    let from = ImageRef::new(plane.width, plane.height, &plane.samples, PixelType::U8).map_err(|error| failed(&error))?;
    let mut to = Image::new(width, height, PixelType::U8);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    resizer.resize(&from, &mut to, &options).map_err(|error| failed(&error))?;
    Ok(Plane { width, height, samples: to.into_vec() })
}

/// Feeds the encoder row by row, each sample brought to the full range and the matrix of JPEG (BT.601).
struct Source<'a> {
    picture: &'a Picture,
    luma: [u8; 256],
    /// What a chroma sample adds, in 1/65,536: to luma from Cb and Cr, to Cb from Cr, to Cr from Cb.
    mix: Option<Mix>,
    chroma: [u8; 256],
}

/// From BT.709 to BT.601: with K = (0.2126, 0.0722) against (0.299, 0.114), both in full range.
struct Mix {
    y_cb: f32,
    y_cr: f32,
    cb_cb: f32,
    cb_cr: f32,
    cr_cb: f32,
    cr_cr: f32,
}
