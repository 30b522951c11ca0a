//! HLS media playlists (RFC 8216) from the index.

use crate::Entry;
use std::{fmt::Write as _, time::Duration};

/// A longer pause between two fragments is a discontinuity.
const PAUSE: Duration = Duration::from_millis(200);

/// A playlist of fMP4 segments, one an entry. `map` names the initialisation segment of a description, `segment` the
/// fragment of an index. `ended` says that nothing will be added.
pub fn playlist(
    entries: &[Entry],
    map: impl Fn(u32) -> String,
    segment: impl Fn(usize) -> String,
    ended: bool,
) -> String {
    let longest = entries.iter().map(|entry| entry.duration.as_secs_f64().round() as u64).max().unwrap_or(0).max(1);
    let kind = if ended { "#EXT-X-PLAYLIST-TYPE:VOD\n" } else { "" };
    let mut text =
        format!("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{longest}\n#EXT-X-MEDIA-SEQUENCE:0\n{kind}");
    let mut before: Option<&Entry> = None;
    for (index, entry) in entries.iter().enumerate() {
        let new_map = before.is_none_or(|before| before.description != entry.description);
        let seam = before.is_some_and(|before| new_map || !follows(before, entry));
        if seam {
            text += "#EXT-X-DISCONTINUITY\n";
        }
        if new_map {
            let _ = writeln!(text, "#EXT-X-MAP:URI=\"{}\"", map(entry.description));
        }
        if seam || before.is_none() {
            let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", entry.time);
        }
        let _ = writeln!(text, "#EXTINF:{:.5},\n{}", entry.duration.as_secs_f64(), segment(index));
        before = Some(entry);
    }
    if ended {
        text += "#EXT-X-ENDLIST\n";
    }
    text
}

/// Whether the fragment comes right after the one before.
fn follows(before: &Entry, entry: &Entry) -> bool {
    let apart = entry.time.micros_from(before.time + before.duration);
    apart.unsigned_abs() <= PAUSE.as_micros() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;

    fn entry(seconds: i64, description: u32) -> Entry {
        let time = Time::from_micros(1_790_000_000_000_000 + seconds * 1_000_000);
        Entry { time, duration: Duration::from_secs(2), len: 1, description, origin: time, key: true }
    }

    #[test]
    fn maps_pauses_and_the_end_are_told() {
        let entries = [entry(0, 0), entry(2, 0), entry(60, 0), entry(62, 1)];
        let text = playlist(&entries, |map| format!("init{map}.mp4"), |index| format!("{index}.m4s"), true);
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n\
            #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"init0.mp4\"\n\
            #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:13:20Z\n#EXTINF:2.00000,\n0.m4s\n#EXTINF:2.00000,\n1.m4s\n\
            #EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:14:20Z\n#EXTINF:2.00000,\n2.m4s\n\
            #EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init1.mp4\"\n\
            #EXT-X-PROGRAM-DATE-TIME:2026-09-21T14:14:22Z\n#EXTINF:2.00000,\n3.m4s\n#EXT-X-ENDLIST\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_growing_or_empty_playlist_has_no_end() {
        let text = playlist(&[], |_| String::new(), |_| String::new(), false);
        assert_eq!(text, "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n");
    }
}
