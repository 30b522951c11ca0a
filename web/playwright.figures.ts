// What is measured in a browser (bench/RESULTS.md): npm run figures.
import base from './playwright.config';

export default { ...base, testMatch: 'figures.ts', outputDir: 'test-results/figures-run', timeout: 300_000 };
