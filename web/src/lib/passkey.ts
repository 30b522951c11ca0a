/** Passkeys (WebAuthn Level 3): what the browser is asked to do with the options that the server sends, as JSON. */
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

/** Makes a passkey; what the browser made of it is for the server. */
export async function make({ options }: Ceremony): Promise<unknown> {
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
