//! A decoded picture: three planes of YCbCr 4:2:0 with 8 bits a sample.

/// One plane of samples, row by row without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    pub width: u32,
    pub height: u32,
    pub samples: Vec<u8>,
}

/// Which luma and chroma a red, green and blue have (H.273 table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matrix {
    /// Standard definition, and JPEG.
    Bt601,
    /// High definition.
    Bt709,
}

/// How samples stand for colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Samples go from 0 to 255; else luma from 16 to 235 and chroma from 16 to 240.
    pub full_range: bool,
    pub matrix: Matrix,
}

impl Colour {
    /// What a stream says of a picture of that height; where it says nothing, high definition is BT.709.
    pub(crate) fn of(told: media::h264::Colour, height: u32) -> Self {
        let matrix = match told.matrix {
            1 => Matrix::Bt709,
            2 if height >= 720 => Matrix::Bt709,
            _ => Matrix::Bt601,
        };
        Self { full_range: told.full_range, matrix }
    }
}

/// A picture. The chroma planes have half its width and height, rounded up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub y: Plane,
    pub cb: Plane,
    pub cr: Plane,
    pub colour: Colour,
}

impl Plane {
    /// A plane from rows that stand `stride` samples apart; `None` if there are too few.
    pub(crate) fn from_rows(width: u32, height: u32, rows: &[u8], stride: usize) -> Option<Self> {
        let (wide, high) = (width as usize, height as usize);
        let mut samples = Vec::with_capacity(wide * high);
        for row in 0..high {
            samples.extend_from_slice(rows.get(row * stride..row * stride + wide)?);
        }
        Some(Self { width, height, samples })
    }

    /// A plane of samples that stand without padding; `None` if there are too few or too many.
    pub(crate) fn from_samples(width: u32, height: u32, samples: Vec<u8>) -> Option<Self> {
        (samples.len() == width as usize * height as usize).then_some(Self { width, height, samples })
    }

    /// One row of samples.
    pub fn row(&self, row: usize) -> &[u8] {
        let width = self.width as usize;
        &self.samples[row * width..(row + 1) * width]
    }
}

impl Picture {
    pub fn width(&self) -> u32 {
        self.y.width
    }

    pub fn height(&self) -> u32 {
        self.y.height
    }
}
