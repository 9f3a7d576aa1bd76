/**
 * After each backup that is done, makes the locks of what stays longer, whatever the config says of
 * removal and whatever holds it up; then asks for the removal that it promises, like any caller. It reads
 * run events from a cursor of its own, so that a backup made while the bot was down is made up for.
 * Where nothing may go it does not ask; where it may not decide alone it leaves a finding for a person.
 */
import type { Catalog } from '../catalog/catalog.ts';
import type { RunEvent } from '../catalog/runs.ts';
import type { Gate } from '../gate/gate.ts';
import type { Actor } from '../gate/people.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { RunId, ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import { NOT_APPLIED } from './apply.ts';
import { type RetentionDeps, serverNames } from './deps.ts';
import { keepLocks } from './keep-locks.ts';
import { BLOCKED, TOO_MUCH } from './problems.ts';
import { RETENTION } from './retention-operation.ts';
import { RetentionPlan } from './schema.ts';

const CURSOR = 'retention:after-backup';
const BATCH = 200;

export interface AfterBackupDeps {
  readonly gate: Pick<Gate, 'ask' | 'plan' | 'find' | 'eventsAfter' | 'waitForEvents'>;
  readonly catalog: Pick<Catalog, 'cursors' | 'findings'>;
  readonly retention: RetentionDeps;
  /** Servers whose config promises removal. */
  readonly automatic: readonly ServerName[];
  readonly zone: string;
  /** Where its runs are spoken of. */
  readonly audience: string | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
}

export function afterBackupService(deps: AfterBackupDeps): Service {
  return {
    name: CURSOR,
    lease: CURSOR,
    async run({ signal, ready }) {
      const { cursors } = deps.catalog;
      let cursor = await cursors.get(CURSOR);
      ready();
      while (!signal.aborted) {
        const events = await deps.gate.eventsAfter(cursor, BATCH);
        for (const event of events) await take(deps, event, signal);
        const last = events.at(-1)?.seq;
        if (last === undefined)
          await deps.gate.waitForEvents(cursor, { signal }).catch(unlessAborted);
        else await cursors.set(CURSOR, (cursor = last));
      }

      function unlessAborted(error: unknown): void {
        if (!signal.aborted) throw error;
      }
    },
  };
}

async function take(deps: AfterBackupDeps, event: RunEvent, signal: AbortSignal): Promise<void> {
  if (event.kind !== 'done') return;
  const run = await deps.gate.find(event.runId);
  const server = serverNames(deps.retention).find((name) => name === run?.server);
  if (run?.operation !== 'backup' || server === undefined) return;
  await keepLocks(deps.retention, server, { signal });
  if (!deps.automatic.includes(server)) return;
  try {
    await askFor(deps, { server, after: event.runId, signal });
    for (const { code } of [BLOCKED, TOO_MUCH]) await deps.catalog.findings.close(code, server);
  } catch (error) {
    if (signal.aborted || !isProblem(error)) throw error;
    await openFinding(deps, server, error);
  }
}

interface Asking {
  readonly server: ServerName;
  readonly after: RunId;
  readonly signal: AbortSignal;
}

async function askFor(deps: AfterBackupDeps, { server, after, signal }: Asking): Promise<void> {
  const { gate, audience } = deps;
  const actor = actorOf(deps, server);
  const look = { operation: RETENTION, input: { server }, actor, signal };
  const { plan } = await gate.plan({ ...look, performer: 'any' });
  const { remove, wal, trouble, blocked } = RetentionPlan.parse(plan);
  const [unread] = trouble;
  if (unread !== undefined)
    throw new Problem(BLOCKED, `Cannot remove anything of "${server}": ${unread}`);
  // Where no backup is proved yet nothing may go; that the proof is overdue is told elsewhere.
  const isNothing = remove.length === 0 && wal.every(({ removeBytes }) => removeBytes === 0);
  if (blocked.length > 0 || isNothing) return;
  await gate.ask({
    ...look,
    input: { server, apply: true },
    performer: 'any',
    onceKey: `${CURSOR}:${after}`,
    ...(audience === undefined ? {} : { audience }),
  });
  deps.log.info('Asked for the removal that follows a backup', { server, backup_run: after });
}

function actorOf({ zone }: AfterBackupDeps, server: ServerName): Actor {
  const id = `retention:${server}`;
  return { kind: 'schedule', id, name: `retention of ${server}`, zone };
}

async function openFinding(
  { catalog, clock, log }: AfterBackupDeps,
  server: ServerName,
  problem: Problem,
): Promise<void> {
  const isOwn = [BLOCKED, TOO_MUCH].some((kind) => isProblem(problem, kind));
  const code = isOwn ? problem.kind.code : NOT_APPLIED;
  log.warn('Backups that no rule keeps stay', { server, code, error: problem });
  const at = utcText(clock.now());
  const { message: summary, hint } = problem;
  const finding = { code, server, severity: 'warn', summary, hint, since: at };
  await catalog.findings.open({ code, server, finding, at });
}
