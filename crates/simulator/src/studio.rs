//! A camera that looks at a drawn scene: one thread draws, encodes and sends while somebody watches.

use crate::{
    camera::{Alarm, Camera, Faults, Mask, Now, Stream},
    config::Daylight,
    encode::{Encoder, Settings, params},
    fault::Kind,
    packetize::Packets,
    reorder::rewrite,
    scene::{Light, Scene, canvas::Yuv},
    sdp::VIDEO_TYPE,
    sound,
};
use base::{Result, Shutdown, Time, World};
use media::{AudioCodec, AudioParams, StreamParams, Track, g711};
use std::{sync::Arc, time::Duration};

pub(crate) const MAIN: Settings = Settings { fps: 10, rate: 1_800_000, most_qp: 38 };
pub(crate) const SUB: Settings = Settings { fps: 5, rate: 250_000, most_qp: 40 };

/// Time between two main pictures.
const PERIOD: Duration = Duration::from_millis(1000 / MAIN.fps as u64);

/// Samples of sound between two main pictures, sent as one packet.
const SOUND: usize = (sound::RATE / MAIN.fps) as usize;

/// The scene stays awake for that long after the last viewer has left.
const LINGER: Duration = Duration::from_secs(2);

/// A scene with its encoders.
pub(crate) struct Studio {
    scene: Scene,
    daylight: Daylight,
    main: Output,
    sub: Output,
    faults: Arc<Faults>,
    mask: Arc<Mask>,
    alarm: Arc<Alarm>,
    world: World,
    packets: Packets,
    small: bool,
}

/// One of the two streams.
struct Output {
    encoder: Encoder,
    settings: Settings,
    stream: Arc<Stream>,
    /// The fault `b-frames`, as it stood at the last key frame.
    reordering: bool,
    /// A picture that is coded after the one that follows it.
    held: Option<(Yuv, Duration)>,
    key_at: Duration,
    frame_num_bits: u32,
    packets: Packets,
}

impl Studio {
    /// The n-th camera, counted from 0. Draws and codes one picture, so that the streams can be described.
    pub fn new(number: usize, daylight: Daylight, world: &World) -> Result<(Self, Camera)> {
        let light = Light::at(daylight, world.clock.now());
        let mut scene = Scene::new(number, light);
        scene.draw(world.clock.now(), light);
        let (faults, alarm) = (Arc::new(Faults::default()), Arc::new(Alarm::default()));
        let open = |settings, picture: &_| Output::open(settings, picture, &faults, &alarm, world);
        let main = open(MAIN, scene.picture())?;
        let sub = open(SUB, scene.half())?;
        let camera = Camera::new(main.stream.clone(), sub.stream.clone(), faults.clone());
        let (world, packets, mask) = (world.clone(), Packets::new(), camera.mask.clone());
        Ok((Self { scene, daylight, main, sub, faults, mask, alarm, world, packets, small: false }, camera))
    }

    /// What wakes the studio from its sleep.
    pub fn alarm(&self) -> Arc<Alarm> {
        self.alarm.clone()
    }

    /// Draws and sends until told to stop; an encoder's failure ends the camera.
    pub fn run(mut self, stop: &Shutdown) -> Result<()> {
        let mut watched_at = Duration::ZERO;
        let mut picture = self.due(self.world.clock.monotonic()) + 1;
        while !stop.has_begun() {
            let now = self.world.clock.monotonic();
            if self.main.stream.is_watched() || self.sub.stream.is_watched() {
                watched_at = now;
            } else if now.saturating_sub(watched_at) > LINGER {
                self.alarm.sleep(Duration::from_secs(3600));
                picture = picture.max(self.due(self.world.clock.monotonic()));
                continue;
            }
            let at = PERIOD * picture;
            if now < at {
                self.alarm.sleep(at - now);
                continue;
            }
            self.shoot(picture, at)?;
            // A machine that is too slow skips pictures and stays in time.
            picture = (picture + 1).max(self.due(self.world.clock.monotonic()));
        }
        Ok(())
    }

    /// The picture that is due at that moment.
    fn due(&self, now: Duration) -> u32 {
        (now.as_millis() / PERIOD.as_millis()) as u32
    }

