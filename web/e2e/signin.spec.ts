import { expect, test } from '@playwright/test';
import { addAuthenticator, freePort, inEveryLook, setUp, startProvider, startServer, totp } from './nightjar';

const PASSWORD = 'four unrelated words here';

test('an account is opened by an app, a recovery code and a passkey, and its page tells of each try', async ({ page }) => {
	test.setTimeout(180_000);
	const errors: string[] = [];
	page.on('pageerror', (error) => errors.push(String(error)));
	await addAuthenticator(page);
	const server = await startServer({ name: 'localhost' });
	const at = (path: string) => new URL(path, server.setupUrl).href;
	try {
		await setUp(page, server, PASSWORD);
		const signOut = async () => {
			await page.goto(at('/settings'));
			await page.locator('main').getByRole('button', { name: 'Sign out' }).click();
			await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
		};
		await page.goto(at('/security'));
		await expect(page.getByText('Only one thing stands between')).toBeVisible();
		await inEveryLook(page);
		await page.getByRole('button', { name: 'Set up' }).click();
		const secret = (await page.locator('dialog[open] .select-all').textContent())!.trim();
		// A phone reads dark on bright, whatever the theme.
		await expect(page.getByRole('img', { name: 'The secret of the app as a QR code' })).toHaveCSS(
			'background-color',
			'rgb(255, 255, 255)'
		);
		await inEveryLook(page);
		await page.getByLabel('Number of the app').fill('000000');
		await page.getByRole('button', { name: 'Switch on' }).click();
		await expect(page.locator('dialog[open] [role=alert]')).toBeVisible();
		await page.getByLabel('Number of the app').fill(totp(secret));
		await page.getByRole('button', { name: 'Switch on' }).click();
		const code = (await page.getByTestId('codes').locator('li').first().textContent())!;
		await inEveryLook(page);
		await signOut();
		await page.getByLabel('User name or e-mail address').fill('ada');
		await page.getByLabel('Password').fill(PASSWORD);
		await page.getByRole('button', { name: 'Sign in', exact: true }).click();
		await page.getByLabel('Code').fill('123456');
		await page.getByRole('button', { name: 'Sign in', exact: true }).click();
		await expect(page.getByText('The code is wrong, or too late.')).toBeVisible();
		await inEveryLook(page);
		await page.getByLabel('Code').fill(code);
		await page.getByRole('button', { name: 'Sign in', exact: true }).click();
		await expect(page.getByText('No camera yet')).toBeVisible();
		await page.goto(at('/security'));
		await page.getByLabel('Name of a new one').fill('Virtual');
		await page.getByRole('button', { name: 'Add a passkey' }).click();
		await page.getByRole('button', { name: 'Rename Virtual' }).press('Enter');
		await page.getByLabel('Name of Virtual').fill('My phone');
		await page.keyboard.press('Enter');
		await expect(page.locator('[data-passkey]')).toContainText('My phone');
		await page.getByText('Sign-ins of the last 90 days').click();
		await expect(page.locator('[data-outcome=wrong-second-factor]')).toBeVisible();
		await inEveryLook(page);
		await signOut();
		// The browser fills a passkey in by itself, or the button asks for it.
		await page
			.getByRole('button', { name: 'Sign in with a passkey' })
			.click({ timeout: 3000 })
			.catch(() => undefined);
		await expect(page.getByText('No camera yet')).toBeVisible();
		expect(errors).toEqual([]);
	} finally {
		await server.remove();
	}
});

test('another service opens an account that was linked to it, and makes none without a yes to each thing that is kept', async ({
	page,
	browser
}) => {
	test.setTimeout(120_000);
	const port = await freePort();
	const home = `http://127.0.0.1:${port}`;
	const provider = await startProvider(home);
	const server = await startServer({ port, config: provider.config });
	/** Signs in on the pages of the provider itself. */
	const there = async (on: typeof page, login: string) => {
		await on.getByPlaceholder('Enter any login').fill(login);
		await on.getByPlaceholder('and password').fill('x');
		await on.getByRole('button', { name: 'Sign-in' }).click();
		await on.getByRole('button', { name: 'Continue' }).click();
	};
	try {
		await setUp(page, server, PASSWORD);

		await page.goto(`${home}/security`);
		await page.getByRole('button', { name: 'Link id' }).click();
		await there(page, 'zoe');
		await expect(page.getByText('id says that you are zoe@example.org.')).toBeVisible();
		await expect(page).toHaveURL(/\/sign-in\/return$/);
		await inEveryLook(page);
		await page.getByRole('button', { name: 'Link id' }).click();
		await expect(page.getByRole('button', { name: 'Take the link away' })).toBeVisible();
		await inEveryLook(page);

		const other = await browser.newContext({ viewport: { width: 390, height: 844 } });
		const hers = await other.newPage();
		await hers.goto(`${home}/sign-in?next=/security`);
		await inEveryLook(hers);
		await hers.getByRole('button', { name: 'Sign in with id' }).press('Enter');
		await there(hers, 'zoe');
		await expect(hers).toHaveURL(/\/security$/);
		await hers.getByText('Sign-ins of the last 90 days').click();
		await expect(hers.getByText(/other service/).first()).toBeVisible();
		await other.close();

		// Somebody whom nobody knows here is told before anything is asked that an invitation is needed.
		const third = await browser.newContext({ viewport: { width: 390, height: 844 } });
		const his = await third.newPage();
		await his.goto(`${home}/sign-in`);
		await his.getByRole('button', { name: 'Sign in with id' }).press('Enter');
		await there(his, 'yan');
		await expect(his.getByRole('heading', { name: 'No sign-up here' })).toBeVisible();
		await inEveryLook(his);
		await his.goto(`${home}/sign-in/return`);
		await expect(his.getByText('The other service did not let you through')).toBeVisible();
		await inEveryLook(his);
		await third.close();

		const data = { role: 'member', until: null, grants: [], email: null, permitted: false };
		const made = await page.request.post(`${home}/api/v1/invitations`, { data });
		const { link } = (await made.json()) as { link: string };
		const fourth = await browser.newContext({ viewport: { width: 390, height: 844 } });
		const theirs = await fourth.newPage();
		await theirs.goto(home + link);
		await theirs.getByRole('link', { name: 'Sign in to accept' }).click();
		await theirs.getByRole('button', { name: 'Sign in with id' }).press('Enter');
		await there(theirs, 'uma');
		await expect(theirs.getByText(/the address uma@example\.org/)).toBeVisible();
		await inEveryLook(theirs);
		for (const box of await theirs.getByRole('checkbox').all()) {
			await expect(box).not.toBeChecked();
			await box.press('Space');
		}
		await theirs.getByRole('button', { name: 'Make account' }).press('Enter');
		await theirs.getByRole('button', { name: /^Accept/ }).press('Enter');
		await expect(theirs.getByRole('heading', { name: 'No camera yet' })).toBeVisible();
		await fourth.close();

		await page.goto(`${home}/security`);
		await page.getByRole('button', { name: 'Take the link away' }).click();
		await expect(page.getByRole('button', { name: 'Take the link away' })).toHaveCount(0);
		expect(server.log()).not.toContain('zoe');
	} finally {
		await server.remove();
		await provider.stop();
	}
});
