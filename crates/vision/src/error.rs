//! Why there is no picture.

/// What kept a picture from being decoded or encoded. Holds nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Well-formed, but in a form of its codec that is not decoded here.
    #[error("unsupported picture format: {0}")]
    Unsupported(String),
    /// Larger than is decoded here.
    #[error("a picture of {width}x{height} is too large to decode")]
    TooLarge { width: u32, height: u32 },
    /// No picture in it can be decoded by itself.
    #[error("no key frame")]
    NoKeyFrame,
    /// The bytes break their format.
    #[error("the picture is damaged: {0}")]
    Damaged(String),
    /// The decoder failed where it must not.
    #[error("the decoder crashed on the picture")]
    Crashed,
    /// The encoder failed.
    #[error("the picture cannot be written as a JPEG: {0}")]
    Jpeg(String),
}

impl From<media::Error> for Error {
    fn from(error: media::Error) -> Self {
        match error {
            media::Error::Unsupported(what) => Self::Unsupported(what),
            media::Error::Malformed { .. } => Self::Damaged(error.to_string()),
        }
    }
}
