//! A camera: its two streams, who is connected to it, and what is wrong with it just now.

use crate::{
    client::{Client, Moment, Shipment},
    fault::Kind,
    packetize::Packets,
    scene::canvas::Yuv,
    sdp,
};
use base::{Time, World};
use media::{StreamParams, Track, VIDEO_RATE, VideoParams};
use std::{
    borrow::Cow,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A camera as the RTSP server and the makers of pictures share it.
pub(crate) struct Camera {
    /// Main and sub; of a file or a load loop both are the same.
    pub streams: [Arc<Stream>; 2],
    pub faults: Arc<Faults>,
    pub mask: Arc<Mask>,
    connections: Mutex<Vec<Weak<Client>>>,
}

impl Camera {
    pub fn new(main: Arc<Stream>, sub: Arc<Stream>, faults: Arc<Faults>) -> Self {
        Self { streams: [main, sub], faults, mask: Arc::default(), connections: Mutex::default() }
    }

    /// Remembers a connection that has asked for this camera.
    pub fn connected(&self, client: &Arc<Client>) {
        let mut connections = lock(&self.connections);
        connections.retain(|known| known.strong_count() > 0);
        if !connections.iter().any(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(client))) {
            connections.push(Arc::downgrade(client));
        }
    }

    /// Ends every connection to this camera.
    pub fn cut(&self, reset: bool) {
        lock(&self.connections).drain(..).filter_map(|known| known.upgrade()).for_each(|client| client.cut(reset));
    }
}

/// What the camera blackens in all its pictures: areas as parts of the picture, left, top, right, bottom.
#[derive(Default)]
pub(crate) struct Mask(RwLock<Vec<[f32; 4]>>);

impl Mask {
    pub fn set(&self, areas: Vec<[f32; 4]>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = areas;
    }

    /// The picture as it leaves the camera.
    pub fn applied<'a>(&self, picture: &'a Yuv) -> Cow<'a, Yuv> {
        let areas = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut picture = Cow::Borrowed(picture);
        for area in areas.iter() {
            picture.to_mut().blacken(*area);
        }
        picture
    }
}

/// Until when each kind of fault lasts.
#[derive(Default)]
pub(crate) struct Faults([AtomicU64; Kind::ALL.len()]);

impl Faults {
    pub fn begin(&self, kind: Kind, now: Duration, duration: Duration) {
        self.0[kind as usize].store((now + duration).as_micros() as u64, Ordering::Release);
    }

    pub fn active(&self, kind: Kind, now: Duration) -> bool {
        self.0[kind as usize].load(Ordering::Acquire) > now.as_micros() as u64
    }
}

/// Wakes a maker of pictures that sleeps until its next picture or until somebody watches.
#[derive(Default)]
pub(crate) struct Alarm {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Alarm {
    pub fn ring(&self) {
        *lock(&self.rung) = true;
        self.bell.notify_all();
    }

    /// Sleeps for that time at most, less if somebody rings or has rung since the last sleep; tells whether so.
    pub fn sleep(&self, at_most: Duration) -> bool {
        let rung = lock(&self.rung);
        let waited = self.bell.wait_timeout_while(rung, at_most, |rung| !*rung);
        std::mem::take(&mut *waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

/// Now, on both clocks.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub monotonic: Duration,
    pub wall: Time,
}

impl Now {
    pub fn of(world: &World) -> Self {
        Self { monotonic: world.clock.monotonic(), wall: world.clock.now() }
    }
}

/// One stream of a camera: what it carries, its RTP clock, and those who watch it.
pub(crate) struct Stream {
    params: RwLock<Arc<StreamParams>>,
    faults: Arc<Faults>,
    alarm: Arc<Alarm>,
    world: World,
    packet_writes: bool,
    audio_rate: u32,
    /// RTP timestamps of the two tracks when the monotonic clock stood at zero.
    offsets: [AtomicU32; 2],
    /// The next session's timestamps wrap after that many seconds; zero for as they come.
    wrap_after: AtomicU32,
    watchers: Mutex<Vec<Arc<Client>>>,
    watched: AtomicUsize,
    key_wanted: AtomicBool,
    pictures: AtomicU32,
    last_timestamp: AtomicU32,
}

impl Stream {
    /// A stream that nobody watches. `alarm` is rung when somebody comes.
    pub fn new(
        params: StreamParams,
        faults: &Arc<Faults>,
        alarm: &Arc<Alarm>,
        world: &World,
        packet_writes: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            audio_rate: params.audio.as_ref().map_or(8000, sdp::audio_rate),
            params: RwLock::new(Arc::new(params)),
            faults: faults.clone(),
            alarm: alarm.clone(),
            packet_writes,
            offsets: [0; 2].map(|_| AtomicU32::new(u32::from_ne_bytes(world.random()))),
            world: world.clone(),
            wrap_after: AtomicU32::new(0),
            watchers: Mutex::default(),
            watched: AtomicUsize::new(0),
            key_wanted: AtomicBool::new(false),
            pictures: AtomicU32::new(0),
            last_timestamp: AtomicU32::new(0),
        })
    }

