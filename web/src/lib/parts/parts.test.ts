import { expect, test } from 'vitest';
import { lightOf } from './light';
import { bytes, duration, stopwatch } from './words';

test('the recording light goes out when nothing is written, whatever the server configures', () => {
	const written = '2026-06-01T12:00:00Z';
	const at = (seconds: number) => Date.parse(written) + seconds * 1000;
	expect(lightOf({ state: 'recording', recorded_until: written }, at(5))).toBe('recording');
	expect(lightOf({ state: 'recording', recorded_until: written }, at(31))).toBe('silent');
	expect(lightOf({ state: 'recording', recorded_until: null }, at(0))).toBe('connecting');
	expect(lightOf({ state: 'off', recorded_until: written }, at(5))).toBe('off');
});

test('sizes and lengths are written for people', () => {
	expect([bytes(0), bytes(999), bytes(1_540_000), bytes(20e9)]).toEqual(['0 B', '999 B', '1.5 MB', '20 GB']);
	expect([stopwatch(4000), stopwatch(750_000), stopwatch(3_723_000)]).toEqual(['0:04', '12:30', '1:02:03']);
	expect([duration(4000), duration(7_200_000), duration(5 * 86_400_000)]).toEqual(['4 s', '2 h', '5 days']);
});
