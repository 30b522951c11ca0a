import { expect, inEveryLook, startServer, test } from './nightjar';

const LISTS = ['/', '/cameras', '/views', '/people', '/storage', '/profile', '/security', '/inbox', '/privacy-centre'];
/** Pages before signing in that ask the server something first. */
const DOORS = ['/sign-up', '/forgotten', '/passkey'];
const PASSWORD = 'correct horse battery staple';

test('every list is fit to be seen when it is empty, and when the server does not answer', async ({ page, context }) => {
	test.setTimeout(400_000);
	const server = await startServer();
	try {
		await page.goto(server.setupUrl);
		await page.getByLabel('User name').fill('Mara');
		await page.getByLabel('New password', { exact: true }).fill('too short');
		await page.getByLabel('New password again').fill(PASSWORD);
		await page.getByLabel('New password', { exact: true }).fill(PASSWORD.slice(1));
		await page.getByLabel('I have read the privacy policy').check();
		await page.getByRole('button', { name: 'Set up' }).click();
		await expect(page.getByRole('alert')).toBeVisible();
		await inEveryLook(page);
		await page.getByLabel('New password', { exact: true }).fill(PASSWORD);
		await page.getByRole('button', { name: 'Set up' }).click();
		await expect(page.getByRole('heading', { name: 'No camera yet' })).toBeVisible();

		for (const path of LISTS) {
			await page.goto(new URL(path, server.setupUrl).href);
			await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
			await expect(page.getByRole('heading').first()).toBeVisible();
			await expect(page.getByRole('button', { name: 'Try again' })).toHaveCount(0);
			await inEveryLook(page);
		}

		await page.evaluate(() => navigator.serviceWorker.ready);
		await page.reload();
		await context.setOffline(true);
		for (const path of [...LISTS, ...DOORS]) {
			await page.goto(new URL(path, server.setupUrl).href);
			await expect(page.getByText('The server does not answer.').first()).toBeVisible();
			await inEveryLook(page);
		}
	} finally {
		await server.remove();
	}
});
