/**
 * Makes sure that there is a guarded slot on the server. In this order: judge the server, write down
 * that a slot is about to be made, make it. A process that dies in between leaves a note, never a slot
 * nobody knows of.
 */
import type { Json } from '../kernel/codecs.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { ServerName } from '../kernel/ids.ts';
import { type Lsn, lsnFromBytes } from '../kernel/lsn.ts';
import { Problem } from '../kernel/problem.ts';
import { connect } from '../postgres/connect.ts';
import { readServerFacts, type ServerFacts } from '../postgres/server-facts.ts';
import type { Session } from '../postgres/session.ts';
import { createSlot, dropSlot, readSlot, slotName } from '../postgres/slots.ts';
import type { ArchivingDeps, ArchivingServer } from './deps.ts';
import { findLack, type Lack } from './lack.ts';
import { SLOT_UNGUARDED, WAL_LEVEL_TOO_LOW, WOULD_BE_SYNCHRONOUS } from './problems.ts';
import { judgeSlot, type SlotJudgement } from './slot-guard.ts';

/** What the config acknowledges when `max_slot_wal_keep_size` shall stay unlimited. */
const UNBOUNDED_SLOT = 'unbounded slot';
/** The finding that a stretch of log is gone (`log-hole.ts`). A backup that was taken since closes it. */
export const LOG_HOLE = 'ARCHIVING_LOG_HOLE';
/** The finding that another cluster answers, which has no backup yet. Its first one closes it. */
export const OTHER_CLUSTER = 'ARCHIVING_OTHER_CLUSTER';
/** The kind of the note in the catalogue. It is not swept: only `forget` gives a slot up. */
const SLOT_CLAIM = 'slot';

export interface PreparedSlot {
  readonly slot: string;
  readonly systemId: string;
  /** What the slot does not keep and the store does not have. Undefined: it follows on what is stored. */
  readonly lack: Lack | undefined;
}

/**
 * Makes the slot where there is none, and anew where the server has given it up.
 *
 * @throws Problem ARCHIVING_SLOT_UNGUARDED, ARCHIVING_WOULD_BE_SYNCHRONOUS, ARCHIVING_WAL_LEVEL_TOO_LOW,
 * each with a finding that stays open until the server is safe.
 */
export async function prepareSlot(
  server: ArchivingServer,
  deps: ArchivingDeps,
  { signal }: { readonly signal: AbortSignal },
): Promise<PreparedSlot> {
  await using session = await connect(server.url, { signal });
  const facts = await readServerFacts(session);
  await settle(judgeSlot(facts, server.allowUnboundedSlot === true), server, deps);
  if (facts.slotKeepBytesMax === undefined) await noteUnbounded(server, deps);
  const known = await deps.catalog.walProgress.find(server.name, server.storeName);
  const slot = slotName(server.name);
  const keptFrom = await requireSlot(session, slot, server, deps);
  const lack =
    known === undefined || keptFrom === undefined
      ? undefined
      : await findLack({ known, facts, keptFrom }, server, { signal });
  await forgetOtherLog(facts, server, deps);
  return { slot, systemId: facts.systemId, lack };
}

/** Answers from where on it keeps the log. */
async function requireSlot(
  session: Session,
  slot: string,
  server: ArchivingServer,
  deps: ArchivingDeps,
): Promise<Lsn | undefined> {
  const { log } = deps;
  const held = await readSlot(session, slot);
  if (held !== undefined && held.walStatus !== 'lost') return held.restartLsn;
  const where = { server: server.name, slot };
  if (held !== undefined) {
    // It keeps nothing and never will again; who still holds it is let go by the server itself.
    log.warn('The server has given up the slot that kept WAL for us', where);
    await dropSlot(session, slot);
  }
  await claim(server, slot, deps);
  // A backup and the service may both have found none.
  const isOurs = await createSlot(session, slot);
  if (isOurs) log.info('Made the slot that keeps WAL for us', where);
  return (await readSlot(session, slot))?.restartLsn;
}

/** Once, in the journal: who fills a disk some day finds out here that it was allowed. */
async function noteUnbounded(
  { name }: ArchivingServer,
  { catalog, clock, log }: ArchivingDeps,
): Promise<void> {
  log.warn('The slot may keep as much WAL as the disk holds: the config allows it', {
    server: name,
  });
  if (await catalog.acknowledgements.isAcknowledged(UNBOUNDED_SLOT, name)) return;
  const at = utcText(clock.now());
  const actor = { kind: 'schedule', id: 'dbdr', name: 'dbdr', zone: 'UTC' };
  const reason = '`archiving.allow_unbounded_slot` is true';
  await catalog.acknowledgements.acknowledge({
    what: UNBOUNDED_SLOT,
    server: name,
    actor,
    reason,
    at,
  });
  await catalog.journal.append({
    at,
    what: 'unbounded slot allowed',
    actor,
    runId: null,
    data: { server: name, reason },
  });
}

