import { accessible, expect, openDemo, startCameras, test, CREDENTIALS } from './nightjar';
import { installStrip, strips } from './strip';

test.beforeEach(({ page }) => installStrip(page));

test('the demo shows four cameras in motion within ten seconds', async ({ page }) => {
	await openDemo(page);
	await expect
		.poll(async () => (await strips(page)).filter((shown) => shown !== undefined && Date.now() - shown < 2_000).length, {
			timeout: 10_000
		})
		.toBe(4);
	const before = await strips(page);
	await page.waitForTimeout(1_000);
	const after = await strips(page);
	after.forEach((shown, i) => expect(shown! - before[i]!, `tile ${i + 1} moves`).toBeGreaterThan(500));
	await expect(page.getByTestId('demo')).toContainText('Whoever uses this machine can open it');
	await accessible(page);
});

test('every tile says in words that it records', async ({ page }) => {
	await openDemo(page);
	await expect(page.locator('[data-camera] [data-state=recording]')).toHaveCount(4);
	await expect(page.locator('[data-camera] [data-state=recording]').first()).toHaveText('Recording');
});

test('a number opens that camera, Escape leads back, ? lists the keys', async ({ page }) => {
	await openDemo(page);
	const second = await page.locator('[data-camera] h2').nth(1).textContent();
	await page.keyboard.press('2');
	await expect(page.getByRole('heading', { level: 1 })).toHaveText(second!);
	await page.keyboard.press('Escape');
	await expect(page.locator('[data-camera]')).toHaveCount(4);
	await page.keyboard.press('?');
	await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
	await accessible(page);
});

test('a tile that nobody can see takes no pictures', async ({ page }) => {
	let open = 0;
	page.on('websocket', (socket) => {
		open++;
		socket.on('close', () => open--);
	});
	await page.setViewportSize({ width: 360, height: 500 });
	await openDemo(page);
	await expect(page.locator('[data-live=live]').first()).toBeVisible();
	expect(open).toBeLessThan(4);
	await page.locator('[data-camera]').last().scrollIntoViewIfNeeded();
	await expect(page.locator('[data-camera]').last().locator('[data-live=live]')).toBeVisible();
	await expect.poll(() => open).toBeLessThan(4);
	await page.getByRole('link', { name: 'Settings' }).click();
	await expect.poll(() => open).toBe(0);
});

test('a picture that stands still shows its age, is greyed at ten seconds, and goes on by itself', async ({ page }) => {
	const cameras = await startCameras(1);
	try {
		await openDemo(page);
		const { user, password } = CREDENTIALS;
		const added = await page.request.post('/api/v1/cameras', {
			data: { name: 'Shed', url: cameras.urls[0], username: user, password, mode: 'continuous' }
		});
		const { id } = (await added.json()) as { id: string };
		await page.goto(`/cameras/${id}`);
		await expect(page.locator('[data-live=live]')).toBeVisible({ timeout: 20_000 });
		cameras.fault('1:freeze:14');
		await expect(page.locator('[data-live=ageing]')).toBeVisible();
		await expect(page.getByText(/Picture is \d+ s old/)).toBeVisible();
		await expect(page.locator('[data-live=stale] video')).toHaveCSS('filter', /grayscale/, { timeout: 15_000 });
		await expect(page.locator('[data-live=live]')).toBeVisible({ timeout: 40_000 });
		await page.request.delete(`/api/v1/cameras/${id}`);
	} finally {
		await cameras.stop();
	}
});
