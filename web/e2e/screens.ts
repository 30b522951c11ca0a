// Takes pictures of every screen in both themes and at two widths, to be looked at by a person.
import { expect as plain, type Page, test as bare } from '@playwright/test';
import {
	addAuthenticator,
	CREDENTIALS,
	expect,
	freePort,
	openDemo,
	startCameras,
	startMail,
	startProvider,
	startServer,
	test,
	totp
} from './nightjar';

const OUT = process.env.SCREENS_FOLDER ?? 'test-results/screens';

for (const width of [360, 1440]) {
	for (const theme of ['dark', 'light'] as const) {
		test(`${width} ${theme}`, async ({ page }) => {
			await page.setViewportSize({ width, height: width === 360 ? 740 : 900 });
			await page.addInitScript((wanted) => localStorage.setItem('nightjar.theme', wanted), theme);
			const shoot = (name: string) => page.screenshot({ path: `${OUT}/${name}-${width}-${theme}.png` });
			const visit = async (path: string, name: string) => {
				await page.goto(path);
				await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
				await page.waitForTimeout(1_500);
				await shoot(name);
			};
			await openDemo(page);
			await expect(page.locator('[data-live=live]').first()).toBeVisible();
			await page.waitForTimeout(2_000);
			await shoot('live');
			const list = (await (await page.request.get('/api/v1/cameras')).json()) as { items: { id: string }[] };
			const camera = `/cameras/${list.items[0]!.id}`;
			await visit(camera, 'camera');
			await page.screenshot({ path: `${OUT}/camera-whole-${width}-${theme}.png`, fullPage: true });
			await page.waitForTimeout(10_000);
			await page.keyboard.press('j');
			await page.keyboard.press('[');
			await page.waitForTimeout(1_500);
			await page.keyboard.press(']');
			const slider = (await page.getByRole('slider', { name: 'Timeline' }).boundingBox())!;
			await page.mouse.move(slider.x + slider.width * 0.92, slider.y + 40);
			await page.waitForTimeout(800);
			await shoot('camera-past');
			await page.keyboard.press('c');
			await page.waitForTimeout(600);
			await shoot('calendar');
			await page.keyboard.press('Escape');
			await visit('/cameras', 'cameras');
			await visit('/cameras/add', 'add');
			await page.getByLabel('Address (RTSP)').fill('rtsp://127.0.0.1:9/');
			await page.getByRole('button', { name: 'Ask the camera' }).click();
			await page.waitForTimeout(1_000);
			await shoot('add-wrong');
			await visit(`${camera}/settings`, 'camera-settings');
			await visit('/views', 'views');
			await visit('/storage', 'storage');
			for (const name of ['people', 'profile', 'security', 'settings']) {
				await visit(`/${name}`, name);
				await page.screenshot({ path: `${OUT}/${name}-whole-${width}-${theme}.png`, fullPage: true });
			}
			await visit('/kept', 'kept');
			await visit('/nowhere/at/all', 'not-found');
			await openDemo(page);
			await page.keyboard.press('?');
			await page.waitForTimeout(400);
			await shoot('keys');
		});

		test(`${width} ${theme}: before signing in`, async ({ page }) => {
			await page.setViewportSize({ width, height: width === 360 ? 740 : 900 });
			await page.addInitScript((wanted) => localStorage.setItem('nightjar.theme', wanted), theme);
			const shoot = (name: string) => page.screenshot({ path: `${OUT}/${name}-${width}-${theme}.png` });
			const server = await startServer();
			await page.goto(new URL('/sign-in', server.setupUrl).href);
			await page.waitForTimeout(500);
			await shoot('sign-in');
			await page.goto(server.setupUrl);
			await page.waitForTimeout(800);
			await shoot('setup');
			await server.remove();
		});
	}
}

/** The screen that is open, whole, in both themes and at two widths. */
async function shoot(page: Page, name: string): Promise<void> {
	await page.waitForTimeout(400);
	for (const theme of ['dark', 'light']) {
		await page.evaluate((wanted) => (document.documentElement.dataset.theme = wanted), theme);
		for (const width of [390, 1280]) {
			await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
			await page.waitForTimeout(150);
			await page.screenshot({ path: `${OUT}/people/${name}-${width}-${theme}.png`, fullPage: true });
		}
	}
}

