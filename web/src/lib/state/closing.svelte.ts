/** What one keeps of an account that was just closed. It is shown once, and kept nowhere. */
import type { ClosingAccount } from '$lib/api/types';

export const closing = $state<{ value?: ClosingAccount }>({});
