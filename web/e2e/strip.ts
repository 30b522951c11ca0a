/**
 * Reads the time that the simulated cameras draw into their pictures (docs/reference/strip.md): 64 cells along the
 * bottom, 48 bits of milliseconds since 1970 and their CRC-16.
 */
import type { Page } from '@playwright/test';

/** Puts `readStrip(video)` into every page: the milliseconds, or undefined where no strip can be read. */
export async function installStrip(page: Page): Promise<void> {
	await page.addInitScript(() => {
		const CELLS = 64;
		const canvas = document.createElement('canvas');
		canvas.width = CELLS * 4;
		canvas.height = 1;
		const context = canvas.getContext('2d', { willReadFrequently: true })!;

		function crc16(bytes: number[]): number {
			let crc = 0xffff;
			for (const byte of bytes) {
				crc ^= byte << 8;
				for (let i = 0; i < 8; i++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
			}
			return crc;
		}

		function readStrip(video: HTMLVideoElement): number | undefined {
			const { videoWidth: width, videoHeight: height } = video;
			if (!width) return undefined;
			const strip = height / 30;
			context.drawImage(video, 0, height - strip * 0.75, width, strip / 2, 0, 0, CELLS * 4, 1);
			const pixels = context.getImageData(0, 0, CELLS * 4, 1).data;
			const levels = Array.from({ length: CELLS }, (_, i) => pixels[(i * 4 + 1) * 4]! + pixels[(i * 4 + 2) * 4]!);
			const middle = (Math.min(...levels) + Math.max(...levels)) / 2;
			const bytes = Array.from({ length: 8 }, (_, i) =>
				levels.slice(i * 8, i * 8 + 8).reduce((byte, level) => byte * 2 + (level > middle ? 1 : 0), 0)
			);
			const told = bytes[6]! * 256 + bytes[7]!;
			if (crc16(bytes.slice(0, 6)) !== told) return undefined;
			return bytes.slice(0, 6).reduce((value, byte) => value * 256 + byte, 0);
		}
		Object.assign(window, { readStrip });
	});
}

declare global {
	interface Window {
		readStrip(video: HTMLVideoElement): number | undefined;
	}
}

/** What the strips of all videos on the page say now. */
export function strips(page: Page): Promise<(number | undefined)[]> {
	return page.evaluate(() => [...document.querySelectorAll('video')].map((video) => window.readStrip(video)));
}
