//! Networks that lose, repeat and reorder packets.

use crate::camera::Sender;
use media::{
    VideoCodec, nal,
    rtp::{Depacketizer, Packet, Unit},
    sdp,
};
use proptest::prelude::*;

fn h264() -> sdp::Media {
    sdp::parse(b"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n").unwrap().media.remove(0)
}

/// A picture: one slice of `len` bytes whose first bit says that it is the first of its picture.
fn picture(key: bool, len: usize, fill: u8) -> Vec<u8> {
    let mut slice = vec![fill | 1; len];
    slice[0] = if key { 0x65 } else { 0x41 };
    slice[1] = 0x88;
    let mut sample = Vec::new();
    nal::push_prefixed(&slice, &mut sample);
    sample
}

/// Pushes packets and takes the units out with their bytes, as a recorder that takes each at once.
fn units(depacketizer: &mut Depacketizer, packets: &[Vec<u8>]) -> Vec<(Unit, Vec<u8>)> {
    let mut out = b"before".to_vec();
    let mut units = Vec::new();
    for packet in packets {
        let mut unit = depacketizer.push(&Packet::parse(packet).unwrap(), &mut out);
        while let Ok(Some(it)) = unit {
            let bytes = out.split_off(out.len() - it.len);
            units.push((it, bytes));
            unit = depacketizer.more(&mut out);
        }
    }
    assert_eq!(&out[..6], b"before");
    units
}

fn stream(pictures: usize) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut sender = Sender::new();
    let samples: Vec<_> = (0..pictures).map(|at| picture(at % 10 == 0, 3000 + at, at as u8)).collect();
    let packets = samples.iter().zip(0..).flat_map(|(sample, at)| sender.video(VideoCodec::H264, at * 6000, sample));
    (packets.collect(), samples)
}

#[test]
fn a_unit_with_a_hole_is_taken_back_and_told_until_the_next_key() {
    let (mut packets, samples) = stream(20);
    packets.remove(3 * 4 + 1);
    let got = units(&mut Depacketizer::new(&h264()).unwrap(), &packets);
    assert_eq!(got.len(), 19, "picture 4 is gone");
    for (unit, bytes) in &got {
        let at = (unit.timestamp / 6000) as usize;
        assert!(bytes == &samples[at], "picture {at}");
        assert_eq!(unit.lost, u16::from(at == 5), "picture {at}");
        assert_eq!(unit.broken, (5..10).contains(&at), "picture {at}");
        assert_eq!(unit.key, at.is_multiple_of(10));
    }
}

#[test]
fn a_camera_that_sets_no_marker_is_cut_at_its_timestamps() {
    let (mut packets, samples) = stream(12);
    packets.iter_mut().for_each(|packet| packet[1] &= 0x7f);
    let got = units(&mut Depacketizer::new(&h264()).unwrap(), &packets);
    assert!(got.iter().map(|(_, bytes)| bytes).eq(&samples[..11]), "the last is still open");
}

#[test]
fn a_camera_that_marks_every_slice_is_found_out() {
    let mut sender = Sender::new();
    let mut packets = Vec::new();
    for at in 0..6 {
        let (mut first, mut second) = (vec![9; 100], vec![9; 100]);
        (first[0], first[1]) = (if at == 0 { 0x65 } else { 0x41 }, 0x88);
        (second[0], second[1]) = (first[0], 0x40);
        packets.push(sender.packet(at * 6000, true, &[&first]));
        packets.push(sender.packet(at * 6000, true, &[&second]));
    }
    let got = units(&mut Depacketizer::new(&h264()).unwrap(), &packets);
    let whole: Vec<_> = got.iter().filter(|(unit, _)| unit.len == 208).map(|(unit, _)| unit.timestamp).collect();
    assert_eq!(whole, [6000, 12000, 18000, 24000], "whole pictures from the second on");
}

