/** Chooses the stream of a camera that this browser can play. */
import type { Stream } from '$lib/api/types';

export type StreamName = 'main' | 'sub';

export type Choice =
	| { kind: 'play'; stream: StreamName; instead: boolean }
	/** No stream can be played: show stills and say so. */
	| { kind: 'stills'; codec: string };

/** Type of the video of a stream; its sound always comes as one that browsers play. */
export function mimeOf(codec: string): string {
	return `video/mp4; codecs="${codec}"`;
}

/** `supported` is MediaSource.isTypeSupported, a parameter for the tests. */
export function choose(streams: Stream[], wanted: StreamName, supported: (mime: string) => boolean): Choice {
	const fits = (stream: Stream) => !stream.codec || supported(mimeOf(stream.codec));
	const first = streams.find((stream) => stream.name === wanted);
	if (first && fits(first)) return { kind: 'play', stream: wanted, instead: false };
	const other = streams.find((stream) => stream.name !== wanted && fits(stream));
	if (other) return { kind: 'play', stream: other.name as StreamName, instead: first !== undefined };
	const codec = (first ?? streams[0])?.codec;
	return codec ? { kind: 'stills', codec } : { kind: 'play', stream: wanted, instead: false };
}

/** The name that people know a codec by. */
export function codecName(codec: string): string {
	if (/^(hvc1|hev1)/.test(codec)) return 'H.265';
	if (/^avc[13]/.test(codec)) return 'H.264';
	return codec;
}

export function soundName(codec: string): string {
	const names: { [codec: string]: string } = { alaw: 'G.711 A-law', ulaw: 'G.711 µ-law', opus: 'Opus' };
	return names[codec] ?? (codec.startsWith('mp4a') ? 'AAC' : codec);
}

export function browserPlays(mime: string): boolean {
	return typeof MediaSource !== 'undefined' && MediaSource.isTypeSupported(mime);
}
