/**
 * After each proof, asks for what is still due, so that no two run at once: once a newer key is in use, the
 * oldest backup under each older key, at most once a day; and what the clock had asked for while another
 * proof was running. Reads run events from a cursor of its own, so that nothing is missed while it is down.
 */
import { z } from 'zod';

import type { Catalog } from '../catalog/catalog.ts';
import type { RunEvent, RunRecord } from '../catalog/runs.ts';
import type { Gate } from '../gate/gate.ts';
import type { Actor } from '../gate/people.ts';
import { LEASE_HELD } from '../gate/problems.ts';
import type { Clock } from '../kernel/clock.ts';
import { hashJson } from '../kernel/codecs.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import type { VerificationDeps } from './deps.ts';
import { dueUnderOlderKeys } from './rota.ts';
import { rememberedBackups } from './rota-facts.ts';

const NAME = 'verification:after-proof';
const BATCH = 200;
/** What was held back longer ago has been asked for anew by the clock. */
const HELD_HOURS = 20;
const RUNS_MAX = 100;
const ENDS: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled', 'interrupted']);

export interface AfterProofDeps {
  readonly gate: Pick<Gate, 'ask' | 'find' | 'eventsAfter' | 'waitForEvents'>;
  readonly catalog: Pick<Catalog, 'cursors' | 'backups'> & {
    readonly runs: Pick<Catalog['runs'], 'list'>;
  };
  readonly verification: Pick<VerificationDeps, 'recovery' | 'tiersOf' | 'zone'>;
  /** Where its runs are spoken of. */
  readonly audience: string | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

export function afterProofService(deps: AfterProofDeps): Service {
  return {
    name: NAME,
    lease: NAME,
    async run({ signal, ready }) {
      const { cursors } = deps.catalog;
      let cursor = await cursors.get(NAME);
      ready();
      while (!signal.aborted) {
        const events = await deps.gate.eventsAfter(cursor, BATCH);
        for (const server of await provedServers(deps, events)) await look(deps, server, signal);
        const last = events.at(-1)?.seq;
        if (last === undefined)
          await deps.gate.waitForEvents(cursor, { signal }).catch(unlessAborted);
        else await cursors.set(NAME, (cursor = last));
      }

      function unlessAborted(error: unknown): void {
        if (!signal.aborted) throw error;
      }
    },
  };
}

/** Servers of which a proof has ended, and was not merely held back by another. */
async function provedServers(
  { gate, verification }: AfterProofDeps,
  events: readonly RunEvent[],
): Promise<ReadonlySet<ServerName>> {
  const servers = new Set<ServerName>();
  for (const { kind, runId } of events) {
    const run = ENDS.has(kind) ? await gate.find(runId) : undefined;
    if (run?.operation !== 'verify' || isHeldBack(run)) continue;
    const server = [...verification.recovery.servers.keys()].find((name) => name === run.server);
    if (server !== undefined) servers.add(server);
  }
  return servers;
}

async function look(deps: AfterProofDeps, server: ServerName, signal: AbortSignal): Promise<void> {
  const asking = (await heldBack(deps, server)) ?? (await underOlderKey(deps, server));
  if (asking === undefined) return;
  const { gate, audience, log } = deps;
  try {
    await gate.ask({
      operation: 'verify',
      input: asking.input,
      actor: actorOf(deps, server),
      signal,
      performer: 'any',
      onceKey: `${NAME}:${asking.once}`,
      ...(audience === undefined ? {} : { audience }),
    });
  } catch (error) {
    if (signal.aborted || !isProblem(error)) throw error;
    log.warn('A proof that is due could not be asked for', {
      server,
      code: error.kind.code,
      error,
    });
  }
}

interface Asking {
  readonly input: { readonly [key: string]: unknown };
  readonly once: string;
}

/** The newest that found the server's proof running, unless the same was asked for since. */
async function heldBack(deps: AfterProofDeps, server: ServerName): Promise<Asking | undefined> {
  const since = deps.clock.now().subtract({ hours: HELD_HOURS });
  const runs = await deps.catalog.runs.list({ server, limit: RUNS_MAX });
  const proofs = runs
    .filter(({ operation }) => operation === 'verify')
    .toSorted((a, b) => compareText(b.askedAt, a.askedAt));
  const index = proofs.findIndex((run) => isHeldBack(run) && isOfClock(run));
  const held = proofs[index];
  if (held === undefined) return undefined;
  const isOld = Temporal.Instant.compare(Temporal.Instant.from(held.askedAt), since) < 0;
  const input = Input.safeParse(held.input).data;
  const isAsked = proofs
    .slice(0, index)
    .some((run) => hashJson(run.input) === hashJson(held.input));
  return isOld || isAsked || input === undefined ? undefined : { input, once: held.runId };
}

const Input = z.record(z.string(), z.unknown());
const OfClock = z.object({ kind: z.literal('schedule') });
const HeldBack = z.object({ code: z.literal(LEASE_HELD.code) });

function isOfClock({ asker }: RunRecord): boolean {
  return OfClock.safeParse(asker).success;
}

function isHeldBack({ state, problem }: RunRecord): boolean {
  return state === 'failed' && HeldBack.safeParse(problem).success;
}

async function underOlderKey(
  { catalog, verification, clock }: AfterProofDeps,
  server: ServerName,
): Promise<Asking | undefined> {
  const { recovery, tiersOf, zone = 'UTC' } = verification;
  const rows = await catalog.backups.list(server);
  const backups = rememberedBackups({ server, rows, tiersOf });
  const [due] = dueUnderOlderKeys({ backups, keyIds: recovery.ring.keyIds, zone });
  if (due === undefined) return undefined;
  const day = clock.now().toZonedDateTimeISO(zone).toPlainDate().toString();
  const once = `${server}:${due.backup.summary.backupId}:${day}`;
  return { input: { server, older: true }, once };
}

function actorOf({ verification: { zone = 'UTC' } }: AfterProofDeps, server: ServerName): Actor {
  const id = `proofs:${server}`;
  return { kind: 'schedule', id, name: `proofs of ${server}`, zone };
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
