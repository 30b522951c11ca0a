/** Turns what a screen must say about failures, sizes and ages into the words of the message file. */
import { Problem } from '$lib/api/client';
import { has, locale, t } from '$lib/messages';

export function reasonText(reason: unknown): string {
	if (!(reason instanceof Problem)) return t('problem.unknown');
	const key = `problem.${reason.kind}`;
	if (has(key)) return t(key);
	if (reason.status === 429) return t('problem.slow-down');
	if (reason.status === 403) return t('problem.forbidden');
	if (reason.detail) return sentence(reason.detail);
	return t('problem.unknown');
}

/** What is wrong, under the input at fault; under `otherwise` where no input is. */
export function fieldErrors(reason: unknown, otherwise = 'form'): { [field: string]: string } {
	return { [(reason instanceof Problem && reason.field) || otherwise]: reasonText(reason) };
}

/** A sentence of the server (lower case, no full stop) as people write one. */
export function sentence(text: string): string {
	const first = text.charAt(0).toUpperCase() + text.slice(1);
	return /[.!?]$/.test(first) ? first : `${first}.`;
}

export function bytes(value: number): string {
	const units = ['B', 'kB', 'MB', 'GB', 'TB'];
	let size = value;
	let unit = 0;
	while (size >= 1000 && unit < units.length - 1) {
		size /= 1000;
		unit++;
	}
	const digits = size < 10 && unit > 0 ? 1 : 0;
	return `${new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(size)} ${units[unit]}`;
}

export function rate(kbit: number): string {
	return kbit >= 1000 ? t('unit.mbit', { value: (kbit / 1000).toFixed(1) }) : t('unit.kbit', { value: Math.round(kbit) });
}

/** 4 s, 3 min, 2 h, 5 days. */
export function duration(ms: number): string {
	const seconds = Math.max(0, Math.round(ms / 1000));
	if (seconds < 120) return t('unit.seconds', { count: seconds });
	if (seconds < 7200) return t('unit.minutes', { count: Math.round(seconds / 60) });
	if (seconds < 172_800) return t('unit.hours', { count: Math.round(seconds / 3600) });
	return t('unit.days', { count: Math.round(seconds / 86_400) });
}

/** 0:04, 12:30, 1:02:03. */
export function stopwatch(ms: number): string {
	const seconds = Math.max(0, Math.floor(ms / 1000));
	const two = (value: number) => String(value).padStart(2, '0');
	const hours = Math.floor(seconds / 3600);
	const minutes = Math.floor((seconds % 3600) / 60);
	return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
