/** Dark, light, or as the system says; remembered on this device. */
export type Theme = 'dark' | 'light' | 'system';
const KEY = 'nightjar.theme';

function read(): Theme {
	const wanted = globalThis.localStorage?.getItem(KEY);
	return wanted === 'light' || wanted === 'system' ? wanted : 'dark';
}

class Chosen {
	wanted = $state<Theme>(read());
	/** Counts changes, so that canvases know when to draw again. */
	shown = $state<'dark' | 'light'>(document.documentElement.dataset.theme === 'light' ? 'light' : 'dark');

	set(wanted: Theme): void {
		this.wanted = wanted;
		localStorage.setItem(KEY, wanted);
		const light = wanted === 'light' || (wanted === 'system' && matchMedia('(prefers-color-scheme: light)').matches);
		this.shown = light ? 'light' : 'dark';
		document.documentElement.dataset.theme = this.shown;
		document.querySelector('meta[name="theme-color"]')?.setAttribute('content', light ? '#f5f6f8' : '#0e1116');
	}

	toggle(): void {
		this.set(this.shown === 'dark' ? 'light' : 'dark');
	}
}

export const theme = new Chosen();
