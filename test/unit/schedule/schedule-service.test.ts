/** The clock as a caller: what it asks, how often, and after a downtime. */
import { describe, expect, test } from 'vitest';

import type { AskRequest } from '../../../src/gate/gate.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { Problem } from '../../../src/kernel/problem.ts';
import { type Schedule, scheduleService } from '../../../src/schedule/schedule-service.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

const BACKUP: Schedule = {
  name: 'backup:shop',
  cron: '0 2 * * *',
  zone: 'UTC',
  ask: { operation: 'backup', input: { server: 'shop' }, audience: 'slack:C0OPS' },
};

function memoryRecords(): Map<string, string> & {
  lastDueAt(name: string): Promise<string | undefined>;
  take(name: string, dueAt: string): Promise<boolean>;
} {
  const known = new Map<string, string>();
  return Object.assign(known, {
    lastDueAt: (name: string) => Promise.resolve(known.get(name)),
    take(name: string, dueAt: string) {
      known.set(name, dueAt);
      return Promise.resolve(true);
    },
  });
}

interface Rig extends AsyncDisposable {
  readonly asked: AskRequest[];
  readonly clock: FakeClock;
  readonly tick: () => void;
  failWith: Problem | undefined;
}

async function rig(start: string, lastDueAt?: string): Promise<Rig> {
  const clock = fakeClock(start);
  const records = memoryRecords();
  if (lastDueAt !== undefined) records.set(BACKUP.name, lastDueAt);
  const asked: AskRequest[] = [];
  const stop = new AbortController();
  const bell: { ring?: () => void } = {};
  const made: Rig = {
    asked,
    clock,
    tick: () => bell.ring?.(),
    failWith: undefined,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
  const service = scheduleService({
    schedules: [BACKUP],
    gate: {
      ask(request) {
        asked.push(request);
        if (made.failWith !== undefined) return Promise.reject(made.failWith);
        return Promise.resolve({ outcome: 'run', runs: [], again: false });
      },
    },
    records,
    clock,
    log: silentLog,
    timer: {
      start(_cron, _zone, tick) {
        bell.ring = tick;
        return { [Symbol.dispose]: () => undefined };
      },
    },
  });
  const running = service.run({ signal: stop.signal, ready: () => undefined });
  await clock.untilAsleep(1);
  return made;
}

describe('scheduleService()', () => {
  test('asks at the due moment, with the moment as the key, so two processes make one run', async () => {
    await using at = await rig('2026-11-22T01:59:59Z', '2026-11-21T02:00:00.000000Z');
    expect(at.asked).toEqual([]);

    at.clock.jumpTo('2026-11-22T02:00:00Z');
    at.tick();
    await at.clock.advance(0);

    expect(at.asked).toMatchObject([
      {
        operation: 'backup',
        input: { server: 'shop' },
        audience: 'slack:C0OPS',
        performer: 'any',
        onceKey: 'schedule:backup:shop:2026-11-22T02:00:00.000000Z',
        actor: { kind: 'schedule', id: 'backup:shop' },
      },
    ]);
  });

  test('does not ask twice for one moment, however often it is woken', async () => {
    await using at = await rig('2026-11-22T02:00:00Z', '2026-11-21T02:00:00.000000Z');

    at.tick();
    await at.clock.advance(180_000);

    expect(at.asked).toHaveLength(1);
  });

  test('makes up once for what was missed while nobody ran', async () => {
    await using at = await rig('2026-11-22T14:46:00Z', '2026-11-18T02:00:00.000000Z');

    expect(at.asked.map(({ onceKey }) => onceKey)).toEqual([
      'schedule:backup:shop:2026-11-22T02:00:00.000000Z',
    ]);
  });

  test('does not make up for what was due before the schedule stood in the config', async () => {
    await using at = await rig('2026-11-22T14:46:00Z');

    expect(at.asked).toEqual([]);
  });

  test('notices a due moment without being woken, because timers sleep with the machine', async () => {
    await using at = await rig('2026-11-22T01:59:30Z', '2026-11-21T02:00:00.000000Z');

    await at.clock.advance(60_000);

    expect(at.asked).toHaveLength(1);
  });

  test('asks again a minute later when the gate could not be asked', async () => {
    await using at = await rig('2026-11-22T01:59:30Z', '2026-11-21T02:00:00.000000Z');
    const kind = { code: 'X', hint: 'Wait.', fault: 'world' } as const;
    at.failWith = new Problem({ ...kind, retry: 'later' }, 'Cannot reach it');

    await at.clock.advance(60_000);
    at.failWith = undefined;
    await at.clock.advance(120_000);

    expect(at.asked).toHaveLength(2);
  });

  test('does not repeat what can never work', async () => {
    await using at = await rig('2026-11-22T01:59:30Z', '2026-11-21T02:00:00.000000Z');
    const kind = { code: 'X', hint: 'Change it.', fault: 'request' } as const;
    at.failWith = new Problem({ ...kind, retry: 'never' }, 'Cannot read it');

    await at.clock.advance(300_000);

    expect(at.asked).toHaveLength(1);
  });
});
