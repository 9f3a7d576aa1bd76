import { expect, test } from 'vitest';

import type { RunEvent, RunRecord } from '../../../src/catalog/runs.ts';
import { incidentTimeline, timelineText } from '../../../src/incidents/timeline.ts';
import { isRunId, type RunId } from '../../../src/kernel/ids.ts';

function runId(text: string): RunId {
  if (!isRunId(text)) throw new Error(text);
  return text;
}

const RUN: RunRecord = {
  runId: runId('r-20261122T145700-3fa9c1'),
  operation: 'restore',
  server: 'shop',
  state: 'done',
  danger: 'low',
  input: {},
  plan: {},
  planHash: '',
  outlook: null,
  asker: {},
  deciders: [{ actor: { name: 'ben' }, decision: 'approve', at: '2026-11-22T14:57:40.000000Z' }],
  audience: null,
  after: null,
  performer: null,
  askedAt: '2026-11-22T14:57:00.000000Z',
  expiresAt: null,
  startedAt: null,
  endedAt: null,
  result: null,
  problem: null,
  cancelAsked: false,
};

function event(seq: number, at: string, part: Pick<RunEvent, 'kind' | 'data'>): RunEvent {
  return { seq, runId: RUN.runId, at, ...part };
}

test('tells incident and runs in one order, with measured seconds and who decided', () => {
  const events = [
    {
      seq: 1,
      incidentId: 'i',
      at: '2026-11-22T14:53:00.000000Z',
      actor: {},
      text: 'ana opened it',
      data: null,
    },
  ];
  const step = { title: 'Read 61 MB from west', seconds: 9.2, outcome: 'done' };
  const runEvents = [
    event(1, '2026-11-22T14:57:41.000000Z', { kind: 'started', data: null }),
    event(2, '2026-11-22T14:57:50.200000Z', { kind: 'step ended', data: step }),
    event(3, '2026-11-22T15:01:00.000000Z', { kind: 'done', data: null }),
  ];

  const lines = timelineText(incidentTimeline(events, [{ run: RUN, events: runEvents }])).split(
    '\n',
  );

  expect(lines.map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    '14:53:00 +0.0 s ana opened it',
    '14:57:40 +4 min 40 s restore r-20261122T145700-3fa9c1: ben decided: approve',
    '14:57:41 +4 min 41 s restore r-20261122T145700-3fa9c1: started',
    '14:57:50 +4 min 50 s restore r-20261122T145700-3fa9c1: Read 61 MB from west, 9.2 s',
    '15:01:00 +8 min restore r-20261122T145700-3fa9c1: done',
  ]);
});
