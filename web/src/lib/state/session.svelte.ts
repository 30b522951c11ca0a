/** Who is signed in, in which household. One for the whole app. */
import { api, ask, Problem } from '$lib/api/client';
import type { Session } from '$lib/api/types';

class Current {
	value = $state<Session>();
	/** The zone in which every time is shown: the household's. */
	zone = $derived(this.value?.household.zone ?? 'UTC');
	owner = $derived(this.value?.account.role === 'owner');

	/** Asks the server; false if nobody is signed in. Other failures are thrown. */
	async load(): Promise<boolean> {
		try {
			this.value = await ask(api.GET('/api/v1/session'));
			return true;
		} catch (reason) {
			if (!(reason instanceof Problem) || reason.status !== 401) throw reason;
			this.value = undefined;
			return false;
		}
	}

	async signIn(login: string, password: string): Promise<void> {
		this.value = await ask(api.POST('/api/v1/session', { body: { login, password } }));
	}

	async setUp(input: { token: string; login?: string; password: string; zone?: string }): Promise<void> {
		this.value = await ask(api.POST('/api/v1/setup', { body: input }));
	}

	async signOut(): Promise<void> {
		const before = this.value;
		// First, so that no screen asks for more meanwhile and takes the refusal for a session that ended by itself.
		this.value = undefined;
		try {
			await ask(api.DELETE('/api/v1/session'));
		} catch (reason) {
			this.value = before;
			throw reason;
		}
		await forgetShell();
	}
}

/** Signing out leaves nothing of the app on this device. */
async function forgetShell(): Promise<void> {
	if (!('caches' in globalThis)) return;
	for (const name of await caches.keys()) await caches.delete(name);
}

/** Where to sign in, to come back to `here`. */
export function signInUrl(here: URL): string {
	return `/sign-in?next=${encodeURIComponent(here.pathname + here.search)}`;
}

export const session = new Current();
