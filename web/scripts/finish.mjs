// After `vite build`: moves the start-up script out of the page (the content policy runs no inline script), compresses
// every file, and fails if the first load of the app is heavier than allowed.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const BUILD = 'build';
/** Bytes of JavaScript, gzip, that the first screen may load. */
const MOST = 150_000;

const page = moveScript(readFileSync(join(BUILD, 'index.html'), 'utf8'));
writeFileSync(join(BUILD, 'index.html'), page);
const inline = [...page.matchAll(/<script(?![^>]*\ssrc=)[^>]*>|\sstyle="|\son\w+="/g)];
if (inline.length) fail(`the page holds inline scripts or styles: ${inline.map((hit) => hit[0]).join(' ')}`);

for (const path of walk(BUILD)) compress(path);
measure(page);

/** Kit's start-up script finds its place in the page by `document.currentScript`: that works for a file as well. */
function moveScript(html) {
	return html.replace(/<script>([\s\S]*?)<\/script>/g, (_, body) => {
		const name = `_app/immutable/start.${createHash('sha256').update(body).digest('hex').slice(0, 10)}.js`;
		writeFileSync(join(BUILD, name), body);
		return `<script src="/${name}"></script>`;
	});
}

function* walk(folder) {
	for (const name of readdirSync(folder)) {
		const path = join(folder, name);
		if (statSync(path).isDirectory()) yield* walk(path);
		else yield path;
	}
}

function compress(path) {
	if (!/\.(js|css|html|svg|json|webmanifest)$/.test(path)) return;
	const bytes = readFileSync(path);
	if (bytes.length < 512) return;
	writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
	writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}

/** Scripts that the first screen (the live grid) needs: those the page names, those of its nodes, and all they import. */
function measure(html) {
	const manifest = JSON.parse(readFileSync('.svelte-kit/output/client/.vite/manifest.json', 'utf8'));
	const byFile = new Map(Object.entries(manifest).map(([key, chunk]) => [chunk.file, key]));
	const named = new Set([...html.matchAll(/\/(_app\/immutable\/[\w./-]+\.js)/g)].map((hit) => hit[1]));
	for (const script of named) {
		if (script.includes('/start.') && !byFile.has(script)) {
			for (const hit of readFileSync(join(BUILD, script), 'utf8').matchAll(/\/(_app\/immutable\/[\w./-]+\.js)/g))
				named.add(hit[1]);
		}
	}
	const routes = firstNodes().map((node) => `.svelte-kit/generated/client-optimized/nodes/${node}.js`);
	const queue = [...[...named].map((file) => byFile.get(file)).filter(Boolean), ...routes];
	const seen = new Set();
	while (queue.length) {
		const key = queue.pop();
		const chunk = manifest[key];
		if (!chunk || seen.has(key)) continue;
		seen.add(key);
		queue.push(...(chunk.imports ?? []));
	}
	const files = new Set([...named, ...[...seen].map((key) => manifest[key].file)].filter((file) => file.endsWith('.js')));
	const sizes = [...files].map((file) => [gzipSync(readFileSync(join(BUILD, file)), { level: 9 }).length, file]);
	const total = sizes.reduce((sum, [size]) => sum + size, 0);
	if (files.size < 5) fail('the files of the first load were not found');
	console.log(
		`first load: ${(total / 1000).toFixed(1)} kB of JavaScript (gzip) in ${files.size} files; at most ${MOST / 1000} kB`
	);
	if (total > MOST)
		fail(
			`the first load is too heavy:\n${sizes
				.sort((a, b) => b[0] - a[0])
				.map(([size, file]) => `${size} ${file}`)
				.join('\n')}`
		);
}

/** Numbers of the nodes that the address / loads: layouts, error page and page, from kit's own route table. */
function firstNodes() {
	const app = readFileSync('.svelte-kit/generated/client-optimized/app.js', 'utf8');
	const entry = /"\/\(app\)":\s*\[(\d+),\s*\[([\d,]*)\]/.exec(app);
	if (!entry) fail('the route of the first screen was not found');
	return [0, 1, Number(entry[1]), ...entry[2].split(',').filter(Boolean).map(Number)];
}

function fail(reason) {
	console.error(reason);
	process.exit(1);
}
