// Measures what a person waits for in a real browser: first picture, delay of live pictures, seeking.
import { expect, openDemo, test } from './nightjar';
import { installStrip } from './strip';

function quantile(values: number[], share: number): number {
	const sorted = [...values].sort((a, b) => a - b);
	return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
}

function tell(what: string, value: number, target: number): void {
	console.log(`figure: ${what}: ${value} ms (target ${target} ms)${value > target ? ' MISSED' : ''}`);
}

declare global {
	interface Window {
		/** How long the seek took that began with the next press of the pointer, in milliseconds. */
		measured: Promise<number>;
	}
}

/** Runs in the page: from the press of the pointer to the first picture whose strip shows the wanted instant. */
function measureSeek(): void {
	const look = (began: number, wanted: number, done: (took: number) => void) => {
		const stage = document.querySelector<HTMLElement>('[data-mode]')!;
		const target = wanted || (stage.dataset.mode === 'past' ? Number(stage.dataset.shown) : 0);
		const video = stage.querySelector('video');
		const taken = video ? window.readStrip(video) : undefined;
		const passed = performance.now() - began;
		const there = target && taken && taken > target - 400 && taken < target + passed + 400;
		if (there || passed > 5_000) done(passed);
		else requestAnimationFrame(() => look(began, target, done));
	};
	window.measured = new Promise((done) => {
		const pressed = () => {
			const began = performance.now();
			requestAnimationFrame(() => look(began, 0, done));
		};
		addEventListener('pointerup', pressed, { once: true, capture: true });
	});
}

test('live: first picture and delay', async ({ page }) => {
	await installStrip(page);
	await page.addInitScript(() => {
		const opened = new Map<string, number>();
		const Real = WebSocket;
		window.WebSocket = class extends Real {
			constructor(url: string | URL) {
				super(url);
				opened.set(String(url), performance.now());
			}
		};
		Object.assign(window, { opened });
	});
	await openDemo(page);
	const first = await page.evaluate(
		() =>
			new Promise<number[]>((done) => {
				const seen: number[] = [];
				const start = Math.min(...(window as unknown as { opened: Map<string, number> }).opened.values());
				for (const video of document.querySelectorAll('video')) {
					const shown = () => seen.push(performance.now() - start) === 4 && done(seen);
					if (video.currentTime > 0) shown();
					else video.requestVideoFrameCallback(shown);
				}
			})
	);
	tell('live, first picture after open, slowest of four tiles', quantile(first, 1), 500);
	await page.waitForTimeout(5_000);
	const delays = await page.evaluate(async () => {
		const found: number[] = [];
		const end = performance.now() + 60_000;
		while (performance.now() < end) {
			for (const video of document.querySelectorAll('video')) {
				const taken = window.readStrip(video);
				if (taken) found.push(Date.now() - taken);
			}
			await new Promise((done) => setTimeout(done, 50));
		}
		return found;
	});
	expect(delays.length).toBeGreaterThan(1_000);
	tell('live, delay of four tiles, p50 of 60 s', quantile(delays, 0.5), 300);
	tell('live, delay of four tiles, p95 of 60 s', quantile(delays, 0.95), 300);
});

test('seek', async ({ page }) => {
	await installStrip(page);
	await openDemo(page);
	await page.waitForTimeout(40_000);
	await page.keyboard.press('1');
	const slider = page.getByRole('slider', { name: 'Timeline' });
	for (let i = 0; i < 6; i++) await page.getByRole('button', { name: 'Closer' }).click();
	const took: number[] = [];
	for (let i = 0; i < 50; i++) {
		const data = await slider.evaluate((element: HTMLElement) => ({ ...element.dataset }));
		const box = (await slider.boundingBox())!;
		const at = Number(data.edge) - 5_000 - Math.random() * 30_000;
		const x = box.x + 1 + ((at - Number(data.start)) / (Number(data.end) - Number(data.start))) * (box.width - 2);
		await page.evaluate(measureSeek);
		await page.mouse.click(x, box.y + 40);
		took.push(await page.evaluate(() => window.measured));
		await page.waitForTimeout(200);
	}
	tell('seek, until the strip shows the wanted instant, p50 of 50', quantile(took, 0.5), 400);
	tell('seek, until the strip shows the wanted instant, p95 of 50', quantile(took, 0.95), 400);
});
