import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { accessible, CREDENTIALS, expect, openCamera, openDemo, startCameras, test } from './nightjar';
import { installStrip, strips } from './strip';

test.beforeEach(({ page }) => installStrip(page));

/** Adds a camera to the demo and opens its page; gives its id. */
async function add(page: Page, name: string, more: { [field: string]: unknown }): Promise<string> {
	await openDemo(page);
	const { user: username, password } = CREDENTIALS;
	const answer = await page.request.post('/api/v1/cameras', { data: { name, username, password, mode: 'continuous', ...more } });
	expect(answer.status()).toBe(201);
	const { id } = (await answer.json()) as { id: string };
	await page.goto(`/cameras/${id}`);
	return id;
}

test('a camera over UDP is seen live and played back', async ({ page }) => {
	const cameras = await startCameras(1);
	try {
		const id = await add(page, 'Barn', { url: cameras.urls[0], transport: 'udp' });
		await expect(page.locator('[data-live=live]')).toBeVisible({ timeout: 20_000 });
		await expect.poll(async () => Date.now() - ((await strips(page))[0] ?? 0)).toBeLessThan(2_000);
		await page.waitForTimeout(14_000);
		await page.keyboard.press('j');
		await expect(page.locator('[data-mode=past]')).toBeVisible();
		await expect.poll(async () => Date.now() - ((await strips(page))[0] ?? 0)).toBeGreaterThan(5_000);
		await page.request.delete(`/api/v1/cameras/${id}`);
	} finally {
		await cameras.stop();
	}
});

/** Bytes of sound that the shown video has decoded. */
const decoded = (page: Page) =>
	page.evaluate(
		() =>
			(document.querySelector('video') as unknown as { webkitAudioDecodedByteCount: number } | null)
				?.webkitAudioDecodedByteCount ?? 0
	);

/** Pictures that the shown video has decoded. */
const pictures = (page: Page) =>
	page.evaluate(() => document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0);

test('sound is heard live and from the recording, once it is switched on', async ({ page }) => {
	await openCamera(page, 'Drive');
	await expect(page.locator('[data-live=live]')).toBeVisible();
	expect(await page.locator('video').evaluate((video: HTMLVideoElement) => video.muted)).toBe(true);
	await page.keyboard.press('m');
	await expect.poll(() => decoded(page)).toBeGreaterThan(1_000);
	await expect(page.locator('[data-live=live]')).toBeVisible();
	expect(await page.locator('video').evaluate((video: HTMLVideoElement) => video.muted)).toBe(false);
	await page.waitForTimeout(10_000);
	await page.keyboard.press('j');
	await expect(page.locator('[data-mode=past]')).toBeVisible();
	await expect.poll(() => decoded(page)).toBeGreaterThan(1_000);
	await expect.poll(async () => (await strips(page))[0]).toBeDefined();
});

test('the sub stream fills the grid, and carries fast playback', async ({ page }) => {
	await openDemo(page);
	await expect(page.locator('[data-stream=sub] video').first()).toBeVisible();
	await expect
		.poll(() =>
			page
				.locator('video')
				.first()
				.evaluate((video: HTMLVideoElement) => video.videoWidth)
		)
		.toBe(640);
	await page.waitForTimeout(20_000);
	await page.keyboard.press('1');
	await expect(page.locator('[data-stream=main]')).toBeVisible();
	await page.keyboard.press('j');
	await page.keyboard.press('j');
	await page.getByLabel('Speed').selectOption('8');
	await expect(page.locator('[data-mode=past] [data-stream=sub]')).toBeVisible();
	await expect.poll(async () => (await strips(page))[0]).toBeDefined();
	// Faster than time: it comes up with the present and goes on live.
	await expect(page.locator('[data-mode=live]')).toBeVisible({ timeout: 15_000 });
});

