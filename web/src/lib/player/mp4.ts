/**
 * Reads from fragmented MP4 (ISO/IEC 14496-12) the few facts that a player needs: the time scale of each track,
 * when each picture of a fragment is shown, and whether a fragment starts with a key frame.
 */

export interface Track {
	id: number;
	kind: 'video' | 'audio' | 'other';
	timescale: number;
	/** Default sample duration of trex, in units of `timescale`. */
	duration: number;
}

export interface Fragment {
	/** Decode time of the first video sample, in seconds (tfdt). */
	start: number;
	/** Presentation time of each video sample, in seconds, ascending. */
	frames: number[];
	/** End of the last video sample, in seconds. */
	end: number;
	/** True if the first video sample is a sync sample. */
	key: boolean;
}

interface Box {
	type: string;
	body: DataView;
}

const NON_SYNC = 0x10000;
/** Bound on the samples read of one run: a fragment holds seconds, not hours. */
const MOST_SAMPLES = 10_000;

/** Walks the boxes of one level; stops quietly at a truncated box. */
export function* boxes(view: DataView): Generator<Box> {
	let at = 0;
	while (at + 8 <= view.byteLength) {
		let size = view.getUint32(at);
		let head = 8;
		if (size === 1 && at + 16 <= view.byteLength) {
			size = Number(view.getBigUint64(at + 8));
			head = 16;
		} else if (size === 0) {
			size = view.byteLength - at;
		}
		if (size < head || at + size > view.byteLength) return;
		const type = String.fromCharCode(view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7));
		yield { type, body: new DataView(view.buffer, view.byteOffset + at + head, size - head) };
		at += size;
	}
}

