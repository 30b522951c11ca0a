//! MP4 files that others made, whole, fragmented and broken.

use crate::camera::{clip, run};
use media::mp4::{Movie, Params};
use std::io::Cursor;

const CODED: &str = "-c:v libx264 -bf 2 -g 30 -c:a aac";

/// Ordinary, with the index in front, and fragmented in two ways.
const FORMS: [&str; 4] = ["", "+faststart", "frag_keyframe+empty_moov", "frag_keyframe+empty_moov+default_base_moof"];

/// The same samples in each of the forms; none without ffmpeg.
fn forms(size: &str, seconds: u32) -> Option<Vec<Vec<u8>>> {
    let dir = tempfile::tempdir().unwrap();
    let (first, other) = (dir.path().join("0.mp4"), dir.path().join("1.mp4"));
    clip(&first, size, seconds, CODED)?;
    let remuxed = FORMS[1..].iter().map(|form| {
        let (from, to) = (first.to_str().unwrap(), other.to_str().unwrap());
        run("ffmpeg", &["-v", "error", "-y", "-i", from, "-c", "copy", "-movflags", form, to]).unwrap();
        std::fs::read(&other).unwrap()
    });
    Some(std::iter::once(std::fs::read(&first).unwrap()).chain(remuxed).collect())
}

#[test]
fn ordinary_and_fragmented_files_of_the_same_pictures_read_alike() {
    let Some(forms) = forms("320x240", 4) else { return };
    let mut read = Vec::new();
    for bytes in forms {
        let movie = Movie::read(&mut Cursor::new(&bytes)).unwrap();
        let samples = |at: usize| {
            let track = &movie.tracks[at];
            let load = |sample| track.load(sample, &mut Cursor::new(&bytes)).unwrap();
            track.samples.iter().map(|sample| (sample.key, load(sample))).collect::<Vec<_>>()
        };
        assert_eq!(movie.video().unwrap().1.width, 320);
        assert_eq!(movie.audio().unwrap().1.rate, 48_000);
        read.push((samples(0), samples(1)));
    }
    assert_eq!(read[0].0.len(), 60);
    assert_eq!(read[0].0.iter().filter(|(key, _)| *key).count(), 2);
    for other in &read[1..] {
        assert!(other == &read[0]);
    }
}

#[test]
fn a_file_with_any_byte_changed_or_cut_off_anywhere_does_no_harm() {
    let Some(forms) = forms("64x64", 2) else { return };
    for bytes in [&forms[1], &forms[3]] {
        let index_bytes = bytes.len().min(4000);
        for at in 0..index_bytes {
            let mut broken = bytes.clone();
            for value in [0x00, 0x01, 0x7f, 0xff] {
                broken[at] = value;
                if let Ok(movie) = Movie::read(&mut Cursor::new(&broken)) {
                    check(&movie, bytes.len() as u64);
                }
            }
            let _ = Movie::read(&mut Cursor::new(&bytes[..at]));
        }
    }
}

/// Nothing points outside the file.
fn check(movie: &Movie, len: u64) {
    for track in &movie.tracks {
        assert!(track.samples.iter().all(|sample| sample.offset + u64::from(sample.len) <= len));
        assert!(matches!(&track.params, Params::Audio(_) | Params::Video { length_size: 1..=4, .. }));
    }
}
