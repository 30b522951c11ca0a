/**
 * Live pictures: a WebSocket that carries fragmented MP4 frame by frame, fed to Media Source Extensions and kept
 * close to the camera by `Pace`. Reconnects by itself; the last picture stays until the next one comes.
 */
import { overHole } from './buffer';
import { backOff, Pace } from './pace';
import { fragment, tracks, type Track } from './mp4';

export type LiveState =
	| { kind: 'connecting' }
	| { kind: 'playing' }
	/** The server says that no pictures come, and why. */
	| { kind: 'gap'; cause: string }
	| { kind: 'ended'; reason: string }
	| { kind: 'unsupported'; mime: string };

export interface LiveEvents {
	state(state: LiveState): void;
	/** A new picture was shown, taken at this instant (milliseconds) by the server's clock. Called for each. */
	picture(taken: number): void;
	/** Size of what arrived, in bytes. */
	received?(bytes: number): void;
}

/** What a run of pictures begins with: its type, and the instant of its media time zero. */
interface Run {
	mime: string;
	origin: number;
}

type Chunk = { run?: Run; bytes: Uint8Array };

const KEEP_BEHIND = 4;

export class Live {
	#video: HTMLVideoElement;
	#events: LiveEvents;
	#url: string;
	#socket: WebSocket | undefined;
	#source: MediaSource | undefined;
	#buffer: SourceBuffer | undefined;
	#queue: Chunk[] = [];
	#announced: Run | undefined;
	#origin = 0;
	#tracks: Track[] = [];
	#joined = false;
	#pace: Pace;
	#attempt = 0;
	#retry: ReturnType<typeof setTimeout> | undefined;
	#tick: ReturnType<typeof setInterval>;
	#watch = 0;
	#object = '';
	#closed = false;

	constructor(video: HTMLVideoElement, url: string, audio: boolean, events: LiveEvents) {
		this.#pace = new Pace(audio ? 1.1 : 1.5);
		this.#video = video;
		this.#url = url;
		this.#events = events;
		video.addEventListener('waiting', this.#stalled);
		this.#tick = setInterval(() => this.#unstick(), 200);
		this.#attach();
		this.#connect();
		this.#watchPictures();
	}

	close(): void {
		this.#closed = true;
		clearInterval(this.#tick);
		clearTimeout(this.#retry);
		this.#video.removeEventListener('waiting', this.#stalled);
		if (this.#watch) this.#video.cancelVideoFrameCallback?.(this.#watch);
		this.#socket?.close();
		this.#detach();
	}

	/** Seconds that are buffered ahead of the shown picture. */
	get ahead(): number {
		const end = this.#end();
		return end === undefined ? 0 : end - this.#video.currentTime;
	}

	#connect(): void {
		this.#events.state({ kind: 'connecting' });
		const socket = new WebSocket(this.#url);
		socket.binaryType = 'arraybuffer';
		this.#socket = socket;
		let since = 0;
		socket.onopen = () => (since = performance.now());
		socket.onmessage = (event) => {
			if (typeof event.data === 'string') this.#text(event.data);
			else this.#binary(new Uint8Array(event.data as ArrayBuffer));
		};
		socket.onclose = () => {
			if (this.#closed || this.#socket !== socket) return;
			if (since && performance.now() - since > 10_000) this.#attempt = 0;
			this.#retry = setTimeout(() => this.#connect(), backOff(this.#attempt++, Math.random()));
		};
	}

	#text(text: string): void {
		const message = JSON.parse(text) as { type: string; mime?: string; origin?: string; cause?: string; reason?: string };
		if (message.type === 'init' && message.mime) this.#announce(message.mime, Date.parse(message.origin ?? ''));
		else if (message.type === 'gap') this.#events.state({ kind: 'gap', cause: message.cause ?? 'offline' });
		else if (message.type === 'end') this.#events.state({ kind: 'ended', reason: message.reason ?? '' });
	}

	#announce(mime: string, origin: number): void {
		if (!MediaSource.isTypeSupported(mime)) {
			this.#events.state({ kind: 'unsupported', mime });
			this.close();
			return;
		}
		this.#announced = { mime, origin };
	}

	#binary(bytes: Uint8Array): void {
		this.#events.received?.(bytes.byteLength);
		this.#queue.push({ run: this.#announced, bytes });
		this.#announced = undefined;
		this.#pump();
	}

	#attach(): void {
		this.#source = new MediaSource();
		this.#source.addEventListener('sourceopen', () => this.#pump(), { once: true });
		this.#object = URL.createObjectURL(this.#source);
		this.#video.src = this.#object;
	}

	#detach(): void {
		this.#buffer = undefined;
		this.#source = undefined;
		this.#video.removeAttribute('src');
		this.#video.load();
		URL.revokeObjectURL(this.#object);
	}

	/** A browser may give up a source (decode error, memory): start a fresh one at the next init segment. */
	#renew(): void {
		this.#queue = [];
		this.#detach();
		this.#joined = false;
		this.#attach();
		this.#socket?.close();
	}

