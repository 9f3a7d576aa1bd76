/**
 * Makes sure that there is a guarded slot on the server. In this order: judge the server, write down
 * that a slot is about to be made, make it. A process that dies in between leaves a note, never a slot
 * nobody knows of.
 */
import type { WalProgressRecord } from '../catalog/records.ts';
import { walStore } from '../engines/streaming/wal-store.ts';
import type { Json } from '../kernel/codecs.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import { compareLsn, isLsn, type Lsn, lsnBytes, lsnFromBytes } from '../kernel/lsn.ts';
import { Problem } from '../kernel/problem.ts';
import { segmentBegin } from '../kernel/wal-name.ts';
import { connect } from '../postgres/connect.ts';
import { readServerFacts, type ServerFacts } from '../postgres/server-facts.ts';
import { createSlot, readSlot, slotName } from '../postgres/slots.ts';
import type { ArchivingDeps, ArchivingServer } from './deps.ts';
import { SLOT_UNGUARDED, WAL_LEVEL_TOO_LOW, WOULD_BE_SYNCHRONOUS } from './problems.ts';
import { judgeSlot, type SlotJudgement } from './slot-guard.ts';

/** What the config acknowledges when `max_slot_wal_keep_size` shall stay unlimited. */
const UNBOUNDED_SLOT = 'unbounded slot';
/** The finding that a stretch of log is gone. A backup that was taken since closes it. */
export const LOG_HOLE = 'ARCHIVING_LOG_HOLE';
/** The kind of the note in the catalogue. It is not swept: only `forget` gives a slot up. */
const SLOT_CLAIM = 'slot';

/**
 * Answers the slot's name.
 *
 * @throws Problem ARCHIVING_SLOT_UNGUARDED, ARCHIVING_WOULD_BE_SYNCHRONOUS, ARCHIVING_WAL_LEVEL_TOO_LOW,
 * each with a finding that stays open until the server is safe.
 */
export async function prepareSlot(
  server: ArchivingServer,
  deps: ArchivingDeps,
  { signal }: { readonly signal: AbortSignal },
): Promise<string> {
  await using session = await connect(server.url, { signal });
  const facts = await readServerFacts(session);
  await settle(judgeSlot(facts, server.allowUnboundedSlot === true), server, deps);
  if (facts.slotKeepBytesMax === undefined) await noteUnbounded(server, deps);
  const known = await deps.catalog.walProgress.find(server.name, server.storeName);
  await forgetOtherLog(facts, server, deps);
  const slot = slotName(server.name);
  const held = await readSlot(session, slot);
  if (held !== undefined) {
    if (known !== undefined && held.restartLsn !== undefined)
      await noteLack({ known, facts, keptFrom: held.restartLsn }, server, deps, signal);
    return slot;
  }
  await claim(server, slot, deps);
  // A backup and the service may both have found none; whoever made it looks for what it lacks.
  if (!(await createSlot(session, slot))) return slot;
  const keptFrom = (await readSlot(session, slot))?.restartLsn;
  if (keptFrom !== undefined && known?.systemId === facts.systemId)
    await noteHole({ known, keptFrom, segmentBytes: facts.segmentBytes }, server, deps);
  deps.log.info('Made the slot that keeps WAL for us', { server: server.name, slot });
  return slot;
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

interface Hole {
  readonly known: WalProgressRecord;
  /** The new slot keeps the log from there on. */
  readonly keptFrom: Lsn;
  readonly segmentBytes: number;
}

/** A new slot begins where the server is now; what was not stored before that is gone for good. */
async function noteHole(
  { known, keptFrom, segmentBytes }: Hole,
  { name }: ArchivingServer,
  { catalog, clock }: ArchivingDeps,
): Promise<void> {
  const { storedLsn } = known;
  if (!isLsn(storedLsn) || lsnBytes(storedLsn) === 0n) return;
  if (compareLsn(segmentBegin(keptFrom, segmentBytes), storedLsn) <= 0) return;
  const at = utcText(clock.now());
  const finding: Finding = {
    code: LOG_HOLE,
    server: name,
    severity: 'page',
    summary: `The log of ${name} between ${storedLsn} and ${keptFrom} was not kept: no backup taken before can be brought past it`,
    hint: `Take a backup now with \`backup ${name}\`: from then on every moment can be reached again.`,
    since: at,
  };
  await catalog.findings.open({ code: LOG_HOLE, server: name, finding: { ...finding }, at });
}

interface Lack {
  readonly known: WalProgressRecord;
  readonly facts: ServerFacts;
  /** The slot that stands keeps the log from there on. */
  readonly keptFrom: Lsn;
}

/**
 * A store that was only a copy, and late, may have become the first: what it lacks and the slot no longer
 * keeps would be passed over without a word. What is remembered may be old, so the store itself decides.
 */
async function noteLack(
  { known, facts, keptFrom }: Lack,
  server: ArchivingServer,
  { catalog, clock }: ArchivingDeps,
  signal: AbortSignal,
): Promise<void> {
  const { systemId, timeline, major, segmentBytes } = facts;
  if (known.systemId !== systemId || known.timeline !== timeline) return;
  const [fromLsn, toLsn] = [known.storedLsn, segmentBegin(keptFrom, segmentBytes)];
  if (!isLsn(fromLsn) || lsnBytes(fromLsn) === 0n || compareLsn(toLsn, fromLsn) <= 0) return;
  const { name, storeName, store, ring } = server;
  const folder = { server: name, major, systemId };
  const range = { timeline, fromLsn, toLsn };
  const { runs } = await walStore.inventory({ store, ring, folder, segmentBytes, range, signal });
  const isThere = runs.some(
    (run) => compareLsn(run.fromLsn, fromLsn) <= 0 && compareLsn(run.toLsn, toLsn) >= 0,
  );
  if (isThere) return;
  const at = utcText(clock.now());
  const finding: Finding = {
    code: LOG_HOLE,
    server: name,
    severity: 'page',
    summary: `The store "${storeName}" lacks the log of ${name} between ${fromLsn} and ${toLsn}, and the server no longer keeps it: only with a store that has it can a backup taken before be brought past it`,
    hint: `Take a backup now with \`backup ${name}\`: from then on every moment can be reached again.`,
    since: at,
  };
  await catalog.findings.open({ code: LOG_HOLE, server: name, finding: { ...finding }, at });
}

/**
 * Positions of another cluster, or of a timeline that was left, say nothing about this one: whoever
 * waits for a position must not be told that it is stored.
 */
async function forgetOtherLog(
  { systemId, timeline, lsn }: ServerFacts,
  { name, storeName }: ArchivingServer,
  { catalog, clock, log }: ArchivingDeps,
): Promise<void> {
  const known = await catalog.walProgress.find(name, storeName);
  if (known === undefined) return;
  const isSame = known.systemId === systemId;
  if (isSame && known.timeline === timeline) return;
  if (!isSame)
    log.warn('The server is another cluster than before; its WAL is kept apart', {
      server: name,
      before: known.systemId,
      now: systemId,
    });
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
