import { createHmac } from 'node:crypto';
import { expect, test } from '@playwright/test';
import { inEveryLook, startServer } from './nightjar';

const PASSWORD = 'four unrelated words here';

/** RFC 6238: six digits of this half minute. */
function totp(secret: string, at = Date.now()): string {
	const bits = [...secret.replace(/\s|=/g, '')]
		.map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'))
		.join('');
	const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
	const counter = Buffer.alloc(8);
	counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
	const hash = createHmac('sha1', key).update(counter).digest();
	return String((hash.readUInt32BE(hash[19]! & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

test('an account is opened by an app, a recovery code and a passkey, and its page tells of each try', async ({ page }) => {
	test.setTimeout(180_000);
	const errors: string[] = [];
	page.on('pageerror', (error) => errors.push(String(error)));
	const cdp = await page.context().newCDPSession(page);
	await cdp.send('WebAuthn.enable', { enableUI: false });
	await cdp.send('WebAuthn.addVirtualAuthenticator', {
		options: {
			protocol: 'ctap2',
			transport: 'internal',
			hasResidentKey: true,
			hasUserVerification: true,
			isUserVerified: true,
			automaticPresenceSimulation: true
		}
	});
	const server = await startServer();
	// A passkey belongs to a name, not to a number.
	const home = server.setupUrl.replace('127.0.0.1', 'localhost');
	const at = (path: string) => new URL(path, home).href;
	try {
		await page.goto(home);
		await page.getByLabel('User name').fill('ada');
		await page.getByLabel('New password', { exact: true }).fill(PASSWORD);
		await page.getByLabel('New password again').fill(PASSWORD);
		await page.getByRole('button', { name: 'Set up' }).click();
		await expect(page.getByText('No camera yet')).toBeVisible();
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
		await expect(page.getByText('Virtual')).toBeVisible();
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
		await server.stop();
	}
});
