/**
 * Wall-clock time of a household. Instants are milliseconds since 1970 (UTC); every conversion asks the IANA zone for
 * that very instant, so days of 23, 24 and 25 hours, half-hour shifts and odd offsets come out right.
 */

export interface Wall {
	year: number;
	/** 1 to 12. */
	month: number;
	day: number;
	hour: number;
	minute: number;
	second: number;
}

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
	const key = locale + JSON.stringify(options);
	let found = formats.get(key);
	if (!found) {
		found = new Intl.DateTimeFormat(locale, options);
		formats.set(key, found);
	}
	return found;
}

export function knownZone(zone: string): boolean {
	try {
		return format('en-GB', { timeZone: zone }) !== undefined;
	} catch {
		return false;
	}
}

export function wallAt(zone: string, at: number): Wall {
	const parts = format('en-US', {
		timeZone: zone,
		hourCycle: 'h23',
		year: 'numeric',
		month: 'numeric',
		day: 'numeric',
		hour: 'numeric',
		minute: 'numeric',
		second: 'numeric'
	}).formatToParts(at);
	const get = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0);
	return {
		year: get('year'),
		month: get('month'),
		day: get('day'),
		hour: get('hour'),
		minute: get('minute'),
		second: get('second')
	};
}

function asUtc(wall: Wall): number {
	return Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second);
}

/** What to add to UTC to get the wall clock, in milliseconds. */
export function offsetAt(zone: string, at: number): number {
	return asUtc(wallAt(zone, at)) - Math.floor(at / SECOND) * SECOND;
}

/** All instants at which the wall clock shows `wall`: none in a skipped hour, two in a repeated one. Ascending. */
export function instantsOf(zone: string, wall: Wall): number[] {
	const naive = asUtc(wall);
	const offsets = new Set([offsetAt(zone, naive - 24 * HOUR), offsetAt(zone, naive + 24 * HOUR), offsetAt(zone, naive)]);
	return [...offsets]
		.map((offset) => naive - offset)
		.filter((at) => at + offsetAt(zone, at) === naive)
		.sort((a, b) => a - b);
}

/** First instant in (from, to] at which the offset differs from that at `from`; undefined if it does not change. */
export function transition(zone: string, from: number, to: number): number | undefined {
	const before = offsetAt(zone, from);
	if (offsetAt(zone, to) === before) return undefined;
	let low = from;
	let high = to;
	while (high - low > 1) {
		const middle = Math.floor((low + high) / 2);
		if (offsetAt(zone, middle) === before) low = middle;
		else high = middle;
	}
	return high;
}

/** First instant of a local day; where midnight is skipped, the first instant after it. */
export function dayStart(zone: string, year: number, month: number, day: number): number {
	const naive = Date.UTC(year, month - 1, day);
	const found = instantsOf(zone, { year, month, day, hour: 0, minute: 0, second: 0 })[0];
	if (found !== undefined) return found;
	return transition(zone, naive - 24 * HOUR, naive + 24 * HOUR) ?? naive - offsetAt(zone, naive);
}

/** The local day that holds `at`. Its length may be 23, 24 or 25 hours, or differ by half an hour. */
export function dayOf(zone: string, at: number): { start: number; end: number } {
	const { year, month, day } = wallAt(zone, at);
	const next = new Date(Date.UTC(year, month - 1, day + 1));
	return {
		start: dayStart(zone, year, month, day),
		end: dayStart(zone, next.getUTCFullYear(), next.getUTCMonth() + 1, next.getUTCDate())
	};
}

/** True if the wall clock shows the time of `at` twice. */
export function repeats(zone: string, at: number): boolean {
	const second = Math.floor(at / SECOND) * SECOND;
	return instantsOf(zone, wallAt(zone, second)).length > 1;
}

function offsetText(offset: number): string {
	const minutes = Math.abs(offset) / MINUTE;
	const sign = offset < 0 ? '−' : '+';
	return `${sign}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

/** Short name of the offset in force: CEST, EST; where the zone has none, +05:45. */
export function zoneName(zone: string, at: number): string {
	for (const locale of ['en-GB', 'en-US', 'en-AU']) {
		const parts = format(locale, { timeZone: zone, timeZoneName: 'short' }).formatToParts(at);
		const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
		if (/^[A-Z]{3,5}$/.test(name)) return name;
	}
	return offsetText(offsetAt(zone, at));
}

export function pad(value: number): string {
	return String(value).padStart(2, '0');
}

/** 14:05, or 14:05:20 with seconds; within a repeated hour with the name of the offset. */
export function clock(zone: string, at: number, seconds = false): string {
	const wall = wallAt(zone, at);
	const text = `${pad(wall.hour)}:${pad(wall.minute)}${seconds ? `:${pad(wall.second)}` : ''}`;
	return repeats(zone, at) ? `${text} ${zoneName(zone, at)}` : text;
}

/** Tue 24 Nov 2026. */
export function dateText(locale: string, zone: string, at: number, weekday: 'short' | 'long' = 'short'): string {
	return format(locale, { timeZone: zone, weekday, day: 'numeric', month: 'short', year: 'numeric' }).format(at);
}

/** 24 Nov. */
export function dayText(locale: string, zone: string, at: number): string {
	return format(locale, { timeZone: zone, day: 'numeric', month: 'short' }).format(at);
}

export function dateTime(locale: string, zone: string, at: number, seconds = false): string {
	return `${dateText(locale, zone, at)}, ${clock(zone, at, seconds)}`;
}

/** 20261025T023000+0200: a wall time with its offset, fit for file names. */
export function fileStamp(zone: string, at: number): string {
	const wall = wallAt(zone, at);
	const offset = offsetText(offsetAt(zone, at)).replace(':', '').replace('−', '-');
	const date = `${wall.year}${pad(wall.month)}${pad(wall.day)}`;
	return `${date}T${pad(wall.hour)}${pad(wall.minute)}${pad(wall.second)}${offset}`;
}

/** The first instant at or after `at` at which the wall clock shows a multiple of `step` counted from midnight. */
export function alignUp(zone: string, at: number, step: number): number {
	const offset = offsetAt(zone, at);
	const candidate = Math.ceil((at + offset) / step) * step - offset;
	const change = candidate > at ? transition(zone, at, candidate) : undefined;
	if (change === undefined) return candidate;
	const shifted = offsetAt(zone, change);
	return Math.ceil((change + shifted) / step) * step - shifted;
}
