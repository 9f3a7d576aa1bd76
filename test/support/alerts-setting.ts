/** The service that pages over a real gate, catalogue and Events API; proofs say what they are told to say. */
import { z } from 'zod';

import type { AlertsDeps } from '../../src/alerts/deps.ts';
import { pagerDuty } from '../../src/alerts/pagerduty.ts';
import { readFindings } from '../../src/alerts/route.ts';
import { alertsService } from '../../src/alerts/services.ts';
import type { RunRecord } from '../../src/catalog/runs.ts';
import type { Actor } from '../../src/gate/people.ts';
import type { Json } from '../../src/kernel/codecs.ts';
import { backupIdAt } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';
import type { Verdict } from '../../src/kernel/verdict.ts';
import { type EventsApi, ROUTING_KEY } from './events-api.ts';
import { testServerName } from './folder-archive.ts';
import { SIGNAL, type ToyGate, toyGate } from './toy-gate.ts';
import { toyOperation } from './toy-operation.ts';
import { waitUntil } from './wait-until.ts';

const SHOP = testServerName('shop');
export const SCHEDULE: Actor = { kind: 'schedule', id: 'verify:shop', name: 's', zone: 'UTC' };

const ProofResult = z.strictObject({
  verdict: z.string(),
  server: z.string(),
  backupId: z.string(),
  store: z.string(),
  title: z.string(),
  next: z.string(),
  runId: z.string(),
});

export interface Said {
  readonly verdict: Verdict;
  readonly backupId?: string;
  readonly store?: string;
}

const DAY = Temporal.Instant.from('2026-11-22T01:00:00Z');
export const BACKUP = backupIdAt(DAY);
export const NEXT_BACKUP = backupIdAt(DAY.add({ hours: 24 }));

export interface AlertsSetting extends AsyncDisposable {
  readonly at: ToyGate;
  /** A whole proof, from asking to its end. */
  prove(said: Said, actor?: Actor): Promise<RunRecord>;
  /** A backup whose work throws. */
  backUp(fails: boolean, actor?: Actor): Promise<RunRecord>;
  /** What the run's message was told of the pager. */
  pagedOf(run: RunRecord): Promise<readonly Json[]>;
  /** Codes of what stands open of the shop. */
  codes(): Promise<readonly string[]>;
  /** The service has read every event there is. */
  caughtUp(): Promise<void>;
  depsOf(url: string | undefined, change?: Partial<AlertsDeps>): AlertsDeps;
  serving(deps: AlertsDeps, work: () => Promise<void>): Promise<void>;
}

/** `path`: of a catalogue that is there already. */
export async function alertsSetting(path?: string): Promise<AlertsSetting> {
  let said: Required<Said> = { verdict: 'PASS', backupId: BACKUP, store: 'here' };
  let fails = false;
  const verify = toyOperation('verify', 'low');
  const operations = [
    {
      ...verify,
      result: ProofResult,
      run: async (_plan: unknown, run: { readonly id: string }) => {
        const { verdict, backupId, store } = said;
        const words = { title: `shop: ${verdict}`, next: 'Take a base backup now.' };
        return Promise.resolve({
          verdict,
          backupId,
          store,
          ...words,
          server: 'shop',
          runId: run.id,
        });
      },
    },
    toyOperation('backup', 'low', {
      run: async () => {
        await Promise.resolve();
        if (fails) throw new Error('The server is gone');
        return { ok: true };
      },
    }),
  ];
  const at = await toyGate({ operations, ...(path === undefined ? {} : { path }) });
  for (const backupId of [BACKUP, NEXT_BACKUP])
    for (const store of ['here', 'west'])
      await at.catalog.backups.record({ server: 'shop', backupId, store, summary: {} });

  async function perform(operation: string, actor: Actor): Promise<RunRecord> {
    const run = await at.row(operation, { actor });
    return at.gate.perform(run.runId, { signal: SIGNAL });
  }

  return {
    at,
    async prove(next, actor = SCHEDULE) {
      said = { backupId: BACKUP, store: 'here', ...next };
      return perform('verify', actor);
    },
    async backUp(doesFail, actor = { ...SCHEDULE, id: 'backup:shop' }) {
      fails = doesFail;
      return perform('backup', actor);
    },
    async pagedOf({ runId }) {
      const events = await at.catalog.runs.eventsOf(runId);
      return events.flatMap(({ kind, data }) => (kind === 'paged' ? [data] : []));
    },
    async codes() {
      return readFindings(await at.catalog.findings.list('shop')).map(({ code }) => code);
    },
    async caughtUp() {
      const { cursors, runs } = at.catalog;
      await waitUntil(async () => {
        const newest = await runs.newestSeq();
        return (await cursors.get('alerts')) >= newest;
      });
    },
    depsOf: (url, change = {}) => ({
      servers: [{ name: SHOP, retries: 2 }],
      pager:
        url === undefined ? undefined : pagerDuty({ routingKey: ROUTING_KEY, url, limitMs: 500 }),
      undeliveredSeconds: 300,
      remindSeconds: 14_400,
      gate: at.gate,
      catalog: at.catalog,
      zone: 'UTC',
      audience: 'slack:C0OPS',
      clock: at.deps.clock,
      log: silentLog,
      random: () => 0,
      ...change,
    }),
    async serving(deps, work) {
      const stop = new AbortController();
      const running = alertsService(deps).run({ signal: stop.signal, ready: () => undefined });
      try {
        await Promise.race([work(), running]);
      } finally {
        stop.abort();
        await running;
      }
    },
    [Symbol.asyncDispose]: async () => at[Symbol.asyncDispose](),
  };
}

/** `trigger shop/PROOF_FAILED`, in order. */
export function toldTo({ taken }: EventsApi): readonly string[] {
  return taken.map(
    ({ event_action: action, dedup_key: key }) => `${action} ${key.split('/').slice(2).join('/')}`,
  );
}
