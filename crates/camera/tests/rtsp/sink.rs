//! A sink that keeps what it is given and lets a test wait for it.

use base::Time;
use camera::{Error, Sink};
use media::{
    AudioParams, Track, VideoParams,
    rtcp::SenderReport,
    rtp::{Depacketizer, Unit},
};
use std::{
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

/// What a sink was given so far.
#[derive(Clone, Default)]
pub struct Kept {
    pub video: Vec<(Unit, Vec<u8>, Instant)>,
    pub audio: Vec<(Unit, Vec<u8>)>,
    pub reports: usize,
    pub video_params: Option<VideoParams>,
    pub audio_params: Option<AudioParams>,
    pub ended: Option<Result<(), Error>>,
}

#[derive(Clone, Default)]
pub struct Watch(Arc<(Mutex<Kept>, Condvar)>);

#[derive(Default)]
pub struct Keeper {
    video: Vec<u8>,
    audio: Vec<u8>,
    watch: Watch,
}

impl Keeper {
    pub fn new() -> (Box<Self>, Watch) {
        let keeper = Self::default();
        let watch = keeper.watch.clone();
        (Box::new(keeper), watch)
    }
}

impl Watch {
    fn change(&self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    pub fn kept(&self) -> Kept {
        self.0.0.lock().unwrap().clone()
    }

    /// Waits until `done`; panics after `limit`.
    pub fn wait(&self, limit: Duration, what: &str, done: impl Fn(&Kept) -> bool) -> Kept {
        let kept = self.0.0.lock().unwrap();
        let (kept, waited) = self.0.1.wait_timeout_while(kept, limit, |kept| !done(kept)).unwrap();
        assert!(
            !waited.timed_out(),
            "waited {limit:?} for {what}; {} pictures came, ended {:?}",
            kept.video.len(),
            kept.ended
        );
        kept.clone()
    }

    pub fn set_ended(&self, result: Result<(), Error>) {
        self.change(|kept| {
            assert!(kept.ended.is_none(), "ended twice");
            kept.ended = Some(result);
        });
    }

    pub fn end(&self, limit: Duration) -> Result<(), Error> {
        self.wait(limit, "the end", |kept| kept.ended.is_some()).ended.unwrap()
    }
}

impl Sink for Keeper {
    fn buffer(&mut self, track: Track) -> &mut Vec<u8> {
        match track {
            Track::Video => &mut self.video,
            Track::Audio => &mut self.audio,
        }
    }

    fn unit(&mut self, track: Track, unit: &Unit, depacketizer: &Depacketizer, _: Time) {
        let buffer = self.buffer(track);
        let bytes = buffer.split_off(buffer.len() - unit.len);
        self.watch.change(|kept| match track {
            Track::Video => {
                kept.video.push((*unit, bytes, Instant::now()));
                kept.video_params = depacketizer.video_params().cloned();
            }
            Track::Audio => {
                kept.audio.push((*unit, bytes));
                kept.audio_params = depacketizer.audio_params().cloned();
            }
        });
    }

    fn sender_report(&mut self, _: Track, _: &SenderReport, _: i64, _: Time) {
        self.watch.change(|kept| kept.reports += 1);
    }

    fn drained(&mut self) {}

    fn ended(&mut self, result: Result<(), Error>) {
        self.watch.set_ended(result);
    }
}
