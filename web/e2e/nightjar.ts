/** Runs the real program for the errands: the demo, a server of one's own, and cameras that can be made to fail. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
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

	constructor(command: string, args: string[]) {
		this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
		createInterface({ input: this.#child.stdout! }).on('line', (line) => this.lines.push(line));
		this.#child.stderr!.on('data', (text) => (this.#log += text));
	}

	async until(ready: () => boolean, ms = 20_000): Promise<void> {
		const end = Date.now() + ms;
		while (!ready()) {
			if (this.#child.exitCode !== null || Date.now() > end) throw new Error(`it did not start:\n${this.#log}`);
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
	const program = new Program(BIN, ['demo', '--listen', '127.0.0.1:0']);
	await program.until(() => program.lines.length > 0);
	return { url: program.lines[0]!, stop: () => program.stop() };
}

export interface Server {
	/** The single-use address for the owner. */
	setupUrl: string;
	/** Where the server keeps everything. */
	folder: string;
	log: () => string;
	stop: () => Promise<void>;
	/** Deletes the folder too. */
	remove: () => Promise<void>;
}

interface Wanted {
	/** By which name it is reached: a passkey belongs to a name, not to a number. */
	name?: string;
	/** More lines of the configuration. */
	config?: string;
	port?: number;
}

/** A server that nobody has set up yet. */
export async function startServer({ name, config = '', port = 0 }: Wanted = {}): Promise<Server> {
	const folder = mkdtempSync(join(tmpdir(), 'nightjar-errand-'));
	const data = join(folder, 'data');
	const file = join(folder, 'nightjar.toml');
	const names = name ? `names = ["${name}"]\n` : '';
	writeFileSync(
		file,
		`[server]\nlisten = "127.0.0.1:${port}"\n${names}[storage]\ndata = ${JSON.stringify(data)}\n` +
			`[cameras]\nallow = ["127.0.0.0/8"]\n${config}`
	);
	const program = new Program(BIN, ['serve', '--config', file]);
	const printed = () => {
		try {
			return readFileSync(join(data, 'setup-url'), 'utf8').trim();
		} catch {
			return '';
		}
	};
	await program.until(() => printed().includes('#token='));
	const stop = () => program.stop();
	const remove = () => stop().then(() => rmSync(folder, { recursive: true, force: true }));
	return { setupUrl: printed(), folder, log: () => program.log, stop, remove };
}

/** Sets a new server up: its owner `ada` is signed in afterwards. */
export async function setUp(page: Page, server: Server, password: string): Promise<void> {
	await page.goto(server.setupUrl);
	await page.getByLabel('User name').fill('ada');
	await page.getByLabel('New password', { exact: true }).fill(password);
	await page.getByLabel('New password again').fill(password);
	await page.getByLabel('I have read the privacy policy').check();
	await page.getByRole('button', { name: 'Set up' }).click();
	await expect(page.getByText('No camera yet')).toBeVisible();
}

/** A port that nobody listens on at this moment. */
export function freePort(): Promise<number> {
	return new Promise((done, failed) => {
		const server = createServer().once('error', failed);
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address() as AddressInfo;
			server.close(() => done(port));
		});
	});
}

/** Until somebody listens there. */
async function answers(program: Program, port: number): Promise<void> {
	let open = false;
	const knock = () => {
		const socket = connect(port, '127.0.0.1', () => {
			open = true;
			socket.destroy();
		}).on('error', () => undefined);
		return open;
	};
	await program.until(knock, 60_000);
}

