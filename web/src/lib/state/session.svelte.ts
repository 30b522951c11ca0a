/** Who is signed in, in which household. One for the whole app. */
import { api, ask, Problem } from '$lib/api/client';
import type { Challenge, Right, Session, SetUp } from '$lib/api/types';
import { follow, language } from '$lib/messages';

class Current {
	value = $state<Session>();
	/** The second factor that a sign-in waits for. */
	challenge = $state.raw<Challenge>();
	/** The household in which the person acts; undefined for who belongs to none. */
	household = $derived(this.value?.household ?? undefined);
	/** The zone in which every time is shown: the household's, else the browser's. */
	zone = $derived(this.household?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);
	role = $derived(this.value?.account.role ?? undefined);
	owner = $derived(this.role === 'owner');
	#scopes = $derived(this.value?.account.scopes ?? []);
	/** Decides over people. */
	admin = $derived(this.#scopes.includes('admin'));
	/** Adds cameras and changes them. */
	edits = $derived(this.#scopes.includes('cameras:write'));
	/** Removes cameras and erases recordings. */
	erases = $derived(this.edits && this.role !== 'installer');
	/** Guests know of what was granted to them alone. */
	guest = $derived(this.role === 'guest');
	/** Sees pictures, of some camera at least. */
	watches = $derived(this.#scopes.includes('media:read'));

	/** Asks the server; false if nobody is signed in. Other failures are thrown. */
	async load(): Promise<boolean> {
		try {
			this.#take(await ask(api.GET('/api/v1/session')));
			return true;
		} catch (reason) {
			if (!(reason instanceof Problem) || reason.status !== 401) throw reason;
			this.value = undefined;
			return false;
		}
	}

	/** False if a second factor is asked for. */
	async signIn(login: string, password: string): Promise<boolean> {
		return this.arrive(await ask(api.POST('/api/v1/session', { body: { login, password } })));
	}

	/** Takes the answer to a first factor: somebody is signed in, or a second one is asked for (then false). */
	arrive(answer: Session | Challenge): boolean {
		this.challenge = 'challenge' in answer ? answer : undefined;
		if ('challenge' in answer) return false;
		this.#take(answer);
		return true;
	}

	/** The demo's owner was made by a program and speaks as the browser does, until somebody chooses. */
	#take(value: Session): void {
		this.value = value;
		if (!value.demo) follow(value.account.language);
	}

	/** Acts in another of one's households. All that is shown belongs to the one before, so the app begins anew. */
	async enter(household: string): Promise<void> {
		await ask(api.PUT('/api/v1/session/household', { body: { id: household } }));
		location.assign('/');
	}

	/** Sets a password by a link. False if a second factor is asked for. */
	async setUp(input: SetUp): Promise<boolean> {
		const answer = await ask(api.POST('/api/v1/setup', { body: input }));
		if ('challenge' in answer) return this.arrive(answer);
		// A new account speaks what its person just read.
		if (input.login) await ask(api.PATCH('/api/v1/profile', { body: { language } }));
		this.value = answer;
		return true;
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

/** Whether the signed-in person may do this with the camera now. */
export function may(camera: { rights: Right[] }, right: Right): boolean {
	return camera.rights.includes(right);
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
