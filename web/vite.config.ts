import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { type Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const server = process.env.NIGHTJAR_URL ?? 'http://127.0.0.1:8480';

/** Kit hides its announcer for screen readers by an inline style, which the content policy forbids: a class does it. */
const announcer: Plugin = {
	name: 'announcer-without-inline-style',
	enforce: 'pre',
	transform(code, id) {
		if (!id.endsWith('/generated/root.svelte')) return;
		const changed = code.replace(/(<div id="svelte-announcer"[^>]*?) style="[^"]*"/, '$1 class="sr-only"');
		if (changed === code) this.error('the announcer of SvelteKit looks different now');
		return changed;
	}
};

export default defineConfig({
	plugins: [announcer, tailwindcss(), sveltekit()],
	build: { target: 'es2022', assetsInlineLimit: 0 },
	server: { host: '127.0.0.1', proxy: { '/api': { target: server, ws: true } } },
	test: {
		// Some tests walk through every instant or file; a machine that is building at the same time is slow.
		testTimeout: 30_000,
		include: ['src/**/*.test.ts'],
		environment: 'node'
	}
});