/** Where a script of ours installed a program for the tests. */
function installed(script: string): string {
	return execFileSync(`../scripts/${script}`, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

export interface Mail {
	/** The configuration of a server that sends its mail there. */
	config: string;
	/** The link to this page in the newest mail to this person that holds one. */
	link: (to: string, path: string) => Promise<string>;
	stop: () => Promise<void>;
}

/** A real mail server (maildev), which keeps what it gets for us to read. */
export async function startMail(): Promise<Mail> {
	const program = installed('maildev');
	const [smtp, web] = [await freePort(), await freePort()];
	const folder = mkdtempSync(join(tmpdir(), 'nightjar-mail-'));
	const ports = ['--smtp', String(smtp), '--web', String(web)];
	const where = ['--ip', '127.0.0.1', '--web-ip', '127.0.0.1', '--mail-directory', folder];
	const maildev = new Program('node', [program, ...ports, ...where]);
	await answers(maildev, smtp);
	await answers(maildev, web);
	interface Received {
		to: { address: string }[];
		text: string;
	}
	const find = async (to: string, path: string) => {
		const mails = (await (await fetch(`http://127.0.0.1:${web}/api/email`)).json()) as Received[];
		const mine = mails.filter((mail) => mail.to.some(({ address }) => address === to)).map((mail) => mail.text);
		return mine.flatMap((text) => text.match(/https?:\/\/\S+/g) ?? []).findLast((url) => new URL(url).pathname === path);
	};
	return {
		config: `[mail]\nsmtp = "smtp://127.0.0.1:${smtp}"\nfrom = "Nightjar <cams@example.org>"\n`,
		link: async (to, path) => {
			await expect.poll(() => find(to, path), { timeout: 20_000, message: `a mail with ${path}` }).toBeTruthy();
			return (await find(to, path))!;
		},
		stop: () => maildev.stop().then(() => rmSync(folder, { recursive: true, force: true }))
	};
}

/** A real OpenID Connect provider (oidc-provider) for a server on this port; and the configuration that makes it known. */
export async function startProvider(home: string): Promise<{ config: string; stop: () => Promise<void> }> {
	const port = await freePort();
	const server = '../tests/behaviour/oidc-provider/server.mjs';
	const provider = new Program('node', [server, installed('oidc-provider'), String(port), `${home}/sign-in/return`]);
	await answers(provider, port);
	const folder = mkdtempSync(join(tmpdir(), 'nightjar-provider-'));
	const secret = join(folder, 'secret');
	writeFileSync(secret, 'between us');
	const lines = [
		'[[accounts.oidc]]',
		'name = "id"',
		`issuer = "http://127.0.0.1:${port}"`,
		'client_id = "nightjar"',
		`client_secret_file = ${JSON.stringify(secret)}`
	];
	const stop = () => provider.stop().then(() => rmSync(folder, { recursive: true, force: true }));
	return { config: `${lines.join('\n')}\n`, stop };
}

/** Gives the page a device that makes passkeys and shows them, as a phone does once its owner has unlocked it. */
export async function addAuthenticator(page: Page): Promise<void> {
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
}

export interface Cameras {
	/** Addresses of the main streams. */
	urls: string[];
	/** With `--reolink`: addresses of the devices before them. */
	apis: string[];
	/** Causes a fault: `1:freeze:20`. */
	fault: (line: string) => void;
	stop: () => Promise<void>;
}

export const CREDENTIALS = { user: 'admin', password: 'correct horse battery' };

export async function startCameras(count: number, args: string[] = []): Promise<Cameras> {
	const { user, password } = CREDENTIALS;
	const listen = ['--cameras', String(count), '--listen', '127.0.0.1:0', '--user', user, '--password', password];
	const program = new Program(BIN, ['simulate', ...listen, ...args]);
	const devices = args.includes('--reolink') ? count : 0;
	await program.until(() => program.lines.length >= count + devices);
	const [urls, apis] = [program.lines.slice(0, count), program.lines.slice(count)];
	return { urls, apis, fault: (line) => program.tell(line), stop: () => program.stop() };
}

/** RFC 6238: six digits of this half minute. */
export function totp(secret: string, at = Date.now()): string {
	const bits = [...secret.replace(/\s|=/g, '')]
		.map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'))
		.join('');
	const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
	const counter = Buffer.alloc(8);
	counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
	const hash = createHmac('sha1', key).update(counter).digest();
	return String((hash.readUInt32BE(hash[19]! & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
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
