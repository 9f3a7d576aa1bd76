/** Progress in words, and lines that follow a run. */
import { expect, test } from 'vitest';

import type { RunEvent } from '../../../src/catalog/runs.ts';
import { followProgress, progressWords } from '../../../src/cli/progress.ts';
import { newRunId } from '../../../src/kernel/ids.ts';

const RUN = newRunId(Temporal.Instant.from('2026-11-22T15:00:00Z'));
const OTHER = newRunId(Temporal.Instant.from('2026-11-22T16:00:00Z'));

function event(seq: number, kind: RunEvent['kind'], data: RunEvent['data'], runId = RUN): RunEvent {
  return { seq, runId, at: '2026-11-22T15:00:00.000000Z', kind, data };
}

test('progressWords() says the share, the bytes and the note', () => {
  expect(progressWords({ doneBytes: 630_000, totalBytes: 1_000_000, note: 'from here' })).toBe(
    '63 %, 630 kB of 1.0 MB, from here',
  );
  expect(progressWords({ doneBytes: 5000 })).toBe('5.0 kB');
});

test('followProgress() shows each step of its runs once, also those that ended just before it stopped', async () => {
  const events = [
    event(1, 'step began', { title: 'Old news' }),
    event(2, 'step began', { title: 'Copy' }),
    event(3, 'step ended', { title: 'Copy', seconds: 2, outcome: 'done' }),
    event(4, 'step ended', { title: 'Not ours', seconds: 2, outcome: 'done' }, OTHER),
    event(5, 'step ended', { title: 'Open', seconds: 1, outcome: 'failed' }),
  ];
  const shown: string[] = [];
  const following = followProgress({
    gate: {
      eventsAfter: (cursor, limit) =>
        Promise.resolve(events.filter(({ seq }) => seq > cursor).slice(0, limit)),
      waitForEvents: (_cursor, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    },
    terminal: { err: (text) => shown.push(text), isScreen: false },
    runIds: [RUN],
    cursor: 1,
  });
  await following[Symbol.asyncDispose]();

  expect(shown).toEqual(['✓ Copy — 2.0 s\n', '✗ Open — 1.0 s\n']);
});

test('followProgress() tells the rate and the time left on a screen, once it can know them', async () => {
  const at = Temporal.Instant.from('2026-11-22T15:00:00Z');
  const events = Array.from({ length: 11 }, (_each, second) => ({
    ...event(second + 1, 'progress', {
      title: 'Copy',
      doneBytes: second * 50_000_000,
      totalBytes: 2_000_000_000,
    }),
    at: at.add({ seconds: second }).toString(),
  }));
  const shown: string[] = [];
  const following = followProgress({
    gate: {
      eventsAfter: (cursor) => Promise.resolve(events.filter(({ seq }) => seq > cursor)),
      waitForEvents: (_cursor, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        }),
    },
    terminal: { err: (text) => shown.push(text), isScreen: true },
    runIds: [RUN],
    cursor: 0,
  });
  await following[Symbol.asyncDispose]();

  expect(shown[1]).not.toContain('/s');
  expect(shown.at(-2)).toContain('Copy — 25 %, 500 MB of 2.0 GB, 50.0 MB/s, about 30 s left');
});
