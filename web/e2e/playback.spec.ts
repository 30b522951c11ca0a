import { readFileSync } from 'node:fs';
import { accessible, expect, openCamera, test } from './nightjar';
import { installStrip, strips } from './strip';
import type { Page } from '@playwright/test';

test.describe.configure({ mode: 'serial' });
test.beforeEach(({ page }) => installStrip(page));

const timeline = (page: Page) => page.getByRole('slider', { name: 'Timeline' });

/** The visible range and the live edge, as the timeline says them. */
function scale(page: Page): Promise<{ start: number; end: number; edge: number }> {
	return timeline(page).evaluate((element: HTMLElement) => ({
		start: Number(element.dataset.start),
		end: Number(element.dataset.end),
		edge: Number(element.dataset.edge)
	}));
}

/** Zooms in to five minutes. */
async function closest(page: Page): Promise<void> {
	const closer = page.getByRole('button', { name: 'Closer' });
	for (let i = 0; i < 8; i++) await closer.click();
	await expect(page.getByText('5 min', { exact: true })).toBeVisible();
}

/** Clicks on an instant. */
async function seek(page: Page, at: number): Promise<void> {
	const { start, end } = await scale(page);
	const box = (await timeline(page).boundingBox())!;
	await page.mouse.click(box.x + 1 + ((at - start) / (end - start)) * (box.width - 2), box.y + 40);
}

/** The instant that the page was last sent to. */
function wanted(page: Page): Promise<number> {
	return page.locator('[data-mode]').evaluate((element: HTMLElement) => Number(element.dataset.shown));
}

test('the timeline grows while the camera records', async ({ page }) => {
	await openCamera(page, 'Porch');
	await expect(timeline(page)).not.toHaveAttribute('data-spans', '0');
	const before = (await scale(page)).edge;
	await expect.poll(async () => (await scale(page)).edge - before, { timeout: 20_000 }).toBeGreaterThan(6_000);
	await expect(timeline(page)).toHaveAttribute('aria-valuetext', /^Live, /);
	await accessible(page);
});

test('a click on the timeline shows the picture of that instant', async ({ page }) => {
	await openCamera(page, 'Porch');
	await closest(page);
	await expect.poll(async () => (await scale(page)).edge, { timeout: 30_000 }).toBeGreaterThan(0);
	await page.waitForTimeout(12_000);
	await seek(page, (await scale(page)).edge - 10_000);
	const target = await wanted(page);
	await page.keyboard.press('k');
	await expect.poll(async () => Math.abs(((await strips(page))[0] ?? 0) - target), { timeout: 5_000 }).toBeLessThan(2_500);
	await expect(page.locator('[data-mode=past]')).toBeVisible();
});

test('a finger that goes sideways over the picture seeks, and one that goes down does not', async ({ page }) => {
	await openCamera(page, 'Porch');
	await expect.poll(async () => (await scale(page)).edge, { timeout: 30_000 }).toBeGreaterThan(0);
	await expect(page.locator('[data-live=live]')).toBeVisible();
	await page.waitForTimeout(12_000);
	const box = (await page.locator('[data-mode] .picture').boundingBox())!;
	const cdp = await page.context().newCDPSession(page);
	const drag = async (x: number, y: number) => {
		const from = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
		await cdp.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [from] });
		for (let i = 1; i <= 5; i++) {
			const at = { x: from.x + (x * i) / 5, y: from.y + (y * i) / 5 };
			await cdp.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [at] });
		}
		await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
	};
	await drag(0, 150);
	await expect(page.locator('[data-mode=live]')).toBeVisible();
	const before = Date.now();
	await drag(-box.width / 12, 0);
	await expect(page.locator('[data-mode=past]')).toBeVisible();
	// The width of the picture is two minutes: a twelfth is ten seconds.
	await expect.poll(async () => Math.abs(((await strips(page))[0] ?? 0) - (before - 10_000))).toBeLessThan(3_500);
});

