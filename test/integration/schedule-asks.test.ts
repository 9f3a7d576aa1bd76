/** node-cron really wakes us, and two bots over one catalogue make one run of a due moment. */
import { describe, expect, test } from 'vitest';

import { silentLog } from '../../src/kernel/log.ts';
import { nodeCronTimer } from '../../src/schedule/cron-timer.ts';
import { scheduleService } from '../../src/schedule/schedule-service.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { type ToyGate, toyGate } from '../support/toy-gate.ts';
import { toyOperation } from '../support/toy-operation.ts';

const OPERATIONS = [toyOperation('backup', 'low')];

function startSchedule(at: ToyGate, signal: AbortSignal): { readonly looked: Promise<void> } {
  const looked = Promise.withResolvers<void>();
  const ask = { operation: 'backup', input: { server: 'shop' } };
  const service = scheduleService({
    schedules: [{ name: 'backup:shop', cron: '0 2 * * *', zone: 'UTC', ask }],
    gate: at.gate,
    records: at.catalog.schedules,
    clock: fakeClock('2026-11-22T02:00:00Z'),
    log: silentLog,
  });
  service.run({ signal, ready: () => looked.resolve() }).catch(looked.reject);
  return { looked: looked.promise };
}

describe('scheduleService()', () => {
  test('makes one run of a due moment although two bots ask for it', async () => {
    await using first = await toyGate({ operations: OPERATIONS });
    await using second = await toyGate({ operations: OPERATIONS, path: first.path });
    await first.catalog.schedules.take('backup:shop', '2026-11-21T02:00:00.000000Z');
    const stop = new AbortController();

    const services = [first, second].map((at) => startSchedule(at, stop.signal));
    await Promise.all(services.map(({ looked }) => looked));
    stop.abort();

    const runs = await first.catalog.runs.list({ limit: 9 });
    expect(runs).toMatchObject([{ operation: 'backup', asker: { kind: 'schedule' } }]);
    expect(await second.catalog.schedules.lastDueAt('backup:shop')).toBe(
      '2026-11-22T02:00:00.000000Z',
    );
  });
});

describe('nodeCronTimer', () => {
  test('calls at each due second until it is disposed', async () => {
    const ticked = Promise.withResolvers<void>();

    using timer = nodeCronTimer.start('* * * * * *', 'Europe/Berlin', ticked.resolve);
    await ticked.promise;

    expect(timer).toBeDefined();
  });
});
