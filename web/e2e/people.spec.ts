import { expect as plain, test as bare } from '@playwright/test';
import { accessible, CREDENTIALS, expect, inEveryLook, openCamera, setUp, startCameras, startServer, test } from './nightjar';

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
		await page.getByLabel('I have read the privacy policy').check();
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
		await page.getByLabel('User name or e-mail address').fill('ada');
		await page.getByLabel('Password').fill('wrong wrong wrong');
		await page.getByRole('button', { name: 'Sign in' }).click();
		await plain(page.getByText('The name or the password is wrong.')).toBeVisible();
		await page.getByLabel('Password').fill(PASSWORD);
		await page.getByRole('button', { name: 'Sign in' }).click();
		await plain(page.getByText('No camera yet')).toBeVisible();

		await page.goto(new URL('/people', home).href);
		await page.getByText('Make an account by hand').click();
		await page.getByLabel('User name').fill('ben');
		await page.getByRole('button', { name: 'Make account and link' }).click();
		const link = await page.getByRole('textbox', { name: 'New link' }).inputValue();
		await plain(page.locator('[data-person=ben]')).toContainText('Has not used the link yet');
		await page.getByRole('button', { name: 'QR code' }).click();
		await plain(page.getByRole('img', { name: 'The link as a QR code' })).toBeVisible();
		await accessible(page);

		const other = await browser.newPage();
		await other.goto(link);
		await other.getByLabel('New password', { exact: true }).fill(PASSWORD);
		await other.getByLabel('New password again').fill(PASSWORD);
		await other.getByLabel('I have read the privacy policy').check();
		await other.getByRole('button', { name: 'Set up' }).click();
		await plain(other.getByText('No camera is shared with you at this time')).toBeVisible();
		await plain(other.getByRole('link', { name: 'Add camera' })).toHaveCount(0);
		await other.close();
		plain(server.log()).not.toContain('token=');
	} finally {
		await server.remove();
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
	await page.getByRole('link', { name: 'Security' }).click();
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

bare(
	'a sister is invited to one camera, watches it, is seen in the log, and is dark within seconds of being removed',
	async ({ page, browser }) => {
		bare.setTimeout(180_000);
		const server = await startServer();
		const cameras = await startCameras(2);
		const at = (path: string) => new URL(path, server.setupUrl).href;
		try {
			await setUp(page, server, PASSWORD);
			for (const [index, name] of ['Cellar', 'Porch'].entries()) {
				const { user: username, password } = CREDENTIALS;
				const data = { name, url: cameras.urls[index], username, password, mode: 'continuous' };
				plain((await page.request.post(at('/api/v1/cameras'), { data })).status()).toBe(201);
			}
			await page.goto(at('/people'));
			await inEveryLook(page);
			await page.getByLabel('Name of the household').first().fill('Rose Lane');
			await page.getByRole('button', { name: 'Save' }).click();
			await plain(page.getByRole('heading', { name: 'Rose Lane' })).toBeVisible();

			// By keyboard alone: as a guest, the porch, from now until the weekend is over.
			await page.locator('h1').click();
			await page.keyboard.press('i');
			await plain(page.getByRole('dialog')).toContainText('What the person may see');
			await page.getByLabel('Camera or group', { exact: true }).selectOption({ label: 'Porch' });
			await page.getByRole('button', { name: 'This weekend' }).press('Enter');
			await plain(page.getByLabel('From', { exact: true })).toHaveValue(/T/);
			await page.getByLabel('From', { exact: true }).fill('');
			await inEveryLook(page);
			await page.getByRole('button', { name: 'Make a link' }).press('Enter');
			const link = await page.getByRole('textbox', { name: 'Link of the invitation' }).inputValue();
			await inEveryLook(page);
			await page.getByRole('button', { name: 'Done' }).click();
			await plain(page.getByText('Open invitations')).toBeVisible();

			const phone = await browser.newContext({ viewport: { width: 360, height: 740 } });
			const hers = await phone.newPage();
			await hers.goto(at('/sign-up'));
			await plain(hers.getByText('Accounts are for people who were invited.')).toBeVisible();
			await hers.goto(link);
			await plain(hers.getByText('ada invites you to Rose Lane.')).toBeVisible();
			await plain(hers).toHaveURL(/\/invitation$/);
			await inEveryLook(hers);
			await hers.getByRole('link', { name: 'Make an account and accept' }).click();
			await hers.getByLabel('User name or e-mail address').fill('bea');
			await hers.getByLabel('Password').fill(PASSWORD);
			await hers.getByLabel('Name', { exact: true }).fill('Bea');
			await hers.getByLabel('I am 18 or older').check();
			await hers.getByLabel(/I have read the privacy policy/).check();
			await inEveryLook(hers);
			await hers.setViewportSize({ width: 360, height: 740 });
			await hers.getByRole('button', { name: 'Make account' }).click();
			await plain(hers.locator('[data-camera]')).toHaveCount(1);
			await plain(hers.getByRole('link', { name: 'Storage' })).toHaveCount(0);
			await hers.getByRole('link', { name: 'Open Porch' }).click();
			await plain(hers.locator('[data-live=live]')).toBeVisible({ timeout: 20_000 });
			// She sees the present alone: nothing is offered that would be refused.
			await plain(hers.getByRole('slider', { name: 'Timeline' })).toHaveCount(0);
			await plain(hers.getByRole('button', { name: 'Download MP4' })).toHaveCount(0);
			await plain(hers.getByRole('button', { name: 'Back ten seconds' })).toHaveCount(0);
			await accessible(hers);

			await page.setViewportSize({ width: 1440, height: 900 });
			await page.getByRole('link', { name: 'Who watched' }).first().click();
			await plain(page.locator('[data-action=live]').filter({ hasText: 'Bea' }).first()).toContainText('Porch');
			await page.getByRole('link', { name: 'People' }).first().click();
			await page.locator('[data-person=bea]').getByRole('button', { name: 'Remove' }).click();
			await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
			await plain(page.locator('[data-person=bea]')).toHaveCount(0);
			await plain(hers.getByText('You may not see this camera any more.')).toBeVisible({ timeout: 5_000 });
			await hers.goto(at('/'));
			await plain(hers.getByRole('heading', { name: 'You belong to no household' })).toBeVisible();
			await inEveryLook(hers);
			for (const path of ['/profile', '/security', '/settings', '/inbox', '/privacy-centre']) {
				await hers.goto(at(path));
				await plain(hers.locator('[aria-busy=true]')).toHaveCount(0);
				await inEveryLook(hers);
			}
			await hers.goto(link);
			await plain(hers.getByText('This invitation does not work any more')).toBeVisible();
			await phone.close();
			plain(server.log()).not.toContain('token=');
		} finally {
			await cameras.stop();
			await server.remove();
		}
	}
);

test('what needs a fresh proof asks once, loses nothing that was typed, and goes on', async ({ page }) => {
	await openCamera(page, 'Porch');
	await page.getByRole('link', { name: 'People' }).first().click();
	// The server asks ten minutes after signing in; here it asks at once.
	const problem = { type: '/problems/step-up', title: 'Show again who you are', status: 403, detail: 'confirm' };
	const refuse = (times: number) =>
		page.route('**/api/v1/accounts', (route) => route.fulfill({ status: 403, json: problem }), { times });
	await page.getByText('Make an account by hand').click();
	await page.getByLabel('User name').fill('cleo');
	await refuse(1);
	await page.getByRole('button', { name: 'Make account and link' }).click();
	await expect(page.getByRole('dialog', { name: 'Is it you?' })).toBeVisible();
	await inEveryLook(page);
	await page.keyboard.press('Escape');
	await expect(page.getByText('Not done: you did not confirm that it is you.')).toBeVisible();
	await expect(page.getByLabel('User name')).toHaveValue('cleo');
	await refuse(1);
	await page.getByRole('button', { name: 'Make account and link' }).click();
	await page.getByRole('button', { name: 'Yes, it is me' }).click();
	await expect(page.getByRole('textbox', { name: 'New link' })).toHaveValue(/\/setup#token=/);
	await page.locator('[data-person=cleo]').getByRole('button', { name: 'Remove' }).click();
	await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
	await expect(page.locator('[data-person=cleo]')).toHaveCount(0);
});

test('a member who is under age is reported: the account is frozen, and goes on or is erased as the owner decides', async ({
	page
}) => {
	await openCamera(page, 'Porch');
	await page.getByRole('link', { name: 'People' }).first().click();
	await page.getByText('Make an account by hand').click();
	await page.getByLabel('User name').fill('dana');
	await page.getByRole('button', { name: 'Make account and link' }).click();
	const report = async () => {
		await page.locator('[data-person=dana]').getByRole('button', { name: 'Change' }).click();
		await page.getByText('Is this person under 18?').press('Enter');
		await inEveryLook(page);
		await page.getByRole('button', { name: 'Report and freeze the account' }).press('Enter');
		await expect(page.locator('[data-reported]')).toContainText('dana');
	};
	await report();
	await inEveryLook(page);
	await page.reload();
	await page.getByRole('button', { name: 'The report was wrong' }).press('Enter');
	await expect(page.locator('[data-reported]')).toHaveCount(0);
	await expect(page.locator('[data-person=dana]')).toBeVisible();

	await report();
	await page.getByRole('button', { name: 'Erase now' }).press('Enter');
	const dialog = page.getByRole('dialog', { name: 'Erase the account of dana?' });
	await expect(dialog.getByRole('button', { name: 'Erase now' })).toBeDisabled();
	await dialog.getByLabel('Type “dana” to confirm').fill('dana');
	await inEveryLook(page);
	await dialog.getByRole('button', { name: 'Erase now' }).press('Enter');
	await expect(page.locator('[data-reported]')).toHaveCount(0);
	await expect(async () => {
		await page.reload();
		await expect(page.getByRole('heading', { name: 'People' })).toBeVisible();
		await expect(page.locator('[data-person]')).not.toHaveCount(0);
		await expect(page.locator('[data-person=dana]')).toHaveCount(0);
	}).toPass({ timeout: 30_000 });
});

test('cameras are grouped, the profile is corrected, and a browser gets a name', async ({ page }) => {
	await openCamera(page, 'Porch');
	await page.getByRole('link', { name: 'Cameras', exact: true }).first().click();
	await page.getByRole('button', { name: 'Make a group' }).click();
	await page.getByLabel('Name of the group').fill('Outside');
	await page.getByRole('checkbox', { name: 'Porch' }).check();
	await page.getByRole('checkbox', { name: 'Garden' }).check();
	await inEveryLook(page);
	await page.getByRole('button', { name: 'Save' }).click();
	await expect(page.getByText('Porch, Garden')).toBeVisible();
	await page.getByRole('button', { name: 'Change', exact: true }).click();
	await page.getByRole('button', { name: 'Remove group' }).click();
	await expect(page.getByText('Porch, Garden')).toHaveCount(0);

	await page.goto('/profile');
	await page.getByLabel('Name', { exact: true }).fill('Ada');
	await page.getByLabel('Phone').fill('+49 30 123456');
	await page.getByRole('button', { name: 'Save' }).click();
	await expect(page.getByText('Saved')).toBeVisible();
	await page.reload();
	await expect(page.getByLabel('Phone')).toHaveValue('+49 30 123456');
	await page.getByLabel('Phone').fill('');
	await page.getByRole('button', { name: 'Save' }).click();
	await page.reload();
	await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Ada');
	await expect(page.getByLabel('Phone')).toHaveValue('');

	await page.goto('/security');
	await page
		.getByRole('button', { name: /^Rename/ })
		.first()
		.click();
	await page.getByRole('textbox', { name: /^Name of/ }).fill('Kitchen');
	await page.keyboard.press('Enter');
	await expect(page.getByText('Kitchen')).toBeVisible();
	await accessible(page);
});

bare('an account takes its data along, closes, comes back, closes again and is erased, with a certificate', async ({ page }) => {
	bare.setTimeout(180_000);
	const server = await startServer();
	const at = (path: string) => new URL(path, server.setupUrl).href;
	const close = async () => {
		await page.goto(at('/privacy-centre'));
		await page.getByRole('button', { name: 'Close account' }).first().click();
		const dialog = page.getByRole('dialog', { name: 'Close your account?' });
		await plain(dialog.getByRole('button', { name: 'Close account' })).toBeDisabled();
		await dialog.getByLabel('Type “ada” to confirm').fill('ada');
		await inEveryLook(page);
		await dialog.getByRole('button', { name: 'Close account' }).click();
		await plain(page.getByRole('heading', { name: 'The account is closed' })).toBeVisible();
		return {
			undo: (await page.getByRole('link', { name: 'Undo the closing' }).getAttribute('href'))!,
			proof: (await page.getByRole('link', { name: 'Certificate' }).getAttribute('href'))!
		};
	};
	const signIn = async () => {
		await page.goto(at('/sign-in'));
		await page.getByLabel('User name or e-mail address').fill('ada');
		await page.getByLabel('Password').fill(PASSWORD);
		await page.getByRole('button', { name: 'Sign in' }).click();
	};
	try {
		await setUp(page, server, PASSWORD);

		await page.goto(at('/privacy-centre'));
		await plain(page.locator('#held li').first()).toBeVisible();
		// The policy was accepted with the set-up, by an act of its own.
		await plain(page.getByRole('button', { name: 'I accept version 1' })).toHaveCount(0);
		await inEveryLook(page);
		const consent = page.locator('[data-consent=activity-notices]');
		await consent.getByRole('button', { name: 'Yes' }).click();
		await plain(consent.getByRole('link', { name: 'Receipt' })).toBeVisible();
		await consent.getByRole('button', { name: 'No' }).click();
		await plain(consent.getByRole('button', { name: 'No' })).toBeDisabled();
		const objection = page.locator('[data-objection]').first();
		await objection.getByRole('button', { name: 'Object' }).click();
		await plain(objection.getByText('Objected on')).toBeVisible();

		await page.getByRole('button', { name: 'Make a copy' }).click();
		await plain(page.locator('[data-export=ready]')).toBeVisible({ timeout: 30_000 });
		const waiting = page.waitForEvent('download');
		await page.getByRole('button', { name: 'Download' }).click();
		plain((await waiting).suggestedFilename()).toMatch(/^nightjar-.*\.zip$/);

		const first = await close();
		await inEveryLook(page);
		await signIn();
		await plain(page.getByText('This account is closed')).toBeVisible();
		await page.goto(first.undo);
		await plain(page).toHaveURL(/\/reopen$/);
		await inEveryLook(page);
		await page.getByRole('button', { name: 'Open the account again' }).click();
		await plain(page.getByText('Your account is open again.')).toBeVisible();
		await signIn();
		await plain(page.getByText('No camera yet')).toBeVisible();

		const second = await close();
		await page.goto(second.undo);
		await page.getByText('Erase it now').click();
		await page.getByLabel('Type “erase” to confirm').fill('erase');
		await page.getByRole('button', { name: 'Erase for ever' }).click();
		await plain(page.getByText('Everything is being erased.')).toBeVisible();
		await page.goto(second.proof);
		await plain(page.getByRole('button', { name: 'Save the certificate' })).toBeVisible({ timeout: 60_000 });
		await inEveryLook(page);
		await signIn();
		await plain(page.getByText('The name or the password is wrong.')).toBeVisible();
		plain(server.log()).not.toContain('token=');
	} finally {
		await server.remove();
	}
});

test('an invitation by mail is read among the mails of the demo, and a notice is marked and deleted', async ({ page }) => {
	await openCamera(page, 'Porch');
	await page.getByRole('link', { name: 'People' }).first().click();
	await page.getByRole('button', { name: 'Invite somebody' }).click();
	await page.getByLabel('Mail it to').fill('bea@example.org');
	await page.getByLabel('The person permitted me to give this address').check();
	await page.getByRole('button', { name: 'Send the invitation' }).click();
	await expect(page.getByText('The invitation is on its way.')).toBeVisible();
	await page.getByRole('button', { name: 'Done' }).click();
	await expect(page.getByText('bea@example.org')).toBeVisible();
	await page.getByRole('button', { name: 'Withdraw' }).click();
	await page
		.getByRole('link', { name: /^Inbox/ })
		.first()
		.click();
	await expect(page.getByText('to bea@example.org').first()).toBeVisible();
	await inEveryLook(page);
});
