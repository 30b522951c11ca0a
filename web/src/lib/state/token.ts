/**
 * Tokens of links. They stand in the fragment of an address, which no server and no log sees, and leave the address bar
 * and the history at once.
 */
const INVITATION = 'nightjar.invitation';

/** The token of the link that was opened; empty if there is none. */
export function takeToken(): string {
	const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? '';
	if (token) history.replaceState(history.state, '', location.pathname + location.search);
	return token;
}

/** An invitation waits in this tab while its holder signs in or up. */
export function keepInvitation(token: string): void {
	if (token) sessionStorage.setItem(INVITATION, token);
	else sessionStorage.removeItem(INVITATION);
}

export function keptInvitation(): string {
	return sessionStorage.getItem(INVITATION) ?? '';
}
