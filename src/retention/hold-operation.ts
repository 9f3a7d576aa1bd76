/**
 * The operation `hold`: keeps a backup whatever the rules say, until a moment or until it is released.
 * The word lives in the stores, beside the backup, so that a lost catalogue forgets nothing.
 */
import { z } from 'zod';

import { untilNotRemoving } from '../catalog/readers.ts';
import type { AskContext, Explanation, Operation, Run } from '../gate/operation.ts';
import { utcText } from '../kernel/codecs.ts';
import type { ServerName } from '../kernel/ids.ts';
import { formatUtc } from '../kernel/moment.ts';
import { Problem } from '../kernel/problem.ts';
import { type RetentionDeps, requireServer, serverNames } from './deps.ts';
import { findBackup, holdsOf } from './find-held.ts';
import type { Hold } from './hold.ts';
import { newHoldId, placeHold, releaseHold } from './hold-store.ts';
import { hasLocks, keepLocks, LOCK_STEP } from './keep-locks.ts';
import { HOLD_UNREADABLE, NOT_HELD } from './problems.ts';
import { readUntil } from './until.ts';

const HoldInput = z.strictObject({
  backup: z.string().optional().meta({ description: 'which backup; default: list the holds' }),
  reason: z.string().optional().meta({ description: 'why it is kept: an incident, an audit' }),
  until: z
    .string()
    .optional()
    .meta({ description: 'a date, a moment or a length (P30D); default: until it is released' }),
  release: z.boolean().optional().meta({ description: 'let the backup go by the rules again' }),
});
type HoldInput = z.infer<typeof HoldInput>;

const HoldJson = z.strictObject({
  server: z.string(),
  backupId: z.string(),
  holdId: z.string(),
  major: z.number(),
  systemId: z.string(),
  reason: z.string(),
  until: z.string().nullable(),
  placedAt: z.string(),
  by: z.string(),
});
type HoldJson = z.infer<typeof HoldJson>;

const HoldPlan = z.strictObject({
  action: z.enum(['list', 'place', 'release']),
  /** Null: of every server. */
  server: z.string().nullable(),
  backupId: z.string().nullable(),
  reason: z.string().nullable(),
  until: z.string().nullable(),
  /** The cluster folders that hold such a backup; more than one only where two clusters had one second. */
  clusters: z.array(z.strictObject({ major: z.number(), systemId: z.string() })),
});
type HoldPlan = z.infer<typeof HoldPlan>;

const HoldResult = z.strictObject({
  /** In force now. */
  holds: z.array(HoldJson),
  placed: z.array(z.string()),
  released: z.array(z.string()),
  /** Stores that did not take the note; others did, and it is copied from there. */
  missedStores: z.array(z.strictObject({ store: z.string(), reason: z.string() })),
  /** Stores that keep locks and did not make this one's longer; it is tried again each day. */
  notLocked: z.array(z.strictObject({ store: z.string(), reason: z.string() })),
});
type HoldResult = z.infer<typeof HoldResult>;

const NOTHING = { placed: [], released: [], missedStores: [], notLocked: [] };

export function holdOperation(deps: RetentionDeps): Operation<HoldInput, HoldPlan, HoldResult> {
  return {
    name: 'hold',
    summary: 'Keep a backup whatever the rules say, or list what is held',
    words: {
      positional: ['backup'],
      describe: {
        backup: 'which backup; default: list the holds',
        reason: 'why it is kept: an incident, an audit',
        until: 'a date, a moment or a length (P30D); default: until it is released',
        release: 'let the backup go by the rules again',
      },
      examples: [
        'hold',
        'hold 20261122T010000Z --reason "incident 42"',
        'hold 20261122T010000Z --reason audit --until 2026-12-31',
        'hold 20261122T010000Z --release',
      ],
    },
    input: HoldInput,
    plan: HoldPlan,
    result: HoldResult,
    prepare: async (input, context) => ({ plan: await planHold(deps, input, context) }),
    danger: ({ action }) => (action === 'list' ? 'none' : 'low'),
    locks: ({ server, backupId }) =>
      backupId === null ? [] : [`hold:${server ?? ''}:${backupId}`],
    explain,
    recheck: async (plan, { signal }) => {
      if (plan.action !== 'list') await findBackup(deps, plan.backupId ?? '', { signal });
    },
    run: async (plan, run) => {
      if (plan.action === 'list') return { ...NOTHING, holds: await listAll(deps, run) };
      return plan.action === 'place' ? place(deps, plan, run) : release(deps, plan, run);
    },
  };
}

/** @throws Problem RETENTION_BACKUP_UNKNOWN, RETENTION_HOLD_INVALID, RETENTION_NOT_HELD */
async function planHold(
  deps: RetentionDeps,
  input: HoldInput,
  context: AskContext,
): Promise<HoldPlan> {
  const { backup, reason, until, release: isRelease = false } = input;
  if (backup !== undefined) {
    const { server, clusters } = await findBackup(deps, backup, context);
    const named = { server, backupId: backup, clusters: [...clusters] };
    if (isRelease)
      return { ...named, ...(await planRelease(deps, { ...input, backup, server }, context)) };
    return { ...named, ...planPlacing({ ...input, backup }, context.actor.zone, deps.clock.now()) };
  }
  if (reason !== undefined || until !== undefined || isRelease)
    throw new Problem(HOLD_UNREADABLE, 'Cannot tell which backup is meant: none is named');
  return { action: 'list', server: null, backupId: null, reason: null, until: null, clusters: [] };
}

type Words = HoldInput & { readonly backup: string };

