import { describe, expect, test } from 'vitest';
import { afterGap, lead, nextToLoad, overHole, surplus } from './buffer';
import { choose } from './codec';
import { freshness } from './honest';
import { fragment, mimeOfInit, tracks } from './mp4';
import { backOff, Pace } from './pace';
import { indexAt, merge, parseInstant, parsePlaylist, type Segment } from './playlist';

const PLAYLIST = `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MAP:URI="init.mp4?d=1"
#EXT-X-PROGRAM-DATE-TIME:2026-10-25T00:30:00.250500Z
#EXTINF:2.000,
seg.m4s?n=1
#EXTINF:2.000,
seg.m4s?n=2
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init.mp4?d=2"
#EXT-X-PROGRAM-DATE-TIME:2026-10-25T00:31:00Z
#EXTINF:4,
seg.m4s?n=3
#EXT-X-ENDLIST
`;
const BASE = 'http://h/api/v1/cameras/c/playlist.m3u8?start=a';
const START = Date.parse('2026-10-25T00:30:00.250Z');

function segments(...spans: [number, number][]): Segment[] {
	return spans.map(([start, end], i) => ({
		url: `u${start}`,
		init: 'i',
		start,
		end,
		breaks: i === 0 || start - (spans[i - 1]?.[1] ?? 0) > 250
	}));
}

describe('a playlist', () => {
	test('gives each segment its address, its init segment and its wall-clock time', () => {
		const list = parsePlaylist(PLAYLIST, BASE);
		expect(list.map((segment) => segment.url.split('/').at(-1))).toEqual(['seg.m4s?n=1', 'seg.m4s?n=2', 'seg.m4s?n=3']);
		expect(list[0]?.start).toBeCloseTo(START + 0.5, 3);
		expect(list[1]?.start).toBeCloseTo(START + 2000.5, 3);
		expect(list[2]?.init).toBe('http://h/api/v1/cameras/c/init.mp4?d=2');
	});
	test('tells where pictures are not continuous', () => {
		expect(parsePlaylist(PLAYLIST, BASE).map((segment) => segment.breaks)).toEqual([true, false, true]);
	});
	test('is empty for garbage', () => {
		expect(parsePlaylist('', BASE)).toEqual([]);
		expect(parsePlaylist('#EXTINF:abc', BASE)).toEqual([]);
	});
	test('keeps the microseconds of an instant', () => {
		expect(parseInstant('1970-01-01T00:00:01.000250Z')).toBeCloseTo(1000.25, 6);
	});
});

describe('joining playlists', () => {
	test('keeps what is known before and behind the fresh part', () => {
		const joined = merge(segments([0, 2], [2, 4], [4, 6], [6, 8]), segments([2, 4], [4, 7]));
		expect(joined.map((segment) => [segment.start, segment.end])).toEqual([
			[0, 2],
			[2, 4],
			[4, 7],
			[6, 8]
		]);
	});
	test('a fresh part that continues the known one is no break', () => {
		expect(merge(segments([0, 2000]), segments([2000, 4000]))[1]?.breaks).toBe(false);
		expect(merge(segments([0, 2000]), segments([9000, 9500]))[1]?.breaks).toBe(true);
	});
});

