/// <reference types="@sveltejs/kit" />
/// <reference lib="webworker" />
/**
 * Keeps the app itself for the time without a network: its scripts, styles and icons, and its one page. Pictures,
 * sound and answers of the server never pass through here: anything under /api is left to the browser.
 */
import { build, files, version } from '$service-worker';

const worker = self as unknown as ServiceWorkerGlobalScope;
const CACHE = `nightjar-${version}`;
const PAGE = '/index.html';
const shell = new Set([...build, ...files]);

worker.addEventListener('install', (event) => {
	event.waitUntil(
		caches
			.open(CACHE)
			.then((cache) => cache.addAll([...shell, PAGE]))
			.then(() => worker.skipWaiting())
	);
});

worker.addEventListener('activate', (event) => {
	event.waitUntil(
		caches
			.keys()
			.then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
			.then(() => worker.clients.claim())
	);
});

worker.addEventListener('fetch', (event) => {
	const { request } = event;
	const url = new URL(request.url);
	if (request.method !== 'GET' || url.origin !== location.origin || url.pathname.startsWith('/api/')) return;
	// The page comes from the server whenever it answers: it carries the session's cookie and the newest app.
	if (request.mode === 'navigate') event.respondWith(fetch(request).catch(() => kept(PAGE)));
	else if (shell.has(url.pathname)) event.respondWith(kept(url.pathname, request));
});

async function kept(path: string, request?: Request): Promise<Response> {
	const found = await (await caches.open(CACHE)).match(path);
	return found ?? (request ? fetch(request) : Response.error());
}
