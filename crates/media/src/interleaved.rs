//! RTSP over TCP: binary frames between messages (RFC 2326 10.12), split without copying.

/// What the connection carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// An interleaved frame: RTP or RTCP.
    Binary { channel: u8, payload: &'a [u8] },
    /// A whole RTSP message, head and body.
    Text(&'a [u8]),
}

/// Splits what is read from the connection. Keeps only an incomplete tail.
pub struct Splitter;

impl Splitter {
    pub fn new() -> Self {
        Self
    }

    /// Takes what was read; calls `each` with every frame that is complete, on the bytes where they stand.
    pub fn feed(&mut self, _bytes: &[u8], _each: impl FnMut(Frame<'_>)) {
        unimplemented!()
    }

    /// How often bytes had to be skipped to find the next frame.
    pub fn errors(&self) -> u64 {
        0
    }

    /// How many bytes were skipped.
    pub fn skipped(&self) -> u64 {
        0
    }
}
