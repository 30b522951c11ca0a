/** What the server is told of a camera's address: empty fields are left out. */
import type { Address } from './AddressForm.svelte';

export function probeInput(address: Address): { [key: string]: string } {
	const entries = Object.entries(address).map(([key, value]) => [key, key === 'password' ? value : value.trim()] as const);
	return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}
