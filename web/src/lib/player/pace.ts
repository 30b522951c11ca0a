/**
 * Keeps a live picture close to the camera. Told at each arrival of a picture how many seconds are still buffered
 * (the margin: what a late picture may be late by), it says at which rate to play, or to jump. It steers by the
 * smallest margin of the last second, so that the frame rate of the camera and its jitter do not look like a backlog.
 */
export type Step = { rate: number } | { jump: number };

const WINDOW = 1_000;
/** Wanted margin in seconds: as small as lets a steady camera play without a halt. */
const SMALLEST = 0.03;
const LARGEST = 0.12;
/** A backlog that is not worth catching up with. */
const TOO_FAR = 1.2;

export class Pace {
	/** Wanted margin in seconds. Grows a little when the picture stalls, shrinks while it does not. */
	target = SMALLEST;
	#samples: { at: number; margin: number }[] = [];
	#calm = 0;

	/** `quickest` is the rate that nobody notices: sound bears less than pictures. */
	constructor(readonly quickest = 1.5) {}

	/** A picture arrived at `now` (milliseconds, any clock that only grows) while `margin` seconds were buffered. */
	step(now: number, margin: number): Step {
		this.#samples.push({ at: now, margin });
		this.#samples = this.#samples.filter((sample) => now - sample.at < WINDOW);
		if (now - this.#calm > 5_000) {
			this.target = Math.max(SMALLEST, this.target - 0.02);
			this.#calm = now;
		}
		const over = Math.min(...this.#samples.map((sample) => sample.margin)) - this.target;
		if (over > TOO_FAR) {
			this.reset();
			return { jump: this.target };
		}
		if (over > 0.02) return { rate: Math.min(this.quickest, 1.03 + over) };
		return { rate: over < -0.02 ? 0.97 : 1 };
	}

	/** The picture stood still for want of data. */
	stalled(now: number): void {
		this.target = Math.min(LARGEST, this.target + 0.01);
		this.#calm = now;
	}

	/** After a jump the old margins say nothing. */
	reset(): void {
		this.#samples = [];
	}
}

/** Waiting time before the nth new attempt (n from 0), in milliseconds, with jitter from `chance` in 0..1. */
export function backOff(attempt: number, chance: number): number {
	const full = Math.min(15_000, 500 * 2 ** Math.min(attempt, 6));
	return full * (0.5 + chance / 2);
}