bare('people, from signing up to the certificate', async ({ page, browser }) => {
	const [mail, cameras, port] = [await startMail(), await startCameras(2), await freePort()];
	const home = `http://localhost:${port}`;
	const provider = await startProvider(home);
	const config = `${mail.config}[accounts]\nsign_up = "open"\n${provider.config}`;
	const server = await startServer({ name: 'localhost', port, config });
	await addAuthenticator(page);
	const visit = async (path: string, name: string, on = page) => {
		await on.goto(home + path);
		await plain(on.locator('[aria-busy=true]')).toHaveCount(0);
		await shoot(on, name);
	};
	const press = (name: string | RegExp, on = page) => on.getByRole('button', { name, exact: true }).first().click();
	try {
		await visit('/sign-in', 'sign-in');
		await page.getByLabel('User name or e-mail address').fill('ada@example.org');
		await page.getByLabel('Password').fill('wrong');
		await press('Sign in');
		await plain(page.getByRole('alert')).toBeVisible();
		await shoot(page, 'sign-in-wrong');
		await visit('/forgotten', 'forgotten');
		for (const path of ['/verify', '/invitation', '/reopen', '/certificate', '/setup', '/passkey', '/sign-in/return', '/closed'])
			await visit(path, `void${path.replaceAll('/', '-')}`);
		await page.goto(server.setupUrl);
		await shoot(page, 'setup');
		await visit('/sign-up', 'sign-up');
		await page.getByLabel('E-mail address').fill('ada@example.org');
		await page.getByRole('radio', { name: /^With a password/ }).check();
		await page.getByLabel('Password', { exact: true }).fill('passwordpassword');
		await page.getByLabel('Phone', { exact: true }).fill('not a number');
		for (const box of await page.getByRole('checkbox').all()) await box.check();
		await press('Make account');
		await plain(page.getByRole('alert').first()).toBeVisible();
		await shoot(page, 'sign-up-wrong');
		await page.getByLabel('Password', { exact: true }).fill('four unrelated words here');
		await page.getByLabel('Phone', { exact: true }).fill('+49 30 1234567');
		await page.getByLabel('Name', { exact: true }).fill('Ada');
		await press('Make account');
		await plain(page.getByRole('heading', { name: 'Look into your mail' })).toBeVisible();
		await shoot(page, 'sign-up-mailed');
		await page.goto(await mail.link('ada@example.org', '/verify'));
		await shoot(page, 'verify');
		await press('Confirm and sign in');
		await plain(page.getByRole('heading', { name: 'You belong to no household' })).toBeVisible();
		await shoot(page, 'homeless');
		await visit('/passkey', 'passkey');
		await press('Make a passkey');
		await plain(page.getByTestId('codes')).toBeVisible();
		await shoot(page, 'passkey-made');
		await page.goto(`${home}/`);
		await page.getByLabel('Name of the household').fill('Rose Lane');
		await press('Make household');
		await plain(page.getByText('No camera yet')).toBeVisible();
		await visit('/people', 'people-alone');
		await visit('/views', 'views-empty');
		await visit('/inbox', 'inbox');
		for (const [index, name] of ['Porch', 'Cellar'].entries()) {
			const { user: username, password } = CREDENTIALS;
			const data = { name, url: cameras.urls[index], username, password, mode: 'continuous' };
			plain((await page.request.post(`${home}/api/v1/cameras`, { data })).status()).toBe(201);
		}
		await visit('/profile', 'profile');
		await visit('/security', 'security');
		await press('Rename Passkey');
		await shoot(page, 'security-rename');
		await press('Cancel');
		await press('Set up');
		const secret = (await page.locator('dialog[open] .select-all').textContent())!.trim();
		await shoot(page, 'totp');
		await page.getByLabel('Number of the app').fill(totp(secret));
		await press('Switch on');
		await plain(page.locator('dialog[open]')).toHaveCount(0);

		await page.goto(`${home}/people`);
		await press('Invite somebody');
		await press('This weekend');
		await page.getByLabel('From', { exact: true }).fill('');
		await press('Only at certain hours');
		await page.getByLabel('Mail it to').fill('bea@example.org');
		await page.getByLabel(/permitted me to give this address/).check();
		await shoot(page, 'invite');
		await press('Send the invitation');
		await plain(page.getByText('The invitation is on its way.')).toBeVisible();
		await press('QR code');
		await shoot(page, 'invite-made');
		await press('Done');
		await shoot(page, 'people-invited');
		const other = await browser.newContext();
		const hers = await other.newPage();
		await hers.goto(await mail.link('bea@example.org', '/invitation'));
		await plain(hers.getByText(/invites you/)).toBeVisible();
		await shoot(hers, 'invitation');
		await press('Refuse', hers);
		await shoot(hers, 'invitation-decline');
		await hers.keyboard.press('Escape');
		await hers.getByRole('link', { name: 'Make an account and accept' }).click();
		await hers.getByLabel('E-mail address').fill('bea@example.org');
		await hers.getByRole('radio', { name: /^With a password/ }).check();
		await hers.getByLabel('Password', { exact: true }).fill('four unrelated words here');
		await hers.getByLabel('Name', { exact: true }).fill('Bea');
		for (const box of await hers.getByRole('checkbox').all()) await box.check();
		await shoot(hers, 'sign-up-invited');
		await press('Make account', hers);
		await plain(hers.locator('[data-camera]')).toHaveCount(1);
		await visit('/people', 'people-guest', hers);
		const list = (await (await page.request.get(`${home}/api/v1/cameras`)).json()) as { items: { id: string }[] };
		const camera = `/cameras/${list.items[0]!.id}`;
		await page.goto(home + camera);
		await plain(page.locator('[data-live=live]')).toBeVisible({ timeout: 20_000 });
		await plain(page.locator('aside [data-view]').first()).toBeVisible({ timeout: 15_000 });
		await shoot(page, 'camera-viewers');
		await visit('/views', 'views');
		await page.goto(`${home}/people`);
		await page.locator('[data-person="bea@example.org"]').getByRole('button', { name: 'Change' }).click();
		await page.getByText('Is this person under 18?').click();
		await shoot(page, 'member');
		await press('Report and freeze the account');
		await plain(page.locator('[data-reported]')).toBeVisible();
		await shoot(page, 'people-reported');
		await press('Erase now');
		await shoot(page, 'people-reported-erase');
		await press('Cancel');
		await press('The report was wrong');

		await page.goto(`${home}/security`);
		await press('Link id');
		const there = async (on: Page, login: string) => {
			await on.getByPlaceholder('Enter any login').fill(login);
			await on.getByPlaceholder('and password').fill('x');
			await on.getByRole('button', { name: 'Sign-in' }).click();
			await on.getByRole('button', { name: 'Continue' }).click();
		};
		await there(page, 'zoe');
		await plain(page.getByText('id says that you are')).toBeVisible();
		await shoot(page, 'return-link');
		await press('Link id');
		await plain(page.getByRole('button', { name: 'Take the link away' })).toBeVisible();
		await page.getByText('Sign-ins of the last 90 days').click();
		await shoot(page, 'security-full');
		const third = await browser.newContext();
		const his = await third.newPage();
		await his.goto(`${home}/sign-in`);
		await press('Sign in with id', his);
		await there(his, 'unverified-yan');
		await plain(his.getByText('I have seen what is kept')).toBeVisible();
		await shoot(his, 'return-new');

		await page.goto(`${home}/settings`);
		await page.locator('main').getByRole('button', { name: 'Sign out' }).click();
		await page.goto(`${home}/sign-in?next=/inbox`);
		// The browser's own offer of the passkey would be quicker.
		const enter = async () => {
			await his.goto(`${home}/sign-in`);
			await his.getByLabel('User name or e-mail address').fill('ada@example.org');
			await his.getByLabel('Password').fill('four unrelated words here');
			await press('Sign in', his);
			await plain(his.getByLabel('Code')).toBeVisible();
			await shoot(his, 'second-factor');
			await his.getByLabel('Code').fill('000000');
			await press('Sign in', his);
			await plain(his.getByRole('alert')).toBeVisible();
			await shoot(his, 'second-factor-wrong');
			await his.waitForTimeout(30_000);
			await his.getByLabel('Code').fill(totp(secret));
			await press('Sign in', his);
			await plain(his.locator('[data-camera]').first()).toBeVisible();
		};
		await enter();
		await visit('/inbox', 'inbox-notices', his);
		for (const path of ['/privacy', '/privacy/versions', '/privacy?lang=de'])
			await visit(path, `policy${path.slice(8).replace(/\W+/g, '-')}`, his);
		await his.goto(`${home}/privacy-centre`);
		await plain(his.locator('#held li').first()).toBeVisible();
		await his.locator('[data-objection]').first().getByRole('button').click();
		await press('Make a copy', his);
		await plain(his.locator('[data-export=ready]')).toBeVisible({ timeout: 60_000 });
		await shoot(his, 'privacy-centre');
		const close = async () => {
			await his.goto(`${home}/privacy-centre`);
			await press('Close account', his);
			await his.getByLabel(/^Type/).fill('ada@example.org');
			const together = his.getByRole('dialog').getByRole('checkbox');
			if (await together.count()) await together.check();
			await shoot(his, 'close');
			await his.getByRole('dialog').getByRole('button', { name: 'Close account' }).click();
			await plain(his.getByRole('heading', { name: 'The account is closed' })).toBeVisible();
		};
		await close();
		await shoot(his, 'closed');
		const proof = (await his.getByRole('link', { name: 'Certificate' }).getAttribute('href'))!;
		const undo = (await his.getByRole('link', { name: 'Undo' }).getAttribute('href'))!;
		await his.goto(undo);
		await his.getByText('Erase it now').click();
		await his.getByLabel(/^Type/).fill('erase');
		await shoot(his, 'reopen');
		const fourth = await third.newPage();
		await fourth.goto(proof);
		await shoot(fourth, 'certificate-early');
		await press('Erase for ever', his);
		await plain(his.getByText('Everything is being erased.')).toBeVisible();
		await shoot(his, 'erasing');
		await fourth.goto('about:blank');
		await fourth.goto(proof);
		await plain(fourth.getByRole('button', { name: 'Save the certificate' })).toBeVisible({ timeout: 60_000 });
		await shoot(fourth, 'certificate');
	} finally {
		await server.remove();
		await Promise.all([provider.stop(), cameras.stop(), mail.stop()]);
	}
});
