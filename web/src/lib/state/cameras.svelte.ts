/** The cameras of the household, read again every few seconds while a screen looks at them. */
import { get } from '$lib/api/client';
import type { Camera, List } from '$lib/api/types';

const EVERY = 5_000;

class Cameras {
	items = $state<Camera[]>([]);
	loaded = $state(false);
	problem = $state<unknown>();
	#watchers = 0;
	#timer: ReturnType<typeof setTimeout> | undefined;

	find(id: string): Camera | undefined {
		return this.items.find((camera) => camera.id === id);
	}

	/** For `$effect`: keeps the list fresh until the returned function is called. */
	watch = (): (() => void) => {
		if (this.#watchers++ === 0) void this.#round();
		return () => {
			if (--this.#watchers === 0) clearTimeout(this.#timer);
		};
	};

	async load(): Promise<void> {
		try {
			this.items = await everyPage();
			this.problem = undefined;
			this.loaded = true;
		} catch (reason) {
			this.problem = reason;
		}
	}

	async #round(): Promise<void> {
		clearTimeout(this.#timer);
		if (document.visibilityState === 'visible' || !this.loaded) await this.load();
		if (this.#watchers > 0) this.#timer = setTimeout(() => void this.#round(), EVERY);
	}
}

async function everyPage(): Promise<Camera[]> {
	const items: Camera[] = [];
	let next: string | null = null;
	do {
		const page: List<Camera> = await get('cameras', { after: next });
		items.push(...page.items);
		next = page.next;
	} while (next);
	return items;
}

export const cameras = new Cameras();
