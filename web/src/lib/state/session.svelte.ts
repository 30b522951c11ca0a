/** Who is signed in, in which household. One for the whole app. */
import { get, post, Problem, remove } from '$lib/api/client';
import type { Session } from '$lib/api/types';

class Current {
	value = $state<Session>();
	/** The zone in which every time is shown: the household's. */
	zone = $derived(this.value?.household.zone ?? 'UTC');
	owner = $derived(this.value?.account.role === 'owner');

	/** Asks the server; false if nobody is signed in. Other failures are thrown. */
	async load(): Promise<boolean> {
		try {
			this.value = await get<Session>('session');
			return true;
		} catch (reason) {
			if (!(reason instanceof Problem) || reason.status !== 401) throw reason;
			this.value = undefined;
			return false;
		}
	}

	async signIn(login: string, password: string): Promise<void> {
		this.value = await post<Session>('session', { login, password });
	}

	async setUp(input: { token: string; login?: string; password: string; zone?: string }): Promise<void> {
		this.value = await post<Session>('setup', input);
	}

	async signOut(): Promise<void> {
		await remove('session');
		this.value = undefined;
		await forgetShell();
	}
}

/** Signing out leaves nothing of the app on this device. */
async function forgetShell(): Promise<void> {
	if (!('caches' in globalThis)) return;
	for (const name of await caches.keys()) await caches.delete(name);
}

export const session = new Current();
