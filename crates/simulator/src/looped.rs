//! A stretch of coded pictures and sound that repeats without end: an MP4 file, or the loop of the load mode.

use crate::{
    packetize::Packets,
    sdp::{VIDEO_TYPE, audio_type},
};
use base::{Error, Result};
use media::{
    AudioCodec, AudioParams, StreamParams, Track, VideoCodec, VideoParams,
    mp4::{Movie, MovieTrack, Params, Sample},
};
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    time::Duration,
};

/// A file may hold this many bytes of pictures and sound, since all of them stay in memory.
const MAX_BYTES: u64 = 512 << 20;

/// A coded picture or piece of sound, cut into packets once and stamped for each client.
#[derive(Clone)]
pub(crate) struct Unit {
    pub track: Track,
    pub key: bool,
    /// When it is sent, from the start of the loop.
    pub at: Duration,
    /// When it is shown, from the start of the loop; later than `at` where pictures are reordered.
    pub shown: Duration,
    pub packets: Packets,
}

/// The units of a loop in the order of sending.
#[derive(Clone)]
pub(crate) struct Loop {
    pub params: StreamParams,
    pub units: Vec<Unit>,
    /// From the first picture to the end of the last.
    pub duration: Duration,
}

impl Loop {
    /// Puts pictures and sound in order. Sound that would reach over the end of the pictures is left out, so that the
    /// timestamps of each round follow those of the last.
    pub fn new(params: StreamParams, mut units: Vec<Unit>, duration: Duration) -> Result<Self> {
        units.retain(|unit| unit.at < duration);
        units.sort_by_key(|unit| unit.at);
        if !units.iter().any(|unit| unit.track == Track::Video && unit.key) || duration < Duration::from_millis(100) {
            return Err(Error::invalid("no loop: it needs a key frame and a tenth of a second of pictures"));
        }
        Ok(Self { params, units, duration })
    }

    /// Reads an MP4 file with H.264 or H.265 and perhaps AAC, Opus or G.711.
    pub fn read(path: &Path) -> Result<Self> {
        let unreadable =
            |error: std::io::Error| Error::invalid("the MP4 file cannot be read").field("file").because(error);
        let mut file = File::open(path).map_err(unreadable)?;
        let movie = Movie::read(&mut file)
            .map_err(|error| Error::invalid("not a usable MP4 file").field("file").because(error))?;
        let no_video = || Error::invalid("the MP4 file holds neither H.264 nor H.265").field("file");
        let (pictures, video) = movie.video().ok_or_else(no_video)?;
        let audio = movie.audio();
        let samples = pictures.samples.iter().chain(audio.iter().flat_map(|(track, _)| &track.samples));
        if samples.map(|sample| u64::from(sample.len)).sum::<u64>() > MAX_BYTES {
            return Err(Error::out_of_range("the MP4 file holds more than 512 MiB of pictures and sound").field("file"));
        }
        let first = pictures.samples.first().ok_or_else(no_video)?.dts;
        let end = pictures.samples.last().map_or(0, |last| last.dts + i64::from(last.duration));
        let duration = time(end - first, pictures.timescale);
        let mut units = read_video(&mut file, pictures, video).map_err(unreadable)?;
        if let Some((track, params)) = audio {
            units.extend(read_audio(&mut file, track, params, duration).map_err(unreadable)?);
        }
        let params = StreamParams { video: video.clone(), audio: audio.map(|(_, params)| params.clone()) };
        Self::new(params, units, duration)
    }
}

fn read_video(file: &mut File, track: &MovieTrack, video: &VideoParams) -> std::io::Result<Vec<Unit>> {
    let first = track.samples.first().map_or(0, |sample| sample.dts);
    let Params::Video { length_size, .. } = track.params else { return Ok(Vec::new()) };
    let read = |sample: &Sample| {
        let bytes = load(file, sample)?;
        let mut nals = nal_units(&bytes, usize::from(length_size));
        if sample.key {
            // A camera repeats its parameter sets before each key frame; most files hold them but once.
            nals.retain(|nal| !is_parameter_set(video.codec, nal));
            let sets = [&video.vps[..], &video.sps, &video.pps];
            nals.splice(0..0, sets.into_iter().filter(|set| !set.is_empty()));
        }
        let mut packets = Packets::new();
        match video.codec {
            VideoCodec::H264 => packets.h264(VIDEO_TYPE, &nals),
            VideoCodec::H265 => packets.h265(VIDEO_TYPE, &nals),
        }
        let (at, shown) = (time(sample.dts - first, track.timescale), time(sample.pts - first, track.timescale));
        Ok(Unit { track: Track::Video, key: sample.key, at, shown, packets })
    };
    track.samples.iter().map(read).collect()
}

