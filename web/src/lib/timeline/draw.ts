/** Draws the timeline on a canvas: recorded time, hatched gaps, ticks, marks, the live edge and the playhead. */
import { dayText } from '$lib/time/zone';
import type { Gap, Span } from './record.svelte';
import { skipped, ticks, toX, type View } from './scale';

export interface Scene {
	view: View;
	zone: string;
	locale: string;
	spans: Span[];
	gaps: Gap[];
	edge: number | undefined;
	now: number;
	playhead: number;
	hover: number | undefined;
	mark: { from?: number; to?: number };
}

export interface Colours {
	line: string;
	ink: string;
	soft: string;
	accent: string;
	track: string;
	hatch: string;
	panel: string;
	raised: string;
	bad: string;
}

/** Vertical places in CSS pixels. */
export const HEIGHT = 76;
const TRACK_TOP = 26;
const TRACK_BOTTOM = 58;
/** Width of the mark where the clocks go forward: no time passes in it. */
export const SKIP = 8;

export function colours(element: Element): Colours {
	const style = getComputedStyle(element);
	const get = (name: string) => style.getPropertyValue(`--${name}`).trim();
	return {
		line: get('line'),
		ink: get('ink'),
		soft: get('soft'),
		accent: get('accent'),
		track: get('track'),
		hatch: get('hatch'),
		panel: get('panel'),
		raised: get('raised'),
		bad: get('bad')
	};
}

export function draw(context: CanvasRenderingContext2D, width: number, scene: Scene, colour: Colours, font: string): void {
	const x = (at: number) => toX(scene.view, at, width);
	context.clearRect(0, 0, width, HEIGHT);
	context.fillStyle = colour.raised;
	context.fillRect(0, TRACK_TOP, Math.min(width, Math.max(0, x(scene.now))), TRACK_BOTTOM - TRACK_TOP);
	for (const gap of scene.gaps) hatch(context, x(gap.start), x(gap.end), width, colour);
	context.fillStyle = colour.track;
	for (const span of scene.spans) bar(context, x(span.start), x(span.end), width);
	const skip = skipped(scene.zone, scene.view);
	if (skip) hatch(context, x(skip.at) - SKIP / 2, x(skip.at) + SKIP / 2, width, colour);
	drawTicks(context, width, scene, colour, font);
	drawMarks(context, scene, x, colour);
	if (scene.edge !== undefined) edge(context, x(scene.edge), width, colour);
	if (scene.hover !== undefined) rule(context, x(scene.hover), colour.soft, 1);
	playhead(context, x(scene.playhead), colour);
}

/** At least one pixel, so that a short recording is seen at 24 hours too. */
function bar(context: CanvasRenderingContext2D, from: number, to: number, width: number): void {
	if (to < 0 || from > width) return;
	const left = Math.max(0, from);
	context.fillRect(left, TRACK_TOP, Math.max(1, Math.min(width, to) - left), TRACK_BOTTOM - TRACK_TOP);
}

function hatch(context: CanvasRenderingContext2D, from: number, to: number, width: number, colour: Colours): void {
	const left = Math.max(0, from);
	const right = Math.min(width, Math.max(to, from + 2));
	if (right <= left) return;
	context.save();
	context.beginPath();
	context.rect(left, TRACK_TOP, right - left, TRACK_BOTTOM - TRACK_TOP);
	context.clip();
	context.fillStyle = colour.panel;
	context.fill();
	context.strokeStyle = colour.hatch;
	context.lineWidth = 1;
	context.beginPath();
	const height = TRACK_BOTTOM - TRACK_TOP;
	// Anchored to the page, not to the gap: the pattern stands still while the picture moves.
	for (let x = Math.floor((left - height) / 7) * 7; x < right; x += 7) {
		context.moveTo(x, TRACK_BOTTOM);
		context.lineTo(x + height, TRACK_TOP);
	}
	context.stroke();
	context.restore();
}

function drawTicks(context: CanvasRenderingContext2D, width: number, scene: Scene, colour: Colours, font: string): void {
	context.font = font;
	context.textBaseline = 'middle';
	for (const tick of ticks(scene.zone, scene.view, width)) {
		const x = Math.round(toX(scene.view, tick.at, width)) + 0.5;
		context.strokeStyle = tick.midnight ? colour.soft : colour.line;
		context.lineWidth = 1;
		context.beginPath();
		context.moveTo(x, tick.midnight ? 2 : TRACK_TOP - 6);
		context.lineTo(x, TRACK_BOTTOM + 4);
		context.stroke();
		context.fillStyle = tick.midnight ? colour.ink : colour.soft;
		const label = tick.midnight ? dayText(scene.locale, scene.zone, tick.at) : tick.label;
		const room = context.measureText(label).width;
		context.fillText(label, Math.min(x + 4, width - room - 2), 11);
	}
}

function drawMarks(context: CanvasRenderingContext2D, scene: Scene, x: (at: number) => number, colour: Colours): void {
	const { from, to } = scene.mark;
	context.fillStyle = colour.accent;
	if (from !== undefined && to !== undefined) {
		context.globalAlpha = 0.3;
		context.fillRect(x(from), TRACK_TOP, x(to) - x(from), TRACK_BOTTOM - TRACK_TOP);
		context.globalAlpha = 1;
	}
	for (const [at, side] of [
		[from, 1],
		[to, -1]
	] as const) {
		if (at === undefined) continue;
		context.fillRect(x(at) - 1, TRACK_TOP - 4, 2, TRACK_BOTTOM - TRACK_TOP + 8);
		context.fillRect(x(at), TRACK_TOP - 4, 6 * side, 2);
		context.fillRect(x(at), TRACK_BOTTOM + 2, 6 * side, 2);
	}
}

function edge(context: CanvasRenderingContext2D, x: number, width: number, colour: Colours): void {
	if (x < 0 || x > width) return;
	context.fillStyle = colour.bad;
	context.fillRect(x - 1, TRACK_TOP, 2, TRACK_BOTTOM - TRACK_TOP);
	context.beginPath();
	context.arc(x, TRACK_BOTTOM + 7, 3.5, 0, Math.PI * 2);
	context.fill();
}

function rule(context: CanvasRenderingContext2D, x: number, colour: string, width: number): void {
	context.fillStyle = colour;
	context.fillRect(x - width / 2, TRACK_TOP - 4, width, TRACK_BOTTOM - TRACK_TOP + 8);
}

function playhead(context: CanvasRenderingContext2D, x: number, colour: Colours): void {
	rule(context, x, colour.accent, 2);
	context.fillStyle = colour.accent;
	context.beginPath();
	context.moveTo(x - 6, TRACK_TOP - 8);
	context.lineTo(x + 6, TRACK_TOP - 8);
	context.lineTo(x, TRACK_TOP + 1);
	context.fill();
}
