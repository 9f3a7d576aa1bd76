import { expect, test } from 'vitest';

import type { RunEvent } from '../../../src/catalog/runs.ts';
import { newRunId } from '../../../src/kernel/ids.ts';
import { stepLines } from '../../../src/slack/messages/progress.ts';
import { readPaged, readSteps } from '../../../src/slack/run-view.ts';

const BEGAN = Temporal.Instant.from('2026-11-22T15:00:00Z');
const RUN = newRunId(BEGAN);

function event(second: number, kind: RunEvent['kind'], data: RunEvent['data']): RunEvent {
  return { seq: second, runId: RUN, at: BEGAN.add({ seconds: second }).toString(), kind, data };
}

test('a step that works tells its rate and the time left, and a step that is done does not', () => {
  const copy = { title: 'Copy its files', totalBytes: 2_000_000_000 };
  const events = [
    event(0, 'step began', copy),
    ...[2, 4, 6, 8, 10].map((second) =>
      event(second, 'progress', { ...copy, doneBytes: second * 50_000_000 }),
    ),
  ];
  const ended = event(11, 'step ended', { title: copy.title, seconds: 11, outcome: 'done' });

  const now = BEGAN.add({ seconds: 11 });

  expect(stepLines(readSteps(events), now)).toEqual([
    '▸ Copy its files (now) · 25 %, 500 MB of 2.0 GB, 50.0 MB/s, about 30 s left · 11 s',
  ]);
  expect(stepLines(readSteps([...events, ended]), now)).toEqual(['✓ Copy its files (done) · 11 s']);
});

test('a page that was taken stays taken, whatever was written beside it', () => {
  const [waiting, accepted] = [
    { outcome: 'waiting', said: null },
    { outcome: 'accepted', by: 'PagerDuty', at: '2026-11-22T15:00:02Z' },
  ];
  const events = [event(1, 'paged', waiting), event(2, 'paged', accepted)];

  expect(readPaged(events.slice(0, 1))).toEqual(waiting);
  expect(readPaged(events)).toEqual(accepted);
  expect(readPaged([...events, event(3, 'paged', waiting)])).toEqual(accepted);
  expect(readPaged([event(1, 'paged', null), event(2, 'done', {})])).toBeUndefined();
});
