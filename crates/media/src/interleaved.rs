//! RTSP over TCP: binary frames between messages (RFC 2326 10.12), split without copying.

/// What the connection carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// An interleaved frame: RTP or RTCP, 64 KiB at most.
    Binary { channel: u8, payload: &'a [u8] },
    /// A whole RTSP message, head and body.
    Text(&'a [u8]),
}

/// Bytes of an RTSP message at most, head and body.
const MAX_TEXT: usize = 64 * 1024;

/// Splits what is read from a connection. Keeps only an incomplete tail, at most 64 KiB.
#[derive(Default)]
pub struct Splitter {
    tail: Vec<u8>,
    /// Looking for the next frame after bytes that were none.
    lost: bool,
    errors: u64,
    skipped: u64,
}

/// What stands at the start of some bytes.
enum Start<'a> {
    Frame(Frame<'a>, usize),
    /// Not complete; so many bytes are needed to know more.
    Need(usize),
    /// Not complete; the end of the head is needed to know more.
    NeedHead,
    /// Line ends between messages (RFC 2326 4.1).
    Blank(usize),
    /// No frame starts here, and no message within so many bytes: nobody reads them twice.
    Garbage(usize),
}

impl Splitter {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read; calls `each` with every complete frame, on the bytes where they stand. Bytes that are no
    /// frame are skipped up to the next one.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Frame<'_>)) {
        while !self.tail.is_empty() && !bytes.is_empty() {
            bytes = self.complete_tail(bytes, &mut each);
        }
        let used = self.split(bytes, &mut each);
        self.tail.extend_from_slice(&bytes[used..]);
    }

    /// How often bytes had to be skipped to find the next frame.
    pub const fn errors(&self) -> u64 {
        self.errors
    }

    /// How many bytes were skipped.
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Moves to the tail what its frame lacks; gives the rest.
    fn complete_tail<'a>(&mut self, bytes: &'a [u8], each: &mut impl FnMut(Frame<'_>)) -> &'a [u8] {
        let mut tail = std::mem::take(&mut self.tail);
        let lacking = match start(&tail, self.lost, true) {
            Start::Need(len) => len - tail.len(),
            _ => bytes.len(),
        };
        let (now, rest) = bytes.split_at(lacking.min(bytes.len()));
        tail.extend_from_slice(now);
        let used = self.split(&tail, each);
        tail.drain(..used);
        self.tail = tail;
        rest
    }

    /// Tells the frames at the start of `bytes`; how many bytes are done with.
    fn split(&mut self, bytes: &[u8], each: &mut impl FnMut(Frame<'_>)) -> usize {
        let (mut at, mut no_text) = (0, 0);
        while at < bytes.len() {
            match start(&bytes[at..], self.lost, at >= no_text) {
                Start::Frame(frame, len) => {
                    each(frame);
                    self.lost = false;
                    at += len;
                }
                Start::Blank(len) => at += len,
                Start::Need(_) | Start::NeedHead => break,
                Start::Garbage(len) => {
                    no_text = no_text.max(at + len);
                    at += self.skip(&bytes[at..]);
                }
            }
        }
        at
    }

    /// Passes over at least one byte, to where a frame may start.
    #[cold]
    fn skip(&mut self, bytes: &[u8]) -> usize {
        self.errors += u64::from(!self.lost);
        self.lost = true;
        let next = memchr::memchr2(b'$', b'R', &bytes[1..]).map_or(bytes.len(), |at| at + 1);
        self.skipped += next as u64;
        next
    }
}

/// While `lost` only what looks like RTP, RTCP or a reply counts: any byte may be a dollar.
fn start(bytes: &[u8], lost: bool, maybe_text: bool) -> Start<'_> {
    match bytes {
        [b'$', rest @ ..] => binary(rest, lost),
        [b'\r' | b'\n', ..] if !lost => {
            Start::Blank(bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count())
        }
        [b'A'..=b'Z', ..] if maybe_text => text(bytes, lost),
        _ => Start::Garbage(1),
    }
}

fn binary(rest: &[u8], lost: bool) -> Start<'_> {
    const HEAD: usize = 4;
    let [channel, high, low, payload @ ..] = rest else { return Start::Need(HEAD) };
    let len = usize::from(u16::from_be_bytes([*high, *low]));
    if lost && (*channel > 15 || len < 8) {
        return Start::Garbage(1);
    }
    match (payload.get(..len), payload.first()) {
        (_, Some(first)) if lost && first >> 6 != 2 => Start::Garbage(1),
        (_, None) if lost => Start::Need(HEAD + 1),
        (Some(payload), _) => Start::Frame(Frame::Binary { channel: *channel, payload }, HEAD + len),
        (None, _) => Start::Need(HEAD + len),
    }
}

