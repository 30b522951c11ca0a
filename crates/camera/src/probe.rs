//! A short look at a camera: what it sends, or precisely why it sends nothing.

use crate::{Allow, Error, Pump, Sink, Target, play};
use base::{Time, World};
use media::{
    AudioParams, Track, VideoParams,
    rtcp::SenderReport,
    rtp::{Depacketizer, Unit},
};
use std::time::Duration;
use tokio::{sync::oneshot, time::timeout};

/// What a camera sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Codec, size and parameter sets. `fps` is measured where the stream does not say.
    pub video: VideoParams,
    /// The sound that we would record.
    pub audio: Option<AudioParams>,
    /// Encodings offered besides that we leave out.
    pub skipped: Vec<String>,
    /// What the camera calls its RTSP server.
    pub server: Option<String>,
}

/// How often the probe reads.
const TICK: Duration = Duration::from_millis(40);
/// Longest wait for a picture that says its size: cameras may send parameter sets with key frames only.
const FIRST_PICTURE: Duration = Duration::from_secs(10);
/// How much of a stream is measured, in its own time.
const MEASURED: Duration = Duration::from_secs(2);

/// Plays a stream for a moment and says what it is.
///
/// # Errors
/// Says precisely what stands between us and a picture.
pub async fn probe(target: &Target, allow: &Allow, world: &World) -> Result<Probe, Error> {
    let session = play(target, allow, world).await?;
    let (server, skipped) = (session.server.clone(), session.skipped.clone());
    let audio = session.audio_params().cloned();
    let (answer, answered) = oneshot::channel();
    let pump = Pump::start(1, TICK, world.clone())?;
    let handle = pump.attach(session, Box::new(Look { answer: Some(answer), ..Look::default() }));
    let seen = timeout(FIRST_PICTURE, answered).await;
    handle.stop();
    // The pump waits for the farewell, which must not hold up this executor.
    drop(tokio::task::spawn_blocking(move || drop(pump)));
    let seen = seen.map_err(|_| Error::Timeout { step: "the first picture", limit: FIRST_PICTURE })?;
    Ok(Probe { video: seen.unwrap_or(Err(Error::Closed))?, audio, skipped, server })
}

type Seen = Result<VideoParams, Error>;

/// Watches until the parameters and the rate of pictures are known.
#[derive(Default)]
struct Look {
    answer: Option<oneshot::Sender<Seen>>,
    buffer: Vec<u8>,
    pictures: u32,
    /// Earliest and latest timestamp, in ticks.
    span: Option<(i64, i64)>,
}

impl Look {
    fn picture(&mut self, timestamp: i64, depacketizer: &Depacketizer) {
        let (first, last) = self.span.unwrap_or((timestamp, timestamp));
        self.span = Some((first.min(timestamp), last.max(timestamp)));
        self.pictures += 1;
        let Some(params) = depacketizer.video_params() else { return };
        let fps = params.fps.or_else(|| self.measured(depacketizer.clock_rate()));
        if fps.is_some() {
            self.tell(Ok(VideoParams { fps, ..params.clone() }));
        }
    }

    /// Pictures a second, once enough of them were seen.
    fn measured(&self, clock_rate: u32) -> Option<f32> {
        let (first, last) = self.span?;
        let seconds = (last - first) as f32 / clock_rate as f32;
        (seconds >= MEASURED.as_secs_f32()).then(|| (self.pictures - 1) as f32 / seconds)
    }

    fn tell(&mut self, seen: Seen) {
        if let Some(answer) = self.answer.take() {
            let _ = answer.send(seen);
        }
    }
}

impl Sink for Look {
    fn buffer(&mut self, _: Track) -> &mut Vec<u8> {
        &mut self.buffer
    }

    fn unit(&mut self, track: Track, unit: &Unit, depacketizer: &Depacketizer, _: Time) {
        self.buffer.truncate(self.buffer.len() - unit.len);
        if track == Track::Video {
            self.picture(unit.timestamp, depacketizer);
        }
    }

    fn sender_report(&mut self, _: Track, _: &SenderReport, _: i64, _: Time) {}

    fn drained(&mut self) {}

    fn ended(&mut self, result: Result<(), Error>) {
        self.tell(Err(result.err().unwrap_or(Error::Closed)));
    }
}
