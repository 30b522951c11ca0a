import { expect, test } from 'vitest';
import { decidesOver, evening, grantText, newGrant, rolesBelow, weekend } from './grants';

const zone = 'Europe/Paris';
const at = (text: string) => Date.parse(text);
const span = (text: { start: number; end: number }) => [text.start, text.end].map((one) => new Date(one).toISOString());

test('this weekend is Saturday and Sunday of the household, or what is left of them', () => {
	expect(span(weekend(zone, at('2026-11-24T12:00:00Z')))).toEqual(['2026-11-27T23:00:00.000Z', '2026-11-29T23:00:00.000Z']);
	expect(span(weekend(zone, at('2026-11-28T10:00:00Z')))).toEqual(['2026-11-28T10:00:00.000Z', '2026-11-29T23:00:00.000Z']);
	// The clocks go back on Sunday: the weekend is 49 hours long.
	const long = weekend(zone, at('2026-10-21T12:00:00Z'));
	expect((long.end - long.start) / 3_600_000).toBe(49);
});

test('an evening begins at six, or now if it is later, and ends at midnight', () => {
	expect(span(evening(zone, at('2026-11-24T12:00:00Z')))).toEqual(['2026-11-24T17:00:00.000Z', '2026-11-24T23:00:00.000Z']);
	expect(span(evening(zone, at('2026-11-24T20:30:00Z')))).toEqual(['2026-11-24T20:30:00.000Z', '2026-11-24T23:00:00.000Z']);
});

test('nobody is offered a role that the own does not decide over', () => {
	expect(rolesBelow('manager')).toEqual(['guest', 'member', 'installer']);
	expect(rolesBelow('member')).toEqual([]);
	expect([decidesOver('manager', 'manager'), decidesOver('owner', 'owner'), decidesOver('guest', 'guest')]).toEqual([
		false,
		true,
		false
	]);
});

test('a grant is written in words', () => {
	const grant = newGrant('porch', { start: at('2026-11-27T23:00:00Z'), end: at('2026-11-29T23:00:00Z') });
	grant.weekly = [{ days: [4, 0, 1, 2, 3], from: '08:00', to: '18:00' }];
	expect(grantText(grant, zone)).toBe(
		'Live · from Sat, 28 Nov 2026, 00:00 · until Mon, 30 Nov 2026, 00:00 · Mon–Fri 08:00–18:00'
	);
});
