import { expect as plain, test as bare } from '@playwright/test';
import { accessible, expect, openCamera, startServer, test } from './nightjar';

const PASSWORD = 'four unrelated words here';

bare('a new server is set up by its link, once; signing in works with the right password alone', async ({ page, browser }) => {
	const server = await startServer();
	try {
		const home = new URL('/', server.setupUrl).href;
		await page.goto(home);
		await plain(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
		await accessible(page);

		await page.goto(server.setupUrl);
		await plain(page.getByRole('heading', { name: 'Set up Nightjar' })).toBeVisible();
		await plain(page).toHaveURL(/\/setup$/);
		await page.getByLabel('User name').fill('ada');
		await page.getByLabel('New password', { exact: true }).fill(PASSWORD);
		await page.getByLabel('New password again').fill('something else entirely');
		await page.getByRole('button', { name: 'Set up' }).click();
		await plain(page.getByText('The two passwords differ.')).toBeVisible();
		await page.getByLabel('New password again').fill(PASSWORD);
		await page.getByLabel('Time zone of the household').selectOption('Europe/Paris');
		await accessible(page);
		await page.getByRole('button', { name: 'Set up' }).click();
		await plain(page.getByText('No camera yet')).toBeVisible();
		await accessible(page);

		await page.goto(server.setupUrl);
		await page.reload();
		await plain(page.getByText('This link does not work any more')).toBeVisible();

		await page.goto(new URL('/settings', home).href);
		await page.getByRole('button', { name: 'Sign out' }).first().click();
		await page.getByLabel('User name').fill('ada');
		await page.getByLabel('Password').fill('wrong wrong wrong');
		await page.getByRole('button', { name: 'Sign in' }).click();
		await plain(page.getByText('User name or password is wrong.')).toBeVisible();
		await page.getByLabel('Password').fill(PASSWORD);
		await page.getByRole('button', { name: 'Sign in' }).click();
		await plain(page.getByText('No camera yet')).toBeVisible();

		await page.goto(new URL('/settings', home).href);
		await page.getByLabel('Invite a viewer').fill('ben');
		await page.getByRole('button', { name: 'Make a link' }).click();
		const link = await page.getByRole('textbox', { name: 'New link' }).inputValue();
		await accessible(page);

		const other = await browser.newPage();
		await other.goto(link);
		await other.getByLabel('New password', { exact: true }).fill(PASSWORD);
		await other.getByLabel('New password again').fill(PASSWORD);
		await other.getByRole('button', { name: 'Set up' }).click();
		await plain(other.getByText('The owner of the household has not added a camera yet.')).toBeVisible();
		await plain(other.getByRole('link', { name: 'Add camera' })).toHaveCount(0);
		await other.close();
		plain(server.log()).not.toContain('token=');
	} finally {
		await server.stop();
	}
});

test('what was watched stands in the view log', async ({ page }) => {
	await openCamera(page, 'Nursery');
	await expect(page.locator('[data-live=live]')).toBeVisible();
	await page.getByRole('link', { name: 'Who watched' }).first().click();
	const row = page.locator('[data-action=live]').filter({ hasText: 'Nursery' }).first();
	await expect(row).toContainText('watched live');
	await accessible(page);
	await page.getByLabel('Camera', { exact: true }).selectOption({ label: 'Porch' });
	await expect(page.locator('[data-action]').filter({ hasText: 'Nursery' })).toHaveCount(0);
});

test('a token is made with the chosen scopes, shown once, and revoked', async ({ page, playwright, baseURL }) => {
	await openCamera(page, 'Porch');
	await page.getByRole('link', { name: 'Settings', exact: true }).first().click();
	await page.getByText('Make a token').click();
	await page.getByLabel('See the list of cameras').check();
	await page.getByLabel('What it is for').fill('Errand');
	await page.getByRole('button', { name: 'Make token' }).click();
	const token = await page.getByRole('textbox', { name: 'Tokens for programs' }).inputValue();
	expect(token).toMatch(/^njp_/);
	const program = await playwright.request.newContext({ baseURL, extraHTTPHeaders: { authorization: `Bearer ${token}` } });
	expect((await program.get('/api/v1/cameras')).status()).toBe(200);
	const { items } = (await (await program.get('/api/v1/cameras')).json()) as { items: { id: string }[] };
	expect((await program.get(`/api/v1/cameras/${items[0]!.id}/snapshot.jpg`)).status()).toBe(403);
	await page.getByRole('button', { name: 'Revoke' }).first().click();
	await expect(page.getByText('Errand')).toHaveCount(0);
	expect((await program.get('/api/v1/cameras')).status()).toBe(401);
	await program.dispose();
});

test('the recovery copy of the key is asked for until it is saved', async ({ page }) => {
	await openCamera(page, 'Porch');
	await page.getByRole('link', { name: 'Storage' }).first().click();
	await expect(page.getByRole('heading', { name: 'Save a recovery copy of the key' })).toBeVisible();
	await accessible(page);
	await page.getByRole('button', { name: 'Save a copy' }).click();
	await page.getByLabel('Passphrase', { exact: true }).fill('a long passphrase of mine');
	await page.getByLabel('Passphrase again').fill('a long passphrase of mine');
	const waiting = page.waitForEvent('download');
	await page.getByRole('button', { name: 'Download the copy' }).click();
	expect((await waiting).suggestedFilename()).toBe('nightjar-root-key.txt');
	await expect(page.getByRole('heading', { name: 'Save a recovery copy of the key' })).toHaveCount(0);
});
