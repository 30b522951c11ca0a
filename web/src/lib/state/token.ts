/**
 * Tokens of links. They stand in the fragment of an address, which no server and no log sees, and leave the address bar
 * and the history at once.
 */
const KEY = 'nightjar.invitation';

/** The token of the link that was opened; empty if there is none. */
export function takeToken(): string {
	const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
	if (token) history.replaceState(history.state, '', location.pathname + location.search);
	return token;
}

/** An invitation waits in this tab while its holder signs in or up. */
export function keepInvitation(token: string): void {
	if (token) sessionStorage.setItem(KEY, token);
	else sessionStorage.removeItem(KEY);
}

export function keptInvitation(): string {
	return sessionStorage.getItem(KEY) ?? '';
}