fn read_audio(file: &mut File, track: &MovieTrack, audio: &AudioParams, end: Duration) -> std::io::Result<Vec<Unit>> {
    let first = track.samples.first().map_or(0, |sample| sample.dts);
    let mut units = Vec::new();
    for sample in &track.samples {
        let at = time(sample.dts - first, track.timescale);
        if at + time(i64::from(sample.duration), track.timescale) > end {
            break;
        }
        push_audio(audio, &load(file, sample)?, at, &mut units);
    }
    Ok(units)
}

/// Appends the units of one sample of sound: G.711 is cut into pieces of 50 ms.
pub(crate) fn push_audio(audio: &AudioParams, bytes: &[u8], at: Duration, units: &mut Vec<Unit>) {
    let is_g711 = matches!(audio.codec, AudioCodec::Pcma | AudioCodec::Pcmu);
    let second = audio.rate as usize * usize::from(audio.channels);
    let piece = if is_g711 { (second / 20).max(1) } else { bytes.len().max(1) };
    for (index, bytes) in bytes.chunks(piece).enumerate() {
        let mut packets = Packets::new();
        match audio.codec {
            AudioCodec::Aac => packets.aac(audio_type(audio), bytes),
            AudioCodec::Opus | AudioCodec::Pcma | AudioCodec::Pcmu => packets.whole(audio_type(audio), bytes),
        }
        let at = at + time((index * piece) as i64, second as u32);
        units.push(Unit { track: Track::Audio, key: false, at, shown: at, packets });
    }
}

fn load(mut file: &File, sample: &Sample) -> std::io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(sample.offset))?;
    let mut bytes = vec![0; sample.len as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The NAL units of a sample whose lengths take `size` bytes each; stops at a length that does not fit.
fn nal_units(mut sample: &[u8], size: usize) -> Vec<&[u8]> {
    let mut nals = Vec::new();
    while let Some((len, rest)) = sample.split_at_checked(size) {
        let len = len.iter().fold(0, |len, &byte| len << 8 | usize::from(byte));
        let Some((nal, next)) = rest.split_at_checked(len) else { break };
        if !nal.is_empty() {
            nals.push(nal);
        }
        sample = next;
    }
    nals
}

fn is_parameter_set(codec: VideoCodec, nal: &[u8]) -> bool {
    match codec {
        VideoCodec::H264 => matches!(nal[0] & 0x1F, 7 | 8),
        VideoCodec::H265 => matches!(nal[0] >> 1 & 0x3F, 32..=34),
    }
}

fn time(ticks: i64, scale: u32) -> Duration {
    let nanos = i128::from(ticks.max(0)) * 1_000_000_000 / i128::from(scale.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_film_is_named_not_believed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"not a film at all, but long enough for a box header").unwrap();
        assert_eq!(Loop::read(file.path()).err().unwrap().at_field(), Some("file"));
        assert!(Loop::read(Path::new("/nonexistent.mp4")).is_err());
    }

    #[test]
    fn broken_lengths_end_a_sample() {
        assert_eq!(nal_units(&[0, 2, 7, 7, 0, 9, 1], 2), [&[7, 7]]);
        assert!(nal_units(&[0xFF; 5], 4).is_empty());
        assert!(nal_units(&[], 4).is_empty());
    }

    #[test]
    fn g711_is_cut_into_pieces_that_follow_each_other() {
        let mut units = Vec::new();
        push_audio(&AudioParams::g711(AudioCodec::Pcma, 8000, 1), &[0xD5; 1000], Duration::from_secs(1), &mut units);
        let starts: Vec<_> = units.iter().map(|unit| unit.at.as_millis()).collect();
        assert_eq!(starts, [1000, 1050, 1100]);
        assert_eq!(units.iter().map(|unit| unit.packets.octets()).sum::<usize>(), 1000);
    }
}
