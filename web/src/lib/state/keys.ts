/** Keyboard commands. Single letters never act while somebody types, and can be switched off in the settings. */
const KEY = 'nightjar.keys';

export function keysOn(): boolean {
	return localStorage.getItem(KEY) !== 'off';
}

export function setKeys(on: boolean): void {
	localStorage.setItem(KEY, on ? 'on' : 'off');
}

/** True if the event is a command for the page: not typed into a field, not a browser shortcut. */
export function isCommand(event: KeyboardEvent): boolean {
	if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
	const target = event.target;
	if (target instanceof HTMLElement && target.closest('input, select, textarea, dialog, [contenteditable]')) return false;
	const named = event.key.length > 1;
	if (named && target instanceof HTMLElement && target.closest('button, a, summary') && event.key === 'Enter') return false;
	return named || keysOn();
}
