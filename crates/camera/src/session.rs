//! An open session with a camera: its sockets are read here, a bounded amount at a time, never waiting.

use crate::{
    Error,
    control::{Control, Heard},
    pump::Sink,
    stream::{Now, Stream, Tally},
};
use media::{
    AudioParams, Track, VideoParams,
    interleaved::{Frame, Splitter},
    rtcp::{self, Reception},
};
use std::{
    io::{ErrorKind, Read},
    os::fd::{AsRawFd, RawFd},
    time::Duration,
};

/// Bytes that one drain of one session may read, so that a flood holds up no neighbour.
const DRAIN: usize = 2 << 20;
/// Without a video packet for this long a session is over.
pub(crate) const SILENCE: Duration = Duration::from_secs(10);
/// Between receiver reports.
const REPORT_UDP: Duration = Duration::from_secs(5);
const REPORT_TCP: Duration = Duration::from_secs(15);
/// Our name in reports (RFC 3550, 6.5.1), the same for all: it need not tell anything.
pub(crate) const CNAME: &str = "nightjar";

/// A camera that plays. Attach it to a [`crate::Pump`]; dropped, it says TEARDOWN.
pub struct Session {
    pub(crate) control: Control,
    pub(crate) splitter: Splitter,
    pub(crate) streams: Vec<Stream>,
    /// Whole interleaved frames that came before PLAY was answered.
    pub(crate) early: Vec<u8>,
    pub(crate) server: Option<String>,
    pub(crate) skipped: Vec<String>,
    pub(crate) ssrc: u32,
    pub(crate) tally: Tally,
    timers: Option<Timers>,
}

struct Timers {
    began: Duration,
    keep_alive: Duration,
    report: Duration,
}

/// How a drain went.
pub(crate) struct Drained {
    pub bytes: usize,
    /// More waits than one drain may read.
    pub more: bool,
}

impl Session {
    pub(crate) fn new(control: Control, splitter: Splitter, streams: Vec<Stream>, ssrc: u32) -> Self {
        let (early, server, skipped) = (Vec::new(), None, Vec::new());
        Self { control, splitter, streams, early, server, skipped, ssrc, tally: Tally::default(), timers: None }
    }

    /// What the video needs to be decoded, if the session description said so.
    pub fn video_params(&self) -> Option<&VideoParams> {
        self.stream(Track::Video)?.depacketizer.video_params()
    }

    /// The audio of the session, if it has audio that we record.
    pub fn audio_params(&self) -> Option<&AudioParams> {
        self.stream(Track::Audio)?.depacketizer.audio_params()
    }

    /// Whether the track is part of the session.
    pub fn has(&self, track: Track) -> bool {
        self.stream(track).is_some()
    }

    /// Ticks a second of the RTP timestamps of a track.
    pub fn clock_rate(&self, track: Track) -> Option<u32> {
        Some(self.stream(track)?.depacketizer.clock_rate())
    }

