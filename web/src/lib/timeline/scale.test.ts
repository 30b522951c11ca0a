import { describe, expect, test } from 'vitest';
import { HOUR, MINUTE } from '$lib/time/zone';
import { follow, length, NARROWEST, skipped, stepFor, ticks, toTime, toX, WIDEST, zoom } from './scale';

const at = (text: string) => Date.parse(text);
const day = { start: at('2026-10-24T22:00:00Z'), end: at('2026-10-25T23:00:00Z') };

describe('zoom', () => {
	test('keeps the instant under the pointer in its place', () => {
		const anchor = day.start + 7 * HOUR;
		const closer = zoom(day, 0.5, anchor);
		expect(toX(closer, anchor, 1000)).toBeCloseTo(toX(day, anchor, 1000), 6);
	});
	test('stops at five minutes and at the longest day', () => {
		expect(length(zoom(day, 0.0001, day.start))).toBe(NARROWEST);
		expect(length(zoom(day, 100, day.start))).toBe(WIDEST);
	});
});

test('a place on the timeline and its instant are each other’s inverse', () => {
	expect(toTime(day, toX(day, day.start + 12345, 777), 777)).toBeCloseTo(day.start + 12345, 3);
});

test('following brings an instant that left the view back inside', () => {
	const moved = follow(day, day.end + HOUR);
	expect(moved.end).toBeGreaterThan(day.end + HOUR);
	expect(length(moved)).toBe(length(day));
	expect(follow(day, day.start + 12 * HOUR)).toBe(day);
});

describe('ticks', () => {
	test('draw both hours of the night when the clocks go back, with their names', () => {
		const labels = ticks('Europe/Paris', day, 3000).map((tick) => tick.label);
		expect(labels).toContain('02:00 CEST');
		expect(labels).toContain('02:00 CET');
		expect(labels.filter((label) => label === '00:00')).toHaveLength(2);
	});
	test('leave out the skipped hour', () => {
		const view = { start: at('2026-03-29T00:00:00Z'), end: at('2026-03-29T04:00:00Z') };
		const labels = ticks('Europe/Paris', view, 1000).map((tick) => tick.label);
		expect(labels.some((label) => label.startsWith('02'))).toBe(false);
		expect(labels).toContain('03:00');
	});
	test('the hour that the clocks skip is known by its two wall times, and no other night has one', () => {
		const spring = { start: at('2026-03-28T23:00:00Z'), end: at('2026-03-29T22:00:00Z') };
		expect(skipped('Europe/Paris', spring)).toEqual({ at: at('2026-03-29T01:00:00Z'), from: '02:00', to: '03:00' });
		expect(skipped('Australia/Lord_Howe', { start: at('2026-10-03T00:00:00Z'), end: at('2026-10-04T00:00:00Z') })).toEqual({
			at: at('2026-10-03T15:30:00Z'),
			from: '02:00',
			to: '02:30'
		});
		expect(skipped('Europe/Paris', day)).toBeUndefined();
		expect(skipped('UTC', spring)).toBeUndefined();
	});
	test('mark the local midnight', () => {
		const midnights = ticks('Europe/Paris', day, 3000).filter((tick) => tick.midnight);
		expect(midnights.map((tick) => tick.at)).toEqual([day.start, day.end]);
	});
	test('never stand closer than their labels are wide', () => {
		for (const width of [320, 700, 1900]) {
			for (const hours of [0.1, 1, 6, 24]) {
				const view = { start: day.start, end: day.start + hours * HOUR };
				expect((stepFor(view, width) / length(view)) * width).toBeGreaterThanOrEqual(72 - 1e-6);
			}
		}
	});
	test('end: a whole day on a phone stays under a handful of labels', () => {
		expect(ticks('Europe/Paris', { start: day.start, end: day.start + 24 * HOUR }, 328).length).toBeLessThanOrEqual(5);
		expect(ticks('Europe/Paris', { start: day.start, end: day.start + 5 * MINUTE }, 328).length).toBeLessThanOrEqual(6);
	});
});