/**
 * Positions of another cluster, or of a timeline that was left, say nothing about this one: whoever
 * waits for a position must not be told that it is stored.
 */
async function forgetOtherLog(
  { systemId, timeline, lsn }: ServerFacts,
  { name, storeName }: ArchivingServer,
  deps: ArchivingDeps,
): Promise<void> {
  const { catalog, clock } = deps;
  const known = await catalog.walProgress.find(name, storeName);
  if (known === undefined) return;
  const isSame = known.systemId === systemId;
  if (isSame && known.timeline === timeline) return;
  if (!isSame) await noteOtherCluster({ name, before: known.systemId, now: systemId }, deps);
  await catalog.walProgress.record({
    server: name,
    store: storeName,
    systemId,
    timeline,
    storedLsn: lsnFromBytes(0n),
    serverLsn: lsn,
    at: isSame ? known.at : utcText(clock.now()),
  });
}

interface ClusterChange {
  readonly name: ServerName;
  readonly before: string;
  readonly now: string;
}

async function noteOtherCluster(
  { name, before, now }: ClusterChange,
  { catalog, clock, log }: ArchivingDeps,
): Promise<void> {
  const facts = { server: name, before, now };
  log.warn('The server is another cluster than before; its WAL is kept apart', facts);
  const at = utcText(clock.now());
  const finding: Finding = {
    code: OTHER_CLUSTER,
    server: name,
    severity: 'page',
    summary: `Another cluster answers as ${name} than before (system identifier ${now}, not ${before}): its log is kept apart, and no backup of it is known`,
    hint: `Check the \`url\` of ${name}. If the cluster is meant to be new, take a backup now with \`backup ${name}\`.`,
    since: at,
  };
  await catalog.findings.open({
    code: OTHER_CLUSTER,
    server: name,
    finding: { ...finding },
    at,
  });
}

/** Opens the finding of a refusal and throws it; closes those that no longer hold. */
async function settle(
  judgement: SlotJudgement,
  server: ArchivingServer,
  { catalog, clock }: ArchivingDeps,
): Promise<void> {
  const problem = refusal(judgement, server);
  for (const { code } of [SLOT_UNGUARDED, WOULD_BE_SYNCHRONOUS, WAL_LEVEL_TOO_LOW])
    if (code !== problem?.kind.code) await catalog.findings.close(code, server.name);
  if (problem === undefined) return;
  const at = utcText(clock.now());
  const finding: Finding = {
    code: problem.kind.code,
    server: server.name,
    severity: 'page',
    summary: problem.message,
    hint: problem.hint,
    since: at,
  };
  await catalog.findings.open({
    code: finding.code,
    server: server.name,
    finding: { ...finding } satisfies Json,
    at,
  });
  throw problem;
}

function refusal(judgement: SlotJudgement, { name }: ArchivingServer): Problem | undefined {
  const facts = { server: name };
  switch (judgement.outcome) {
    case 'safe':
      return undefined;
    case 'unguarded':
      return new Problem(
        SLOT_UNGUARDED,
        `Cannot archive "${name}": \`max_slot_wal_keep_size\` is unlimited, so a stopped bot would fill its disk`,
        { facts },
      );
    case 'would be synchronous':
      return new Problem(
        WOULD_BE_SYNCHRONOUS,
        `Cannot archive "${name}": \`synchronous_standby_names\` is "${judgement.names}", so its commits would wait for our store`,
        { facts },
      );
    case 'wal level too low':
      return new Problem(
        WAL_LEVEL_TOO_LOW,
        `Cannot archive "${name}": \`wal_level\` is "${judgement.walLevel}" and should be "replica"`,
        { facts },
      );
    default:
      throw new TypeError(`Unreachable outcome: ${JSON.stringify(judgement satisfies never)}`);
  }
}

async function claim(
  server: ArchivingServer,
  slot: string,
  { catalog, clock }: ArchivingDeps,
): Promise<void> {
  const claims = await catalog.resources.list();
  if (claims.some((row) => isClaimOf(row, slot))) return;
  await catalog.resources.claim({
    runId: null,
    kind: SLOT_CLAIM,
    reference: { server: server.name, slot },
    claimedAt: utcText(clock.now()),
  });
}

/** Whether a note in the catalogue speaks of this slot. */
export function isClaimOf(
  row: { readonly kind: string; readonly reference: { readonly [key: string]: Json } },
  slot: string,
): boolean {
  return row.kind === SLOT_CLAIM && row.reference['slot'] === slot;
}