fn text(bytes: &[u8], lost: bool) -> Start<'_> {
    const REPLY: &[u8] = b"RTSP/";
    let known = &bytes[..bytes.len().min(REPLY.len())];
    if lost && !REPLY.starts_with(known) {
        return Start::Garbage(1);
    }
    let head = head_len(bytes);
    let text = &bytes[..head.unwrap_or(bytes.len().min(MAX_TEXT))];
    if let Some(binary) = text.iter().position(|&byte| byte < b' ' && !matches!(byte, b'\r' | b'\n' | b'\t')) {
        return Start::Garbage(binary);
    }
    let Some(head) = head else {
        return if bytes.len() < MAX_TEXT { Start::NeedHead } else { Start::Garbage(MAX_TEXT) };
    };
    match content_length(text).and_then(|body| head.checked_add(body)) {
        Some(len) if len <= MAX_TEXT => match bytes.get(..len) {
            Some(message) => Start::Frame(Frame::Text(message), len),
            None => Start::Need(len),
        },
        _ => Start::Garbage(head),
    }
}

/// Bytes up to and with the empty line.
fn head_len(bytes: &[u8]) -> Option<usize> {
    let bytes = &bytes[..bytes.len().min(MAX_TEXT)];
    let mut line = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        if matches!(&bytes[line..end], [] | [b'\r']) {
            return Some(end + 1);
        }
        line = end + 1;
    }
    None
}

/// The Content-Length, 0 without one; none if it is no number.
fn content_length(head: &[u8]) -> Option<usize> {
    for line in head.split(|&byte| byte == b'\n') {
        let mut parts = line.splitn(2, |&byte| byte == b':');
        if parts.next().is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"content-length")) {
            return std::str::from_utf8(parts.next()?.trim_ascii()).ok()?.parse().ok();
        }
    }
    Some(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Clone)]
    enum Owned {
        Binary(u8, Vec<u8>),
        Text(Vec<u8>),
    }

    fn split(splitter: &mut Splitter, bytes: &[u8], step: usize) -> Vec<Owned> {
        let mut frames = Vec::new();
        for chunk in bytes.chunks(step) {
            splitter.feed(chunk, |frame| {
                frames.push(match frame {
                    Frame::Binary { channel, payload } => Owned::Binary(channel, payload.to_vec()),
                    Frame::Text(text) => Owned::Text(text.to_vec()),
                })
            });
        }
        frames
    }

    fn binary(channel: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![b'$', channel];
        frame.extend((payload.len() as u16).to_be_bytes());
        frame.extend(payload);
        frame
    }

    const REPLY: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 4\r\nContent-Length: 5\r\n\r\nhello";

    #[test]
    fn frames_and_messages_come_whole_whatever_the_reads() {
        let payload = [0x80; 1400];
        let stream = [&binary(0, &payload)[..], REPLY, &binary(1, &payload[..60]), REPLY, &binary(0, &[])].concat();
        let expected = split(&mut Splitter::new(), &stream, stream.len());
        assert_eq!(expected.len(), 5);
        assert_eq!(expected[1], Owned::Text(REPLY.to_vec()));
        for step in [1, 2, 3, 5, 7, 64, 1403, 1404, 1405] {
            let mut splitter = Splitter::new();
            assert_eq!(split(&mut splitter, &stream, step), expected, "reads of {step}");
            assert_eq!(splitter.errors(), 0);
        }
    }

    #[test]
    fn after_garbage_the_next_frame_is_found_and_the_garbage_counted() {
        let frame = binary(0, &[0x80; 100]);
        let garbage = b"\x00\x01$\xff\x00\x05hello$\x00\x00\x20nothing of ours";
        let stream = [&frame[..], garbage, &frame, &frame].concat();
        for step in [1, 9, stream.len()] {
            let mut splitter = Splitter::new();
            assert_eq!(split(&mut splitter, &stream, step), vec![Owned::Binary(0, vec![0x80; 100]); 3]);
            assert_eq!((splitter.errors(), splitter.skipped()), (1, garbage.len() as u64));
        }
    }

    #[test]
    fn a_message_without_end_or_with_a_huge_body_is_not_kept() {
        let mut splitter = Splitter::new();
        split(&mut splitter, &vec![b'A'; 3 * MAX_TEXT], 4096);
        assert!(splitter.errors() > 0 && splitter.tail.len() <= MAX_TEXT);
        let huge = b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
        assert!(split(&mut Splitter::new(), huge, 10).is_empty());
    }

    #[test]
    fn hostile_text_is_read_once() {
        let begun = std::time::Instant::now();
        for text in ["RTSP/", "a: b\r\n", "$RTSP/", "R", "\r\nRTSP/1.0 200 OK\r\nA:"] {
            let bytes = [&b"RTSP/1.0 200 OK\r\n"[..], &text.as_bytes().repeat((2 << 20) / text.len())].concat();
            for step in [4096, bytes.len()] {
                split(&mut Splitter::new(), &bytes, step);
            }
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_bounded_and_the_reads_do_not_matter(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'$'), Just(0)], 0..400), step in 1usize..40,
        ) {
            let whole = split(&mut Splitter::new(), &bytes, bytes.len().max(1));
            let mut splitter = Splitter::new();
            prop_assert_eq!(split(&mut splitter, &bytes, step), whole);
            prop_assert!(splitter.tail.len() <= 4 + 65535);
        }
    }
}
