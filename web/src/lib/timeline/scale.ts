/** The arithmetic of the timeline: which part of time is visible, where an instant stands, where the ticks are. */
import { alignUp, clock, HOUR, MINUTE, offsetAt, pad, repeats, SECOND, transition, wallAt } from '$lib/time/zone';

/** The visible part of time, milliseconds since 1970. */
export interface View {
	start: number;
	end: number;
}

export interface Tick {
	at: number;
	label: string;
	/** Local midnight: drawn with its date. */
	midnight: boolean;
}

export const NARROWEST = 5 * MINUTE;
/** The longest local day. */
export const WIDEST = 25 * HOUR;

const STEPS = [
	10 * SECOND,
	30 * SECOND,
	MINUTE,
	2 * MINUTE,
	5 * MINUTE,
	10 * MINUTE,
	15 * MINUTE,
	30 * MINUTE,
	HOUR,
	2 * HOUR,
	3 * HOUR,
	6 * HOUR,
	12 * HOUR
];

export function length(view: View): number {
	return view.end - view.start;
}

export function toX(view: View, at: number, width: number): number {
	return ((at - view.start) / length(view)) * width;
}

export function toTime(view: View, x: number, width: number): number {
	return view.start + (x / width) * length(view);
}

/** Zooms by `factor` (below 1: closer) so that `anchor` keeps its place. */
export function zoom(view: View, factor: number, anchor: number): View {
	const wanted = Math.min(WIDEST, Math.max(NARROWEST, length(view) * factor));
	const share = (anchor - view.start) / length(view);
	const start = anchor - share * wanted;
	return { start, end: start + wanted };
}

export function pan(view: View, by: number): View {
	return { start: view.start + by, end: view.end + by };
}

/** Moves the view so that `at` is inside, `margin` (share of the width) away from its edges. */
export function follow(view: View, at: number, margin = 0.1): View {
	const room = length(view) * margin;
	if (at > view.end - room) return pan(view, at - (view.end - room));
	if (at < view.start + room) return pan(view, at - (view.start + room));
	return view;
}

/** The smallest step whose labels do not run into each other. */
export function stepFor(view: View, width: number, room = 72): number {
	const least = (length(view) / Math.max(width, 1)) * room;
	return STEPS.find((step) => step >= least) ?? 12 * HOUR;
}

export function ticks(zone: string, view: View, width: number): Tick[] {
	const room = [view.start, view.end].some((at) => repeats(zone, at)) || transition(zone, view.start, view.end) ? 92 : 72;
	const step = stepFor(view, width, room);
	const out: Tick[] = [];
	for (let at = alignUp(zone, view.start, step); at <= view.end; at = alignUp(zone, at + 1, step)) {
		const wall = wallAt(zone, at);
		out.push({
			at,
			label: clock(zone, at, step < MINUTE),
			midnight: wall.hour === 0 && wall.minute === 0 && wall.second === 0
		});
	}
	return out;
}

/** Where the clocks go forward within a view: the instant, and the wall times between which no instant lies. */
export function skipped(zone: string, view: View): { at: number; from: string; to: string } | undefined {
	const at = transition(zone, view.start, view.end);
	if (at === undefined || offsetAt(zone, at) < offsetAt(zone, at - 1)) return undefined;
	const { hour, minute } = wallAt(zone, at - 1);
	const before = hour * 60 + minute + 1;
	return { at, from: `${pad(Math.floor(before / 60) % 24)}:${pad(before % 60)}`, to: clock(zone, at) };
}

/** The length of a view in the words of the zoom button: 24 h, 90 min. */
export function span(view: View): { unit: 'hours' | 'minutes'; count: number } {
	const minutes = Math.round(length(view) / MINUTE);
	return minutes >= 120 ? { unit: 'hours', count: Math.round(minutes / 60) } : { unit: 'minutes', count: minutes };
}
