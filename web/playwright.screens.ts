// Pictures of every screen, to be looked at: npm run screens. They are put into test-results/screens.
import base from './playwright.config';

export default { ...base, testMatch: 'screens.ts', outputDir: 'test-results/screens-run', timeout: 240_000 };