function view(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function child(parent: DataView | undefined, ...path: string[]): DataView | undefined {
	let here = parent;
	for (const type of path) {
		if (!here) return undefined;
		here = [...boxes(here)].find((box) => box.type === type)?.body;
	}
	return here;
}

function kindOf(handler: DataView | undefined): Track['kind'] {
	const code = handler && handler.byteLength >= 12 ? handler.getUint32(8) : 0;
	if (code === 0x76696465) return 'video';
	return code === 0x736f756e ? 'audio' : 'other';
}

/** The tracks that an init segment (ftyp + moov) declares. */
export function tracks(init: Uint8Array): Track[] {
	const moov = child(view(init), 'moov');
	if (!moov) return [];
	const durations = new Map<number, number>();
	const mvex = child(moov, 'mvex');
	for (const box of mvex ? boxes(mvex) : []) {
		if (box.type === 'trex') durations.set(box.body.getUint32(4), box.body.getUint32(12));
	}
	const found: Track[] = [];
	for (const box of boxes(moov)) {
		if (box.type !== 'trak') continue;
		const tkhd = child(box.body, 'tkhd');
		const mdhd = child(box.body, 'mdia', 'mdhd');
		if (!tkhd || !mdhd) continue;
		const id = tkhd.getUint32(tkhd.getUint8(0) === 1 ? 20 : 12);
		const timescale = mdhd.getUint32(mdhd.getUint8(0) === 1 ? 20 : 12);
		found.push({ id, kind: kindOf(child(box.body, 'mdia', 'hdlr')), timescale, duration: durations.get(id) ?? 0 });
	}
	return found;
}

/** Media type with the codecs (RFC 6381) of all tracks of an init segment, as MediaSource wants it. */
export function mimeOfInit(init: Uint8Array): string {
	const codecs: string[] = [];
	const moov = child(view(init), 'moov');
	for (const box of moov ? boxes(moov) : []) {
		const stsd = box.type === 'trak' ? child(box.body, 'mdia', 'minf', 'stbl', 'stsd') : undefined;
		if (!stsd || stsd.byteLength < 16) continue;
		const entry = [...boxes(new DataView(stsd.buffer, stsd.byteOffset + 8, stsd.byteLength - 8))][0];
		if (entry) codecs.push(codecOf(entry));
	}
	return `video/mp4; codecs="${codecs.join(', ')}"`;
}

/** Bytes of a video sample entry before its boxes (ISO/IEC 14496-12 §12.1.3). */
const VISUAL_HEAD = 78;

function codecOf(entry: Box): string {
	const { type, body } = entry;
	if (type === 'mp4a') return 'mp4a.40.2';
	if (type === 'Opus') return 'opus';
	if (body.byteLength <= VISUAL_HEAD) return type;
	const inner = new DataView(body.buffer, body.byteOffset + VISUAL_HEAD, body.byteLength - VISUAL_HEAD);
	const avcC = child(inner, 'avcC');
	if (avcC && avcC.byteLength >= 4) return `${type}.${hex(avcC, 1)}${hex(avcC, 2)}${hex(avcC, 3)}`;
	const hvcC = child(inner, 'hvcC');
	return hvcC && hvcC.byteLength >= 13 ? `${type}.${hevc(hvcC)}` : type;
}

function hex(body: DataView, at: number): string {
	return body.getUint8(at).toString(16).padStart(2, '0');
}

/** Profile, compatibility, tier and level of an hvcC box (ISO/IEC 14496-15 Annex E.3). */
function hevc(body: DataView): string {
	const profile = body.getUint8(1);
	const space = ['', 'A', 'B', 'C'][profile >> 6];
	let compatible = 0;
	for (let i = 0; i < 32; i++) compatible |= ((body.getUint32(2) >>> i) & 1) << (31 - i);
	const constraints = [6, 7, 8, 9, 10, 11].map((at) => body.getUint8(at));
	while (constraints.length && constraints.at(-1) === 0) constraints.pop();
	const tier = profile & 0x20 ? 'H' : 'L';
	return [`${space}${profile & 31}`, (compatible >>> 0).toString(16).toUpperCase(), `${tier}${body.getUint8(12)}`]
		.concat(constraints.map((value) => value.toString(16).toUpperCase()))
		.join('.');
}

interface Tfhd {
	track: number;
	duration: number | undefined;
	flags: number | undefined;
}

function tfhd(body: DataView): Tfhd {
	const flags = body.getUint32(0) & 0xffffff;
	let at = 8;
	if (flags & 0x01) at += 8;
	if (flags & 0x02) at += 4;
	const duration = flags & 0x08 ? body.getUint32(at) : undefined;
	if (flags & 0x08) at += 4;
	if (flags & 0x10) at += 4;
	return { track: body.getUint32(4), duration, flags: flags & 0x20 ? body.getUint32(at) : undefined };
}

interface Run {
	times: number[];
	end: number;
	firstFlags: number | undefined;
}

function trun(body: DataView, start: number, duration: number): Run {
	const flags = body.getUint32(0) & 0xffffff;
	const count = body.getUint32(4);
	let at = 8;
	if (flags & 0x01) at += 4;
	let firstFlags: number | undefined;
	if (flags & 0x04) {
		firstFlags = body.getUint32(at);
		at += 4;
	}
	const times: number[] = [];
	let time = start;
	const size = 4 * [0x100, 0x200, 0x400, 0x800].filter((bit) => flags & bit).length;
	const room = size ? Math.floor((body.byteLength - at) / size) : MOST_SAMPLES;
	for (let i = 0; i < Math.min(count, room, MOST_SAMPLES); i++) {
		let length = duration;
		if (flags & 0x100) {
			length = body.getUint32(at);
			at += 4;
		}
		if (flags & 0x200) at += 4;
		if (flags & 0x400) {
			if (i === 0 && firstFlags === undefined) firstFlags = body.getUint32(at);
			at += 4;
		}
		let shift = 0;
		if (flags & 0x800) {
			shift = body.getInt32(at);
			at += 4;
		}
		times.push(time + shift);
		time += length;
	}
	return { times, end: time, firstFlags };
}

function decodeTime(body: DataView): number {
	return body.getUint8(0) === 1 ? Number(body.getBigUint64(4)) : body.getUint32(4);
}

/** What a media segment (one or more moof + mdat) holds of the first video track; undefined if it holds none. */
export function fragment(bytes: Uint8Array, known: Track[]): Fragment | undefined {
	const video = known.find((track) => track.kind === 'video') ?? known[0];
	if (!video) return undefined;
	let result: Fragment | undefined;
	for (const moof of boxes(view(bytes))) {
		if (moof.type !== 'moof') continue;
		for (const traf of boxes(moof.body)) {
			if (traf.type !== 'traf') continue;
			const head = child(traf.body, 'tfhd');
			const time = child(traf.body, 'tfdt');
			if (!head || !time) continue;
			const defaults = tfhd(head);
			if (defaults.track !== video.id) continue;
			let at = decodeTime(time);
			const start = at / video.timescale;
			for (const box of boxes(traf.body)) {
				if (box.type !== 'trun') continue;
				const run = trun(box.body, at, defaults.duration ?? video.duration);
				at = run.end;
				const key = ((run.firstFlags ?? defaults.flags ?? 0) & NON_SYNC) === 0;
				result ??= { start, frames: [], end: start, key };
				result.frames.push(...run.times.map((tick) => tick / video.timescale));
				result.end = at / video.timescale;
			}
		}
	}
	result?.frames.sort((a, b) => a - b);
	return result;
}
