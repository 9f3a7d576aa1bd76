/** Which proofs are asked for again, and when. */
import { describe, expect, test } from 'vitest';

import type { AlertsDeps } from '../../../src/alerts/deps.ts';
import { againAt, askAgain, dueProofs, missedProofs } from '../../../src/alerts/retry-proof.ts';
import type { RunRecord, RunState } from '../../../src/catalog/runs.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { testServerName } from '../../support/folder-archive.ts';
import { runRecord } from '../../support/run-record.ts';

const ENDED = '2026-11-22T04:10:00.000000Z';
const PERSON = { kind: 'slack', id: 'U0ANA', name: 'ana', zone: 'UTC' };

function by(id: string) {
  return { kind: 'schedule', id, name: id, zone: 'UTC' };
}

function proof(verdict: string | undefined, asker: RunRecord['asker'], state: RunState = 'done') {
  const words = { backupId: 'b', store: 'here', title: 't', next: 'n' };
  const result = verdict === undefined ? null : { verdict, ...words };
  const endedAt = state === 'running' ? null : ENDED;
  return runRecord(state, { operation: 'verify', asker, result, endedAt });
}

/** Runs newest first, so many minutes after the end. */
function due(runs: readonly RunRecord[], minutes = 15): readonly string[] {
  const now = Temporal.Instant.from(ENDED).add({ minutes });
  return dueProofs(runs, 2, now).map(({ schedule, attempt }) => `${schedule} ${attempt}`);
}

function missed(runs: readonly RunRecord[], minutes: number): readonly number[] {
  const now = Temporal.Instant.from(ENDED).add({ minutes });
  return missedProofs(runs, 2, now).map(({ attempt }) => attempt);
}

describe('dueProofs()', () => {
  test('waits for a quarter of an hour, and not until the next day', () => {
    const runs = [proof('ERROR', by('verify:shop'))];

    expect(due(runs, 14)).toEqual([]);
    expect(due(runs, 15)).toEqual(['verify:shop 1']);
    expect(due(runs, 6 * 60)).toEqual(['verify:shop 1']);
    expect(due(runs, 6 * 60 + 1)).toEqual([]);
  });

  test('counts the tries, and stops when they are used up', () => {
    expect(due([proof('ERROR', by('verify:shop#again-1'))])).toEqual(['verify:shop 2']);
    expect(due([proof('ERROR', by('verify:shop#again-2'))])).toEqual([]);
  });

  test.each(['failed', 'interrupted'] as const)(
    'takes one that %s for one that cannot tell',
    (s) => {
      expect(due([proof(undefined, by('verify:shop'), s)])).toEqual(['verify:shop 1']);
    },
  );

  test.each(['PASS', 'FAIL', 'SKIPPED'])('asks for none again that said %s', (verdict) => {
    expect(due([proof(verdict, by('verify:shop'))])).toEqual([]);
  });

  test.each(['cancelled', 'expired'] as const)('asks for none again that was %s', (state) => {
    expect(due([proof(undefined, by('verify:shop'), state)])).toEqual([]);
  });

  test('asks for none again that a person asked for', () => {
    expect(due([proof('ERROR', PERSON)])).toEqual([]);
  });

  test('asks for nothing that somebody has told since, or is about to tell', () => {
    const older = proof('ERROR', by('verify:shop'));

    expect(due([proof('PASS', PERSON), older])).toEqual([]);
    expect(due([proof('FAIL', PERSON), older])).toEqual([]);
    expect(due([proof(undefined, PERSON, 'running'), older])).toEqual([]);
    expect(due([proof('ERROR', PERSON), older])).toEqual(['verify:shop 1']);
  });

  test('is told nothing of the newest backup by the proof of an older one, but waits while it runs', () => {
    const newest = proof('ERROR', by('verify:shop'));
    const older = { plan: { isNewest: false } };

    for (const verdict of ['PASS', 'FAIL', 'ERROR'])
      expect(due([{ ...proof(verdict, by('verify:shop')), ...older }, newest])).toContain(
        'verify:shop 1',
      );
    expect(due([{ ...proof(undefined, PERSON, 'running'), ...older }, newest])).toEqual([]);
    const error = { ...proof('ERROR', by('verify-older:shop')), ...older };
    expect(due([proof('PASS', by('verify:shop')), error])).toEqual([]);
  });

  test('follows each schedule of its own', () => {
    const runs = [
      proof('ERROR', by('verify-older:shop')),
      proof('ERROR', by('verify:shop#again-1')),
      proof('ERROR', by('verify:shop')),
    ];

    expect(due(runs)).toEqual(['verify-older:shop 1', 'verify:shop 2']);
  });
});