test.describe('H.265', () => {
	const folder = mkdtempSync(join(tmpdir(), 'nightjar-h265-'));
	const file = join(folder, 'clip.mp4');
	test.beforeAll(() => {
		const input = [
			'-f',
			'lavfi',
			'-i',
			'testsrc2=size=640x360:rate=10:duration=8',
			'-f',
			'lavfi',
			'-i',
			'sine=duration=8:sample_rate=44100'
		];
		const video = [
			'-c:v',
			'libx265',
			'-preset',
			'ultrafast',
			'-tag:v',
			'hvc1',
			'-x265-params',
			'keyint=20:bframes=0:log-level=error'
		];
		execFileSync('ffmpeg', ['-loglevel', 'error', '-y', ...input, ...video, '-pix_fmt', 'yuv420p', '-c:a', 'aac', file]);
	});
	test.afterAll(() => rmSync(folder, { recursive: true, force: true }));

	test('over TCP is played where the browser can; else the page says so, shows stills and offers the MP4', async ({ page }) => {
		const cameras = await startCameras(1, ['--file', file]);
		try {
			const id = await add(page, 'Gate', { url: cameras.urls[0], audio: true });
			await expect(page.locator('header [data-state=recording]')).toBeVisible({ timeout: 20_000 });
			const plays = await page.evaluate(() => MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L93.B0"'));
			if (plays) {
				await expect(page.locator('[data-live=live]')).toBeVisible({ timeout: 15_000 });
			} else {
				await expect(page.getByText(/This browser cannot play H\.265/)).toBeVisible();
				const still = page.getByRole('img', { name: 'Still picture of Gate' });
				await expect.poll(() => still.evaluate((image: HTMLImageElement) => image.naturalWidth), { timeout: 15_000 }).toBe(640);
			}
			await accessible(page);
			await page.waitForTimeout(6_000);
			await page.keyboard.press('[');
			await page.waitForTimeout(3_000);
			await page.keyboard.press(']');
			const waiting = page.waitForEvent('download');
			await page.keyboard.press('e');
			const saved = (await (await waiting).path())!;
			const said = execFileSync('ffmpeg', ['-v', 'error', '-i', saved, '-f', 'null', '-'], { encoding: 'utf8', stdio: 'pipe' });
			expect(said).toBe('');
			const count = ['-v', 'error', '-count_frames', '-show_entries', 'stream=codec_name,nb_read_frames', '-of', 'csv=p=0'];
			const kept = execFileSync('ffprobe', [...count, saved], { encoding: 'utf8' })
				.trim()
				.split('\n');
			const [picture, sound] = [kept.find((line) => line.startsWith('hevc,')), kept.find((line) => line.startsWith('aac,'))];
			expect(Number(picture?.split(',')[1]), 'pictures, 10 a second').toBeGreaterThan(25);
			expect(Number(sound?.split(',')[1]), 'blocks of sound, 43 a second').toBeGreaterThan(100);
			await page.request.delete(`/api/v1/cameras/${id}`);
		} finally {
			await cameras.stop();
		}
	});

	test('falls back to an H.264 sub stream where the browser cannot play it, live and from the recording, with sound', async ({
		page
	}) => {
		const main = await startCameras(1, ['--file', file]);
		const sub = await startCameras(1);
		try {
			const id = await add(page, 'Yard', {
				url: main.urls[0],
				sub_url: sub.urls[0]!.replace('/main', '/sub'),
				transport: 'udp',
				audio: true
			});
			const plays = await page.evaluate(() => MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L93.B0"'));
			await expect(page.locator(`[data-stream=${plays ? 'main' : 'sub'}][data-live=live]`)).toBeVisible({ timeout: 25_000 });
			if (!plays) await expect(page.getByText(/Shown in lower resolution/)).toBeVisible();
			await page.keyboard.press('m');
			await expect.poll(() => decoded(page)).toBeGreaterThan(1_000);
			await page.waitForTimeout(12_000);
			await page.keyboard.press('j');
			await expect(page.locator(`[data-mode=past] [data-stream=${plays ? 'main' : 'sub'}]`)).toBeVisible();
			await expect.poll(() => decoded(page)).toBeGreaterThan(1_000);
			// The sub stream has the time in its picture; the file of the main stream has none.
			if (!plays) await expect.poll(async () => Date.now() - ((await strips(page))[0] ?? 0)).toBeGreaterThan(5_000);
			await expect.poll(() => pictures(page)).toBeGreaterThan(5);
			await page.request.delete(`/api/v1/cameras/${id}`);
		} finally {
			await main.stop();
			await sub.stop();
		}
	});
});
