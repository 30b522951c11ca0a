/**
 * Words of the app. Every text stands in a message file; `t` fills in its values. Plurals are written
 * `{count, plural, one {# camera} other {# cameras}}` (the part of ICU MessageFormat that is needed).
 */
import en from './en.json';

export type Key = keyof typeof en;
export type Values = Record<string, string | number>;

export type Language = 'en' | 'de';
const LOCALES = { en: 'en-GB', de: 'de-DE' };
const KEY = 'nightjar.language';

/** The language of the pages. It changes by opening the app anew. */
export let language: Language = 'en';
export let locale = LOCALES.en;
let messages: Record<Key, string> = en;

/** The language that an account of this browser chose, else the first of the browser's own that there is. */
export function preferred(): Language {
	const wanted = [localStorage.getItem(KEY) ?? '', ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase());
	return wanted.find((tag): tag is Language => tag in LOCALES) ?? 'en';
}

/** Makes `wanted` the language of the pages, before anything is drawn. */
export async function speak(wanted: Language): Promise<void> {
	if (wanted === 'de') messages = (await import('./de.json')).default;
	language = wanted;
	locale = LOCALES[wanted];
	document.documentElement.lang = wanted;
}

/** The account speaks another language than the pages: they are drawn anew in it, and next time from the start. */
export function follow(wanted: Language): void {
	localStorage.setItem(KEY, wanted);
	if (wanted !== language) location.reload();
}

export function has(key: string): key is Key {
	return key in messages;
}

export function t(key: Key, values: Values = {}): string {
	return fill(messages[key], values);
}

/** The message of a word that came from the server, or the word itself where no message is known. */
export function word(prefix: string, code: string): string {
	const key = `${prefix}.${code}`;
	return has(key) ? t(key) : code.replaceAll('_', ' ');
}

const PLURAL = /\{(\w+), plural,((?:\s*(?:=?\w+)\s*\{[^{}]*\})+)\s*\}/g;

export function fill(message: string, values: Values): string {
	const plain = message.replace(PLURAL, (_, name: string, forms: string) => {
		const count = Number(values[name] ?? 0);
		const wanted = new Intl.PluralRules(locale).select(count);
		const found = new Map([...forms.matchAll(/(=?\w+)\s*\{([^{}]*)\}/g)].map((form) => [form[1], form[2] ?? '']));
		const chosen = found.get(`=${count}`) ?? found.get(wanted) ?? found.get('other') ?? '';
		return chosen.replaceAll('#', new Intl.NumberFormat(locale).format(count));
	});
	return plain.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}
