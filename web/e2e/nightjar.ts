/** Runs the real program for the errands: the demo, a server of one's own, and cameras that can be made to fail. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test as base, expect, type Page } from '@playwright/test';
import { AxeBuilder } from '@axe-core/playwright';

const BIN = process.env.NIGHTJAR_BIN ?? '../target/release/nightjar';

/** A running program: the lines that it printed, and how to stop it. */
class Program {
	readonly lines: string[] = [];
	#child: ChildProcess;
	#log = '';

	constructor(args: string[], env: NodeJS.ProcessEnv = {}) {
		this.#child = spawn(BIN, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
		createInterface({ input: this.#child.stdout! }).on('line', (line) => this.lines.push(line));
		this.#child.stderr!.on('data', (text) => (this.#log += text));
	}

	async until(ready: () => boolean, ms = 20_000): Promise<void> {
		const end = Date.now() + ms;
		while (!ready()) {
			if (this.#child.exitCode !== null || Date.now() > end) throw new Error(`nightjar did not start:\n${this.#log}`);
			await new Promise((done) => setTimeout(done, 50));
		}
	}

	tell(line: string): void {
		this.#child.stdin!.write(`${line}\n`);
	}

	get log(): string {
		return this.#log;
	}

	async stop(): Promise<void> {
		if (this.#child.exitCode !== null) return;
		const gone = new Promise((done) => this.#child.once('exit', done));
		this.#child.kill('SIGTERM');
		const slow = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
		await gone;
		clearTimeout(slow);
	}
}

export async function startDemo(): Promise<{ url: string; stop: () => Promise<void> }> {
	const program = new Program(['demo', '--listen', '127.0.0.1:0']);
	await program.until(() => program.lines.length > 0);
	return { url: program.lines[0]!, stop: () => program.stop() };
}

/** A server that nobody has set up yet. */
export async function startServer(): Promise<{ setupUrl: string; log: () => string; stop: () => Promise<void> }> {
	const folder = mkdtempSync(join(tmpdir(), 'nightjar-errand-'));
	const data = join(folder, 'data');
	const config = join(folder, 'nightjar.toml');
	writeFileSync(
		config,
		`[server]\nlisten = "127.0.0.1:0"\n[storage]\ndata = ${JSON.stringify(data)}\n[cameras]\nallow = ["127.0.0.0/8"]\n`
	);
	const program = new Program(['serve', '--config', config]);
	const file = () => {
		try {
			return readFileSync(join(data, 'setup-url'), 'utf8').trim();
		} catch {
			return '';
		}
	};
	await program.until(() => file().includes('#token='));
	return {
		setupUrl: file(),
		log: () => program.log,
		stop: async () => {
			await program.stop();
			rmSync(folder, { recursive: true, force: true });
		}
	};
}

export interface Cameras {
	/** Addresses of the main streams. */
	urls: string[];
	/** Causes a fault: `1:freeze:20`. */
	fault: (line: string) => void;
	stop: () => Promise<void>;
}

export const CREDENTIALS = { user: 'admin', password: 'correct horse battery' };

export async function startCameras(count: number, args: string[] = []): Promise<Cameras> {
	const { user, password } = CREDENTIALS;
	const listen = ['--cameras', String(count), '--listen', '127.0.0.1:0', '--user', user, '--password', password];
	const program = new Program(['simulate', ...listen, ...args]);
	await program.until(() => program.lines.length >= count);
	return { urls: program.lines.slice(0, count), fault: (line) => program.tell(line), stop: () => program.stop() };
}

interface Worker {
	demo: { url: string };
}

interface Each {
	/** Fails the errand at its end if the page said that it broke or that the content policy stopped it. */
	quiet: void;
}

export const test = base.extend<Each, Worker>({
	demo: [
		async ({}, use) => {
			// NIGHTJAR_URL: a demo that already runs.
			const demo = process.env.NIGHTJAR_URL ? { url: process.env.NIGHTJAR_URL, stop: async () => {} } : await startDemo();
			await use(demo);
			await demo.stop();
		},
		{ scope: 'worker' }
	],
	baseURL: async ({ demo }, use) => use(demo.url),
	quiet: [
		async ({ page }, use) => {
			const broken: string[] = [];
			page.on('pageerror', (error) => broken.push(String(error)));
			page.on('console', (message) => /Content Security Policy|Uncaught/.test(message.text()) && broken.push(message.text()));
			await use();
			expect(broken).toEqual([]);
		},
		{ auto: true }
	]
});

export { expect };

/** The rules of WCAG 2.2 A and AA that a program can check: none may be broken. */
export async function accessible(page: Page): Promise<void> {
	const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
	const { violations } = await new AxeBuilder({ page }).withTags(tags).analyze();
	expect(violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target.join(' ')).join(', ')}`)).toEqual([]);
}

/** No screen scrolls sideways. */
export async function fits(page: Page): Promise<void> {
	const over = await page.evaluate(() => {
		const { clientWidth, scrollWidth } = document.documentElement;
		if (scrollWidth <= clientWidth) return [];
		const wide = [...document.querySelectorAll('body *')].filter(
			(element) => element.getBoundingClientRect().right > clientWidth
		);
		return [`${scrollWidth} > ${clientWidth}`, ...wide.map((element) => `${element.tagName} ${element.getAttribute('class')}`)];
	});
	expect(over, 'what is wider than the window').toEqual([]);
}

/** Every width and theme of the screen that is open. */
export async function inEveryLook(page: Page): Promise<void> {
	for (const theme of ['dark', 'light']) {
		await page.evaluate((wanted) => (document.documentElement.dataset.theme = wanted), theme);
		for (const width of [360, 1280]) {
			await page.setViewportSize({ width, height: 780 });
			await fits(page);
			await accessible(page);
		}
	}
}

/** Opens the demo as a person would: signed in by going to its first page. */
export async function openDemo(page: Page): Promise<void> {
	await page.goto('/');
	await expect(page.locator('[data-camera]')).toHaveCount(4);
}

/** Leads to the page of a camera of the demo, by its name. */
export async function openCamera(page: Page, name: string): Promise<void> {
	await openDemo(page);
	await page.getByRole('link', { name: `Open ${name}` }).click();
	await expect(page.getByRole('heading', { name, level: 1 })).toBeVisible();
}