    /// What the camera calls its RTSP server.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// Encodings that the camera offers and we leave out.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    fn stream(&self, track: Track) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.track == track)
    }

    pub(crate) fn is_udp(&self) -> bool {
        self.streams.iter().any(|stream| stream.sockets.is_some())
    }

    /// The sockets that become readable when media comes.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = RawFd> {
        let rtp = self.streams.iter().filter_map(|stream| Some(stream.sockets.as_ref()?.rtp.as_raw_fd()));
        rtp.chain([self.control.socket().as_raw_fd()])
    }

    pub(crate) fn lost(&self) -> u64 {
        self.streams.iter().map(|stream| stream.reception.lost()).sum()
    }

    /// Reads what has come, up to [`DRAIN`], and hands it to the sink.
    pub(crate) fn drain(&mut self, buffer: &mut [u8], sink: &mut dyn Sink, now: Now) -> Result<Drained, Error> {
        self.take_early(sink, now)?;
        let mut drained = self.drain_connection(buffer, sink, now)?;
        if self.is_udp() {
            let datagrams = self.drain_datagrams(buffer, sink, now)?;
            drained = Drained { bytes: drained.bytes + datagrams.bytes, more: drained.more || datagrams.more };
        }
        self.tally.bytes += drained.bytes as u64;
        sink.drained();
        Ok(drained)
    }

    fn take_early(&mut self, sink: &mut dyn Sink, now: Now) -> Result<(), Error> {
        if self.early.is_empty() {
            return Ok(());
        }
        let early = std::mem::take(&mut self.early);
        let tail = std::mem::replace(&mut self.splitter, Splitter::new());
        let result = self.receive(&early, sink, now);
        self.splitter = tail;
        result
    }

    /// A read that returns less than was offered has emptied the socket; asking again would only cost.
    fn drain_connection(&mut self, buffer: &mut [u8], sink: &mut dyn Sink, now: Now) -> Result<Drained, Error> {
        let mut bytes = 0;
        while bytes < DRAIN {
            match self.control.socket().read(buffer) {
                Ok(0) => return Err(Error::Closed),
                Ok(len) => {
                    bytes += len;
                    self.receive(&buffer[..len], sink, now)?;
                    if len < buffer.len() {
                        return Ok(Drained { bytes, more: false });
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Drained { bytes, more: false }),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Drained { bytes, more: true })
    }

    fn drain_datagrams(&mut self, buffer: &mut [u8], sink: &mut dyn Sink, now: Now) -> Result<Drained, Error> {
        let (mut bytes, mut more, mut bye) = (0, false, false);
        for stream in &mut self.streams {
            let Some(sockets) = stream.sockets.take() else { continue };
            let tally = &mut self.tally;
            let media = sockets.drain(&sockets.rtp, buffer, |packet| stream.rtp(packet, sink, now, tally));
            let reports = sockets.drain(&sockets.rtcp, buffer, |packet| bye |= stream.rtcp(packet, sink, now, tally));
            stream.sockets = Some(sockets);
            for (len, rest) in [media?, reports?] {
                bytes += len;
                more |= rest;
            }
        }
        if bye { Err(Error::Closed) } else { Ok(Drained { bytes, more }) }
    }

    /// Takes bytes of the connection.
    fn receive(&mut self, bytes: &[u8], sink: &mut dyn Sink, now: Now) -> Result<(), Error> {
        let Self { splitter, streams, control, tally, .. } = self;
        let mut over = false;
        splitter.feed(bytes, |frame| match frame {
            Frame::Binary { channel, payload } => over |= interleaved(streams, channel, payload, sink, now, tally),
            Frame::Text(text) => match control.hear(text) {
                Heard::Nothing | Heard::Farewell => {}
                Heard::End => over = true,
                Heard::Garbage => tally.garbage += 1,
            },
        });
        if over { Err(Error::Closed) } else { Ok(()) }
    }

    /// What has to be done from time to time: keep-alive, receiver reports, the watch for silence.
    pub(crate) fn attend(&mut self, now: Duration) -> Result<(), Error> {
        let keep_alive = self.control.dialog.keep_alive_interval();
        let report = if self.is_udp() { REPORT_UDP } else { REPORT_TCP };
        let timers =
            self.timers.get_or_insert(Timers { began: now, keep_alive: now + keep_alive, report: now + report });
        let video = self.streams.iter().find(|stream| stream.track == Track::Video);
        let heard = video.and_then(|stream| stream.heard).unwrap_or(timers.began);
        if now.saturating_sub(heard) > SILENCE {
            return Err(Error::Timeout { step: "the next picture", limit: SILENCE });
        }
        let (keep, tell) = (now >= timers.keep_alive, now >= timers.report);
        if keep {
            timers.keep_alive = now + keep_alive;
            self.control.keep_alive()?;
        }
        if tell {
            timers.report = now + report;
            self.report(now)?;
        }
        Ok(self.control.flush()?)
    }

    fn report(&mut self, now: Duration) -> Result<(), Error> {
        for stream in &mut self.streams {
            let reception: Vec<Reception> = stream.reception.report(now).into_iter().collect();
            let compound = rtcp::receiver_report(self.ssrc, &reception, CNAME);
            match &stream.sockets {
                Some(sockets) => sockets.report(&compound),
                None => self.control.frame(stream.channels.1, &compound)?,
            }
        }
        Ok(())
    }

    /// After TEARDOWN: reads on until the camera has answered or hung up, which this says.
    pub(crate) fn is_gone(&mut self, buffer: &mut [u8]) -> bool {
        if self.control.flush().is_err() {
            return true;
        }
        let mut gone = false;
        match self.control.socket().read(buffer) {
            Ok(0) => return true,
            Ok(len) => self.splitter.feed(&buffer[..len], |frame| {
                gone |= matches!(frame, Frame::Text(text) if self.control.hear(text) == Heard::Farewell);
            }),
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
        gone
    }
}

/// Takes an interleaved frame; true if it says that the stream is over.
fn interleaved(
    streams: &mut [Stream],
    channel: u8,
    payload: &[u8],
    sink: &mut dyn Sink,
    now: Now,
    tally: &mut Tally,
) -> bool {
    for stream in streams {
        if channel == stream.channels.0 {
            stream.rtp(payload, sink, now, tally);
            return false;
        }
        if channel == stream.channels.1 {
            return stream.rtcp(payload, sink, now, tally);
        }
    }
    tally.garbage += 1;
    false
}