describe('the buffer', () => {
	const list = segments([0, 2000], [2000, 4000], [10_000, 12_000]);
	test('finds the segment of an instant, and the next one in a gap', () => {
		expect(indexAt(list, 1999)).toBe(0);
		expect(indexAt(list, 2000)).toBe(1);
		expect(indexAt(list, 5000)).toBe(2);
		expect(indexAt(list, 12_000)).toBe(-1);
	});
	test('loads the wanted segment first, then on until enough is ahead', () => {
		const has = new Set<number>();
		const next = () => nextToLoad(list, 500, 5000, (segment) => has.has(segment.start))?.start;
		expect(next()).toBe(0);
		has.add(0);
		expect(next()).toBe(2000);
		has.add(2000);
		expect(next()).toBeUndefined();
	});
	test('goes on behind a gap at the next picture, and stops at the end', () => {
		expect(afterGap(list, 5000)).toBe(10_000);
		expect(afterGap(list, 500)).toBe(500);
		expect(afterGap(list, 12_500)).toBeUndefined();
	});
	test('forgets what lies outside the window, never what is inside', () => {
		expect(surplus([{ start: 0, end: 100_000 }], 50_000, 10_000, 20_000)).toEqual([
			{ start: 0, end: 40_000 },
			{ start: 70_000, end: 100_000 }
		]);
		expect(surplus([{ start: 45_000, end: 60_000 }], 50_000, 10_000, 20_000)).toEqual([]);
	});
	test('a hole left by a dropped picture is stepped over, a gap is not', () => {
		const ranges = (...spans: [number, number][]): TimeRanges => ({
			length: spans.length,
			start: (i) => spans[i]?.[0] ?? 0,
			end: (i) => spans[i]?.[1] ?? 0
		});
		expect(overHole(ranges([0, 2], [2.1, 4]), 1.96)).toBeCloseTo(2.101, 6);
		expect(overHole(ranges([0, 2], [2.1, 4]), 1)).toBeUndefined();
		expect(overHole(ranges([0, 2], [9, 12]), 1.96)).toBeUndefined();
		expect(overHole(ranges(), 1)).toBeUndefined();
	});
	test('a segment within a group of pictures is led by the ones back to the break', () => {
		expect(lead(list, 1).map((segment) => segment.start)).toEqual([0]);
		expect(lead(list, 2)).toEqual([]);
	});
});

describe('keeping a live picture close', () => {
	const run = (pace: Pace, ahead: number) => {
		let step = pace.step(0, ahead);
		for (let now = 66; now <= 1200; now += 66) step = pace.step(now, ahead);
		return step;
	};
	test('plays faster while too much is buffered, at its own rate when it is right', () => {
		expect((run(new Pace(), 0.4) as { rate: number }).rate).toBeGreaterThan(1.05);
		expect(run(new Pace(), new Pace().target)).toEqual({ rate: 1 });
	});
	test('jumps when it is far behind', () => {
		expect(run(new Pace(), 4)).toHaveProperty('jump');
	});
	test('steers by the smallest margin, so that jitter does not look like a backlog', () => {
		const pace = new Pace();
		let step = pace.step(0, pace.target);
		for (let i = 1; i < 10; i++) step = pace.step(i * 100, pace.target + (i % 2 ? 0.2 : 0));
		expect(step).toEqual({ rate: 1 });
	});
	test('keeps a larger margin after a stall', () => {
		const pace = new Pace();
		const before = pace.target;
		pace.stalled(1000);
		expect(pace.target).toBeGreaterThan(before);
	});
	test('waits longer after each failed attempt, never more than 15 s', () => {
		expect(backOff(0, 1)).toBe(500);
		expect(backOff(3, 1)).toBe(4000);
		expect(backOff(50, 1)).toBe(15_000);
		expect(backOff(3, 0)).toBe(2000);
	});
});

test('a picture is called live for two seconds and is greyed at ten', () => {
	expect(freshness(1999)).toBe('live');
	expect(freshness(2000)).toBe('ageing');
	expect(freshness(10_000)).toBe('stale');
});

describe('choosing a stream', () => {
	const stream = (name: string, codec: string) => ({ name, codec, width: 1, height: 1, fps: 15, audio: null, viewers: 0 });
	const h264 = (mime: string) => mime.includes('avc1');
	test('takes the wanted one when the browser plays it', () => {
		expect(choose([stream('main', 'avc1.64001f')], 'main', h264)).toEqual({ kind: 'play', stream: 'main', instead: false });
	});
	test('falls back from H.265 to the H.264 sub stream and says so', () => {
		const streams = [stream('main', 'hvc1.1.6.L93.B0'), stream('sub', 'avc1.42001e')];
		expect(choose(streams, 'main', h264)).toEqual({ kind: 'play', stream: 'sub', instead: true });
	});
	test('shows stills when nothing can be played', () => {
		expect(choose([stream('main', 'hvc1.1.6.L93.B0')], 'main', h264)).toEqual({ kind: 'stills', codec: 'hvc1.1.6.L93.B0' });
	});
	test('tries the wanted stream while nothing is known yet', () => {
		expect(choose([], 'sub', h264)).toEqual({ kind: 'play', stream: 'sub', instead: false });
	});
});

