/** Decides what a playback buffer needs next and what it may forget. Pure: times in milliseconds, wall clock. */
import { indexAt, SEAM, type Segment } from './playlist';

export interface Span {
	start: number;
	end: number;
}

/** The next segment to load so that `ahead` milliseconds behind `at` are there; `has` tells which ones are. */
export function nextToLoad(
	segments: Segment[],
	at: number,
	ahead: number,
	has: (segment: Segment) => boolean
): Segment | undefined {
	let index = indexAt(segments, at);
	if (index < 0) return undefined;
	for (; index < segments.length; index++) {
		const segment = segments[index];
		if (!segment || segment.start > at + ahead) return undefined;
		if (!has(segment)) return segment;
	}
	return undefined;
}

/** The parts of `buffered` that lie outside the window that is kept around `at`. */
export function surplus(buffered: Span[], at: number, behind: number, ahead: number): Span[] {
	const from = at - behind;
	const to = at + ahead;
	const out: Span[] = [];
	for (const span of buffered) {
		if (span.start < from - 1000) out.push({ start: span.start, end: Math.min(span.end, from) });
		if (span.end > to + 1000) out.push({ start: Math.max(span.start, to), end: span.end });
	}
	return out;
}

/** Where playing goes on when `at` lies in no segment: the start of the next one, if there is one. */
export function afterGap(segments: Segment[], at: number): number | undefined {
	const segment = segments[indexAt(segments, at)];
	if (!segment) return undefined;
	return segment.start > at ? segment.start : at;
}

/** The segments that must come before `index` so that decoding can start: the ones back to the last break. */
export function lead(segments: Segment[], index: number): Segment[] {
	const before: Segment[] = [];
	for (let i = index; i > 0; i--) {
		const here = segments[i];
		const previous = segments[i - 1];
		if (!here || !previous || here.breaks || here.start - previous.end > SEAM) break;
		before.push(previous);
	}
	return before;
}

/**
 * A camera that drops a picture leaves a hole of a fraction of a second, at which a media element stops for ever.
 * Where to go on from `at` (seconds): the start of the next buffered range, if it is at most `most` away.
 */
export function overHole(buffered: TimeRanges, at: number, most = 1): number | undefined {
	for (let i = 0; i < buffered.length; i++) {
		const start = buffered.start(i);
		if (start > at && start - at <= most) return start + 0.001;
		// Within a range there is no hole, except in the blink before its end.
		if (start <= at && buffered.end(i) - at > 0.15) return undefined;
	}
	return undefined;
}
