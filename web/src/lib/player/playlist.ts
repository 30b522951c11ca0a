/** Reads the media playlists of the server (RFC 8216, fragmented MP4): a list of segments with their wall-clock times. */

export interface Segment {
	url: string;
	/** Address of the init segment that this segment needs. */
	init: string;
	/** Wall-clock time of the first picture, milliseconds since 1970. */
	start: number;
	end: number;
	/** True if the segment does not continue the one before. */
	breaks: boolean;
}

/** Pictures closer than this are taken as continuous, milliseconds. */
export const SEAM = 250;

function attribute(line: string, name: string): string | undefined {
	return new RegExp(`${name}="([^"]*)"`).exec(line)?.[1];
}

export function parsePlaylist(text: string, base: string): Segment[] {
	const segments: Segment[] = [];
	let init = '';
	let time: number | undefined;
	let duration = 0;
	let breaks = true;
	for (const raw of text.split('\n')) {
		const line = raw.trim();
		if (line.startsWith('#EXT-X-MAP:')) {
			init = new URL(attribute(line, 'URI') ?? '', base).href;
		} else if (line.startsWith('#EXT-X-PROGRAM-DATE-TIME:')) {
			time = parseInstant(line.slice(25));
		} else if (line.startsWith('#EXTINF:')) {
			duration = Number.parseFloat(line.slice(8)) * 1000;
		} else if (line === '#EXT-X-DISCONTINUITY') {
			breaks = true;
		} else if (line && !line.startsWith('#')) {
			const last = segments.at(-1);
			const start = time ?? last?.end ?? 0;
			segments.push({
				url: new URL(line, base).href,
				init,
				start,
				end: start + duration,
				breaks: breaks || !last || start - last.end > SEAM
			});
			time = undefined;
			breaks = false;
		}
	}
	return segments;
}

/** RFC 3339 to milliseconds with their fraction: `Date` alone cuts at the millisecond. */
export function parseInstant(text: string): number {
	const fraction = /\.(\d+)/.exec(text)?.[1] ?? '';
	const whole = Date.parse(text.replace(/\.\d+/, ''));
	return whole + Number(`0.${fraction || '0'}`) * 1000;
}

/** Joins a newly read list to a known one; the new one wins where both speak of the same time. */
export function merge(known: Segment[], fresh: Segment[]): Segment[] {
	const first = fresh[0];
	const last = fresh.at(-1);
	if (!first || !last) return known;
	const before = known.filter((segment) => segment.start < first.start - 1);
	const after = known.filter((segment) => segment.start > last.start + 1);
	const joined = before.at(-1);
	const head = { ...first, breaks: !joined || joined.init !== first.init || first.start - joined.end > SEAM };
	return [...before, head, ...fresh.slice(1), ...after];
}

/** Index of the segment that is shown at `at`; else of the next one; -1 behind the last. */
export function indexAt(segments: Segment[], at: number): number {
	let low = 0;
	let high = segments.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		const segment = segments[middle];
		if (segment && segment.end <= at) low = middle + 1;
		else high = middle;
	}
	return low < segments.length ? low : -1;
}
