/** The cameras of the household, told by the server as they change while a screen looks at them. */
import { api, ask } from '$lib/api/client';
import type { Camera } from '$lib/api/types';

const AGAIN = 3_000;

class Cameras {
	items = $state.raw<Camera[]>([]);
	loaded = $state(false);
	problem = $state<unknown>();
	#watchers = 0;
	#events: EventSource | undefined;
	#timer: ReturnType<typeof setTimeout> | undefined;

	find(id: string): Camera | undefined {
		return this.items.find((camera) => camera.id === id);
	}

	/** For `$effect`: keeps the list fresh until the returned function is called. */
	watch = (): (() => void) => {
		if (this.#watchers++ === 0) {
			document.addEventListener('visibilitychange', this.#follow);
			this.#follow();
		}
		return () => {
			if (--this.#watchers > 0) return;
			document.removeEventListener('visibilitychange', this.#follow);
			this.#leave();
		};
	};

	async load(): Promise<void> {
		try {
			this.#take(await ask(api.GET('/api/v1/cameras')));
		} catch (reason) {
			this.problem = reason;
		}
	}

	#take(list: { items: Camera[] }): void {
		this.items = list.items;
		this.problem = undefined;
		this.loaded = true;
	}

	/** Events come only while the page can be seen: a browser allows few connections to one host. */
	#follow = (): void => {
		this.#leave();
		if (document.visibilityState !== 'visible') return;
		const events = new EventSource('/api/v1/changes');
		events.addEventListener('cameras', (event: MessageEvent<string>) => this.#take(JSON.parse(event.data)));
		// An event source does not say why it failed: asking for the list does, and notices a session that ended.
		events.onerror = () => {
			this.#leave();
			void this.load();
			this.#timer = setTimeout(this.#follow, AGAIN);
		};
		this.#events = events;
	};

	#leave(): void {
		clearTimeout(this.#timer);
		this.#events?.close();
		this.#events = undefined;
	}
}

export const cameras = new Cameras();
