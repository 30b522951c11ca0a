/**
 * Recorded pictures: reads the playlist of the wanted time, loads segments and places each one at its wall-clock
 * time, so that the time of the video element is the household's time. Seeks by key frame, crosses gaps, goes on
 * at the live edge while the recording grows.
 */
import { afterGap, lead, nextToLoad, overHole, surplus, type Span } from './buffer';
import { fragment, mimeOfInit, tracks, type Track } from './mp4';
import { indexAt, merge, parsePlaylist, SEAM, type Segment } from './playlist';

export interface Source {
	/** The playlist of a time range in milliseconds; undefined if nothing is recorded there. */
	playlist(start: number, end: number, signal: AbortSignal): Promise<{ text: string; base: string } | undefined>;
	bytes(url: string, signal: AbortSignal): Promise<Uint8Array>;
}

export interface PlaybackEvents {
	/** The picture of this instant (milliseconds) is shown. */
	time(at: number): void;
	/** Pictures are awaited. */
	waiting(waiting: boolean): void;
	/** Playing crossed a time without pictures. */
	gap(from: number, to: number): void;
	/** Nothing is recorded at or behind `at` yet. */
	edge(at: number): void;
	failed(reason: unknown): void;
}

/** What is looked up around a wanted time, milliseconds. */
const BEFORE = 20_000;
const AFTER = 180_000;
/** What is kept behind the picture, and loaded ahead of it at rate 1. */
const KEEP = 30_000;
const AHEAD = 10_000;
/** An element that wants its next picture stands up to the length of one before the end. */
const END = 400;
/** Time base of the video element: instants are placed relative to a day before the first wanted one. */
const DAY = 86_400_000;
const REACH = 400 * DAY;

export class Playback {
	#video: HTMLVideoElement;
	#source: Source;
	#events: PlaybackEvents;
	#media = new MediaSource();
	#buffer: SourceBuffer | undefined;
	#object: string;
	#origin = 0;
	#segments: Segment[] = [];
	/** What is in the buffer, by address: the times of a segment differ by rounding between playlists. */
	#loaded = new Map<string, { segment: Segment; frames: number[] }>();
	#inits = new Map<string, { bytes: Uint8Array; tracks: Track[] }>();
	#init = '';
	#offset = Number.NaN;
	#work = new AbortController();
	#turn: Promise<void> = Promise.resolve();
	#pumping = false;
	/** The instant that playing goes to, until a picture of it is shown. */
	#wanted: number | undefined;
	/** The instant of the picture that is seen. */
	#picture: number | undefined;
	#asked = 0;
	#closed = false;
	#watch = 0;
	#timer: ReturnType<typeof setInterval>;

