import type { Page } from '@playwright/test';
import { accessible, CREDENTIALS, expect, openDemo, startCameras, test } from './nightjar';

/** The demo is shared by the tests of a worker: what one adds it takes away. */
async function remove(page: Page, name: string): Promise<void> {
	await page.getByRole('link', { name: `Settings of ${name}` }).click();
	await page.getByRole('button', { name: 'Remove camera' }).click();
	const question = page.getByRole('dialog', { name: `Remove ${name}?` });
	await expect(question.getByRole('button', { name: 'Remove camera' })).toBeDisabled();
	await question.getByLabel(/Type/).fill(name);
	await question.getByRole('button', { name: 'Remove camera' }).click();
	await expect(page.getByText(`${name} was removed`)).toBeVisible();
	await expect(page.getByRole('link', { name })).toHaveCount(0);
}

test('a camera is added by its address: a wrong password is named, the right one shows what it sends', async ({ page }) => {
	const cameras = await startCameras(1);
	try {
		await openDemo(page);
		await page.getByRole('link', { name: 'Cameras' }).first().click();
		await page.getByRole('link', { name: 'Add camera' }).click();
		await page.getByLabel('Address (RTSP)').fill(cameras.urls[0]!);
		await page.getByLabel('User name of the camera').fill(CREDENTIALS.user);
		await page.getByLabel('Password of the camera').fill('wrong');
		await page.getByRole('button', { name: 'Ask the camera' }).click();
		await expect(page.getByText('The camera wants another user name or password.')).toBeVisible();
		await accessible(page);

		await page.getByLabel('Password of the camera').fill(CREDENTIALS.password);
		await page.getByRole('button', { name: 'Ask the camera' }).click();
		await expect(page.getByText('The camera answers')).toBeVisible({ timeout: 15_000 });
		await expect(page.getByText(/H\.264, \d+ × \d+/)).toBeVisible();
		await page.getByLabel('Name', { exact: true }).fill('Shed');
		await page.getByLabel('What it is for').fill('Watch over a workshop');
		await page.getByRole('button', { name: 'Add camera' }).click();
		await expect(page, 'nothing is recorded that nobody chose').toHaveURL(/\/cameras\/add$/);
		await page.getByLabel('Record all the time').check();
		await accessible(page);
		await page.getByRole('button', { name: 'Add camera' }).click();
		await expect(page.getByRole('heading', { name: 'Shed', level: 1 })).toBeVisible();
		await expect(page.locator('header [data-state=recording]')).toBeVisible({ timeout: 20_000 });

		await page.getByRole('link', { name: 'Settings of Shed' }).click();
		await page.getByLabel('Do not record').check();
		await page.getByRole('button', { name: 'Save', exact: true }).click();
		await expect(page.getByText('Saved')).toBeVisible();
		await accessible(page);
		await page.getByRole('link', { name: 'Back' }).click();
		await expect(page.locator('header [data-state=off]')).toBeVisible();

		await remove(page, 'Shed');
	} finally {
		await cameras.stop();
	}
});

for (const [what, url, words] of [
	['a port where nothing listens', 'rtsp://127.0.0.1:9/', /nothing answers on this port/],
	['an address outside of the house', 'rtsp://192.0.2.1/', /not allowed for cameras/]
] as const) {
	test(`the probe tells ${what}`, async ({ page }) => {
		await openDemo(page);
		await page.goto('/cameras/add');
		await page.getByLabel('Address (RTSP)').fill(url);
		await page.getByRole('button', { name: 'Ask the camera' }).click();
		await expect(page.getByText(words)).toBeVisible({ timeout: 20_000 });
	});
}

test('the probe tells a path that the camera does not have', async ({ page }) => {
	const cameras = await startCameras(1);
	try {
		await openDemo(page);
		await page.goto('/cameras/add');
		await page.getByLabel('Address (RTSP)').fill(cameras.urls[0]!.replace('/cam1/main', '/nothing'));
		await page.getByLabel('User name of the camera').fill(CREDENTIALS.user);
		await page.getByLabel('Password of the camera').fill(CREDENTIALS.password);
		await page.getByRole('button', { name: 'Ask the camera' }).click();
		await expect(page.getByText(/has no such stream/)).toBeVisible({ timeout: 20_000 });
	} finally {
		await cameras.stop();
	}
});

test('a Reolink camera is found by its host alone', async ({ page }) => {
	const cameras = await startCameras(1, ['--reolink']);
	try {
		await openDemo(page);
		await page.goto('/cameras/add');
		const host = new URL(cameras.apis[0]!).host;
		await page.getByLabel('Address (RTSP)').fill(host);
		await page.getByLabel('User name of the camera').fill(CREDENTIALS.user);
		await page.getByLabel('Password of the camera').fill('wrong');
		await page.getByRole('button', { name: 'Ask the camera' }).click();
		await expect(page.getByText('The camera wants another user name or password.')).toBeVisible({ timeout: 15_000 });
		await page.getByLabel('Password of the camera').fill(CREDENTIALS.password);
		await page.getByRole('button', { name: 'Ask the camera' }).click();
		await expect(page.getByText(/This is a Reolink/)).toBeVisible({ timeout: 15_000 });
		await expect(page.getByText('The camera answers')).toBeVisible({ timeout: 15_000 });
		await expect(page.getByLabel('Address (RTSP)')).toHaveValue(/^rtsp:\/\//);
		await expect(page.getByLabel('Name', { exact: true })).not.toHaveValue('');
		await page.getByLabel('Name', { exact: true }).fill('Hedge');
		await accessible(page);
		await page.getByLabel('Record all the time').check();
		await page.getByRole('button', { name: 'Add camera' }).click();
		await expect(page.locator('header [data-state=recording]')).toBeVisible({ timeout: 20_000 });
		await remove(page, 'Hedge');
	} finally {
		await cameras.stop();
	}
});
