import { describe, expect, test } from 'vitest';
import { alignUp, clock, dayOf, dayStart, fileStamp, HOUR, instantsOf, offsetAt, repeats, wallAt, zoneName } from './zone';

const at = (text: string) => Date.parse(text);
const hours = (zone: string, text: string) => {
	const day = dayOf(zone, at(text));
	return (day.end - day.start) / HOUR;
};

describe('the length of a day', () => {
	test('is 23 hours when the clocks go forward, 25 when they go back', () => {
		expect(hours('Europe/Paris', '2026-03-29T12:00:00Z')).toBe(23);
		expect(hours('Europe/Paris', '2026-10-25T12:00:00Z')).toBe(25);
		expect(hours('America/New_York', '2026-11-01T17:00:00Z')).toBe(25);
		expect(hours('Europe/Paris', '2026-06-01T12:00:00Z')).toBe(24);
	});
	test('differs by half an hour on Lord Howe Island', () => {
		expect(hours('Australia/Lord_Howe', '2026-10-04T03:00:00Z')).toBe(23.5);
		expect(hours('Australia/Lord_Howe', '2026-04-05T03:00:00Z')).toBe(24.5);
	});
	test('is whole where the offset is not', () => {
		expect(hours('Asia/Kathmandu', '2026-05-05T12:00:00Z')).toBe(24);
		expect(dayStart('Asia/Kathmandu', 2026, 5, 5)).toBe(at('2026-05-04T18:15:00Z'));
	});
});

describe('wall time to instants', () => {
	const half = (day: number, month: number) => ({ year: 2026, month, day, hour: 2, minute: 30, second: 0 });
	test('a repeated time has two instants, an hour apart', () => {
		expect(instantsOf('Europe/Paris', half(25, 10))).toEqual([at('2026-10-25T00:30:00Z'), at('2026-10-25T01:30:00Z')]);
	});
	test('a skipped time has none', () => {
		expect(instantsOf('Europe/Paris', half(29, 3))).toEqual([]);
	});
	test('an ordinary time has one', () => {
		expect(instantsOf('Asia/Kathmandu', half(1, 6))).toEqual([at('2026-05-31T20:45:00Z')]);
	});
	test('Casablanca leaves its summer offset for Ramadan and comes back', () => {
		expect(offsetAt('Africa/Casablanca', at('2026-01-15T12:00:00Z'))).toBe(HOUR);
		expect(offsetAt('Africa/Casablanca', at('2026-03-01T12:00:00Z'))).toBe(0);
		expect(offsetAt('Africa/Casablanca', at('2026-04-15T12:00:00Z'))).toBe(HOUR);
	});
	test('every instant of a change night survives the way there and back', () => {
		for (const zone of ['Europe/Paris', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca']) {
			for (let t = at('2026-10-24T00:00:00Z'); t < at('2026-11-02T00:00:00Z'); t += 17 * 60_000) {
				expect(instantsOf(zone, wallAt(zone, t))).toContain(t);
			}
		}
	});
});

describe('texts', () => {
	test('both hours of the night carry their offset, other hours do not', () => {
		expect(clock('Europe/Paris', at('2026-10-25T00:30:00Z'))).toBe('02:30 CEST');
		expect(clock('Europe/Paris', at('2026-10-25T01:30:00Z'))).toBe('02:30 CET');
		expect(clock('Europe/Paris', at('2026-10-25T02:30:00Z'))).toBe('03:30');
		expect(clock('America/New_York', at('2026-11-01T05:30:00Z'))).toBe('01:30 EDT');
		expect(clock('America/New_York', at('2026-11-01T06:30:00Z'))).toBe('01:30 EST');
		expect(clock('Europe/Paris', at('2026-06-01T00:30:20Z'), true)).toBe('02:30:20');
	});
	test('only the repeated half hour of Lord Howe Island repeats', () => {
		expect(repeats('Australia/Lord_Howe', at('2026-04-04T14:45:00Z'))).toBe(true);
		expect(repeats('Australia/Lord_Howe', at('2026-04-04T15:45:00Z'))).toBe(false);
	});
	test('a zone without a short name is named by its offset', () => {
		expect(zoneName('Asia/Kathmandu', at('2026-06-01T00:00:00Z'))).toBe('+05:45');
		expect(zoneName('UTC', at('2026-06-01T00:00:00Z'))).toBe('UTC');
	});
	test('file names tell the two hours apart', () => {
		expect(fileStamp('Europe/Paris', at('2026-10-25T00:30:00Z'))).toBe('20261025T023000+0200');
		expect(fileStamp('Europe/Paris', at('2026-10-25T01:30:00Z'))).toBe('20261025T023000+0100');
		expect(fileStamp('America/New_York', at('2026-01-25T01:30:00Z'))).toBe('20260124T203000-0500');
	});
});

describe('ticks', () => {
	const walk = (zone: string, from: string, count: number, step: number) => {
		const out = [];
		for (let t = alignUp(zone, at(from), step); out.length < count; t = alignUp(zone, t + 1, step)) out.push(clock(zone, t));
		return out;
	};
	test('the repeated hour is drawn twice', () => {
		expect(walk('Europe/Paris', '2026-10-24T23:00:00Z', 4, HOUR)).toEqual(['01:00', '02:00 CEST', '02:00 CET', '03:00']);
	});
	test('the skipped hour is not drawn', () => {
		expect(walk('Europe/Paris', '2026-03-29T00:00:00Z', 3, HOUR)).toEqual(['01:00', '03:00', '04:00']);
	});
	test('they stand on the local full hour where the offset is 5:45', () => {
		expect(walk('Asia/Kathmandu', '2026-06-01T00:00:00Z', 2, HOUR)).toEqual(['06:00', '07:00']);
	});
});
