//! Every codec, from a file through RTP into fragments, and out as a file that ffmpeg plays to the last picture.

use crate::camera::{Recording, START, Source, clip, open, record, run};
use base::Range;
use media::{
    Track,
    fragment::{self, View},
    nal,
    virtual_mp4::Plan,
};
use std::{path::Path, time::Duration};

const CASES: [(&str, &str); 7] = [
    ("H.264 and AAC", "-c:v libx264 -bf 0 -g 30 -c:a aac -ar 16000"),
    ("H.264 with B-frames and AAC", "-c:v libx264 -bf 3 -g 30 -x264-params scenecut=0 -c:a aac"),
    ("H.264 with an open group of pictures", "-c:v libx264 -bf 2 -x264-params keyint=30:open-gop=1 -an"),
    (
        "H.264 baseline in slices and A-law",
        "-c:v libx264 -profile:v baseline -g 20 -slices 4 -c:a pcm_alaw -ar 8000 -f mov",
    ),
    ("H.265 and AAC", "-c:v libx265 -x265-params log-level=error:bframes=0:keyint=30 -c:a aac -ar 8000"),
    ("H.265 with B-frames", "-c:v libx265 -x265-params log-level=error:bframes=3:keyint=30 -an"),
    ("H.264 and Opus", "-c:v libx264 -bf 0 -g 30 -c:a libopus"),
];

#[test]
fn what_was_recorded_plays_to_the_last_picture_and_the_last_sound() {
    let dir = tempfile::tempdir().unwrap();
    for (index, (name, options)) in CASES.into_iter().enumerate() {
        let path = dir.path().join(format!("{index}.mp4"));
        let Some(()) = clip(&path, "320x240", 8, options) else { return };
        let (video, audio) = open(&path);
        let mut recording = Recording::default();
        record(&mut recording, START, &video, audio.as_ref());
        assert_eq!(recording.pictures() as usize, video.samples.len(), "{name}: pictures recorded");
        same_samples(name, &recording, &video, audio.as_ref());
        let out = dir.path().join(format!("{index}-out.mp4"));
        std::fs::write(&out, recording.export(recording.range())).unwrap();
        plays(name, &out, &[&video], 8.0);
        check_audio(name, &out, audio.as_ref());
    }
}

/// What was stored is what was sent, byte for byte.
fn same_samples(name: &str, recording: &Recording, video: &Source, audio: Option<&Source>) {
    let mut stored: [Vec<Vec<u8>>; 2] = Default::default();
    for it in &recording.stored {
        let view = View::parse(it.fragment.plain(), &recording.descriptions[0], it.entry.origin).unwrap();
        for sample in view.samples() {
            stored[usize::from(sample.track == Track::Audio)].push(view.data(sample).unwrap().to_vec());
        }
    }
    let sent = |source: &Source| source.samples.iter().map(|(_, sample)| sample.clone()).collect::<Vec<_>>();
    let params = &recording.descriptions[0].video;
    let mut sets = Vec::new();
    let known = [&params.vps, &params.sps, &params.pps];
    known.iter().filter(|set| !set.is_empty()).for_each(|set| nal::push_prefixed(set, &mut sets));
    let with_sets =
        |sample: Vec<u8>| if nal::is_key(params.codec, &sample) { [&sets[..], &sample].concat() } else { sample };
    assert!(stored[0].iter().cloned().eq(sent(video).into_iter().map(with_sets)), "{name}: pictures differ");
    assert!(stored[1] == audio.map(sent).unwrap_or_default(), "{name}: sounds differ");
}

/// ffmpeg decodes the file without a word and counts every picture; ffprobe tells its duration.
fn plays(name: &str, path: &Path, sources: &[&Source], seconds: f64) {
    let path = path.to_str().unwrap();
    let (_, complaints) = run("ffmpeg", &["-v", "error", "-i", path, "-f", "null", "-"]).unwrap();
    assert_eq!(complaints, "", "{name}");
    let count = "-v error -select_streams v -count_frames -show_entries stream=nb_read_frames -of csv=p=0";
    let (counted, _) = run("ffprobe", &[&count.split(' ').collect::<Vec<_>>()[..], &[path]].concat()).unwrap();
    let sent: usize = sources.iter().map(|source| source.samples.len()).sum();
    assert_eq!(counted.trim().trim_end_matches(','), sent.to_string(), "{name}: pictures decoded");
    let shown = duration(path);
    assert!((shown - seconds).abs() < 0.25, "{name}: {shown} s instead of {seconds}");
}

