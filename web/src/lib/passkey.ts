/** Passkeys (WebAuthn Level 3): what the browser is asked to do with the options that the server sends, as JSON. */
import { api, ask } from '$lib/api/client';

export interface Ceremony {
	/** Goes with the answer. */
	ceremony: string;
	options: unknown;
}

interface Options {
	publicKey: PublicKeyCredentialCreationOptionsJSON & PublicKeyCredentialRequestOptionsJSON;
}

/** A passkey belongs to a host name: a page that was opened by a number has none, and old browsers cannot read JSON. */
export function passkeysWork(): boolean {
	const named = /[a-z]/i.test(location.hostname) && !location.hostname.includes(':');
	return named && isSecureContext && typeof globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON === 'function';
}

/** Makes a passkey for who is signed in. With an account's first factor come its recovery codes. */
export async function register(name: string | null): Promise<string[]> {
	const begun = await ask(api.POST('/api/v1/passkeys/begin'));
	const credential = (await make(begun)) as Record<string, never>;
	return (await ask(api.POST('/api/v1/passkeys', { body: { ceremony: begun.ceremony, credential, name } }))).recovery_codes;
}

async function make({ options }: Ceremony): Promise<unknown> {
	const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON((options as Options).publicKey);
	return json(await navigator.credentials.create({ publicKey }));
}

/** Shows a passkey: in a dialog of the browser, or `quietly` among what it fills into the field for the name. */
export async function show({ options }: Ceremony, quietly?: AbortSignal): Promise<unknown> {
	const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON((options as Options).publicKey);
	return json(await navigator.credentials.get({ publicKey, ...(quietly ? { mediation: 'conditional', signal: quietly } : {}) }));
}

export async function canFillIn(): Promise<boolean> {
	return passkeysWork() && ((await PublicKeyCredential.isConditionalMediationAvailable?.()) ?? false);
}

/** Somebody closed the browser's dialog, or it gave up: nothing that needs a word of ours. */
export function wasDropped(reason: unknown): boolean {
	return reason instanceof DOMException && ['NotAllowedError', 'AbortError'].includes(reason.name);
}

function json(credential: Credential | null): unknown {
	if (!(credential instanceof PublicKeyCredential)) throw new DOMException('no passkey', 'NotAllowedError');
	return credential.toJSON();
}