#[test]
fn every_key_has_its_parameter_sets_no_delimiter_and_start_codes_split() {
    const SPS: [u8; 25] = [
        0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00,
        0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x48,
    ];
    const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];
    let slice = picture(true, 50, 3);
    let mut sender = Sender::new();
    let embedded = [&[9, 0xf0, 0, 0, 0, 1][..], &SPS, &[0, 0, 0, 1], &PPS, &[0, 0, 1], &slice[4..]].concat();
    let mut aggregate = vec![0x78];
    for nal in [&SPS[..], &PPS, &[6, 5, 1, 0x80], &slice[4..]] {
        aggregate.extend((nal.len() as u16).to_be_bytes());
        aggregate.extend(nal);
    }
    let packets = [
        sender.packet(0, true, &[&embedded]),
        sender.packet(6000, true, &[&SPS]),
        sender.packet(6000, false, &[&PPS]),
        sender.packet(6000, true, &[&slice[4..]]),
        sender.packet(12000, true, &[&aggregate]),
        sender.packet(18000, true, &[&slice[4..]]),
    ];
    let mut depacketizer = Depacketizer::new(&h264()).unwrap();
    assert!(depacketizer.video_params().is_none());
    let got = units(&mut depacketizer, &packets);
    let params = depacketizer.video_params().unwrap();
    assert_eq!((params.width, params.height, &params.sps[..]), (640, 360, &SPS[..]));
    assert_eq!(got.iter().map(|(unit, _)| unit.params_changed).collect::<Vec<_>>(), [true, false, false, false]);
    let mut picture = Vec::new();
    [&SPS[..], &PPS, &slice[4..]].iter().for_each(|nal| nal::push_prefixed(nal, &mut picture));
    assert!(got[0].1 == picture && got[1].1 == picture && got[3].1 == picture, "sets, then the slice");
    assert_eq!(nal::prefixed(&got[2].1).count(), 4, "the enhancement information is kept");
}

#[test]
fn aac_comes_alone_together_and_in_parts() {
    let media = sdp::parse(
        b"m=audio 0 RTP/AVP 96\na=rtpmap:96 mpeg4-generic/16000/1\n\
          a=fmtp:96 mode=AAC-hbr;config=1408;sizelength=13;indexlength=3;indexdeltalength=3\n",
    );
    let mut sender = Sender::new();
    let (a, b, c, big) = (vec![1; 100], vec![2; 200], vec![3; 50], vec![4; 2000]);
    let part = |bytes: &[u8]| [&[0, 16][..], &(2000u16 << 3).to_be_bytes(), bytes].concat();
    let packets = [
        sender.aac(0, &[&a]),
        sender.aac(1024, &[&b, &c, &a]),
        sender.packet(4096, false, &[&part(&big[..1400])]),
        sender.packet(4096, true, &[&part(&big[1400..])]),
        sender.aac(5120, &[&b]),
    ];
    let expected = [(0, &a), (1024, &b), (2048, &c), (3072, &a), (4096, &big), (5120, &b)];
    let mut depacketizer = Depacketizer::new(&media.unwrap().media[0]).unwrap();
    let got = units(&mut depacketizer, &packets);
    assert!(got.iter().map(|(unit, bytes)| (unit.timestamp, bytes)).eq(expected));
    let got = units(&mut depacketizer, &[packets[2].clone(), packets[4].clone()]);
    assert!(got.iter().all(|(_, bytes)| bytes.len() == 200), "an unfinished part is taken back");
}