describe('reading fragmented MP4', () => {
	const u32 = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
	const box = (type: string, ...body: number[][]) => {
		const flat = body.flat();
		return [...u32(flat.length + 8), ...[...type].map((c) => c.charCodeAt(0)), ...flat];
	};
	const zeros = (n: number) => new Array<number>(n).fill(0);
	const tkhd = box('tkhd', u32(0), zeros(8), u32(1), zeros(68));
	const mdhd = box('mdhd', u32(0), zeros(8), u32(90_000), zeros(8));
	const hdlr = box(
		'hdlr',
		u32(0),
		u32(0),
		[...'vide'].map((c) => c.charCodeAt(0)),
		zeros(13)
	);
	const trex = box('trex', u32(0), u32(1), u32(1), u32(6000), u32(0), u32(0));
	const init = Uint8Array.from([
		...box('ftyp', zeros(8)),
		...box('moov', box('trak', tkhd, box('mdia', mdhd, hdlr)), box('mvex', trex))
	]);
	const tfdt = box('tfdt', u32(0x01000000), u32(0), u32(900_000));
	const moof = (...run: number[][]) => box('moof', box('traf', box('tfhd', u32(0x020000), u32(1)), tfdt, box('trun', ...run)));

	test('finds the track and its time scale', () => {
		expect(tracks(init)).toEqual([{ id: 1, kind: 'video', timescale: 90_000, duration: 6000 }]);
	});
	test('names the codecs of each track', () => {
		const trak = (entry: number[]) => box('trak', box('mdia', box('minf', box('stbl', box('stsd', u32(0), u32(1), entry)))));
		const avc = box('avc1', zeros(78), box('avcC', [1, 0x64, 0, 0x1f, 255]));
		const hvcC = box('hvcC', [1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 93, 0]);
		const named = (...entries: number[][]) => mimeOfInit(Uint8Array.from(box('moov', ...entries.map(trak))));
		expect(named(avc, box('Opus', zeros(28)))).toBe('video/mp4; codecs="avc1.64001f, opus"');
		expect(named(box('hvc1', zeros(78), hvcC))).toBe('video/mp4; codecs="hvc1.1.6.L93.90"');
		expect(named(avc, box('mp4a', zeros(28)))).toBe('video/mp4; codecs="avc1.64001f, mp4a.40.2"');
	});
	test('gives the time of each picture in order, with reordering undone', () => {
		const run = [u32(0x01000a04), u32(3), u32(0x02000000), ...[0, 6000, -6000].flatMap((cts) => [u32(10), u32(cts >>> 0)])];
		const facts = fragment(Uint8Array.from(moof(...run)), tracks(init));
		expect(facts?.start).toBe(10);
		expect(facts?.key).toBe(true);
		expect(facts?.frames.map((time) => Math.round((time - 10) * 15))).toEqual([0, 1, 2]);
		expect(facts?.end).toBeCloseTo(10.2, 6);
	});
	test('tells a fragment that does not start with a key frame', () => {
		const run = [u32(0x00000204), u32(1), u32(0x01010000), u32(10)];
		expect(fragment(Uint8Array.from(moof(...run)), tracks(init))?.key).toBe(false);
	});
	test('stops quietly at truncated and hostile boxes', () => {
		const whole = Uint8Array.from(moof([...u32(0x00000200), ...u32(1), ...u32(10)]));
		for (let n = 0; n < whole.length; n++) expect(() => tracks(whole.slice(0, n))).not.toThrow();
		expect(tracks(Uint8Array.from([255, 255, 255, 255, 109, 111, 111, 118]))).toEqual([]);
	});
});
