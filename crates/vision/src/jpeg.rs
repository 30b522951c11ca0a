//! JPEGs of pictures, straight from their planes: JPEG is YCbCr too, only with its own range and matrix.

use crate::{Error, Matrix, Picture, Plane};
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
    let from =
        ImageRef::new(plane.width, plane.height, &plane.samples, PixelType::U8).map_err(|error| failed(&error))?;
    let mut to = Image::new(width, height, PixelType::U8);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    resizer.resize(&from, &mut to, &options).map_err(|error| failed(&error))?;
    Ok(Plane { width, height, samples: to.into_vec() })
}

/// Feeds the encoder row by row, each sample brought to the full range and the matrix of JPEG, which is BT.601.
struct Source<'a> {
    picture: &'a Picture,
    luma: [i32; 256],
    chroma: [i32; 256],
}

/// What the chroma of two pixels becomes, and what it adds to their luma.
#[derive(Clone, Copy)]
struct Mixed {
    luma: i32,
    cb: u8,
    cr: u8,
}

impl<'a> Source<'a> {
    fn new(picture: &'a Picture) -> Self {
        let (offset, luma, chroma) = if picture.colour.full_range { (0, 255, 255) } else { (16, 219, 224) };
        let scaled = |centre: i32, range: i32| {
            std::array::from_fn(|sample| {
                let centred = (sample as i32 - centre) * 255;
                (centred + centred.signum() * range / 2) / range
            })
        };
        Self { picture, luma: scaled(offset, luma), chroma: scaled(128, chroma) }
    }

    /// From BT.709 to BT.601 in 1/65,536: the way through red, green and blue, multiplied out.
    fn mixed(&self, cb: u8, cr: u8) -> Mixed {
        let (cb, cr) = (self.chroma[usize::from(cb)], self.chroma[usize::from(cr)]);
        let (luma, cb, cr) = match self.picture.colour.matrix {
            Matrix::Bt601 => (0, cb, cr),
            Matrix::Bt709 => {
                ((6_658 * cb + 12_851 * cr) >> 16, (64_871 * cb - 7_252 * cr) >> 16, (64_447 * cr - 4_749 * cb) >> 16)
            }
        };
        Mixed { luma, cb: (cb + 128).clamp(0, 255) as u8, cr: (cr + 128).clamp(0, 255) as u8 }
    }
}

impl ImageBuffer for Source<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.picture.width() as u16
    }

    fn height(&self) -> u16 {
        self.picture.height() as u16
    }

    /// The encoder takes every other sample of a chroma row, so each is given twice.
    fn fill_buffers(&self, y: u16, [luma, cb, cr, _]: &mut [Vec<u8>; 4]) {
        let row = usize::from(y);
        let (cb_row, cr_row) = (self.picture.cb.row(row / 2), self.picture.cr.row(row / 2));
        for (pair, (cb_sample, cr_sample)) in self.picture.y.row(row).chunks(2).zip(cb_row.iter().zip(cr_row)) {
            let mixed = self.mixed(*cb_sample, *cr_sample);
            luma.extend(pair.iter().map(|y| (self.luma[usize::from(*y)] + mixed.luma).clamp(0, 255) as u8));
            cb.extend([mixed.cb; 2].iter().take(pair.len()));
            cr.extend([mixed.cr; 2].iter().take(pair.len()));
        }
    }
}
