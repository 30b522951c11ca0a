/** The present, once a second, for everything that shows an age. */
class Now {
	value = $state(Date.now());
	#watchers = 0;
	#timer: ReturnType<typeof setInterval> | undefined;

	/** For `$effect`: ticks until the returned function is called. */
	watch = (): (() => void) => {
		if (this.#watchers++ === 0) this.#timer = setInterval(() => (this.value = Date.now()), 1_000);
		return () => {
			if (--this.#watchers === 0) clearInterval(this.#timer);
		};
	};
}

export const now = new Now();
