// Takes pictures of every screen in both themes and at two widths, to be looked at by a person.
import { expect, openDemo, startServer, test } from './nightjar';

const OUT = 'test-results/screens';

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
			await server.stop();
		});
	}
}
