// The whole errand of a person, on a phone, with a real server, real mail and real cameras: she comes, shares, takes all of it
// along, and is gone without a trace.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import { accessible, addAuthenticator, CREDENTIALS, fits, startCameras, startMail, startServer } from './nightjar';
import { unzip } from './zip';

/** What she says of herself and hers, in words that stand nowhere else. */
const HERS = {
	address: 'ada@quittenhain.example',
	name: 'Ada Zaubernuss',
	phone: '+49 30 7713354',
	household: 'Haus Seidelbast',
	camera: 'Porch at Holunderweg',
	purpose: 'Who rings at Liguster'
};
const SISTER = { address: 'bea@wegwarte.example', password: 'four unrelated words here' };

test.use({ viewport: { width: 390, height: 844 }, hasTouch: true });

/** How each sealed fragment begins (docs/reference/njf1.md). */
const FRAGMENT = 'NJF1';

/** The screen that is open, in both themes: nothing sticks out, nothing bars the way. */
async function fit(page: Page): Promise<void> {
	for (const theme of ['light', 'dark']) {
		await page.evaluate((wanted) => (document.documentElement.dataset.theme = wanted), theme);
		await fits(page);
		await accessible(page);
	}
}

/** Presses what is in focus after as many steps of the tab key as it takes, and no other way. */
async function byTab(page: Page, name: string | RegExp): Promise<void> {
	const target = page.getByRole('button', { name }).or(page.getByRole('link', { name })).first();
	await expect(target).toBeEnabled();
	for (let step = 0; step < 60; step++) {
		if (await target.evaluate((element) => element === document.activeElement)) {
			await page.keyboard.press('Enter');
			return;
		}
		await page.keyboard.press('Tab');
	}
	throw new Error(`no way by keyboard to ${name}`);
}

/** Files below a folder in which one of the words stands, in UTF-8 or UTF-16. */
function traces(folder: string, words: string[]): string[] {
	return readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.flatMap((entry) => {
			const path = join(entry.parentPath, entry.name);
			const bytes = readFileSync(path);
			const found = words.filter((word) => bytes.includes(word) || bytes.includes(word, 0, 'utf16le'));
			return found.map((word) => `${word}: ${path}`);
		});
}

