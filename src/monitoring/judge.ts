/** What a person should hear of, from how a server stands. Pure: facts and the moment come in. */
import { CLOCK_OFF_MAX_SECONDS, CLOCK_OFF_PAGE_SECONDS } from '../kernel/clock-off.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import { formatSeconds, formatUtc } from '../kernel/moment.ts';
import { formatBytes } from '../kernel/size.ts';
import {
  endPrepared,
  namePrepared,
  type PreparedTransaction,
} from '../postgres/prepared-transactions.ts';
import type { Proofs } from './proofs.ts';
import { ageSeconds, type Standing } from './standing.ts';
import type { StoreStanding } from './store-standing.ts';

export interface JudgedServer {
  readonly name: string;
  readonly rpoSeconds: number;
  readonly rtoSeconds: number;
  readonly alarmHours: number;
}

export interface SlotRoom {
  /** Log that the slot keeps on the server's disk. */
  readonly keptBytes: number;
  /** Log that may still be written before the slot is given up. */
  readonly safeBytes: number;
}

export interface JudgedFacts {
  readonly server: JudgedServer;
  readonly standing: Standing;
  readonly proofs: Proofs;
  /** Undefined: the server could not be asked, or its slot has no limit. */
  readonly slot?: SlotRoom | undefined;
  /** How far our clock is ahead of the server's; negative: behind. Undefined: it was not asked. */
  readonly clockAheadSeconds?: number | undefined;
  /** Of all its databases, the oldest first. Undefined: it was not asked. */
  readonly prepared?: readonly PreparedTransaction[] | undefined;
  /** When a backup was last due, long enough ago to be there; undefined: it is not known. */
  readonly backupDueAt?: Temporal.Instant | undefined;
  readonly now: Temporal.Instant;
}

/** Everything `judge()` can open or once opened, so that whoever keeps findings can close what is over. */
export const JUDGED_CODES = [
  'BACKUP_MISSING',
  'BACKUP_OVERDUE',
  'NOT_VERIFIED',
  // Until 2026-11 it told what NOT_VERIFIED tells, and woke nobody.
  'PROOF_OVERDUE',
  'ARCHIVING_BEHIND',
  'SLOT_HEADROOM_LOW',
  'RESTORE_TOO_SLOW',
  'MIRROR_BEHIND',
  'CLOCK_DIFFERS',
  'PREPARED_TRANSACTION_LEFT',
] as const;

/** What only the server itself can tell: who has not asked it knows nothing new of these. */
export const ASKED_CODES: readonly string[] = [
  'SLOT_HEADROOM_LOW',
  'CLOCK_DIFFERS',
  'PREPARED_TRANSACTION_LEFT',
];

/** Less than this share of the slot's limit left: there is still time to act. */
const HEADROOM_SHARE_MIN = 0.25;

/** A copy that is late for so long is none; a backup is copied within. */
const COPY_LATE_SECONDS = 6 * 3600;

/** Whoever ends it does so within seconds; after an hour nobody remembers it. */
const PREPARED_MAX_SECONDS = 3600;

type Noticed = Omit<Finding, 'server' | 'since'>;

export function judge(facts: JudgedFacts): readonly Finding[] {
  const noticed = [
    noBackup(facts),
    backupOverdue(facts),
    notVerified(facts),
    archivingBehind(facts),
    slotHeadroom(facts),
    restoreTooSlow(facts),
    copiesLate(facts),
    clockDiffers(facts),
    preparedLeft(facts),
  ];
  return noticed
    .filter((one) => one !== undefined)
    .map((one) => ({ ...one, server: facts.server.name, since: utcText(facts.now) }));
}

function noBackup({ server, standing }: JudgedFacts): Noticed | undefined {
  if (standing.lastBackupAt !== null) return undefined;
  return {
    code: 'BACKUP_MISSING',
    severity: 'warn',
    summary: `There is no sound backup of ${server.name}, and there should be one`,
    hint: `Take one with \`backup ${server.name}\`.`,
  };
}

function backupOverdue({ server, standing, backupDueAt, now }: JudgedFacts): Noticed | undefined {
  const { lastBackupAt } = standing;
  if (lastBackupAt === null || backupDueAt === undefined) return undefined;
  if (Temporal.Instant.compare(Temporal.Instant.from(lastBackupAt), backupDueAt) >= 0)
    return undefined;
  return {
    code: 'BACKUP_OVERDUE',
    severity: 'page',
    summary: `The last sound backup of ${server.name} is ${formatSeconds(ageSeconds(lastBackupAt, now))} old, and one was due at ${formatUtc(backupDueAt)}`,
    hint: `See with \`runs ${server.name}\` why it failed, then take one with \`backup ${server.name}\`.`,
  };
}

/** Nothing but a PASS sets the hours back. A first backup has as long to be proved in. */
function notVerified({ server, proofs, now }: JudgedFacts): Noticed | undefined {
  const { hoursSinceLastPass: hours, firstBackupAt } = proofs;
  if (firstBackupAt === null) return undefined;
  const waited = hours ?? ageSeconds(firstBackupAt, now) / 3600;
  if (waited < server.alarmHours) return undefined;
  const most = formatSeconds(server.alarmHours * 3600);
  const summary =
    hours === null
      ? `No backup of ${server.name} was ever proved restorable, and the first is ${formatSeconds(waited * 3600)} old; it should take at most ${most}`
      : `The last proof of ${server.name} that passed is ${formatSeconds(waited * 3600)} old, and should be at most ${most}`;
  return {
    code: 'NOT_VERIFIED',
    severity: 'page',
    summary,
    hint: `See with \`runs ${server.name}\` what the proofs since said, then prove it with \`verify ${server.name}\`.`,
  };
}

