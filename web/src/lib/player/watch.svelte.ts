/** What is watched of one camera: live or an instant of the past, how fast, what is marked, and which part of time is in view. */
import { t, word } from '$lib/messages';
import { duration } from '$lib/parts/words';
import { now } from '$lib/state/now.svelte';
import { dayOf, HOUR, MINUTE, SECOND } from '$lib/time/zone';
import { Record } from '$lib/timeline/record.svelte';
import { follow, zoom, type View } from '$lib/timeline/scale';

/** The speeds of playback. */
export const SPEEDS = [0.5, 1, 2, 4, 8, 16];

/** So close to the present an instant is live: its fragment may not be written yet. */
const NEARLY_LIVE = 8 * SECOND;
/** Playing that reaches the end of what is recorded this close to the present goes on live. */
const CATCHES_UP = 20 * SECOND;

export class Watch {
	readonly record: Record;
	live = $state(true);
	/** The instant to go to; a new object for each wish, so that the same instant can be wished for again. */
	target = $state.raw({ at: 0 });
	/** The instant whose recorded picture is shown. */
	shown = $state(0);
	/** When the shown live picture was taken. */
	taken = $state<number>();
	rate = $state(1);
	paused = $state(false);
	muted = $state(true);
	volume = $state(1);
	mark = $state<{ from?: number; to?: number }>({});
	/** What was passed over without a picture. */
	crossed = $state<string>();
	view = $state.raw<View>({ start: Date.now() - HOUR + 4 * MINUTE, end: Date.now() + 4 * MINUTE });
	/** The view goes along with the playhead, until somebody moves it away. */
	#led = true;

	playhead = $derived.by(() => (this.live ? (this.taken ?? now.value) : this.shown));
	edge = $derived.by(() => this.record.edge ?? now.value);
	gap = $derived.by(() => (this.live ? undefined : this.record.gapAt(this.shown)));

	constructor(
		camera: string,
		readonly zone: string
	) {
		this.record = new Record(camera);
	}

	goLive(): void {
		this.live = true;
		this.paused = false;
		this.rate = 1;
		this.crossed = undefined;
		this.#led = true;
		this.view = follow(this.view, Date.now());
	}

	seek(at: number, center = false): void {
		this.crossed = undefined;
		if (at >= this.edge - 500 && at > Date.now() - NEARLY_LIVE) {
			this.goLive();
			return;
		}
		if (this.live) this.paused = false;
		this.live = false;
		this.shown = at;
		this.target = { at };
		this.#led = true;
		if (center || at < this.view.start || at > this.view.end) {
			const half = (this.view.end - this.view.start) / 2;
			this.view = { start: at - half, end: at + half };
		}
	}

	/** From live into what was recorded a moment ago. */
	leaveLive(): void {
		if (this.live) this.seek(Math.min(Date.now() - NEARLY_LIVE, this.edge - SECOND));
	}

	jump(by: number): void {
		this.seek(this.playhead + by);
	}

	toggle(): void {
		this.leaveLive();
		this.paused = !this.paused;
	}

	setRate(rate: number): void {
		this.leaveLive();
		this.rate = rate;
	}

	faster(by: 1 | -1): void {
		const at = SPEEDS.indexOf(this.rate) + by;
		if (!this.live) this.rate = SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at))] ?? 1;
	}

	markSide(side: 'from' | 'to'): void {
		const at = this.playhead;
		const { from, to } = this.mark;
		if (side === 'from') this.mark = { from: at, to: to !== undefined && to > at ? to : undefined };
		else this.mark = { from: from !== undefined && from < at ? from : undefined, to: at };
	}

	/** The picture of `at` is shown. Playing that is faster than time comes up with the present. */
	show(at: number): void {
		this.shown = at;
		if (this.rate > 1 && at > Date.now() - NEARLY_LIVE && at > this.target.at) this.goLive();
	}

	crossGap(from: number, to: number): void {
		const cause = this.record.gapAt((from + to) / 2)?.cause;
		const length = duration(to - from);
		this.crossed = cause ? t('camera-page.gap-cause', { length, cause: word('cause', cause) }) : t('camera-page.gap', { length });
	}

	/** Nothing more is recorded: on to the live picture, or a stop with a word. */
	reachEnd(): void {
		if (Date.now() - this.shown < CATCHES_UP) {
			this.goLive();
			return;
		}
		this.paused = true;
		this.crossed = t('camera-page.end');
	}

	/** Somebody moved or zoomed the view. */
	look(view: View): void {
		this.view = view;
		this.#led = this.playhead >= view.start && this.playhead <= view.end;
	}

	zoom(factor: number): void {
		this.look(zoom(this.view, factor, this.playhead));
	}

	/** Moves the view along with the playhead. */
	lead(): void {
		if (this.#led) this.view = follow(this.view, this.playhead);
	}

	/** Shows a whole day, from its first picture on. */
	async goToDay(at: number): Promise<void> {
		const day = dayOf(this.zone, at);
		await this.record.load(day);
		const first = this.record.spans.find((span) => span.end > day.start && span.start < day.end);
		this.view = day;
		this.seek(Math.max(first?.start ?? day.start, day.start));
		this.look(day);
	}
}
