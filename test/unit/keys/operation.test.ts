import { expect, test } from 'vitest';

import { openLivingRing } from '../../../src/encryption/living-ring.ts';
import type { Run } from '../../../src/gate/operation.ts';
import { isRunId, isServerName } from '../../../src/kernel/ids.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { keysOperation } from '../../../src/keys/operation.ts';
import { memoryStore } from '../../../src/storage/memory.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { memoryKeeper } from '../../support/memory-keeper.ts';

const { signal } = new AbortController();
const ACTOR = { kind: 'terminal', id: 'ana', name: 'ana', zone: 'UTC' } as const;
const RUN_ID = 'r-20261122T010000-3fa9c1';

function runOf(): Run {
  if (!isRunId(RUN_ID)) throw new TypeError(RUN_ID);
  return {
    id: RUN_ID,
    actor: ACTOR,
    signal,
    log: silentLog,
    step: async (_title, work) => await work({ signal, progress: () => undefined }),
    claim: async () => 'claim',
    release: async () => undefined,
  };
}

async function scene() {
  const keeper = memoryKeeper();
  const clock = fakeClock();
  const ring = await openLivingRing(keeper, { clock, signal });
  const opened: string[] = [];
  const operation = keysOperation({
    keeper,
    ring,
    clock,
    log: silentLog,
    servers: ['shop'].filter(isServerName),
    storesOf: () => [{ name: 'here', store: memoryStore() }],
    catalog: {
      findings: {
        open: async ({ code }) => opened.push(code) > 0,
        close: async () => true,
        list: async () => [],
      },
    },
  });
  return { keeper, ring, operation, opened };
}

test('a rotation is used by this process at once, and tells what to keep a copy of', async () => {
  const { operation, ring } = await scene();
  const { plan } = await operation.prepare({ action: 'rotate' }, { actor: ACTOR, signal });

  const result = await operation.run(plan, runOf());

  expect(plan).toEqual({ action: 'rotate', keptIn: 'the memory of a test', currentKeyId: 'k1' });
  expect(ring.currentKeyId).toBe('k2');
  expect(result).toMatchObject({
    verdict: 'PASS',
    currentKeyId: 'k2',
    previousKeyId: 'k1',
    keys: [{ keyId: 'k1' }, { keyId: 'k2', isCurrent: true }],
    escrow: 'Keep it.',
  });
  expect(operation.exitCode?.(result)).toBe(0);
});

test('a rotation that was asked for twice is done once', async () => {
  const { operation } = await scene();
  const { plan } = await operation.prepare({ action: 'rotate' }, { actor: ACTOR, signal });
  await operation.run(plan, runOf());

  await expect(operation.recheck(plan, { signal })).rejects.toMatchObject({
    kind: { code: 'KEYS_CHANGED', fault: 'refused' },
  });
});

test('rotations take turns, checks need not wait; both harm nobody', async () => {
  const { operation } = await scene();
  const plans = [];
  for (const action of ['check', 'rotate'] as const)
    plans.push((await operation.prepare({ action }, { actor: ACTOR, signal })).plan);

  expect(plans.map((plan) => operation.locks(plan))).toEqual([[], ['keys']]);
  expect(plans.map((plan) => operation.danger(plan))).toEqual(['low', 'low']);
  expect(plans.map((plan) => operation.explain(plan).command)).toEqual([
    'npx dbdr keys check',
    'npx dbdr keys rotate',
  ]);
});

test('a check of an empty store proves that new backups would have a key', async () => {
  const { operation, opened } = await scene();
  const { plan } = await operation.prepare({ action: 'check' }, { actor: ACTOR, signal });

  const result = await operation.run(plan, runOf());

  expect(result).toMatchObject({ verdict: 'PASS', sampled: 'Nothing is stored yet' });
  expect(opened).toEqual([]);
});
