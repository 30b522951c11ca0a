/**
 * Keeps a live picture close to the camera. Fed with how many seconds are buffered ahead of the picture, it says
 * at which rate to play, or to jump. It steers by the smallest value of the last second (the trough): that is the
 * margin that is really there, whatever the frame rate of the camera.
 */
export type Step = { rate: number } | { jump: number };

const WINDOW = 1000;
const SMALLEST = 0.03;
const LARGEST = 0.2;
const TOO_FAR = 1.2;

export class Pace {
	/** Wanted trough in seconds. Grows when the picture stalls, shrinks while it does not. */
	target = SMALLEST;
	#samples: { at: number; ahead: number }[] = [];
	#calm = 0;

	/** A sample of `ahead` (seconds) at `now` (milliseconds, any clock that only grows). */
	step(now: number, ahead: number): Step {
		this.#samples.push({ at: now, ahead });
		this.#samples = this.#samples.filter((sample) => now - sample.at < WINDOW);
		if (now - this.#calm > 5_000) {
			this.target = Math.max(SMALLEST, this.target * 0.7);
			this.#calm = now;
		}
		const trough = Math.min(...this.#samples.map((sample) => sample.ahead));
		if (trough > TOO_FAR + this.target) {
			this.#samples = [];
			return { jump: this.target + 0.05 };
		}
		const over = trough - this.target;
		if (over > 0.02) return { rate: 1 + Math.min(0.25, 0.03 + over) };
		if (over < -0.04 && ahead > 0) return { rate: 0.96 };
		return { rate: 1 };
	}

	/** The picture stood still for want of data. */
	stalled(now: number): void {
		this.target = Math.min(LARGEST, this.target + 0.02);
		this.#calm = now;
		this.#samples = [];
	}

	/** After a jump the old samples say nothing. */
	reset(): void {
		this.#samples = [];
	}
}

/** Waiting time before the nth new attempt (n from 0), in milliseconds, with jitter from `chance` in 0..1. */
export function backOff(attempt: number, chance: number): number {
	const full = Math.min(15_000, 500 * 2 ** Math.min(attempt, 6));
	return full * (0.5 + chance / 2);
}