fn duration(path: &str) -> f64 {
    let ask = "-v error -show_entries format=duration -of csv=p=0";
    let (told, _) = run("ffprobe", &[&ask.split(' ').collect::<Vec<_>>()[..], &[path]].concat()).unwrap();
    told.trim().parse().unwrap()
}

fn check_audio(name: &str, path: &Path, audio: Option<&Source>) {
    let Some(audio) = audio else { return };
    let ask = "-v error -select_streams a -count_packets -show_entries stream=nb_read_packets -of csv=p=0";
    let (told, _) =
        run("ffprobe", &[&ask.split(' ').collect::<Vec<_>>()[..], &[path.to_str().unwrap()]].concat()).unwrap();
    assert_eq!(told.trim().trim_end_matches(','), audio.samples.len().to_string(), "{name}: sounds");
}

#[test]
fn a_range_with_new_parameters_and_a_pause_is_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [dir.path().join("a.mp4"), dir.path().join("b.mp4")];
    let Some(()) = clip(&paths[0], "320x240", 4, "-c:v libx264 -bf 0 -g 15 -c:a aac -ar 16000") else { return };
    clip(&paths[1], "640x360", 4, "-c:v libx264 -profile:v main -bf 0 -g 15 -c:a aac -ar 16000").unwrap();
    let (first, second) = (open(&paths[0]), open(&paths[1]));
    let mut recording = Recording::default();
    record(&mut recording, START, &first.0, first.1.as_ref());
    record(&mut recording, START + Duration::from_secs(60), &second.0, second.1.as_ref());
    assert_eq!(recording.descriptions.len(), 2);
    let out = dir.path().join("out.mp4");
    std::fs::write(&out, recording.export(recording.range())).unwrap();
    plays("two sizes", &out, &[&first.0, &second.0], 8.2);
}

