//! `ftyp` and `moov` of a fragmented MP4 (ISO/IEC 14496-12, 14496-14, 14496-15), with one or more sample descriptions.

use crate::{AudioCodec, AudioParams, VIDEO_RATE, VideoCodec, VideoParams, boxes::Writer, h264, h265};

/// Ticks a second of the movie header and of edit lists.
pub(crate) const MOVIE_RATE: u32 = 1000;

/// What a track holds: one or more descriptions of one kind.
pub(crate) enum Entries<'a> {
    Video(Vec<&'a VideoParams>),
    Audio(Vec<&'a AudioParams>),
}

/// A track of the movie.
pub(crate) struct TrackBox<'a> {
    pub(crate) id: u32,
    pub(crate) entries: Entries<'a>,
}

/// What part of the timeline is played, in microseconds: from `start`, for `duration`.
#[derive(Clone, Copy)]
pub(crate) struct Edit {
    pub(crate) start: i64,
    pub(crate) duration: i64,
}

/// `ftyp` and `moov` of `tracks`.
pub(crate) fn write(tracks: &[TrackBox<'_>], edit: Option<Edit>) -> Vec<u8> {
    let mut out = Writer::default();
    out.atom(b"ftyp", |out| {
        out.put(b"iso6");
        out.u32(1);
        [b"iso6", b"iso5", b"isom", b"mp41"].iter().for_each(|brand| out.put(*brand));
    });
    let duration = edit.map_or(0, |edit| scale(edit.duration, MOVIE_RATE) as u64);
    out.atom(b"moov", |out| {
        mvhd(out, duration, tracks.len() as u32);
        tracks.iter().for_each(|track| out.atom(b"trak", |out| trak(out, track, edit, duration)));
        out.atom(b"mvex", |out| {
            if duration > 0 {
                out.full(b"mehd", 1, 0, |out| out.u64(duration));
            }
            tracks.iter().for_each(|track| trex(out, track.id));
        });
    });
    out.bytes
}

/// Microseconds in ticks of `rate`, rounded down, so that equal instants have equal ticks.
pub(crate) fn scale(micros: i64, rate: u32) -> i64 {
    (i128::from(micros) * i128::from(rate)).div_euclid(1_000_000) as i64
}

fn mvhd(out: &mut Writer, duration: u64, tracks: u32) {
    out.full(b"mvhd", 1, 0, |out| {
        out.zeros(16);
        out.u32(MOVIE_RATE);
        out.u64(duration);
        out.u32(0x0001_0000);
        out.u16(0x0100);
        out.zeros(10);
        matrix(out);
        out.zeros(24);
        out.u32(tracks + 1);
    });
}

fn matrix(out: &mut Writer) {
    [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000].iter().for_each(|&word| out.u32(word));
}

fn trex(out: &mut Writer, track: u32) {
    out.full(b"trex", 0, 0, |out| {
        out.u32(track);
        out.u32(1);
        out.zeros(12);
    });
}

fn trak(out: &mut Writer, track: &TrackBox<'_>, edit: Option<Edit>, duration: u64) {
    const ENABLED_IN_MOVIE: u32 = 3;
    let (rate, handler, name, width, height, volume) = match &track.entries {
        Entries::Video(all) => {
            let side = |of: fn(&VideoParams) -> u32| all.iter().map(|params| of(params)).max().unwrap_or(0);
            (VIDEO_RATE, b"vide", &b"video\0"[..], side(|it| it.width), side(|it| it.height), 0)
        }
        Entries::Audio(all) => (all.first().map_or(0, |it| it.rate), b"soun", &b"audio\0"[..], 0, 0, 0x0100),
    };
    out.full(b"tkhd", 1, ENABLED_IN_MOVIE, |out| {
        out.zeros(16);
        out.u32(track.id);
        out.u32(0);
        out.u64(duration);
        out.zeros(12);
        out.u16(volume);
        out.u16(0);
        matrix(out);
        out.u32(width << 16);
        out.u32(height << 16);
    });
    if let Some(edit) = edit {
        out.atom(b"edts", |out| elst(out, edit, rate));
    }
    out.atom(b"mdia", |out| {
        out.full(b"mdhd", 1, 0, |out| {
            out.zeros(16);
            out.u32(rate);
            out.u64(0);
            out.u16(UNDETERMINED_LANGUAGE);
            out.u16(0);
        });
        out.full(b"hdlr", 0, 0, |out| {
            out.u32(0);
            out.put(handler);
            out.zeros(12);
            out.put(name);
        });
        out.atom(b"minf", |out| minf(out, &track.entries));
    });
}

/// `und` in three times five bits.
const UNDETERMINED_LANGUAGE: u16 = 0x55c4;

fn elst(out: &mut Writer, edit: Edit, rate: u32) {
    out.full(b"elst", 1, 0, |out| {
        out.u32(1);
        out.u64(scale(edit.duration, MOVIE_RATE) as u64);
        out.u64(scale(edit.start, rate) as u64);
        out.u32(0x0001_0000);
    });
}

fn minf(out: &mut Writer, entries: &Entries<'_>) {
    match entries {
        Entries::Video(_) => out.full(b"vmhd", 0, 1, |out| out.zeros(8)),
        Entries::Audio(_) => out.full(b"smhd", 0, 0, |out| out.zeros(4)),
    }
    out.atom(b"dinf", |out| {
        out.full(b"dref", 0, 0, |out| {
            out.u32(1);
            out.full(b"url ", 0, 1, |_| {});
        });
    });
    out.atom(b"stbl", |out| {
        out.full(b"stsd", 0, 0, |out| match entries {
            Entries::Video(all) => {
                out.u32(all.len() as u32);
                all.iter().for_each(|params| video_entry(out, params));
            }
            Entries::Audio(all) => {
                out.u32(all.len() as u32);
                all.iter().for_each(|params| audio_entry(out, params));
            }
        });
        [b"stts", b"stsc", b"stco"].iter().for_each(|kind| out.full(kind, 0, 0, |out| out.u32(0)));
        out.full(b"stsz", 0, 0, |out| out.zeros(8));
    });
}

/// `avc1` or `hvc1`: parameter sets are in the description alone.
fn video_entry(out: &mut Writer, params: &VideoParams) {
    let (kind, config, record) = match params.codec {
        VideoCodec::H264 => (b"avc1", b"avcC", h264::avcc(params)),
        VideoCodec::H265 => (b"hvc1", b"hvcC", h265::hvcc(params)),
    };
    out.atom(kind, |out| {
        entry_head(out);
        out.zeros(16);
        out.u16(params.width as u16);
        out.u16(params.height as u16);
        out.u32(0x0048_0000);
        out.u32(0x0048_0000);
        out.u32(0);
        out.u16(1);
        out.zeros(32);
        out.u16(0x0018);
        out.u16(0xffff);
        out.atom(config, |out| out.put(&record));
    });
}

fn entry_head(out: &mut Writer) {
    out.zeros(6);
    out.u16(1);
}

fn audio_entry(out: &mut Writer, params: &AudioParams) {
    let kind = match params.codec {
        AudioCodec::Aac => b"mp4a",
        AudioCodec::Opus => b"Opus",
        AudioCodec::Pcma => b"alaw",
        AudioCodec::Pcmu => b"ulaw",
    };
    out.atom(kind, |out| {
        entry_head(out);
        out.zeros(8);
        out.u16(u16::from(params.channels));
        out.u16(16);
        out.u32(0);
        out.u32(u16::try_from(params.rate).map_or(0, |rate| u32::from(rate) << 16));
        match params.codec {
            AudioCodec::Aac => out.full(b"esds", 0, 0, |out| es_descriptor(out, &params.config)),
            AudioCodec::Opus => out.atom(b"dOps", |out| opus_specific(out, params)),
            AudioCodec::Pcma | AudioCodec::Pcmu => {}
        }
    });
}

/// ISO/IEC 14496-1 7.2.6.5, with an AudioSpecificConfig.
fn es_descriptor(out: &mut Writer, config: &[u8]) {
    const ES: u8 = 3;
    const DECODER_CONFIG: u8 = 4;
    const DECODER_SPECIFIC: u8 = 5;
    const SL_CONFIG: u8 = 6;
    const AAC: u8 = 0x40;
    const AUDIO_STREAM: u8 = 0x15;
    let config = &config[..config.len().min(64)];
    let specific = 2 + config.len() as u8;
    out.put(&[ES, 3 + 2 + 13 + specific + 3, 0, 0, 0]);
    out.put(&[DECODER_CONFIG, 13 + specific, AAC, AUDIO_STREAM]);
    out.zeros(11);
    out.put(&[DECODER_SPECIFIC, config.len() as u8]);
    out.put(config);
    out.put(&[SL_CONFIG, 1, 2]);
}

/// Encapsulation of Opus in ISO Base Media File Format 4.3.2.
fn opus_specific(out: &mut Writer, params: &AudioParams) {
    out.put(&[0, params.channels]);
    out.u16(crate::opus::PRE_SKIP);
    out.u32(params.rate);
    out.zeros(3);
}
