//! That sealing is undone by opening and by nothing else, and that `docs/reference/njf1.md` says what we write.

use super::*;
use proptest::prelude::*;
use std::{fmt::Write as _, io::Write as _, process::Command, time::Instant};

const KEY: [u8; 32] = *b"an epoch key of thirty-two bytes";

fn header(plain: usize) -> Header {
    Header {
        owner: *b"owner-of-footage",
        source: *b"camera-of-vector",
        stream: 1,
        flags: flags::KEY | flags::RUN,
        epoch: *b"epoch-of-vectors",
        sequence: 0x0102_0304_0506_0708,
        time: Time::from_micros(1_772_366_400_000_000),
        duration: Duration::from_micros(1_999_933),
        sealed: sealed_len(plain as u64) as u32,
        salt: *b"sixteen of salt!",
    }
}

/// Byte `i` of the vectors' plaintext is `(i * 7 + i / 256) mod 256`.
fn plaintext(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 256) as u8).collect()
}

/// The fragment as it stands on the shelf.
fn sealed(header: &Header, key: [u8; 32], mut plain: Vec<u8>) -> Vec<u8> {
    let mut tags = Vec::new();
    let head = seal(header, &Secret::new(key), &mut plain, &mut tags).unwrap();
    let mut file = Vec::new();
    for piece in pieces(&head, &plain, &tags) {
        file.write_all(&piece).unwrap();
    }
    file
}

fn open(fragment: &[u8]) -> Result<Vec<u8>, Error> {
    let (head, body) = fragment.split_first_chunk::<HEADER_LEN>().ok_or(Error::Truncated)?;
    let cipher = Cipher::new(head, &Secret::new(KEY))?;
    let mut plain = Vec::new();
    for index in 0..cipher.chunks() {
        let (at, len) = cipher.span(index);
        let mut chunk = body.get(at as usize..at as usize + len).ok_or(Error::Truncated)?.to_vec();
        let opened = cipher.open_chunk(index, &mut chunk)?;
        plain.extend_from_slice(&chunk[..opened]);
    }
    Ok(plain)
}

#[test]
fn a_fragment_of_any_length_opens_to_what_was_sealed() {
    for len in [0, 1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 77] {
        let file = sealed(&header(len), KEY, plaintext(len));
        assert_eq!(file.len() as u64, header(len).len());
        assert_eq!(header(len).plain_len(), len as u64);
        assert_eq!(open(&file).unwrap(), plaintext(len), "{len} bytes");
    }
}

#[test]
fn the_header_comes_back_as_it_was_written() {
    let header = header(1000);
    assert_eq!(Header::parse(&header.encode()).unwrap(), header);
    assert!(header.has(flags::KEY) && !header.has(flags::INIT));
}

#[test]
fn each_changed_bit_of_header_and_body_is_noticed() {
    policy::prove!(C6_2);
    let file = sealed(&header(100), KEY, plaintext(100));
    for bit in 0..file.len() * 8 {
        let mut changed = file.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let error = open(&changed).expect_err("a changed bit goes unnoticed");
        assert!(matches!(error, Error::BadHeader(_) | Error::BadTag { .. } | Error::Truncated), "bit {bit}: {error}");
    }
}

#[test]
fn a_fragment_cannot_be_shortened_at_any_place() {
    let len = 2 * CHUNK + 50;
    let file = sealed(&header(len), KEY, plaintext(len));
    for end in (0..HEADER_LEN).chain([HEADER_LEN + CHUNK + TAG_LEN, file.len() - 66, file.len() - 1]) {
        assert!(matches!(open(&file[..end]), Err(Error::Truncated)), "cut at {end}");
    }
    // Nor with a header that says so: the last chunk is marked as the last, and the header makes the key.
    for shorter in [CHUNK, 2 * CHUNK] {
        let mut cut = file.clone();
        cut[76..80].copy_from_slice(&(sealed_len(shorter as u64) as u32).to_be_bytes());
        cut.truncate(HEADER_LEN + sealed_len(shorter as u64) as usize);
        assert!(matches!(open(&cut), Err(Error::BadTag { chunk: 0 })));
    }
}

