/** Waits for a condition, so that no test sleeps and hopes. */
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

/** @throws Error when `condition` is still false after `limitMs`. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  limitMs = 20_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Still not so after ${limitMs} ms`);
    await delay(POLL_MS);
  }
}