	#pump(): void {
		const source = this.#source;
		if (!source || source.readyState !== 'open' || this.#buffer?.updating) return;
		const chunk = this.#queue.shift();
		if (!chunk) return;
		try {
			if (chunk.run) this.#begin(source, chunk.run, chunk.bytes);
			else this.#append(chunk.bytes);
		} catch {
			this.#renew();
		}
	}

	#begin(source: MediaSource, run: Run, bytes: Uint8Array): void {
		if (!this.#buffer) {
			this.#buffer = source.addSourceBuffer(run.mime);
			this.#buffer.addEventListener('updateend', () => this.#updated());
			this.#buffer.addEventListener('error', () => this.#renew());
		} else {
			this.#buffer.changeType(run.mime);
		}
		this.#origin = run.origin;
		this.#tracks = tracks(bytes);
		this.#joined = false;
		this.#buffer.appendBuffer(bytes as BufferSource);
	}

	#append(first: Uint8Array): void {
		const buffer = this.#buffer;
		if (!buffer) return;
		const parts = [first];
		while (this.#queue[0] && !this.#queue[0].run) parts.push((this.#queue.shift() as Chunk).bytes);
		if (!this.#joined) {
			// A new run goes on where the pictures before ended, whatever its own time base is.
			const start = fragment(first, this.#tracks)?.start;
			if (start === undefined) return;
			buffer.timestampOffset = (this.#end() ?? 0) - start;
			this.#joined = true;
		}
		this.#steer();
		buffer.appendBuffer((parts.length === 1 ? first : concat(parts)) as BufferSource);
	}

	#updated(): void {
		if (this.#closed || !this.#buffer) return;
		if (this.#joined && this.#video.paused && this.#video.buffered.length) this.#start();
		this.#trim();
		this.#pump();
	}

	#start(): void {
		this.#jump(this.#pace.target);
		// Refused only when a page may not play at all: the next appended frame asks again.
		this.#video.play().catch(() => undefined);
	}

	#jump(behind: number): void {
		const buffered = this.#video.buffered;
		const end = this.#end();
		if (end === undefined) return;
		this.#video.currentTime = Math.max(buffered.start(buffered.length - 1), end - behind);
		this.#pace.reset();
	}

	#trim(): void {
		const buffer = this.#buffer;
		const buffered = this.#video.buffered;
		if (!buffer || buffer.updating || !buffered.length) return;
		const upTo = this.#video.currentTime - KEEP_BEHIND;
		if (buffered.start(0) < upTo - 2 * KEEP_BEHIND) buffer.remove(0, upTo);
	}

	#end(): number | undefined {
		const buffered = this.#video.buffered;
		return buffered.length ? buffered.end(buffered.length - 1) : undefined;
	}

	/** At each arrival: plays a little faster or slower, or jumps, so that little is buffered. */
	#steer(): void {
		const video = this.#video;
		if (video.paused || video.seeking || !video.buffered.length) return;
		const step = this.#pace.step(performance.now(), this.ahead);
		if ('jump' in step) this.#jump(step.jump);
		else if (video.playbackRate !== step.rate) video.playbackRate = step.rate;
	}

	/** Goes on where the element would stand for ever: at a hole, or before all that is buffered. */
	#unstick(): void {
		const video = this.#video;
		if (video.paused || video.seeking || video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) return;
		const on = overHole(video.buffered, video.currentTime);
		if (on !== undefined) video.currentTime = on;
		else if (this.ahead > 2 || this.ahead < -0.5) this.#jump(this.#pace.target);
	}

	#stalled = (): void => {
		if (this.ahead < 0.1) this.#pace.stalled(performance.now());
	};

	#watchPictures(): void {
		const shown = (_: number, frame: VideoFrameCallbackMetadata) => {
			if (this.#closed) return;
			this.#attempt = 0;
			this.#events.state({ kind: 'playing' });
			this.#events.picture(this.#origin + (frame.mediaTime - (this.#buffer?.timestampOffset ?? 0)) * 1000);
			this.#watch = this.#video.requestVideoFrameCallback(shown);
		};
		this.#watch = this.#video.requestVideoFrameCallback(shown);
	}
}

function concat(parts: Uint8Array[]): Uint8Array {
	const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.byteLength;
	}
	return whole;
}

/** Address of the live socket of a camera, on the host that served the page. */
export function liveUrl(camera: string, stream: string, audio: boolean): string {
	const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
	return `${scheme}://${location.host}/api/v1/cameras/${camera}/live?stream=${stream}&audio=${audio ? 1 : 0}`;
}
