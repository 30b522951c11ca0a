//! RTSP over TCP: the same frames come out however the bytes were cut by the network.
#![no_main]

use media::interleaved::{Frame, Splitter};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&cut, data)) = data.split_first() else { return };
    let whole = frames([data]);
    let cut = frames(data.chunks(usize::from(cut).max(1)));
    assert_eq!(whole, cut);
});

/// The frames, each as its channel (none for text) and its bytes.
fn frames<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Option<u8>, Vec<u8>)> {
    let (mut splitter, mut frames) = (Splitter::new(), Vec::new());
    for read in reads {
        splitter.feed(read, |frame| {
            frames.push(match frame {
                Frame::Binary { channel, payload } => (Some(channel), payload.to_vec()),
                Frame::Text(text) => (None, text.to_vec()),
            });
        });
    }
    frames
}
