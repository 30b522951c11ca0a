import { accessible, expect, fits, openDemo, test } from './nightjar';
import type { Page } from '@playwright/test';

async function screens(page: Page): Promise<string[]> {
	const list = (await (await page.request.get('/api/v1/cameras')).json()) as { items: { id: string }[] };
	const camera = `/cameras/${list.items[0]!.id}`;
	return [
		'/',
		'/cameras',
		'/cameras/add',
		camera,
		`${camera}/settings`,
		'/views',
		'/storage',
		'/people',
		'/profile',
		'/security',
		'/settings',
		'/inbox',
		'/privacy-centre',
		'/kept',
		'/sign-in',
		'/sign-up',
		'/forgotten',
		'/invitation',
		'/verify',
		'/passkey',
		'/address/take',
		'/closed',
		'/reopen',
		'/certificate',
		'/setup'
	];
}

for (const width of [360, 1280]) {
	for (const theme of ['dark', 'light'] as const) {
		test(`every screen fits ${width} px and is accessible in ${theme}`, async ({ page }) => {
			test.setTimeout(120_000);
			await page.setViewportSize({ width, height: 780 });
			await page.addInitScript((wanted) => localStorage.setItem('nightjar.theme', wanted), theme);
			await openDemo(page);
			await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
			for (const path of await screens(page)) {
				await page.goto(path);
				await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
				await expect(page.locator('h1, h2').first()).toBeVisible();
				await fits(page);
				await accessible(page);
			}
		});
	}
}

test('each screen with stored personal data says what is kept there', async ({ page }) => {
	await openDemo(page);
	for (const path of (await screens(page)).slice(0, 12)) {
		await page.goto(path);
		await expect(page.getByRole('link', { name: 'What is kept here, and how long' })).toBeVisible();
	}
	await page.goto('/views');
	await page.getByRole('link', { name: 'What is kept here, and how long' }).click();
	await expect(page.locator('#views')).toContainText('who, through which browser or program');
});

test('the app can be installed, and its service worker keeps the app alone', async ({ page }) => {
	await openDemo(page);
	await expect(page.locator('[data-live=live]').first()).toBeVisible();
	await page.evaluate(() => navigator.serviceWorker.ready);
	const cdp = await page.context().newCDPSession(page);
	const { installabilityErrors } = await cdp.send('Page.getInstallabilityErrors');
	// A browser of tests runs in a private context, which never installs: that is no fault of the app.
	expect(installabilityErrors.filter((error) => error.errorId !== 'in-incognito')).toEqual([]);
	await page.reload();
	await expect(page.locator('[data-live=live]').first()).toBeVisible();
	const kept = await page.evaluate(async () => {
		const paths: string[] = [];
		for (const name of await caches.keys()) {
			for (const request of await (await caches.open(name)).keys()) paths.push(new URL(request.url).pathname);
		}
		return paths;
	});
	expect(kept.length).toBeGreaterThan(10);
	expect(kept.filter((path) => path.startsWith('/api'))).toEqual([]);
});

test('the app opens without the server and says that it does not answer', async ({ page, context }) => {
	await openDemo(page);
	await page.evaluate(() => navigator.serviceWorker.ready);
	await page.reload();
	await context.setOffline(true);
	await page.reload();
	await expect(page.getByText('The server does not answer.')).toBeVisible();
	await context.setOffline(false);
});

test('all is loaded from the server itself, and scripts weigh what they may', async ({ page, baseURL }) => {
	const foreign: string[] = [];
	page.on('request', (request) => {
		const url = new URL(request.url());
		if (!['blob:', 'data:'].includes(url.protocol) && url.host !== new URL(baseURL!).host) foreign.push(request.url());
	});
	await openDemo(page);
	await expect(page.locator('[data-live=live]').first()).toBeVisible();
	expect(foreign).toEqual([]);
	const scripts = await page.evaluate(() =>
		(performance.getEntriesByType('resource') as PerformanceResourceTiming[])
			.filter((entry) => entry.name.endsWith('.js'))
			.reduce((sum, entry) => sum + entry.encodedBodySize, 0)
	);
	expect(scripts).toBeGreaterThan(10_000);
	expect(scripts, 'compressed bytes of script').toBeLessThan(150_000);
});

test('theme and screens are reached by keyboard', async ({ page }) => {
	await openDemo(page);
	await page.keyboard.press('g');
	await page.keyboard.press('s');
	await expect(page.getByRole('heading', { name: 'Storage', level: 1 })).toBeVisible();
	await page.getByRole('button', { name: 'Change between dark and light' }).press('Enter');
	await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
	await page.reload();
	await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
});

test.describe('in German', () => {
	test.use({ locale: 'de-DE' });

	test('every screen speaks the language of the browser, and its longer words fit a phone', async ({ page }) => {
		test.setTimeout(120_000);
		await page.setViewportSize({ width: 360, height: 780 });
		await openDemo(page);
		await expect(page.locator('html')).toHaveAttribute('lang', 'de');
		for (const path of await screens(page)) {
			await page.goto(path);
			await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
			await expect(page.locator('h1, h2').first()).toBeVisible();
			await fits(page);
			await accessible(page);
		}
	});

	test('the language of the account is the language of the pages', async ({ page }) => {
		await openDemo(page);
		await page.goto('/profile');
		await expect(page.getByRole('heading', { name: 'Profil und Konto' })).toBeVisible();
		await page.getByLabel('Sprache').selectOption('en');
		await page.getByRole('button', { name: 'Speichern' }).click();
		await expect(page.getByRole('heading', { name: 'Profile and account' })).toBeVisible();
	});
});
