/** Calls the HTTP API with the session cookie. Every failure is a `Problem` (RFC 9457) that a screen can show. */

export class Problem extends Error {
	constructor(
		readonly status: number,
		readonly title: string,
		readonly detail: string,
		readonly kind: string,
		readonly field: string | undefined,
		readonly request: string | undefined
	) {
		super(detail || title);
	}
}

type Query = Record<string, string | number | boolean | undefined | null>;

interface Options {
	query?: Query;
	body?: unknown;
	signal?: AbortSignal;
}

/** Told of each answer that says that nobody is signed in. */
export const signedOut = new EventTarget();

export function address(path: string, query: Query = {}): string {
	const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
	const text = new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString();
	return `/api/v1/${path}${text ? `?${text}` : ''}`;
}

export async function send(method: string, path: string, options: Options = {}): Promise<Response> {
	let response: Response;
	try {
		response = await fetch(address(path, options.query), {
			method,
			credentials: 'same-origin',
			signal: options.signal,
			headers: options.body === undefined ? {} : { 'content-type': 'application/json' },
			body: options.body === undefined ? undefined : JSON.stringify(options.body)
		});
	} catch (reason) {
		if (options.signal?.aborted) throw reason;
		throw new Problem(0, '', '', 'unreachable', undefined, undefined);
	}
	if (!response.ok) throw await problem(response);
	return response;
}

async function problem(response: Response): Promise<Problem> {
	const body = (await response.json().catch(() => ({}))) as Record<string, string | undefined>;
	const kind = (body.type ?? '').split(/[/:#]/).at(-1) ?? '';
	const request = response.headers.get('x-request-id') ?? undefined;
	if (response.status === 401) signedOut.dispatchEvent(new Event('signedout'));
	return new Problem(response.status, body.title ?? '', body.detail ?? '', kind, body.field, request);
}

async function json<T>(method: string, path: string, options?: Options): Promise<T> {
	const response = await send(method, path, options);
	return (response.status === 204 ? undefined : await response.json()) as T;
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal) => json<T>('GET', path, { query, signal });
export const post = <T>(path: string, body: unknown = {}) => json<T>('POST', path, { body });
export const patch = <T>(path: string, body: unknown) => json<T>('PATCH', path, { body });
export const remove = <T = void>(path: string, query?: Query) => json<T>('DELETE', path, { query });

export function iso(at: number): string {
	return new Date(at).toISOString();
}
