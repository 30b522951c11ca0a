/** What a guest is allowed, and when: ready-made times, what may be granted by whom, and a grant in words. */
import type { Grant, Right, Role, Weekly } from '$lib/api/types';
import { locale, t, word } from '$lib/messages';
import { dateTime, dayStart, HOUR, wallAt } from '$lib/time/zone';

/** The rights that can be granted: those of which a guest has use. */
export const RIGHTS = ['live', 'history', 'export'] as const satisfies Right[];

export interface Span {
	start: number;
	end: number;
}

/** Instant of a local midnight, `days` after that of `at`. */
function midnight(zone: string, at: number, days: number): number {
	const { year, month, day } = wallAt(zone, at);
	const moved = new Date(Date.UTC(year, month - 1, day + days));
	return dayStart(zone, moved.getUTCFullYear(), moved.getUTCMonth() + 1, moved.getUTCDate());
}

/** 0 is Monday. */
function weekday(zone: string, at: number): number {
	const { year, month, day } = wallAt(zone, at);
	return (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7;
}

/** Saturday and Sunday of this week; what is left of them on those days. */
export function weekend(zone: string, now: number): Span {
	const day = weekday(zone, now);
	return { start: Math.max(now, midnight(zone, now, 5 - day)), end: midnight(zone, now, 7 - day) };
}

/** From 18:00 today, or from now if that is past, until midnight. */
export function evening(zone: string, now: number): Span {
	const end = midnight(zone, now, 1);
	return { start: Math.max(now, end - 6 * HOUR), end };
}

/** The roles that somebody of this role gives to others. */
export function rolesBelow(role: Role | undefined): Role[] {
	if (role === 'owner') return ['guest', 'member', 'manager', 'installer'];
	return role === 'manager' ? ['guest', 'member', 'installer'] : [];
}

export function decidesOver(role: Role | undefined, other: Role): boolean {
	return role === 'owner' || rolesBelow(role).includes(other);
}

export function newGrant(camera: string, times?: Span): Grant {
	const iso = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString());
	return { camera, group: null, rights: ['live'], start: iso(times?.start), end: iso(times?.end), weekly: [] };
}

/** Monday first, in short. */
export function dayNames(): string[] {
	const short = new Intl.DateTimeFormat(locale, { weekday: 'short', timeZone: 'UTC' });
	return [0, 1, 2, 3, 4, 5, 6].map((day) => short.format(Date.UTC(2024, 0, 1 + day)));
}

function weeklyText({ days, from, to }: Weekly): string {
	const names = dayNames();
	const sorted = [...days].sort((a, b) => a - b);
	const [first = 0, last = 0] = [sorted[0], sorted.at(-1)];
	const run = sorted.length > 2 && last - first === sorted.length - 1;
	const text = run ? `${names[first]}–${names[last]}` : sorted.map((day) => names[day]).join(', ');
	return `${text} ${from}–${to}`;
}

/** Live, recordings · from Sat 28 Nov 2026, 00:00 · Mon–Fri 08:00–18:00 */
export function grantText(grant: Grant, zone: string): string {
	const rights = grant.rights.map((right) => word('right', right)).join(', ');
	const from = grant.start && t('grant.from-time', { time: dateTime(locale, zone, Date.parse(grant.start)) });
	const until = grant.end && t('grant.until-time', { time: dateTime(locale, zone, Date.parse(grant.end)) });
	return [rights, from, until, ...grant.weekly.map(weeklyText)].filter(Boolean).join(' · ');
}