function archivingBehind({ server, standing }: JudgedFacts): Noticed | undefined {
  const { rpoSeconds } = standing;
  if (rpoSeconds === null || rpoSeconds <= server.rpoSeconds) return undefined;
  return {
    code: 'ARCHIVING_BEHIND',
    severity: 'page',
    summary: `The stored WAL of ${server.name} is ${formatSeconds(rpoSeconds)} behind, and should be at most ${formatSeconds(server.rpoSeconds)}`,
    hint: `See with \`wal ${server.name}\` and \`health\` why it is not stored.`,
  };
}

function slotHeadroom({ server, slot }: JudgedFacts): Noticed | undefined {
  if (slot === undefined) return undefined;
  const limit = slot.keptBytes + slot.safeBytes;
  if (limit <= 0 || slot.safeBytes / limit >= HEADROOM_SHARE_MIN) return undefined;
  return {
    code: 'SLOT_HEADROOM_LOW',
    severity: 'page',
    summary: `The slot on ${server.name} may keep ${formatBytes(Math.max(0, slot.safeBytes))} more before the server gives it up, and the log with it`,
    hint: `See with \`wal ${server.name}\` why WAL is not stored, or give the slot up with \`forget ${server.name}\`.`,
  };
}

function restoreTooSlow({ server, standing }: JudgedFacts): Noticed | undefined {
  const { rtoSeconds } = standing;
  if (rtoSeconds === null || rtoSeconds <= server.rtoSeconds) return undefined;
  return {
    code: 'RESTORE_TOO_SLOW',
    severity: 'warn',
    summary: `The last proof restored ${server.name} in ${formatSeconds(rtoSeconds)}, and it should take at most ${formatSeconds(server.rtoSeconds)}`,
    hint: 'Give the restore faster disks, or agree on a longer objective in `objectives.rto`.',
  };
}

/** One finding for all the copies of a server: each is named. */
function copiesLate({ server, standing, now }: JudgedFacts): Noticed | undefined {
  const late = standing.stores.filter((store) => !store.counts || isBackupLate(store, now));
  if (late.length === 0) return undefined;
  const longest = Math.max(0, ...late.map(({ behindSeconds }) => behindSeconds ?? 0));
  return {
    code: 'MIRROR_BEHIND',
    severity: longest >= COPY_LATE_SECONDS ? 'page' : 'warn',
    summary: late.map((store) => sayLate(server.name, store)).join('; '),
    hint: `Copying goes on by itself while \`serve\` runs; see with \`wal ${server.name}\` whether it comes closer, and with \`health\` whether it runs.`,
  };
}

/** A large one takes its time. */
function isBackupLate({ lateSince }: StoreStanding, now: Temporal.Instant): boolean {
  return lateSince !== null && ageSeconds(lateSince, now) >= COPY_LATE_SECONDS;
}

function sayLate(server: string, { store, behindSeconds, lateBackups }: StoreStanding): string {
  const log =
    behindSeconds === null
      ? `has no log of ${server} yet`
      : `is ${formatSeconds(behindSeconds)} behind with the log of ${server}`;
  const count = lateBackups.length;
  const lacks = count === 0 ? '' : ` and lacks ${count === 1 ? 'a backup' : `${count} backups`}`;
  return `The store "${store}" ${log}${lacks}, and should be a full copy`;
}

function clockDiffers({ server, clockAheadSeconds = 0 }: JudgedFacts): Noticed | undefined {
  const off = Math.abs(clockAheadSeconds);
  if (off <= CLOCK_OFF_MAX_SECONDS) return undefined;
  const side = clockAheadSeconds > 0 ? 'ahead of' : 'behind';
  return {
    code: 'CLOCK_DIFFERS',
    severity: off > CLOCK_OFF_PAGE_SECONDS ? 'page' : 'warn',
    summary: `The clock of this machine is ${formatSeconds(Math.round(off))} ${side} that of ${server.name}, and both should agree within ${formatSeconds(CLOCK_OFF_MAX_SECONDS)}`,
    hint: 'Set the one that is wrong, and keep both set with chrony or systemd-timesyncd: targets, ages of backups and retention are counted by them.',
  };
}

/** Nobody is woken by it: it harms slowly, and only whoever made it knows how it should end. */
function preparedLeft({ server, prepared = [] }: JudgedFacts): Noticed | undefined {
  const left = prepared.filter(({ ageSeconds: age }) => age >= PREPARED_MAX_SECONDS);
  if (left.length === 0) return undefined;
  const what =
    left.length === 1 ? 'A prepared transaction' : `${left.length} prepared transactions`;
  return {
    code: 'PREPARED_TRANSACTION_LEFT',
    severity: 'warn',
    summary: `${what} on ${server.name} should have ended within ${formatSeconds(PREPARED_MAX_SECONDS)}: ${namePrepared(left)}; until then vacuum is held back, locks are kept, and every restored copy holds it too`,
    hint: `Ask whoever made it how it should end, then ${endPrepared(left)}.`,
  };
}
