//! Session descriptions (RFC 4566) as cameras write them, with their mistakes.

use crate::Result;

/// What kind of medium a section describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Video,
    Audio,
    Other,
}

/// One `m=` section. Names and parameters are those of the first payload type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    pub kind: Kind,
    pub payload_type: u8,
    /// Upper case: `H264`, `MPEG4-GENERIC`, `PCMA`; empty if the description does not say.
    pub encoding: String,
    pub clock_rate: u32,
    pub channels: u8,
    /// The parameters after the payload type, unparsed; see [`Media::parameter`].
    pub fmtp: String,
    /// The control URL as written, absolute or relative; empty if none.
    pub control: String,
}

impl Media {
    /// The value of a format parameter; names are compared without case.
    pub fn parameter(&self, _name: &str) -> Option<&str> {
        unimplemented!()
    }
}

/// A session: its control URL and its media in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub control: Option<String>,
    pub media: Vec<Media>,
}

/// Reads a session description; tolerant of line ends, spaces and unknown lines, bounded to 64 KiB and 32 media.
pub fn parse(_text: &[u8]) -> Result<Session> {
    unimplemented!()
}