    /// Takes and sends the picture of the moment `at`, and the sound that ends with it.
    fn shoot(&mut self, picture: u32, at: Duration) -> Result<()> {
        let now = Now::of(&self.world);
        let taken = now.wall - now.monotonic.saturating_sub(at);
        self.scene.draw(taken, Light::at(self.daylight, taken));
        self.resize(now)?;
        let reorder = self.faults.active(Kind::BFrames, now.monotonic);
        let sub_too = picture.is_multiple_of(MAIN.fps / SUB.fps);
        let (picture, half) = (self.mask.applied(self.scene.picture()), self.mask.applied(self.scene.half()));
        if self.small {
            self.main.take(&picture.three_quarters(), reorder, at, now)?;
            if sub_too {
                self.sub.take(&half.three_quarters(), reorder, at, now)?;
            }
        } else {
            self.main.take(&picture, reorder, at, now)?;
            if sub_too {
                self.sub.take(&half, reorder, at, now)?;
            }
        }
        self.send_sound(taken, at, now);
        Ok(())
    }

    /// Follows the fault `resolution`.
    fn resize(&mut self, now: Now) -> Result<()> {
        let small = self.faults.active(Kind::Resolution, now.monotonic);
        if small != self.small {
            self.small = small;
            self.main.reset()?;
            self.sub.reset()?;
        }
        Ok(())
    }

    fn send_sound(&mut self, taken: Time, at: Duration, now: Now) {
        let (mut linear, mut coded) = (Vec::with_capacity(SOUND), Vec::with_capacity(SOUND));
        sound::samples(taken - PERIOD, SOUND, &mut linear);
        g711::encode_alaw(&linear, &mut coded);
        self.packets.clear();
        self.packets.whole(8, &coded);
        for output in [&self.main, &self.sub] {
            output.stream.send(Track::Audio, &mut self.packets, false, at.saturating_sub(PERIOD), now);
        }
    }
}

impl Output {
    fn open(
        settings: Settings,
        picture: &Yuv,
        faults: &Arc<Faults>,
        alarm: &Arc<Alarm>,
        world: &World,
    ) -> Result<Self> {
        let mut encoder = Encoder::new(settings)?;
        let video = params(&encoder.encode(picture)?.nals(), picture.width, picture.height, settings.fps)
            .ok_or_else(|| base::Error::internal("the H.264 encoder began without parameter sets"))?;
        let audio = Some(AudioParams::g711(AudioCodec::Pcma, sound::RATE, 1));
        let stream = Stream::new(StreamParams { video, audio }, faults, alarm, world, false);
        Ok(Self {
            encoder,
            settings,
            stream,
            reordering: false,
            held: None,
            key_at: Duration::ZERO,
            frame_num_bits: 4,
            packets: Packets::new(),
        })
    }

    /// Begins anew, for pictures of another size.
    fn reset(&mut self) -> Result<()> {
        self.encoder = Encoder::new(self.settings)?;
        self.held = None;
        Ok(())
    }

    /// Takes the next picture. In the order 0 2 1 4 3 every other one waits for its successor; the last before a key
    /// frame and the key frame itself never wait.
    fn take(&mut self, picture: &Yuv, reorder: bool, at: Duration, now: Now) -> Result<()> {
        if !self.stream.is_watched() {
            self.held = None;
            return Ok(());
        }
        let key = self.stream.takes_key_request() || reorder != self.reordering || self.encoder.until_key() == 0;
        match self.held.take() {
            Some((earlier, earlier_at)) if key => self.send(&earlier, earlier_at, now)?,
            Some((earlier, earlier_at)) => {
                self.send(picture, at, now)?;
                return self.send(&earlier, earlier_at, now);
            }
            None if !key && self.reordering && self.encoder.until_key() > 1 => {
                self.held = Some((picture.clone(), at));
                return Ok(());
            }
            None => {}
        }
        if key {
            (self.reordering, self.key_at) = (reorder, at);
            self.encoder.force_key();
        }
        self.send(picture, at, now)
    }

    fn send(&mut self, picture: &Yuv, at: Duration, now: Now) -> Result<()> {
        let coded = self.encoder.encode(picture)?;
        let order = at.saturating_sub(self.key_at).as_millis() as u32 * self.settings.fps / 1000;
        let rewritten = self.reordering.then(|| rewrite(&coded.nals(), 2 * order, &mut self.frame_num_bits)).flatten();
        let nals = match &rewritten {
            Some(units) => units.iter().map(Vec::as_slice).collect(),
            None => coded.nals(),
        };
        if let Some(video) = params(&nals, picture.width, picture.height, self.settings.fps) {
            self.stream.set_video(video);
        }
        self.packets.clear();
        self.packets.h264(VIDEO_TYPE, &nals);
        self.stream.send(Track::Video, &mut self.packets, coded.key, at, now);
        Ok(())
    }
}
