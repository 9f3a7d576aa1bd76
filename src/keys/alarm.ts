/**
 * The service that notices that the check of keys itself has stopped telling anything: KEYS_NOT_CHECKED
 * where the schedule asked and no check has come to its end since, whatever kept it (a failure, its
 * deadline, nobody there to run it). After three days of that it is a page, and so is KEY_UNPROVED: who
 * cannot tell for so long must be heard of while a key can still be brought back. A first backup has as
 * long to be checked in.
 */
import { z } from 'zod';

import { backupEnds } from '../catalog/backup-ends.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { RunRecord } from '../catalog/runs.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { formatUtc } from '../kernel/moment.ts';
import type { Service } from '../kernel/service.ts';
import { LOST_KEY } from './judge.ts';
import { GRACE_HOURS, ripen, UNTOLD_MAX_HOURS } from './kept-findings.ts';

const NAME = 'keys:alarm';
const CODE = 'KEYS_NOT_CHECKED';
const LOOK_EVERY_MS = 60_000;
/** Checks are daily, and rotations rare: among so many the last one that ended is found. */
const RUNS_MAX = 200;

export interface KeysAlarmDeps {
  readonly servers: readonly ServerName[];
  readonly catalog: Pick<Catalog, 'findings'> & {
    readonly runs: Pick<Catalog['runs'], 'list'>;
    readonly backups: Pick<Catalog['backups'], 'list'>;
  };
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
  readonly log: Log;
  /** When the schedule last asked for a check, at or before `now`; undefined: it never did. */
  readonly checkDueAt: (now: Temporal.Instant) => Temporal.Instant | undefined;
}

export function keysAlarm(deps: KeysAlarmDeps): Service {
  return {
    name: NAME,
    lease: NAME,
    async run({ signal, ready }) {
      while (!signal.aborted) {
        await look(deps);
        ready();
        await deps.clock.sleep(LOOK_EVERY_MS, { signal }).catch(() => undefined);
      }
    },
  };
}

async function look(deps: KeysAlarmDeps): Promise<void> {
  const { catalog, clock, log } = deps;
  const runs = await catalog.runs.list({ operation: 'keys', limit: RUNS_MAX });
  const now = clock.now();
  for (const server of deps.servers) {
    await ripen(catalog.findings, server, now);
    const firstBackupAt = backupEnds(await catalog.backups.list(server)).at(0);
    const finding = judgeChecks({ server, runs, firstBackupAt, now, dueAt: deps.checkDueAt });
    if (finding === undefined) await catalog.findings.close(CODE, server);
    else if (
      await catalog.findings.open({ code: CODE, server, finding: { ...finding }, at: utcText(now) })
    )
      log.warn('Noticed something', { server, finding: CODE });
  }
}

export interface JudgedChecks {
  readonly server: string;
  /** Newest first. */
  readonly runs: readonly RunRecord[];
  /** Undefined: nothing needs a key yet. */
  readonly firstBackupAt: string | undefined;
  readonly now: Temporal.Instant;
  readonly dueAt: KeysAlarmDeps['checkDueAt'];
}

/** Undefined: a check has ended since one was due. Pure. */
export function judgeChecks(judged: JudgedChecks): Finding | undefined {
  const { server, runs, firstBackupAt, now, dueAt } = judged;
  const endedAt = runs.find(isEndedCheck)?.endedAt ?? undefined;
  const since = endedAt ?? firstBackupAt;
  const due = dueAt(now.subtract({ hours: GRACE_HOURS }));
  if (firstBackupAt === undefined || since === undefined || !isBefore(since, due)) return undefined;
  const longAgo = now.subtract({ hours: UNTOLD_MAX_HOURS + GRACE_HOURS });
  const isLong = isBefore(since, dueAt(longAgo));
  const last =
    endedAt === undefined
      ? noneEnded(runs.length)
      : `The last check of the keys that came to its end did so at ${formatUtc(Temporal.Instant.from(endedAt))}`;
  return {
    code: CODE,
    server,
    severity: isLong ? 'page' : 'warn',
    summary: `${last}, and one was due at ${formatUtc(due)}${lastFailure(runs)}`,
    hint: 'Run `keys check`, and see with `runs` why those of the schedule do not end.',
    since: utcText(now),
    runbook: LOST_KEY,
  };
}

/** What is older than the runs that were looked at nobody knows here. */
function noneEnded(looked: number): string {
  return looked < RUNS_MAX
    ? 'No check of the keys has ever come to its end'
    : `Among the ${looked} newest runs of \`keys\` is no check that came to its end`;
}

/** What the check could not tell stands in KEY_UNPROVED: it has come to its end all the same. */
function isEndedCheck({ state, result }: RunRecord): boolean {
  return state === 'done' && Check.safeParse(result).success;
}

/** As a plan says it, and a result. */
const Check = z.object({ action: z.literal('check') });
const StoredProblem = z.object({ message: z.string() });

function lastFailure(runs: readonly RunRecord[]): string {
  const newest = runs.find(({ plan, state }) => Check.safeParse(plan).success && isOver(state));
  const why = StoredProblem.safeParse(newest?.problem).data?.message;
  return why === undefined ? '' : `; the newest try failed: ${why}`;
}

function isOver(state: RunRecord['state']): boolean {
  return state === 'failed' || state === 'interrupted';
}

function isBefore(moment: string, due: Temporal.Instant | undefined): due is Temporal.Instant {
  return due !== undefined && Temporal.Instant.compare(Temporal.Instant.from(moment), due) < 0;
}
