import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vitest/config';

const server = process.env.NIGHTJAR_URL ?? 'http://127.0.0.1:8480';

export default defineConfig({
	plugins: [tailwindcss(), sveltekit()],
	build: { target: 'es2022', assetsInlineLimit: 0 },
	server: { host: '127.0.0.1', proxy: { '/api': { target: server, ws: true } } },
	test: { include: ['src/**/*.test.ts'], environment: 'node' }
});
