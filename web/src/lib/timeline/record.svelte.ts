/** What is recorded of one camera: the known part of its timeline, read on demand and kept fresh at the live edge. */
import { api, ask, iso, Problem } from '$lib/api/client';
import type { Timeline } from '$lib/api/types';
import { length, type View } from './scale';

export interface Span {
	start: number;
	end: number;
}

export interface Gap extends Span {
	cause: string;
}

const FRESH = 4_000;
/** The server answers 31 days at most. */
const LONGEST = 31 * 86_400_000;

export class Record {
	spans = $state.raw<Span[]>([]);
	gaps = $state.raw<Gap[]>([]);
	edge = $state<number>();
	loaded = $state(false);
	problem = $state<unknown>();
	#known: View | undefined;
	#asked = 0;
	#busy = false;

	constructor(readonly camera: string) {}

	/** Makes sure that `view` is known; reads again when the live edge is in view and the answer is old. */
	async ensure(view: View, now: number): Promise<void> {
		const inside = this.#known && this.#known.start <= view.start && this.#known.end >= Math.min(view.end, now);
		const old = view.end >= (this.edge ?? 0) && now - this.#asked > FRESH;
		if (this.#busy || (inside && !old)) return;
		await this.load(view);
	}

	async load(view: View): Promise<void> {
		const around = Math.min(length(view), (LONGEST - length(view)) / 2);
		const wide = { start: view.start - around, end: view.end + around };
		this.#busy = true;
		this.#asked = Date.now();
		try {
			this.#take(await timelineOf(this.camera, wide.start, wide.end));
			this.#known = wide;
			this.problem = undefined;
			this.loaded = true;
		} catch (reason) {
			this.problem = reason;
			if (reason instanceof Problem && reason.status === 404) this.loaded = true;
		} finally {
			this.#busy = false;
		}
	}

	#take(answer: Timeline): void {
		const instant = (text: string) => Date.parse(text);
		this.spans = union(answer.spans.map((span) => ({ start: instant(span.start), end: instant(span.end) })));
		// A gap that lasts ends now; what lies ahead is nobody's gap.
		const until = (end: string | null) => Math.min(end === null ? this.#asked : instant(end), this.#asked);
		this.gaps = answer.gaps
			.map((gap) => ({ start: instant(gap.start), end: until(gap.end), cause: gap.cause }))
			.filter((gap) => gap.end > gap.start);
		this.edge = answer.live_edge ? instant(answer.live_edge) : undefined;
	}

	gapAt(at: number): Gap | undefined {
		return this.gaps.find((gap) => gap.start <= at && at < gap.end);
	}

	recordedAt(at: number): boolean {
		return this.spans.some((span) => span.start <= at && at <= span.end);
	}
}

/** Footage and gaps between two instants in milliseconds, 31 days apart at most. */
export function timelineOf(camera: string, start: number, end: number): Promise<Timeline> {
	const params = { path: { id: camera }, query: { start: iso(start), end: iso(end) } };
	return ask(api.GET('/api/v1/cameras/{id}/timeline', { params }));
}

/** Spans of all streams laid over each other; seams under a second vanish. */
export function union(spans: Span[]): Span[] {
	const out: Span[] = [];
	for (const span of [...spans].sort((a, b) => a.start - b.start)) {
		const last = out.at(-1);
		if (last && span.start <= last.end + 1_000) last.end = Math.max(last.end, span.end);
		else out.push({ ...span });
	}
	return out;
}