test('frames can be stepped, speed changed, and L leads back to live', async ({ page }) => {
	await openCamera(page, 'Porch');
	await closest(page);
	await expect.poll(async () => (await scale(page)).edge, { timeout: 30_000 }).toBeGreaterThan(0);
	await seek(page, (await scale(page)).edge - 12_000);
	await expect.poll(async () => (await strips(page))[0], { timeout: 5_000 }).toBeDefined();
	await page.keyboard.press('k');
	await page.waitForTimeout(300);
	const first = (await strips(page))[0]!;
	await page.keyboard.press('.');
	await expect.poll(async () => (await strips(page))[0]! - first).toBeGreaterThan(0);
	const second = (await strips(page))[0]!;
	expect(second - first, 'one frame').toBeLessThan(250);
	await page.keyboard.press(',');
	await expect.poll(async () => Math.abs((await strips(page))[0]! - first)).toBeLessThan(5);

	await page.getByLabel('Speed').selectOption('4');
	await page.keyboard.press('k');
	const began = Date.now();
	const from = (await strips(page))[0]!;
	await page.waitForTimeout(1_500);
	const passed = (await strips(page))[0]! - from;
	expect(passed / (Date.now() - began), 'times real time').toBeGreaterThan(2);

	await page.keyboard.press('Shift+L');
	await expect(page.locator('[data-mode=live]')).toBeVisible();
	await expect.poll(async () => Date.now() - ((await strips(page))[0] ?? 0)).toBeLessThan(2_000);
});

test('a marked clip is downloaded as MP4, with the time and its offset in the name', async ({ page }) => {
	await openCamera(page, 'Drive');
	await closest(page);
	await expect.poll(async () => (await scale(page)).edge, { timeout: 30_000 }).toBeGreaterThan(0);
	await page.waitForTimeout(8_000);
	const { edge } = await scale(page);
	await seek(page, edge - 9_000);
	await page.keyboard.press('k');
	await page.keyboard.press('[');
	await seek(page, edge - 3_000);
	await page.keyboard.press(']');
	const waiting = page.waitForEvent('download');
	await page.getByRole('button', { name: 'Download MP4' }).click();
	const download = await waiting;
	expect(download.suggestedFilename()).toMatch(/^drive-\d{8}T\d{6}[+-]\d{4}\.mp4$/);
	const bytes = readFileSync((await download.path())!);
	expect(bytes.subarray(4, 8).toString()).toBe('ftyp');
	expect(bytes.length).toBeGreaterThan(50_000);
});

test('a deleted range is gone, and the timeline says why', async ({ page }) => {
	await openCamera(page, 'Garden');
	await closest(page);
	await expect.poll(async () => (await scale(page)).edge, { timeout: 30_000 }).toBeGreaterThan(0);
	await page.waitForTimeout(15_000);
	const { edge } = await scale(page);
	await seek(page, edge - 12_000);
	await page.keyboard.press('k');
	await page.keyboard.press('[');
	const from = await wanted(page);
	await seek(page, edge - 6_000);
	await page.keyboard.press(']');
	const to = await wanted(page);
	await page.getByRole('button', { name: 'Delete', exact: true }).click();
	const question = page.getByRole('dialog', { name: 'Delete this range?' });
	await accessible(page);
	await question.getByRole('button', { name: 'Delete for ever' }).click();
	await expect(page.getByText('The range was deleted')).toBeVisible();

	const id = page.url().split('/').at(-1)!.split('#')[0];
	const middle = new Date((from + to) / 2).toISOString();
	const still = await page.request.get(
		`/api/v1/cameras/${id}/recording.mp4?start=${middle}&end=${new Date((from + to) / 2 + 500).toISOString()}`
	);
	expect(still.status()).toBe(404);
	await seek(page, (from + to) / 2);
	await expect(page.locator('[data-mode]').getByRole('status')).toContainText(/No footage|Skipped/);
});

test('the calendar underlines days with recordings and leads to a time of the day', async ({ page }) => {
	await openCamera(page, 'Porch');
	await page.keyboard.press('c');
	const calendar = page.getByRole('dialog', { name: 'Go to a day or time' });
	await expect(calendar.getByRole('button', { name: /, recorded$/ })).toHaveCount(1);
	await accessible(page);
	await calendar.getByRole('button', { name: /, recorded$/ }).click();
	await expect(page.getByText(/^2[45] h$/)).toBeVisible();
});
