/** The page to go on to after another service has signed one in: the way there leads out of the app. */
const KEY = 'nightjar.next';

export function keepNext(path: string): void {
	sessionStorage.setItem(KEY, path);
}

export function takeNext(): string {
	const path = sessionStorage.getItem(KEY) ?? '/';
	sessionStorage.removeItem(KEY);
	return path;
}