	constructor(video: HTMLVideoElement, source: Source, at: number, events: PlaybackEvents) {
		this.#video = video;
		this.#source = source;
		this.#events = events;
		this.#origin = at - DAY;
		this.#wanted = at;
		this.#media.addEventListener('sourceopen', this.#opened, { once: true });
		this.#object = URL.createObjectURL(this.#media);
		video.src = this.#object;
		video.addEventListener('waiting', this.#stalled);
		video.addEventListener('seeked', this.#shown);
		video.addEventListener('loadedmetadata', this.#place);
		this.#timer = setInterval(this.#tick, 250);
		this.#watchPictures();
	}

	close(): void {
		this.#closed = true;
		this.#work.abort();
		clearInterval(this.#timer);
		this.#video.removeEventListener('waiting', this.#stalled);
		this.#video.removeEventListener('seeked', this.#shown);
		this.#video.removeEventListener('loadedmetadata', this.#place);
		if (this.#watch) this.#video.cancelVideoFrameCallback?.(this.#watch);
		this.#video.removeAttribute('src');
		this.#video.load();
		URL.revokeObjectURL(this.#object);
	}

	/** The shown instant in milliseconds since 1970. */
	get at(): number {
		return this.#wanted ?? this.#origin + this.#video.currentTime * 1000;
	}

	/** True if `at` can be reached without a new player: times before the origin, or far behind it, cannot. */
	reaches(at: number): boolean {
		return at > this.#origin && at < this.#origin + REACH;
	}

	seek(at: number): void {
		this.#wanted = at;
		this.#work.abort();
		this.#work = new AbortController();
		this.#pumping = false;
		this.#asked = 0;
		this.#events.waiting(true);
		// Before the source is open its opening goes there.
		if (this.#media.readyState === 'open') void this.#arrive(at);
	}

	/** One picture forward (1) or back (-1); pauses. Counts from the picture that is seen: the clock may be a little off it. */
	step(direction: 1 | -1): void {
		this.#video.pause();
		const now = this.#wanted ?? this.#picture ?? this.at;
		const frames = [...this.#loaded.values()].flatMap((entry) => entry.frames).sort((a, b) => a - b);
		const here = frames.findLast((frame) => frame <= now + 2) ?? now;
		const target = direction > 0 ? frames.find((frame) => frame > here + 2) : frames.findLast((frame) => frame < here - 2);
		const inside = target !== undefined && Math.abs(target - now) < 5_000;
		this.seek(inside ? target + 1 : now + direction * 100);
	}

	#opened = (): void => {
		// Finite, so that every instant can be sought before its segment is there.
		this.#media.duration = REACH / 1000;
		this.#events.waiting(true);
		void this.#arrive(this.at);
	};

	/** Goes to `at`: finds what is recorded there, jumps over a gap, and starts to load. */
	async #arrive(at: number): Promise<void> {
		const signal = this.#work.signal;
		try {
			if (!this.#covers(at)) await this.#look(at - BEFORE, at + AFTER, signal);
			if (signal.aborted || this.#closed) return;
			const target = afterGap(this.#segments, at);
			if (target === undefined) {
				this.#events.waiting(false);
				this.#events.edge(at);
				return;
			}
			if (target - at > SEAM) this.#events.gap(at, target);
			this.#goTo(target);
			await this.#pump();
		} catch (reason) {
			if (!signal.aborted) this.#events.failed(reason);
		}
	}

	#goTo(target: number): void {
		this.#wanted = target;
		this.#place();
	}

	/** Before its first segment the element takes no position: it is given again with the metadata. */
	#place = (): void => {
		if (this.#wanted !== undefined && this.#video.readyState > 0) {
			this.#video.currentTime = (this.#wanted - this.#origin) / 1000;
		}
	};

	#covers(at: number): boolean {
		const segment = this.#segments[indexAt(this.#segments, at)];
		return segment !== undefined && segment.start <= at;
	}

	async #look(start: number, end: number, signal: AbortSignal): Promise<void> {
		const answer = await this.#source.playlist(start, end, signal);
		if (answer && !signal.aborted) this.#segments = merge(this.#segments, parsePlaylist(answer.text, answer.base));
	}

	/** Loads what is missing, one segment after the other, until enough is ahead. One pump runs at a time. */
	async #pump(): Promise<void> {
		if (this.#pumping || this.#closed || this.#media.readyState !== 'open') return;
		const signal = this.#work.signal;
		this.#pumping = true;
		try {
			while (!signal.aborted) {
				const at = this.at;
				const ahead = AHEAD * Math.max(1, this.#video.playbackRate);
				await this.#extend(at, ahead, signal);
				if (signal.aborted) break;
				this.#crossGap(at);
				const next = nextToLoad(this.#segments, at, ahead, (segment) => this.#loaded.has(segment.url));
				if (!next) break;
				await this.#load(next, signal);
				if (!signal.aborted) await this.#forget(at, ahead);
			}
		} catch (reason) {
			if (!signal.aborted && !this.#closed) this.#events.failed(reason);
		} finally {
			if (this.#work.signal === signal) this.#pumping = false;
		}
	}

	/** Reads on in the playlist when playing nears its known end, at most every two seconds. */
	async #extend(at: number, ahead: number, signal: AbortSignal): Promise<void> {
		const end = this.#segments.at(-1)?.end ?? at;
		if (end - at > ahead + 20_000 || Date.now() - this.#asked < 2_000) return;
		this.#asked = Date.now();
		await this.#look(Math.max(end - 1_000, at - BEFORE), end + AFTER, signal);
	}

	/** Jumps where nothing is recorded at `at`; says so at the end of all that is recorded. */
	#crossGap(at: number): void {
		const last = this.#segments.at(-1);
		if (!last || this.#wanted !== undefined) return;
		if (at > last.end - END && this.#starved && this.#loaded.has(last.url)) {
			this.#events.edge(at);
			return;
		}
		const target = afterGap(this.#segments, at + 50);
		if (target === undefined || target - at <= SEAM) return;
		this.#events.gap(at, target);
		this.#goTo(target);
	}

	/** Playing, but without a picture to show next. */
	get #starved(): boolean {
		const video = this.#video;
		return this.#wanted === undefined && !video.paused && video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
	}

	async #load(segment: Segment, signal: AbortSignal): Promise<void> {
		const init = await this.#initOf(segment, signal);
		const bytes = await this.#source.bytes(segment.url, signal);
		const facts = fragment(bytes, init.tracks);
		if (signal.aborted) return;
		if (facts && !facts.key && !this.#isLoadedBefore(segment)) await this.#loadLead(segment, signal);
		if (signal.aborted) return;
		await this.#append(segment, init, bytes);
	}

	#isLoadedBefore(segment: Segment): boolean {
		const previous = this.#segments[this.#segments.indexOf(segment) - 1];
		return previous !== undefined && !segment.breaks && this.#loaded.has(previous.url);
	}

	/** A segment that starts within a group of pictures needs the ones before it, back to a key frame. */
	async #loadLead(segment: Segment, signal: AbortSignal): Promise<void> {
		const chain: { segment: Segment; bytes: Uint8Array }[] = [];
		for (const before of lead(this.#segments, this.#segments.indexOf(segment))) {
			const init = await this.#initOf(before, signal);
			const bytes = await this.#source.bytes(before.url, signal);
			chain.unshift({ segment: before, bytes });
			if (fragment(bytes, init.tracks)?.key) break;
		}
		for (const entry of chain) {
			if (signal.aborted) return;
			await this.#append(entry.segment, await this.#initOf(entry.segment, signal), entry.bytes);
		}
	}

	async #initOf(segment: Segment, signal: AbortSignal): Promise<{ bytes: Uint8Array; tracks: Track[] }> {
		const known = this.#inits.get(segment.init);
		if (known) return known;
		const bytes = await this.#source.bytes(segment.init, signal);
		const entry = { bytes, tracks: tracks(bytes) };
		this.#inits.set(segment.init, entry);
		return entry;
	}

	/** Work on the buffer is done one after the other, also when a seek has overtaken what asked for it. */
	#inTurn(work: () => Promise<void>): Promise<void> {
		const done = this.#turn.then(work);
		this.#turn = done.catch(() => undefined);
		return done;
	}

	#append(segment: Segment, init: { bytes: Uint8Array; tracks: Track[] }, bytes: Uint8Array): Promise<void> {
		return this.#inTurn(() => this.#insert(segment, init, bytes));
	}

	async #insert(segment: Segment, init: { bytes: Uint8Array; tracks: Track[] }, bytes: Uint8Array): Promise<void> {
		const facts = fragment(bytes, init.tracks);
		if (this.#closed || !facts || this.#loaded.has(segment.url)) return;
		const buffer = await this.#describe(segment.init, init.bytes);
		// The playlist rounds times; while segments follow each other the offset of the first one holds.
		const offset = (segment.start - this.#origin) / 1000 - (facts.frames[0] ?? facts.start);
		if (!(Math.abs(offset - this.#offset) < 0.02)) {
			buffer.timestampOffset = offset;
			this.#offset = offset;
		}
		await this.#feed(buffer, bytes);
		const shift = this.#offset * 1000 + this.#origin;
		this.#loaded.set(segment.url, { segment, frames: facts.frames.map((frame) => frame * 1000 + shift) });
	}

	/** Tells the buffer what the segments that follow look like. */
	async #describe(init: string, bytes: Uint8Array): Promise<SourceBuffer> {
		if (this.#buffer && this.#init === init) return this.#buffer;
		const mime = mimeOfInit(bytes);
		if (this.#buffer) this.#buffer.changeType(mime);
		else this.#buffer = this.#media.addSourceBuffer(mime);
		await this.#feed(this.#buffer, bytes);
		this.#init = init;
		this.#offset = Number.NaN;
		return this.#buffer;
	}

	async #feed(buffer: SourceBuffer, bytes: Uint8Array): Promise<void> {
		if (this.#closed) return;
		try {
			buffer.appendBuffer(bytes as BufferSource);
		} catch (reason) {
			if (!(reason instanceof DOMException) || reason.name !== 'QuotaExceededError') throw reason;
			await this.#drop(this.at, 0);
			buffer.appendBuffer(bytes as BufferSource);
		}
		await idle(buffer);
	}

	#forget(at: number, ahead: number): Promise<void> {
		return this.#inTurn(() => this.#drop(at, ahead + 2 * KEEP));
	}

	async #drop(at: number, ahead: number): Promise<void> {
		const buffer = this.#buffer;
		if (!buffer) return;
		const spans: Span[] = [];
		for (let i = 0; i < buffer.buffered.length; i++) {
			spans.push({
				start: this.#origin + buffer.buffered.start(i) * 1000,
				end: this.#origin + buffer.buffered.end(i) * 1000
			});
		}
		for (const span of surplus(spans, at, KEEP, ahead)) {
			if (this.#closed) return;
			buffer.remove((span.start - this.#origin) / 1000, (span.end - this.#origin) / 1000);
			for (const [url, { segment }] of this.#loaded) {
				if (segment.end > span.start && segment.start < span.end) this.#loaded.delete(url);
			}
			await idle(buffer);
		}
	}

	#tick = (): void => {
		const video = this.#video;
		const on = this.#starved ? overHole(video.buffered, video.currentTime) : undefined;
		if (on !== undefined) video.currentTime = on;
		void this.#pump();
	};

	#stalled = (): void => {
		this.#events.waiting(true);
		void this.#pump();
	};

	/** The element arrived. Not where it should by now, if another seek has overtaken this one: then that one will tell. */
	#shown = (): void => {
		const at = this.#origin + this.#video.currentTime * 1000;
		if (this.#wanted !== undefined && Math.abs(at - this.#wanted) > 1_000) return;
		this.#wanted = undefined;
		this.#events.waiting(false);
		this.#events.time(at);
	};

	#watchPictures(): void {
		const shown = (_: number, frame: VideoFrameCallbackMetadata) => {
			if (this.#closed) return;
			this.#events.waiting(false);
			this.#picture = this.#origin + frame.mediaTime * 1000;
			// Until a seek arrives, pictures are of the place that was left.
			if (this.#wanted === undefined) this.#events.time(this.#picture);
			void this.#pump();
			this.#watch = this.#video.requestVideoFrameCallback(shown);
		};
		this.#watch = this.#video.requestVideoFrameCallback(shown);
	}
}

function idle(buffer: SourceBuffer): Promise<void> {
	if (!buffer.updating) return Promise.resolve();
	return new Promise((done) => buffer.addEventListener('updateend', () => done(), { once: true }));
}