describe('missedProofs()', () => {
  test('are those that were not tried again in time, unless somebody has told since', () => {
    const error = proof('ERROR', by('verify:shop'));

    expect(missed([error], 6 * 60)).toEqual([]);
    expect(missed([error], 6 * 60 + 1)).toEqual([1]);
    expect(missed([proof('PASS', PERSON), error], 6 * 60 + 1)).toEqual([]);
    expect(missed([proof('SKIPPED', by('verify:shop')), error], 6 * 60 + 1)).toEqual([]);
    // What was told already when it ended.
    expect(missed([proof('ERROR', by('verify:shop#again-2'))], 6 * 60 + 1)).toEqual([]);
  });
});

describe('againAt()', () => {
  test('says when, to be told at once', () => {
    const run = proof('ERROR', by('verify:shop#again-1'));

    expect(againAt(run, 2)).toEqual({ at: '2026-11-22T04:25:00Z', attempt: 2 });
    expect(againAt(run, 1)).toBeUndefined();
    expect(againAt(proof('FAIL', by('verify:shop')), 2)).toBeUndefined();
    expect(againAt(proof('ERROR', PERSON), 2)).toBeUndefined();
  });
});

describe('askAgain()', () => {
  const server = { name: testServerName('shop'), retries: 2 };

  function asking(ask: AlertsDeps['gate']['ask'], now = '2026-11-22T04:25:00Z') {
    const clock = fakeClock(now);
    const run = proof('ERROR', by('verify:shop'));
    const catalog = { runs: { list: async () => Promise.resolve([run]) } };
    const signal = new AbortController().signal;
    const said = { clock, log: silentLog, zone: 'UTC', audience: 'slack:C0OPS' };
    return { run, asked: askAgain({ catalog, gate: { ask }, ...said }, server, { signal }) };
  }

  test('asks for the same again, once whoever asks', async () => {
    const requests: unknown[] = [];

    const { run, asked } = asking(async (request) => {
      requests.push(request);
      return Promise.resolve({ outcome: 'run', runs: [], again: false });
    });

    expect(await asked).toEqual([]);
    expect(requests).toMatchObject([
      {
        operation: 'verify',
        onceKey: `alerts:again:${run.runId}`,
        actor: { kind: 'schedule', id: 'verify:shop#again-1' },
        audience: 'slack:C0OPS',
      },
    ]);
  });

  test('tells what cannot even be asked for: nobody else will', async () => {
    const kind = { code: 'X', retry: 'never', hint: 'Do this.', fault: 'world' } as const;

    const { run, asked } = asking(async () => Promise.reject(new Problem(kind, 'There is none')));

    expect(await asked).toMatchObject([
      { run: { runId: run.runId }, title: 'There is none', next: 'Do this.' },
    ]);
  });

  test('tells what was missed instead of asking: it is not verified, and nobody would say so', async () => {
    const { run, asked } = asking(
      async () => Promise.reject(new TypeError('It is asked for')),
      '2026-11-22T10:11:00Z',
    );

    expect(await asked).toMatchObject([{ run: { runId: run.runId }, title: 't', next: 'n' }]);
  });

  test('gives a store that is away for a moment as long as a try would have taken', async () => {
    const kind = { code: 'X', retry: 'later', hint: 'Do this.', fault: 'world' } as const;
    async function refuse(): Promise<never> {
      return Promise.reject(new Problem(kind, 'It is away'));
    }

    expect(await asking(refuse, '2026-11-22T04:39:59Z').asked).toEqual([]);
    expect(await asking(refuse, '2026-11-22T04:40:00Z').asked).toHaveLength(1);
  });
});