#[test]
fn chunks_cannot_change_places_nor_come_from_another_fragment() {
    let len = 3 * CHUNK + 9;
    let file = sealed(&header(len), KEY, plaintext(len));
    let other = sealed(&Header { salt: *b"another salt....", ..header(len) }, KEY, plaintext(len));
    let chunk = |index: usize| {
        let from = HEADER_LEN + index * (CHUNK + TAG_LEN);
        from..from + CHUNK + TAG_LEN
    };
    let mut swapped = file.clone();
    swapped[chunk(0)].copy_from_slice(&file[chunk(1)]);
    swapped[chunk(1)].copy_from_slice(&file[chunk(0)]);
    assert!(matches!(open(&swapped), Err(Error::BadTag { chunk: 0 })));
    let mut repeated = file.clone();
    repeated[chunk(2)].copy_from_slice(&file[chunk(1)]);
    assert!(matches!(open(&repeated), Err(Error::BadTag { chunk: 2 })));
    let mut spliced = file.clone();
    spliced[chunk(1)].copy_from_slice(&other[chunk(1)]);
    assert!(matches!(open(&spliced), Err(Error::BadTag { chunk: 1 })));
    let foreign_header = [&other[..HEADER_LEN], &file[HEADER_LEN..]].concat();
    assert!(matches!(open(&foreign_header), Err(Error::BadTag { chunk: 0 })));
}

#[test]
fn another_epoch_key_opens_nothing() {
    let file = sealed(&header(10), [1; 32], plaintext(10));
    assert!(matches!(open(&file), Err(Error::BadTag { chunk: 0 })));
}

#[test]
fn a_header_cannot_make_a_reader_allocate_more_than_a_fragment_may_hold() {
    for sealed in [0, 15, (CHUNK + TAG_LEN + 1) as u32, u32::MAX, sealed_len(MAX_PLAIN as u64 + 1) as u32] {
        let bytes = Header { sealed, ..header(0) }.encode();
        assert!(matches!(Header::parse(&bytes), Err(Error::BadHeader("its length is impossible"))), "{sealed}");
    }
    let most = Header { sealed: sealed_len(MAX_PLAIN as u64) as u32, ..header(0) };
    assert_eq!(Header::parse(&most.encode()).unwrap().plain_len(), MAX_PLAIN as u64);
    let mut plain = vec![0; MAX_PLAIN + 1];
    let error = seal(&header(0), &Secret::new(KEY), &mut plain, &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::TooLarge));
}

