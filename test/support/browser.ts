/** Debian's Chromium for tests in a real browser. Each start has a fresh profile. */
import { type Browser, chromium, type Page } from 'playwright-core';

/** Chromium as root, and quiet: it asks nobody for anything. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface TestBrowser extends AsyncDisposable {
  /** A page of its own, at the size of a laptop. */
  open(url: string): Promise<Page>;
  /** @throws Error when a script of a page failed, or something was refused by its policy. */
  closePages(): Promise<void>;
}

export async function startBrowser(): Promise<TestBrowser> {
  const browser: Browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: FLAGS,
  });
  const errors: string[] = [];
  return {
    async open(url) {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (line) => {
        // A server that is taken away is part of some tests.
        if (line.type() === 'error' && !line.text().includes('net::ERR_')) errors.push(line.text());
      });
      await page.goto(url);
      return page;
    },
    async closePages() {
      for (const context of browser.contexts()) await context.close();
      const [first] = errors.splice(0);
      if (first !== undefined) throw new Error(`A page failed: ${first}`);
    },
    [Symbol.asyncDispose]: async () => browser.close(),
  };
}
