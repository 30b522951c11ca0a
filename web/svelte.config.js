import adapter from '@sveltejs/adapter-static';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** @type {import('@sveltejs/kit').Config} */
export default {
	preprocess: vitePreprocess(),
	compilerOptions: { runes: true },
	kit: {
		// One page for every address: the binary serves index.html for each route of the app.
		adapter: adapter({ fallback: 'index.html' }),
		paths: { relative: false },
		serviceWorker: { register: false },
		version: { pollInterval: 0 },
		typescript: {
			config: (config) => {
				config.include.push('../e2e/**/*.ts', '../playwright*.ts');
			}
		}
	}
};
