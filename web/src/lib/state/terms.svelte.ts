/** Who may sign up on this server, and whether it sends mail. Asked once. */
import { api, ask } from '$lib/api/client';
import type { Terms } from '$lib/api/types';

class Current {
	value = $state.raw<Terms>();

	async load(): Promise<void> {
		this.value ??= await ask(api.GET('/api/v1/sign-up'));
	}

	/** Whether nobody makes an account here, or not without an invitation. */
	shut(invitation: string): boolean {
		return this.value?.sign_up === 'closed' || (this.value?.sign_up === 'invitation' && !invitation);
	}
}

export const terms = new Current();
