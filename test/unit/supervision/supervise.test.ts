/** Services are kept alive, watched, and stopped. */
import { describe, expect, test } from 'vitest';

import type { Finding } from '../../../src/kernel/finding.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import type { Service, ServiceContext } from '../../../src/kernel/service.ts';
import type { Leases } from '../../../src/supervision/hold-lease.ts';
import { type Supervision, supervise } from '../../../src/supervision/supervise.ts';
import { type FakeClock, fakeClock } from '../../support/fake-clock.ts';

interface Rig extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly findings: Finding[];
  readonly holders: Map<string, string>;
  readonly supervision: Supervision;
}

function rig(...services: readonly Service[]): Rig {
  const clock = fakeClock();
  const findings: Finding[] = [];
  const holders = new Map<string, string>();
  const supervision = supervise(services, {
    clock,
    log: silentLog,
    leases: memoryLeases(holders),
    holder: 'me',
    random: () => 0.5,
    onFlapping: (finding) => findings.push(finding),
  });
  return {
    clock,
    findings,
    holders,
    supervision,
    async [Symbol.asyncDispose]() {
      await supervision.stop(1000);
    },
  };
}

function memoryLeases(holders: Map<string, string>): Leases {
  return {
    take(name, holder) {
      if ((holders.get(name) ?? holder) !== holder) return Promise.resolve(false);
      holders.set(name, holder);
      return Promise.resolve(true);
    },
    renew: (name, holder) => Promise.resolve(holders.get(name) === holder),
    release(name) {
      holders.delete(name);
      return Promise.resolve();
    },
  };
}

function untilAborted({ signal }: ServiceContext): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function stateOf(at: Rig, name: string): string | undefined {
  return at.supervision.states().get(name)?.state;
}

describe('supervise()', () => {
  test('says "starting" until the service says it is ready', async () => {
    const heard: { ready?: () => void } = {};
    await using at = rig({
      name: 'receiver',
      run(context) {
        heard.ready = context.ready;
        return untilAborted(context);
      },
    });
    await at.clock.advance(0);
    expect(stateOf(at, 'receiver')).toBe('starting');

    heard.ready?.();

    expect(stateOf(at, 'receiver')).toBe('ready');
  });

  test('starts a failed service again after a growing wait, never at once', async () => {
    const startsMs: number[] = [];
    const clock: { elapsedMs?: () => number } = {};
    await using at = rig({
      name: 'receiver',
      run() {
        startsMs.push(clock.elapsedMs?.() ?? 0);
        return Promise.reject(new Error('no connection'));
      },
    });
    clock.elapsedMs = () => at.clock.elapsedMs();

    await at.clock.advance(8000);

    expect(startsMs).toEqual([0, 750, 2250, 5250]);
    expect(at.supervision.states().get('receiver')).toMatchObject({
      state: 'failing',
      since: '2026-11-22T14:46:00.000000Z',
      why: 'no connection',
    });
  });

  test('takes an early return for a failure, because a service runs until it is stopped', async () => {
    await using at = rig({ name: 'receiver', run: () => Promise.resolve() });

    await at.clock.advance(0);

    expect(stateOf(at, 'receiver')).toBe('failing');
  });

  test('reports flapping once, and again only after the service was well', async () => {
    await using at = rig({
      name: 'archiving:shop',
      run: () => Promise.reject(new Error('no connection')),
    });

    await at.clock.advance(120_000);

    expect(at.findings).toMatchObject([
      { code: 'SERVICE_FLAPPING', server: 'shop', service: 'archiving:shop', severity: 'page' },
    ]);
  });

  test('runs a service with a lease only while this process holds it', async () => {
    let runs = 0;
    const at = rig();
    const holders = new Map([['archiving:shop', 'another']]);
    const supervision = supervise(
      [
        {
          name: 'receiver',
          lease: 'archiving:shop',
          run(context) {
            runs += 1;
            context.ready();
            return untilAborted(context);
          },
        },
      ],
      {
        clock: at.clock,
        log: silentLog,
        leases: memoryLeases(holders),
        holder: 'me',
        random: () => 0,
        onFlapping: () => undefined,
      },
    );
    await at.clock.advance(6000);
    expect([runs, supervision.states().get('receiver')?.state]).toEqual([0, 'standing by']);

    holders.delete('archiving:shop');
    await at.clock.advance(6000);
    expect([runs, supervision.states().get('receiver')?.state]).toEqual([1, 'ready']);

    holders.set('archiving:shop', 'another');
    await at.clock.advance(12_000);
    expect(supervision.states().get('receiver')?.state).toBe('standing by');
    expect(holders.get('archiving:shop')).toBe('another');

    await supervision.stop(1000);
  });

  test('gives the lease back when it is stopped', async () => {
    const at = rig({ name: 'receiver', lease: 'archiving:shop', run: untilAborted });
    await at.clock.advance(0);
    expect(at.holders.get('archiving:shop')).toBe('me');

    const late = await at.supervision.stop(1000);

    expect(late).toEqual([]);
    expect(at.holders.size).toBe(0);
    expect(stateOf(at, 'receiver')).toBe('stopped');
  });

  test('names who did not stop in time instead of waiting for ever', async () => {
    const at = rig(
      { name: 'deaf', run: () => new Promise(() => undefined) },
      { name: 'receiver', run: untilAborted },
    );
    await at.clock.advance(0);

    const stopping = at.supervision.stop(5000);
    await at.clock.advance(5000);

    expect(await stopping).toEqual(['deaf']);
  });
});