async function planRelease(
  deps: RetentionDeps,
  { server, backup, reason = '', until }: Words & { readonly server: string },
  { signal }: AskContext,
): Promise<Pick<HoldPlan, 'action' | 'reason' | 'until'>> {
  if (until !== undefined)
    throw new Problem(HOLD_UNREADABLE, 'Cannot release a hold until a moment: it ends now');
  await requireHeld(deps, { server, backupId: backup }, { signal });
  const why = reason.trim();
  return { action: 'release', reason: why === '' ? null : why, until: null };
}

function planPlacing(
  { backup, reason = '', until }: Words,
  zone: string,
  now: Temporal.Instant,
): Pick<HoldPlan, 'action' | 'reason' | 'until'> {
  const why = reason.trim();
  if (why === '')
    throw new Problem(HOLD_UNREADABLE, `Cannot hold backup "${backup}": no reason was given`);
  const end = until === undefined ? null : utcText(readUntil(until, zone, now));
  return { action: 'place', reason: why, until: end };
}

interface NamedBackup {
  readonly server: string;
  readonly backupId: string;
}

async function requireHeld(
  deps: RetentionDeps,
  { server, backupId }: NamedBackup,
  options: { readonly signal: AbortSignal },
): Promise<readonly Hold[]> {
  const { name } = requireServer(deps, server);
  const holds = await holdsOf(deps, name, options);
  const own = holds.filter((hold) => hold.backupId === backupId);
  if (own.length > 0) return own;
  throw new Problem(NOT_HELD, `Cannot release backup "${backupId}": no hold on it is in force`);
}

async function listAll(deps: RetentionDeps, run: Run): Promise<HoldJson[]> {
  const holds: HoldJson[] = [];
  for (const server of serverNames(deps))
    for (const hold of await holdsOf(deps, server, run)) holds.push({ server, ...hold });
  return holds;
}

async function place(deps: RetentionDeps, plan: HoldPlan, run: Run): Promise<HoldResult> {
  const { name } = requireServer(deps, plan.server ?? undefined);
  const at = deps.clock.now();
  const placed: string[] = [];
  const missedStores: HoldResult['missedStores'] = [];
  for (const { major, systemId } of plan.clusters) {
    const hold: Hold = {
      holdId: newHoldId(at),
      backupId: plan.backupId ?? '',
      major,
      systemId,
      reason: plan.reason ?? '',
      until: plan.until,
      placedAt: utcText(at),
      by: run.actor.name,
    };
    const access = { ring: deps.ring, signal: run.signal };
    missedStores.push(...(await placeHold(deps.storesOf(name), { server: name, hold }, access)));
    placed.push(hold.holdId);
  }
  await requireHeldInTime(deps, { server: name, backupId: plan.backupId ?? '' }, run);
  const notLocked = await lockHeld(deps, name, run);
  return { ...NOTHING, holds: await listAll(deps, run), placed, missedStores, notLocked };
}

async function lockHeld(
  deps: RetentionDeps,
  server: ServerName,
  run: Run,
): Promise<HoldResult['notLocked']> {
  if (!hasLocks(deps, server)) return [];
  return await run.step(LOCK_STEP, async () => {
    const { failures } = await keepLocks(deps, server, run);
    return failures.map(({ store, problem }) => ({ store, reason: problem.message }));
  });
}

/**
 * A removal that had looked for holds before the note was there may have taken the backup meanwhile; one
 * that looks from now on sees it.
 */
async function requireHeldInTime(
  deps: RetentionDeps,
  { server, backupId }: NamedBackup,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const { clock, catalog } = deps;
  await untilNotRemoving({ leases: catalog.leases, clock }, server, { signal });
  await findBackup(deps, backupId, { signal });
}

async function release(deps: RetentionDeps, plan: HoldPlan, run: Run): Promise<HoldResult> {
  const { name } = requireServer(deps, plan.server ?? undefined);
  const named = { server: name, backupId: plan.backupId ?? '' };
  const released: string[] = [];
  const missedStores: HoldResult['missedStores'] = [];
  const note = {
    reason: plan.reason,
    releasedAt: utcText(deps.clock.now()),
    by: run.actor.name,
  };
  for (const hold of await requireHeld(deps, named, run)) {
    const access = { ring: deps.ring, signal: run.signal };
    const request = { server: name, hold, release: note };
    missedStores.push(...(await releaseHold(deps.storesOf(name), request, access)));
    released.push(hold.holdId);
  }
  return { ...NOTHING, holds: await listAll(deps, run), released, missedStores };
}

function explain(plan: HoldPlan): Explanation {
  const { action, server, backupId, reason, until } = plan;
  if (action === 'list')
    return {
      title: 'List the holds in force',
      facts: [['Reads', 'the holds in every store']],
      warnings: [],
      approveLabel: 'List holds',
      command: 'npx dbdr hold',
    };
  const isPlace = action === 'place';
  const end = until === null ? 'it is released' : formatUtc(Temporal.Instant.from(until));
  return {
    title: isPlace
      ? `Hold backup ${backupId} of ${server}`
      : `Release backup ${backupId} of ${server}`,
    facts: [
      ['Backup', `${backupId} of ${server}`],
      ...(reason === null ? [] : [['Reason', reason] as const]),
      isPlace ? ['Until', end] : ['From then on', 'the rules of retention decide again'],
      ['Danger', isPlace ? 'low: it keeps' : 'low: nothing is removed by it'],
    ],
    warnings: [],
    approveLabel: isPlace ? `Hold ${backupId}` : `Release ${backupId}`,
    command: commandOf(plan),
  };
}

function commandOf({ action, backupId, reason, until }: HoldPlan): string {
  const words = [
    `npx dbdr hold ${backupId ?? ''}`,
    ...(action === 'release' ? ['--release'] : []),
    ...(reason === null ? [] : [`--reason ${JSON.stringify(reason)}`]),
    ...(until === null ? [] : [`--until ${until}`]),
  ];
  return words.join(' ');
}
