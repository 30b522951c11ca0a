//! MP4 boxes (ISO/IEC 14496-12 4.2): written into one buffer, read from borrowed bytes.

/// Writes boxes; sizes are filled in when a box is closed.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// A box of `kind` around what `body` writes.
    pub(crate) fn atom(&mut self, kind: &[u8; 4], body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.u32(0);
        self.put(kind);
        body(self);
        let size = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&size.to_be_bytes());
    }

    /// A full box: with version and 24 bits of flags.
    pub(crate) fn full(&mut self, kind: &[u8; 4], version: u8, flags: u32, body: impl FnOnce(&mut Self)) {
        self.atom(kind, |out| {
            out.u32(u32::from(version) << 24 | flags);
            body(out);
        });
    }
}

/// A box on borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atom<'a> {
    pub(crate) kind: [u8; 4],
    /// Where the box starts in the bytes that it was read from, and its body.
    pub(crate) start: usize,
    pub(crate) body_start: usize,
    pub(crate) body: &'a [u8],
}

/// The size and kind at the start of a box: (kind, bytes of its head, size with head; none: to the end).
pub(crate) fn head(bytes: &[u8]) -> Option<([u8; 4], usize, Option<u64>)> {
    let mut fields = Fields(bytes);
    let (size, kind) = (fields.u32()?, fields.array()?);
    match size {
        0 => Some((kind, 8, None)),
        1 => fields.u64().filter(|&size| size >= 16).map(|size| (kind, 16, Some(size))),
        2..8 => None,
        size => Some((kind, 8, Some(u64::from(size)))),
    }
}

/// The boxes that stand one after the other in `bytes`; ends where one does not fit.
pub(crate) fn atoms(bytes: &[u8]) -> impl Iterator<Item = Atom<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let (kind, head, size) = head(rest)?;
        let size = usize::try_from(size.unwrap_or(rest.len() as u64)).ok()?;
        let body = rest.get(head..size)?;
        let atom = Atom { kind, start: at, body_start: at + head, body };
        at += size;
        Some(atom)
    })
}

impl<'a> Atom<'a> {
    /// The first box of `kind` inside.
    pub(crate) fn child(&self, kind: &[u8; 4]) -> Option<Atom<'a>> {
        find(self.body, kind)
    }

    /// Version, flags and the fields of a full box.
    pub(crate) fn full(&self) -> Option<(u8, u32, Fields<'a>)> {
        let mut fields = Fields(self.body);
        let word = fields.u32()?;
        Some(((word >> 24) as u8, word & 0x00ff_ffff, fields))
    }
}

/// The first box of `kind` among the boxes in `bytes`.
pub(crate) fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<Atom<'a>> {
    atoms(bytes).find(|atom| &atom.kind == kind)
}

/// Reads big-endian fields; every read answers `None` past the end.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// 64 bits in version 1, else 32.
    pub(crate) fn long(&mut self, version: u8) -> Option<u64> {
        if version == 1 { self.u64() } else { self.u32().map(u64::from) }
    }
}