    /// What the stream carries now.
    pub fn params(&self) -> Arc<StreamParams> {
        self.params.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The pictures are coded otherwise from now on.
    pub fn set_video(&self, video: VideoParams) {
        let mut params = self.params.write().unwrap_or_else(PoisonError::into_inner);
        if params.video != video {
            *params = Arc::new(StreamParams { video, audio: params.audio.clone() });
        }
    }

    /// Whether anybody watches.
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Acquire) > 0
    }

    /// Whether somebody has come since this was last asked, so that a key frame is due.
    pub fn takes_key_request(&self) -> bool {
        self.key_wanted.swap(false, Ordering::AcqRel)
    }

    /// Media flows to the client from now on.
    pub fn join(&self, client: &Arc<Client>) {
        client.play();
        let mut watchers = lock(&self.watchers);
        if !watchers.iter().any(|known| Arc::ptr_eq(known, client)) {
            watchers.push(client.clone());
        }
        self.watched.store(watchers.len(), Ordering::Release);
        self.key_wanted.store(true, Ordering::Release);
        self.alarm.ring();
    }

    /// No more media flows to the client.
    pub fn leave(&self, client: &Arc<Client>) {
        client.pause();
        let mut watchers = lock(&self.watchers);
        watchers.retain(|known| !Arc::ptr_eq(known, client));
        self.watched.store(watchers.len(), Ordering::Release);
    }

    /// The next session's RTP timestamps pass 2^32 after that many seconds.
    pub fn wrap_next_session(&self, seconds: u32) {
        self.wrap_after.store(seconds.max(1), Ordering::Release);
    }

    /// Sets the RTP clocks for a session that is about to play, if a wrap was asked for.
    pub fn begin_session(&self) {
        let seconds = self.wrap_after.swap(0, Ordering::AcqRel);
        if seconds == 0 {
            return;
        }
        let now = self.world.clock.monotonic();
        for track in [Track::Video, Track::Audio] {
            let rate = self.rate(track);
            let offset = 0u32.wrapping_sub(seconds.wrapping_mul(rate)).wrapping_sub(ticks(now, rate));
            self.offsets[track.id() as usize - 1].store(offset, Ordering::Release);
        }
    }

    /// The RTP timestamp of a track at that moment of the monotonic clock.
    pub fn timestamp(&self, track: Track, at: Duration) -> u32 {
        let rate = self.rate(track);
        let jump = if self.faults.active(Kind::TimestampsJump, at) { rate.wrapping_mul(3600) } else { 0 };
        let offset = self.offsets[track.id() as usize - 1].load(Ordering::Acquire);
        offset.wrapping_add(ticks(at, rate)).wrapping_add(jump)
    }

