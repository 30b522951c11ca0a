/** The groups of cameras of the household; none for a guest. */
import { api, ask } from '$lib/api/client';
import type { Group } from '$lib/api/types';

class Groups {
	items = $state.raw<Group[]>([]);

	async load(): Promise<void> {
		this.items = (await ask(api.GET('/api/v1/groups'))).items;
	}
}

export const groups = new Groups();
