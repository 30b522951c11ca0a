// Renders the icon to the PNG sizes that browsers ask for. Run by hand after the drawing changed: npm run icons.
import { readFileSync } from 'node:fs';
import { chromium } from '@playwright/test';

const svg = readFileSync('static/icon.svg', 'utf8');
const sizes = [
	['icon-180', 180, 1],
	['icon-192', 192, 1],
	['icon-512', 512, 1],
	// Maskable icons may be cut to a circle of 80 %: the drawing keeps inside it.
	['maskable-512', 512, 0.74]
];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [name, size, share] of sizes) {
	const page = await browser.newPage({ viewport: { width: size, height: size } });
	const inner = Math.round(size * share);
	await page.setContent(
		`<style>body{margin:0;display:grid;place-items:center;height:100vh;background:#10151c}svg{width:${inner}px;height:${inner}px}</style>${svg}`
	);
	await page.screenshot({ path: `static/icons/${name}.png` });
	await page.close();
}
await browser.close();