test('a person comes, shares a camera for a weekend, takes everything along and is gone', async ({ page, browser }) => {
	test.setTimeout(300_000);
	const errors: string[] = [];
	page.on('pageerror', (error) => errors.push(String(error)));
	await addAuthenticator(page);
	const [mail, cameras] = [await startMail(), await startCameras(1)];
	const server = await startServer({ name: 'localhost', config: `${mail.config}[accounts]\nsign_up = "open"\n` });
	const at = (path: string) => new URL(path, server.setupUrl).href;
	const footage = () => traces(server.folder, [FRAGMENT]).length;
	const words = [...Object.values(HERS), CREDENTIALS.password];
	try {
		await test.step('she signs up without a password, and shows that the address is hers', async () => {
			await page.goto(at('/sign-in'));
			await byTab(page, 'Make an account');
			await expect(page.getByRole('radio', { name: /^With a passkey/ })).toBeChecked();
			await page.getByLabel('E-mail address').fill(HERS.address);
			await page.getByLabel('Name', { exact: true }).fill(HERS.name);
			await page.getByLabel('Phone', { exact: true }).fill(HERS.phone);
			await fit(page);
			await page.getByRole('checkbox', { name: 'I am 18 or older' }).press('Space');
			await page.getByRole('checkbox', { name: /I have read the privacy policy/ }).press('Space');
			await byTab(page, 'Make account');
			await expect(page.getByRole('heading', { name: 'Look into your mail' })).toBeVisible();
			await fit(page);
			await page.goto(await mail.link(HERS.address, '/verify'));
			await expect(page).toHaveURL(/\/verify$/);
			await fit(page);
			await byTab(page, 'Confirm and sign in');
		});
		await test.step('her phone makes a passkey, and she keeps the recovery codes', async () => {
			await expect(page.getByRole('heading', { name: 'Your passkey' })).toBeVisible();
			await fit(page);
			await byTab(page, 'Make a passkey');
			await expect(page.getByTestId('codes').locator('li')).toHaveCount(10);
			words.push(...(await page.getByTestId('codes').locator('li').allTextContents()));
			await fit(page);
			await byTab(page, 'Go on to Nightjar');
		});
		await test.step('she makes a household and adds a camera', async () => {
			await expect(page.getByRole('heading', { name: 'You belong to no household' })).toBeVisible();
			await fit(page);
			await page.getByLabel('Name of the household').fill(HERS.household);
			await byTab(page, 'Make household');
			await expect(page.getByText('No camera yet')).toBeVisible();
			await page.goto(at('/cameras/add'));
			await page.getByLabel('Address (RTSP)').fill(cameras.urls[0]!);
			await page.getByLabel('User name of the camera').fill(CREDENTIALS.user);
			await page.getByLabel('Password of the camera').fill(CREDENTIALS.password);
			await page.getByLabel('Password of the camera').press('Enter');
			await page.getByLabel('Name', { exact: true }).fill(HERS.camera);
			await page.getByLabel('What it is for').fill(HERS.purpose);
			await page.getByRole('radio', { name: /^Record all the time/ }).press('Space');
			await byTab(page, 'Add camera');
			await expect(page.getByRole('heading', { name: HERS.camera })).toBeVisible();
			await expect(page.locator('[data-live=live]')).toBeVisible({ timeout: 20_000 });
		});
		await test.step('she invites her sister to that camera until the weekend is over, by mail', async () => {
			await page.goto(at('/people'));
			await expect(page.getByRole('heading', { name: HERS.household })).toBeVisible();
			await fit(page);
			await page.keyboard.press('i');
			await expect(page.getByLabel('Camera or group', { exact: true })).toHaveValue(/^camera:/);
			await page.getByRole('button', { name: 'This weekend' }).press('Enter');
			await expect(page.getByLabel('Until', { exact: true })).toHaveValue(/T/);
			// From now on, whatever day it is.
			await page.getByLabel('From', { exact: true }).fill('');
			await page.getByLabel('Mail it to').fill(SISTER.address);
			await page.getByRole('checkbox', { name: /permitted me to give this address/ }).press('Space');
			await fit(page);
			await page.getByRole('button', { name: 'Send the invitation' }).press('Enter');
			await expect(page.getByText('The invitation is on its way.')).toBeVisible();
			await fit(page);
			await page.getByRole('button', { name: 'Done' }).press('Enter');
		});

		const phone = await browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true });
		const hers = await phone.newPage();
		hers.on('pageerror', (error) => errors.push(String(error)));
		await test.step('the sister signs up by the link, with a password, and watches', async () => {
			await hers.goto(await mail.link(SISTER.address, '/invitation'));
			await expect(hers.getByText(`${HERS.name} invites you to ${HERS.household}.`)).toBeVisible();
			await fit(hers);
			await byTab(hers, 'Make an account and accept');
			await hers.getByRole('radio', { name: /^With a password/ }).press('Space');
			await hers.getByLabel('E-mail address').fill(SISTER.address);
			await hers.getByLabel('Password', { exact: true }).fill(SISTER.password);
			await hers.getByLabel('Name', { exact: true }).fill('Bea');
			await hers.getByRole('checkbox', { name: 'I am 18 or older' }).press('Space');
			await hers.getByRole('checkbox', { name: /I have read the privacy policy/ }).press('Space');
			await fit(hers);
			await byTab(hers, 'Make account');
			// The invitation came to this very address: no further mail.
			await byTab(hers, `Open ${HERS.camera}`);
			await expect(hers.locator('[data-live=live]')).toBeVisible({ timeout: 20_000 });
			await fit(hers);
		});
		await test.step('the owner sees it beside the picture and in the log', async () => {
			await page.goto(at('/'));
			await byTab(page, `Open ${HERS.camera}`);
			const seen = page.locator('aside [data-view=live]').filter({ hasText: 'Bea' });
			await expect(seen.first()).toBeVisible({ timeout: 15_000 });
			await fit(page);
			await byTab(page, 'Who watched this camera');
			await expect(page.locator('[data-action=live]').filter({ hasText: 'Bea' }).first()).toContainText(HERS.camera);
			await fit(page);
		});
		await test.step('she removes her sister, whose picture ends within five seconds', async () => {
			await expect(hers.locator('[data-live=live]')).toBeVisible();
			await page.goto(at('/people'));
			await page.locator(`[data-person="${SISTER.address}"]`).getByRole('button', { name: 'Remove' }).press('Enter');
			await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).press('Enter');
			await expect(hers.getByText('You may not see this camera any more.')).toBeVisible({ timeout: 5_000 });
			await phone.close();
		});
		await test.step('she takes everything along', async () => {
			await page.goto(at('/privacy-centre'));
			await expect(page.locator('#held li').first()).toBeVisible();
			await fit(page);
			await byTab(page, 'Make a copy');
			await expect(page.locator('[data-export=ready]')).toBeVisible({ timeout: 60_000 });
			await fit(page);
			const waiting = page.waitForEvent('download');
			await byTab(page, 'Download');
			const files = unzip(readFileSync(await (await waiting).path()));
			expect(files.get('index.html')!.toString()).toContain('Your data');
			interface Manifest {
				files: { path: string; bytes: number; sha256: string }[];
			}
			const manifest = JSON.parse(files.get('manifest.json')!.toString()) as Manifest;
			expect(manifest.files.length).toBeGreaterThan(10);
			for (const { path, bytes, sha256 } of manifest.files) {
				const file = files.get(path)!;
				expect([path, file.length, createHash('sha256').update(file).digest('hex')]).toEqual([path, bytes, sha256]);
			}
			const all = Buffer.concat([...files.values()]);
			for (const word of Object.values(HERS)) expect(all.includes(word), word).toBe(true);
			const footage = [...files].filter(([path]) => path.endsWith('.mp4'));
			expect(footage.length).toBeGreaterThan(0);
			for (const [, video] of footage) expect(video.toString('latin1', 4, 8)).toBe('ftyp');
		});

		const close = async () => {
			await page.goto(at('/privacy-centre'));
			await byTab(page, 'Close account');
			const dialog = page.getByRole('dialog', { name: 'Close your account?' });
			await dialog.getByLabel(`Type “${HERS.address}” to confirm`).fill(HERS.address);
			await fit(page);
			await dialog.getByRole('button', { name: 'Close account' }).press('Enter');
			await expect(page.getByRole('heading', { name: 'The account is closed' })).toBeVisible();
			await fit(page);
			const link = (name: string) => page.getByRole('link', { name }).getAttribute('href');
			return { undo: (await link('Undo the closing'))!, proof: (await link('Certificate'))! };
		};
		await test.step('she closes her account and thinks better of it', async () => {
			const { undo } = await close();
			await page.goto(undo);
			await fit(page);
			await byTab(page, 'Open the account again');
			await expect(page.getByText('Your account is open again.')).toBeVisible();
			await page.goto(at('/sign-in'));
			// Where the browser does not fill the passkey in by itself, the button asks for it.
			const button = page.getByRole('button', { name: 'Sign in with a passkey' });
			await button.press('Enter', { timeout: 3_000 }).catch(() => undefined);
			await expect(page.locator('[data-camera]')).toHaveCount(1);
		});
		await test.step('she closes it for good, and is shown that all of it is gone', async () => {
			expect(footage()).toBeGreaterThan(0);
			const { undo, proof } = await close();
			await page.goto(undo);
			await page.getByText('Erase it now').press('Enter');
			await page.getByLabel('Type “erase” to confirm').fill('erase');
			await fit(page);
			await byTab(page, 'Erase for ever');
			await expect(page.getByText('Everything is being erased.')).toBeVisible();
			await page.goto(proof);
			await expect(page.getByRole('button', { name: 'Save the certificate' })).toBeVisible({ timeout: 60_000 });
			await fit(page);
			const certificate = JSON.parse((await page.locator('pre').textContent())!) as {
				statement: { keys_destroyed: string[]; erased: { [what: string]: number } };
			};
			expect(certificate.statement.keys_destroyed.length).toBeGreaterThanOrEqual(3);
			expect(certificate.statement.erased.recording_files).toBeGreaterThan(0);
		});
		await test.step('no file of the server knows a word of hers, while it runs and after', async () => {
			expect(traces(server.folder, words)).toEqual([]);
			await server.stop();
			expect(traces(server.folder, words)).toEqual([]);
			expect(words.filter((word) => server.log().includes(word))).toEqual([]);
			expect(server.log()).not.toContain('token=');
			// Who looks finds: the configuration lies in the same folder.
			expect(traces(server.folder, ['cams@example.org'])).toHaveLength(1);
			expect(footage()).toBe(0);
		});
		expect(errors).toEqual([]);
	} finally {
		await server.remove();
		await cameras.stop();
		await mail.stop();
	}
});