#[test]
fn h265_comes_alone_aggregated_and_in_parts() {
    let media = sdp::parse(b"m=video 0 RTP/AVP 96\na=rtpmap:96 H265/90000\n").unwrap().media.remove(0);
    let slice = |kind: u8, len: usize| {
        let mut slice = vec![7; len];
        (slice[0], slice[1], slice[2]) = (kind << 1, 1, 0x80);
        slice
    };
    let (key, delta) = (slice(19, 5000), slice(1, 300));
    let sei = [39 << 1, 1, 5, 1, 0x80];
    let mut aggregate = vec![48 << 1, 1];
    for nal in [&[35 << 1, 1, 0x50][..], &sei, &delta] {
        aggregate.extend((nal.len() as u16).to_be_bytes());
        aggregate.extend(nal);
    }
    let mut sender = Sender::new();
    let mut sample = Vec::new();
    nal::push_prefixed(&key, &mut sample);
    let mut packets = sender.video(VideoCodec::H265, 0, &sample);
    packets.push(sender.packet(6000, true, &[&aggregate]));
    packets.push(sender.packet(12000, true, &[&delta]));
    let got = units(&mut Depacketizer::new(&media).unwrap(), &packets);
    assert_eq!(got.iter().map(|(unit, _)| unit.key).collect::<Vec<_>>(), [true, false, false]);
    assert!(got[0].1 == sample);
    assert!(nal::prefixed(&got[1].1).eq([&sei[..], &delta]), "the delimiter is dropped");
}

#[test]
fn codecs_and_modes_that_are_not_recorded_are_named() {
    let refused =
        |text: &str| Depacketizer::new(&sdp::parse(text.as_bytes()).unwrap().media[0]).err().unwrap().to_string();
    assert_eq!(refused("m=video 0 RTP/AVP 26\n"), "unsupported encoding JPEG");
    assert_eq!(refused("m=audio 0 RTP/AVP 97\na=rtpmap:97 G726-32/8000\n"), "unsupported encoding G726-32");
    let interleaved = "m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=2\n";
    assert_eq!(refused(interleaved), "unsupported interleaved H264");
}

proptest! {
    #[test]
    fn reordered_and_repeated_packets_give_the_same_pictures(swaps in prop::collection::vec((0usize..60, 1usize..12), 0..12)) {
        let (packets, samples) = stream(16);
        let mut arrived = packets.clone();
        for (at, by) in swaps {
            let packet = arrived.remove(at % packets.len());
            let to = (at % packets.len() + by).min(arrived.len());
            arrived.insert(to, packet.clone());
            arrived.push(packet);
        }
        // The window is 16: a packet moved by more than that may be given up.
        let place = |packet: &Vec<u8>| arrived.iter().position(|it| it == packet).unwrap();
        prop_assume!(packets.iter().enumerate().all(|(at, packet)| place(packet) <= at + 14));
        prop_assume!(place(&packets[0]) == 0);
        let got = units(&mut Depacketizer::new(&h264()).unwrap().reordering(), &arrived);
        prop_assert!(got.iter().map(|(_, bytes)| bytes).eq(&samples));
    }

    #[test]
    fn whatever_is_lost_what_is_told_is_whole(lost in prop::collection::btree_set(0usize..60, 0..20)) {
        let (packets, samples) = stream(20);
        let kept: Vec<_> = packets.iter().enumerate().filter(|(at, _)| !lost.contains(at)).map(|(_, it)| it.clone()).collect();
        for (unit, bytes) in units(&mut Depacketizer::new(&h264()).unwrap(), &kept) {
            prop_assert!(bytes == samples[(unit.timestamp / 6000) as usize]);
        }
    }

    #[test]
    fn foreign_packets_never_panic_and_what_stands_in_the_buffer_stays(
        payloads in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..60), any::<bool>(), 0u32..3), 0..40), which in 0usize..3,
    ) {
        let names = ["video 0 RTP/AVP 96\na=rtpmap:96 H264/90000", "video 0 RTP/AVP 96\na=rtpmap:96 H265/90000", "audio 0 RTP/AVP 96\na=rtpmap:96 MPEG4-GENERIC/16000"];
        let media = sdp::parse(format!("m={}\n", names[which]).as_bytes()).unwrap().media.remove(0);
        let mut sender = Sender::new();
        let packets: Vec<_> = payloads.iter().map(|(payload, marker, time)| sender.packet(time * 6000, *marker, &[payload])).collect();
        units(&mut Depacketizer::new(&media).unwrap(), &packets);
    }
}