#[test]
fn a_range_in_which_the_codecs_change_keeps_every_picture_and_sound() {
    let dir = tempfile::tempdir().unwrap();
    let paths = [dir.path().join("a.mp4"), dir.path().join("b.mp4")];
    let Some(()) = clip(&paths[0], "320x240", 3, "-c:v libx264 -bf 0 -g 15 -c:a aac -ar 16000") else { return };
    let h265 = "-c:v libx265 -x265-params log-level=error:bframes=0:keyint=15 -c:a pcm_alaw -ar 8000 -f mov";
    clip(&paths[1], "640x360", 3, h265).unwrap();
    let (first, second) = (open(&paths[0]), open(&paths[1]));
    let mut recording = Recording::default();
    record(&mut recording, START, &first.0, first.1.as_ref());
    record(&mut recording, START + Duration::from_secs(3), &second.0, second.1.as_ref());
    let out = dir.path().join("out.mp4");
    std::fs::write(&out, recording.export(recording.range())).unwrap();
    let path = out.to_str().unwrap();
    let (_, complaints) = run("ffmpeg", &["-v", "error", "-i", path, "-map", "0", "-f", "null", "-"]).unwrap();
    assert_eq!(complaints, "");
    let ask = "-v error -count_packets -show_entries stream=codec_name,nb_read_packets -of csv=p=0";
    let (told, _) = run("ffprobe", &[&ask.split(' ').collect::<Vec<_>>()[..], &[path]].concat()).unwrap();
    let sounds = |source: &Option<Source>| source.as_ref().unwrap().samples.len();
    let expected = format!("h264,45 aac,{} hevc,45 pcm_alaw,{}", sounds(&first.1), sounds(&second.1));
    assert_eq!(told.split_whitespace().collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn any_bytes_of_the_file_are_those_of_one_whole_download() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let Some(()) = clip(&path, "320x240", 6, "-c:v libx264 -bf 0 -g 15 -c:a aac") else { return };
    let (video, audio) = open(&path);
    let mut recording = Recording::default();
    record(&mut recording, START, &video, audio.as_ref());
    let wanted = Range::new(START + Duration::from_millis(1500), START + Duration::from_millis(4500)).unwrap();
    let plan = Plan::new(&recording.descriptions, &recording.entries(), wanted).unwrap();
    let whole = recording.export(wanted);
    assert_eq!(whole.len() as u64, plan.len());
    let mut seed = 12345u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    for _ in 0..200 {
        let start = random(plan.len());
        let end = start + 1 + random(plan.len() - start);
        assert!(recording.read(&plan, start..end) == whole[start as usize..end as usize], "{start}..{end}");
    }
    assert!(recording.read(&plan, plan.len()..plan.len() + 9).is_empty());
}

#[test]
fn playback_begins_at_the_wanted_instant_though_the_file_begins_at_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let Some(()) = clip(&path, "320x240", 8, "-c:v libx264 -bf 0 -g 30 -c:a aac") else { return };
    let (video, audio) = open(&path);
    let mut recording = Recording::default();
    record(&mut recording, START, &video, audio.as_ref());
    // From the middle of the second group of pictures to the end.
    let wanted = Range::new(recording.range().start + Duration::from_millis(3000), recording.range().end).unwrap();
    recording.stored.remove(0);
    let out = dir.path().join("out.mp4");
    std::fs::write(&out, recording.export(wanted)).unwrap();
    let path = out.to_str().unwrap();
    let shown = duration(path);
    assert!((shown - 5.0).abs() < 0.2, "{shown} s instead of 5");
    let ask = "-v error -select_streams v -show_entries packet=pts_time,flags -of csv=p=0";
    let (packets, _) = run("ffprobe", &[&ask.split(' ').collect::<Vec<_>>()[..], &[path]].concat()).unwrap();
    let first: f64 = packets.split(',').next().unwrap().parse().unwrap();
    assert!((first + 1.0).abs() < 0.05, "the key frame is {first} s from the beginning, not one second before it");
}

#[test]
fn a_fragment_after_its_initialisation_segment_plays_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let Some(()) = clip(&path, "320x240", 6, "-c:v libx264 -bf 0 -g 30 -c:a aac") else { return };
    let (video, audio) = open(&path);
    let mut recording = Recording::default();
    record(&mut recording, START, &video, audio.as_ref());
    let params = &recording.descriptions[0];
    let mut bytes = fragment::init_segment(params);
    for (index, stored) in recording.stored.iter().enumerate().skip(1) {
        let mut plain = stored.fragment.plain().to_vec();
        fragment::shift(&mut plain, params, stored.entry.origin, recording.range().start, index as u32).unwrap();
        bytes.extend(plain);
    }
    let out = dir.path().join("out.mp4");
    std::fs::write(&out, bytes).unwrap();
    let (_, complaints) = run("ffmpeg", &["-v", "error", "-i", out.to_str().unwrap(), "-f", "null", "-"]).unwrap();
    assert_eq!(complaints, "");
}

#[test]
fn live_parts_play_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let Some(()) = clip(&path, "320x240", 3, "-c:v libx264 -bf 0 -g 30 -c:a aac") else { return };
    let (video, audio) = open(&path);
    let mut recording = Recording::default();
    record(&mut recording, START, &video, audio.as_ref());
    let params = &recording.descriptions[0];
    let mut bytes = fragment::init_segment(params);
    let mut sequence = 0;
    for stored in &recording.stored {
        let view = View::parse(stored.fragment.plain(), params, stored.entry.origin).unwrap();
        for sample in view.samples() {
            sequence += 1;
            let part = fragment::Part {
                track: sample.track,
                sequence,
                dts: sample.dts.since(recording.range().start),
                offset: sample.pts.micros_from(sample.dts),
                duration: sample.duration,
                key: sample.key,
                data: view.data(sample).unwrap(),
            };
            bytes.extend(fragment::part(params, &part));
        }
    }
    let out = dir.path().join("out.mp4");
    std::fs::write(&out, bytes).unwrap();
    plays("live", &out, &[&video], 3.0);
}