proptest! {
    #[test]
    fn any_96_bytes_are_a_header_that_comes_back_or_a_named_error(bytes: Vec<u8>, valid: bool) {
        let mut header = [0; HEADER_LEN];
        for (to, from) in header.iter_mut().zip(&bytes) { *to = *from; }
        if valid { header[..5].copy_from_slice(b"NJF1\x01"); }
        match Header::parse(&header) {
            Ok(parsed) => prop_assert_eq!(parsed.encode(), header),
            Err(error) => prop_assert!(matches!(error, Error::BadHeader(_))),
        }
    }

    #[test]
    fn lengths_are_inverse(plain in 0..=u64::from(u32::MAX)) {
        prop_assert_eq!(plain_len(sealed_len(plain)), Some(plain));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The raw fragment key, which the program itself never has in its hands.
fn fragment_key(header: &[u8; HEADER_LEN]) -> [u8; 32] {
    struct Len;
    impl hkdf::KeyType for Len {
        fn len(&self) -> usize {
            32
        }
    }
    let digest = digest::digest(&digest::SHA256, header);
    let info = [LABEL, digest.as_ref()];
    let mut key = [0; 32];
    hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &KEY).expand(&info, Len).unwrap().fill(&mut key).unwrap();
    key
}

fn vector(name: &str, plain: usize) -> String {
    let file = sealed(&header(plain), KEY, plaintext(plain));
    let head = file.first_chunk::<HEADER_LEN>().unwrap();
    let mut text = format!("{name}\n  plaintext      {plain} bytes\n  epoch key      {}\n", hex(&KEY));
    let digest = digest::digest(&digest::SHA256, head);
    let _ = writeln!(text, "  header         {}\n                 {}", hex(&head[..48]), hex(&head[48..]));
    let _ = writeln!(text, "  sha256(header) {}\n  fragment key   {}", hex(digest.as_ref()), hex(&fragment_key(head)));
    if plain < 100 {
        let _ = writeln!(text, "  after header   {}", hex(&file[HEADER_LEN..]));
    }
    for index in 0..chunks(plain as u64) {
        let nonce =
            [0u8; 3].into_iter().chain(index.to_be_bytes()).chain([u8::from(index + 1 == chunks(plain as u64))]);
        let end = HEADER_LEN as u64 + ((index + 1) * (CHUNK + TAG_LEN) as u64).min(sealed_len(plain as u64));
        let tag = &file[end as usize - TAG_LEN..end as usize];
        let _ = writeln!(text, "  chunk {index}        nonce {} tag {}", hex(&nonce.collect::<Vec<_>>()), hex(tag));
    }
    let _ = writeln!(text, "  sha256(file)   {}", hex(digest::digest(&digest::SHA256, &file).as_ref()));
    text
}

#[test]
fn the_reference_shows_the_vectors_that_this_program_makes() {
    let reference = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/njf1.md");
    let page = std::fs::read_to_string(reference).unwrap();
    let vectors = [vector("A", 0), vector("B", 43), vector("C", 2 * CHUNK + 5)].join("\n");
    assert!(page.contains(&format!("```text\n{vectors}```")), "docs/reference/njf1.md should hold\n{vectors}");
}

#[test]
fn a_reader_in_another_language_opens_our_files() {
    let is_there = |python: &&str| {
        let import = Command::new(python).args(["-c", "import cryptography"]).output();
        import.is_ok_and(|output| output.status.success())
    };
    let Some(python) = ["python3", "/usr/bin/python3"].into_iter().find(is_there) else {
        eprintln!("skipped: python3 has no module cryptography");
        return;
    };
    let (plain, dir) = ([plaintext(43), plaintext(2 * CHUNK + 5), Vec::new()], tempfile::tempdir().unwrap());
    let file: Vec<u8> = plain.iter().flat_map(|plain| sealed(&header(plain.len()), KEY, plain.clone())).collect();
    let path = dir.path().join("recording");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/njf1.py");
        let key = format!("{}:{}", hex(b"epoch-of-vectors"), hex(&KEY));
        Command::new(python).arg(script).arg(&path).arg(key).output().unwrap()
    };
    let output = read(&file);
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{log}");
    assert!(output.stdout == plain.concat(), "it reads other bytes than were sealed");
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(log.contains("\"sequence\": 72623859790382856") && log.contains("\"duration\": 1999933"), "{log}");
    for at in [60, HEADER_LEN + 3, file.len() - 1] {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(!read(&changed).status.success(), "it accepts a changed byte {at}");
    }
    assert!(!read(&file[..file.len() - 1]).status.success(), "it accepts a cut file");
}

/// `cargo test --release -p vault -- --ignored --nocapture a_core`
#[test]
#[ignore = "a measurement; run it in release"]
fn a_core_seals_and_opens_two_gigabytes_a_second() {
    const ROUNDS: usize = 400;
    let (mut tags, plain) = (Vec::new(), plaintext(3_000_000));
    let mut buffer = plain.clone();
    let key = Secret::new(KEY);
    let total = (ROUNDS * plain.len()) as f64;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        seal(&header(plain.len()), &key, &mut buffer, &mut tags).unwrap();
    }
    let seal_rate = total / start.elapsed().as_secs_f64() / 1e9;
    let file = sealed(&header(plain.len()), KEY, plain.clone());
    let mut spent = Duration::ZERO;
    for _ in 0..ROUNDS {
        let mut copy = file.clone();
        let start = Instant::now();
        let (head, body) = copy.split_first_chunk_mut::<HEADER_LEN>().unwrap();
        let cipher = Cipher::new(head, &key).unwrap();
        for index in 0..cipher.chunks() {
            let (at, len) = cipher.span(index);
            cipher.open_chunk(index, &mut body[at as usize..at as usize + len]).unwrap();
        }
        spent += start.elapsed();
    }
    let open_rate = total / spent.as_secs_f64() / 1e9;
    println!("NJF1, one core, 3 MB fragments: seal {seal_rate:.2} GB/s, open {open_rate:.2} GB/s");
    assert!(seal_rate >= 2.0 && open_rate >= 2.0);
}
