/** Calls the HTTP API with the session cookie. Every failure is a `Problem` (RFC 9457) that a screen can show. */
import createClient from 'openapi-fetch';
import { confirmation } from '$lib/state/confirmation.svelte';
import type { paths } from './schema';
import type { Whole } from './types';

export class Problem extends Error {
	constructor(
		readonly status: number,
		/** Last part of the problem's type: `no-footage`, `unauthorized`. */
		readonly kind: string,
		/** What is wrong this time, in the server's words. */
		readonly detail = '',
		/** The input at fault. */
		readonly field?: string,
		/** The request in the server's log. */
		readonly request?: string
	) {
		super(detail || kind);
	}
}

/** Told of each answer that says that nobody is signed in. */
export const signedOut = new EventTarget();

/** All operations of the API, typed from its description. */
export const api = createClient<paths>({ baseUrl: '/', credentials: 'same-origin', fetch: confirmed });

/** Sends a request; where the server wants to know again who asks, asks the person and sends it once more. */
async function confirmed(request: Request): Promise<Response> {
	const again = request.clone();
	const response = await fetch(request);
	if (!(await wantsConfirmation(response)) || !(await confirmation.ask())) return response;
	return fetch(again);
}

async function wantsConfirmation(response: Response): Promise<boolean> {
	if (response.status !== 403) return false;
	const body = (await response
		.clone()
		.json()
		.catch(() => undefined)) as { type?: string } | undefined;
	return body?.type === '/problems/step-up';
}

/** The answer of a call of `api`, or a `Problem`. */
export async function ask<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<Whole<T>> {
	const { data, error, response } = await call.catch(unreachable);
	if (!response.ok) throw problem(response, error);
	return data as Whole<T>;
}

/** Fetches what is not JSON: pictures, playlists, files. */
export async function fetchMedia(url: string, signal?: AbortSignal, accept = '*/*'): Promise<Response> {
	const response = await fetch(url, { credentials: 'same-origin', signal, headers: { accept } }).catch(unreachable);
	if (!response.ok) throw problem(response, await response.json().catch(() => undefined));
	return response;
}

function unreachable(reason: unknown): never {
	if (reason instanceof DOMException && reason.name === 'AbortError') throw reason;
	throw new Problem(0, 'unreachable');
}

function problem(response: Response, body: unknown): Problem {
	const { type = '', detail, field } = (body ?? {}) as { type?: string; detail?: string; field?: string };
	if (response.status === 401) signedOut.dispatchEvent(new Event('signedout'));
	const request = response.headers.get('x-request-id') ?? undefined;
	return new Problem(response.status, type.split('/').at(-1) ?? '', detail, field, request);
}

/** Address of something of a camera: `cameraUrl(id, 'thumbnail.jpg', { at })`. */
export function cameraUrl(camera: string, what: string, query: { [name: string]: string } = {}): string {
	const text = new URLSearchParams(query).toString();
	return `/api/v1/cameras/${camera}/${what}${text ? `?${text}` : ''}`;
}

/** An instant in milliseconds as RFC 3339. */
export function iso(at: number): string {
	return new Date(at).toISOString();
}