    /// Sends one unit, sampled at `at` on the monotonic clock, to everybody who watches.
    pub fn send(&self, track: Track, packets: &mut Packets, key: bool, at: Duration, now: Now) {
        if self.is_silent(now.monotonic) {
            return;
        }
        let sampled = now.wall + at.saturating_sub(now.monotonic) - now.monotonic.saturating_sub(at);
        let moment = Moment { monotonic: now.monotonic, wall: sampled, rtp: self.timestamp(track, at) };
        let timestamp = self.spoiled(track, moment.rtp, now.monotonic);
        let garbage = self.faults.active(Kind::Garbage, now.monotonic).then(|| self.noise(packets.octets()));
        let mut shipment = Shipment { track, packets, timestamp, key, moment, packet_writes: self.packet_writes };
        let mut watchers = lock(&self.watchers);
        for client in watchers.iter() {
            match &garbage {
                Some(noise) => client.garbage(track, noise),
                None => client.send(&mut shipment),
            }
        }
        watchers.retain(|client| !client.ending.has_begun());
        self.watched.store(watchers.len(), Ordering::Release);
    }

    fn is_silent(&self, now: Duration) -> bool {
        self.faults.active(Kind::Freeze, now) || self.faults.active(Kind::HalfOpen, now)
    }

    /// The timestamp with the fault `non-monotonic` applied: some repeat, some lie in the past.
    fn spoiled(&self, track: Track, timestamp: u32, now: Duration) -> u32 {
        if track == Track::Audio {
            return timestamp;
        }
        let (last, picture) =
            (self.last_timestamp.swap(timestamp, Ordering::Relaxed), self.pictures.fetch_add(1, Ordering::Relaxed));
        match picture {
            _ if !self.faults.active(Kind::NonMonotonic, now) => timestamp,
            n if n % 5 == 0 => last,
            n if n % 7 == 0 => timestamp.wrapping_sub(VIDEO_RATE / 5),
            _ => timestamp,
        }
    }

    fn noise(&self, len: usize) -> Vec<u8> {
        let mut noise = vec![0; len.clamp(1, 1400)];
        self.world.rng.fill(&mut noise);
        noise
    }

    fn rate(&self, track: Track) -> u32 {
        match track {
            Track::Video => VIDEO_RATE,
            Track::Audio => self.audio_rate,
        }
    }
}

fn ticks(time: Duration, rate: u32) -> u32 {
    ((time.as_nanos() * u128::from(rate) + 500_000_000) / 1_000_000_000) as u32
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::VideoCodec;

    fn stream(faults: &Arc<Faults>) -> Arc<Stream> {
        let video = VideoParams {
            codec: VideoCodec::H264,
            width: 16,
            height: 16,
            fps: None,
            vps: vec![],
            sps: vec![],
            pps: vec![],
        };
        let params = StreamParams { video, audio: None };
        Stream::new(params, faults, &Arc::default(), &World::test(1).0, false)
    }

    #[test]
    fn a_wrap_that_was_asked_for_comes_after_that_many_seconds() {
        let stream = stream(&Arc::default());
        stream.wrap_next_session(3);
        stream.begin_session();
        let before = stream.timestamp(Track::Video, Duration::from_millis(2_999));
        let after = stream.timestamp(Track::Video, Duration::from_millis(3_001));
        assert!(before > u32::MAX - 91 && after < 91, "{before} {after}");
    }

    #[test]
    fn a_jump_is_an_hour_and_falls_back() {
        let faults = Arc::new(Faults::default());
        let stream = stream(&faults);
        let at = |seconds| stream.timestamp(Track::Video, Duration::from_secs(seconds));
        let (one, five) = (at(1), at(5));
        faults.begin(Kind::TimestampsJump, Duration::ZERO, Duration::from_secs(4));
        assert_eq!(at(1).wrapping_sub(one), 3600 * VIDEO_RATE);
        assert_eq!(at(5), five);
    }

    #[test]
    fn non_monotonic_timestamps_repeat_and_go_back() {
        let faults = Arc::new(Faults::default());
        let stream = stream(&faults);
        faults.begin(Kind::NonMonotonic, Duration::ZERO, Duration::from_secs(10));
        let second = Duration::from_secs(1);
        let told: Vec<u32> = (0..8).map(|n| stream.spoiled(Track::Video, 100_000 + n * 9000, second)).collect();
        assert_eq!(told[5], 100_000 + 4 * 9000, "repeats the one before");
        assert_eq!(told[7], 100_000 + 7 * 9000 - 18_000, "200 ms in the past");
    }
}
