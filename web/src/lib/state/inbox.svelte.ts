/** How many notices are unread: asked when the app opens, when its page comes back into view, and each minute. */
import { api, ask } from '$lib/api/client';
import type { InboxItem } from '$lib/api/types';

const AGAIN = 60_000;

class Inbox {
	unread = $state(0);
	items = $state<InboxItem[]>();
	next = $state<string | null>(null);
	problem = $state<unknown>();

	/** For `$effect`: keeps the count fresh until the returned function is called. */
	watch = (): (() => void) => {
		const look = () => document.visibilityState === 'visible' && void this.#count();
		look();
		const timer = setInterval(look, AGAIN);
		document.addEventListener('visibilitychange', look);
		return () => {
			clearInterval(timer);
			document.removeEventListener('visibilitychange', look);
		};
	};

	/** A count that cannot be had is not worth a word. */
	async #count(): Promise<void> {
		const found = await ask(api.GET('/api/v1/inbox', { params: { query: { limit: 1 } } })).catch(() => undefined);
		if (found) this.unread = found.unread;
	}

	async load(): Promise<void> {
		try {
			const page = await ask(api.GET('/api/v1/inbox'));
			Object.assign(this, { items: page.items, next: page.next, unread: page.unread, problem: undefined });
		} catch (reason) {
			this.problem = reason;
		}
	}

	async more(): Promise<void> {
		const page = await ask(api.GET('/api/v1/inbox', { params: { query: { before: this.next ?? undefined } } }));
		this.items?.push(...page.items);
		this.next = page.next;
	}

	async mark(item: InboxItem, read: boolean): Promise<void> {
		if (item.read === read) return;
		await ask(api.PATCH('/api/v1/inbox/{id}', { params: { path: { id: item.id } }, body: { read } }));
		item.read = read;
		this.unread += read ? -1 : 1;
	}

	async delete(item: InboxItem): Promise<void> {
		await ask(api.DELETE('/api/v1/inbox/{id}', { params: { path: { id: item.id } } }));
		this.items = this.items?.filter((one) => one.id !== item.id);
		if (!item.read) this.unread -= 1;
	}
}

export const inbox = new Inbox();
