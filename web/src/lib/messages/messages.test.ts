import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import de from './de.json';
import en from './en.json';
import { fill } from './index';

function sources(folder: string): string[] {
	return readdirSync(folder).flatMap((name) => {
		const path = join(folder, name);
		if (statSync(path).isDirectory()) return sources(path);
		return /\.(svelte|ts)$/.test(name) && !name.endsWith('.test.ts') ? [path] : [];
	});
}

const files = sources('src').map((path) => ({ path, text: readFileSync(path, 'utf8') }));
const keys = new Set(Object.keys(en));

test('every message that the code asks for exists', () => {
	const missing = files.flatMap(({ path, text }) =>
		[...text.matchAll(/\bt\(\s*'([^']+)'/g)].filter((hit) => !keys.has(hit[1] ?? '')).map((hit) => `${path}: ${hit[1]}`)
	);
	expect(missing).toEqual([]);
});

test('every message is asked for', () => {
	const all = files.map(({ text }) => text).join('\n');
	const prefixes = [...all.matchAll(/word\(\s*'([^']+)'/g)].map((hit) => `${hit[1]}.`);
	const built = [...all.matchAll(/`([\w.-]+\.)\$\{/g)].map((hit) => hit[1] ?? '');
	const idle = [...keys].filter(
		(key) => !all.includes(`'${key}'`) && ![...prefixes, ...built].some((prefix) => key.startsWith(prefix))
	);
	expect(idle).toEqual([]);
});

test('German says everything that English says, with the same values', () => {
	const german: { [key: string]: string } = de;
	expect(Object.keys(german)).toEqual(Object.keys(en));
	const values = (text: string) => [...text.matchAll(/\{(\w+)(?:\}|, plural)/g)].map((hit) => hit[1]).sort();
	const different = Object.entries(en).filter(([key, text]) => String(values(text)) !== String(values(german[key] ?? '')));
	expect(different.map(([key]) => key)).toEqual([]);
});

test('no screen holds a text of its own', () => {
	const found = files
		.filter(({ path }) => path.endsWith('.svelte'))
		.flatMap(({ path, text }) => {
			const markup = text
				.replace(/<script[\s\S]*?<\/script>/g, '')
				.replace(/<style[\s\S]*?<\/style>/g, '')
				.replace(/<!--[\s\S]*?-->/g, '')
				.replace(/<code[\s\S]*?<\/code>|Nightjar/g, '')
				.replace(/\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}/g, '');
			const between = [...markup.matchAll(/>([^<>]*)</g)].map((hit) => (hit[1] ?? '').trim());
			return between.filter((words) => /[A-Za-z]{3,}/.test(words)).map((words) => `${path}: ${words}`);
		});
	expect(found).toEqual([]);
});

test('values and plurals are filled in', () => {
	expect(fill('{n, plural, =0 {none} one {# camera} other {# cameras}} of {who}', { n: 0, who: 'Ada' })).toBe('none of Ada');
	expect(fill('{n, plural, one {# camera} other {# cameras}}', { n: 1 })).toBe('1 camera');
	expect(fill('{n, plural, one {# camera} other {# cameras}}', { n: 1200 })).toBe('1,200 cameras');
});
