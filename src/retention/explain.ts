/**
 * A plan of removal in words: what a person reads before it is approved, and the diff of what stays and
 * what goes, a line each, for terminals and chats. Pure.
 */
import type { Explanation } from '../gate/operation.ts';
import { formatUtc } from '../kernel/moment.ts';
import { formatBytes } from '../kernel/size.ts';
import { TIERS } from './periods.ts';
import type { KeptJson, RemovedJson, RetentionPlan, RetentionResult } from './schema.ts';

type Shown = Pick<
  RetentionPlan,
  'server' | 'keep' | 'remove' | 'wal' | 'freedBytes' | 'windowFrom' | 'rules' | 'zone'
>;

/** Of what goes, shown where there is little room. */
const NAMED_MAX = 12;

export function explainRetention(plan: RetentionPlan): Explanation {
  const { server, stores, keep, remove, automatic, blocked, warnings } = plan;
  return {
    title: `Remove ${sayRemoved(plan)} of ${server}`,
    facts: [
      ['Removes', sayNames(remove)],
      ['Keeps', `${keep.length} backups: ${sayTiers(keep)}`],
      ['Window', sayWindow(plan)],
      ['Log', sayLog(plan)],
      ['Frees', `${formatBytes(plan.freedBytes)} in ${stores.join(', ')}`],
      [
        'Danger',
        automatic
          ? 'low: what the config says, a few backups at once, each looked at again before it goes'
          : 'high: what is removed is gone; each backup is looked at again before it goes',
      ],
    ],
    warnings: [...blocked.map((why) => `Nothing can be removed: ${why}.`), ...warnings],
    approveLabel: `Approve removal of ${server}`,
    command: `npx dbdr retention ${server}${plan.apply ? ' --apply' : ''}`,
  };
}

/** `2 backups and 412 segments`. */
function sayRemoved({ remove, wal }: Shown): string {
  const segments = wal.reduce((sum, one) => sum + one.removeSegments, 0);
  return `${count(remove.length, 'backup')} and ${count(segments, 'segment')} of log`;
}

function sayNames(remove: readonly RemovedJson[]): string {
  if (remove.length === 0) return 'no backup';
  const named = remove.slice(0, NAMED_MAX).map(({ backupId, why }) => `${backupId} (${why})`);
  const rest = remove.length - NAMED_MAX;
  return [...named, ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n');
}

/** `7 daily, 4 weekly, 12 monthly, 2 for other reasons`. */
function sayTiers(keep: readonly KeptJson[]): string {
  const counts = TIERS.map((tier) => {
    const standing = keep.filter(({ tiers }) => tiers.includes(tier));
    return `${standing.length} ${tier}`;
  });
  const others = keep.filter(({ tiers }) => tiers.length === 0).length;
  return [...counts, ...(others > 0 ? [`${others} for other reasons`] : [])].join(', ');
}

function sayWindow({ windowFrom }: Shown): string {
  if (windowFrom === null) return 'no moment can be returned to: there is no good backup';
  const from = formatUtc(Temporal.Instant.from(windowFrom).round('second'));
  return `every moment from ${from} on can be returned to`;
}

function sayLog({ wal }: Shown): string {
  const keeps = wal.reduce((sum, one) => sum + one.keepSegments, 0);
  const keepBytes = wal.reduce((sum, one) => sum + one.keepBytes, 0);
  const removes = wal.reduce((sum, one) => sum + one.removeSegments, 0);
  const removeBytes = wal.reduce((sum, one) => sum + one.removeBytes, 0);
  const reasons = wal.flatMap(({ all }) => (all === null ? [] : [`all of it stays: ${all}`]));
  return [
    `removes ${count(removes, 'segment')} (${formatBytes(removeBytes)}), keeps ${count(keeps, 'segment')} (${formatBytes(keepBytes)})`,
    ...new Set(reasons),
  ].join('; ');
}

/** The whole answer, a line each. */
export function diffLines(result: RetentionResult): readonly string[] {
  const { keep, remove, applied, blocked, stayed, notApplied, warnings } = result;
  return [
    titleOf(result),
    ...blocked.map((why) => `Nothing is removed: ${why}.`),
    ...keepAndRemove(keep, remove, applied),
    `Keeps ${count(keep.length, 'backup')}: ${sayTiers(keep)}.`,
    `Window: ${sayWindow(result)}.`,
    `Log: ${sayLog(result)}.`,
    ...stayed.map(({ backupId, store, why }) => `Still in ${store}: ${backupId}: ${why}.`),
    ...notApplied.map(({ store, reason, hint }) => `Not applied in ${store}: ${reason}. ${hint}`),
    ...lockLines(result),
    ...warnings,
    ...(applied || remove.length === 0
      ? []
      : [`Do it with \`retention ${result.server} --apply\`.`]),
  ];
}

export function titleOf(result: RetentionResult): string {
  const { server, applied, remove, keep, freedBytes, blocked } = result;
  const what = `${count(remove.length, 'backup')}, ${formatBytes(freedBytes)}`;
  if (applied) return `${server}: removed ${what}; ${keep.length} stay`;
  if (blocked.length > 0) return `${server}: nothing can be removed`;
  return `${server}: would remove ${what}; ${keep.length} stay`;
}

/** Newest first, `+` stays and `-` goes. */
export function keepAndRemove(
  keep: readonly KeptJson[],
  remove: readonly RemovedJson[],
  applied = false,
): readonly string[] {
  const lines = [
    ...keep.map(({ backupId, state, reasons }) => ({
      backupId,
      line: `+ ${backupId}  ${state.padEnd(10)}  ${reasons.join(', ')}`,
    })),
    ...remove.map(({ backupId, state, why }) => ({
      backupId,
      line: `- ${backupId}  ${state.padEnd(10)}  ${applied ? 'removed: ' : ''}${why}`,
    })),
  ];
  return lines.toSorted((a, b) => (a.backupId > b.backupId ? -1 : 1)).map(({ line }) => line);
}

function lockLines({ lockedObjects, lockedLonger }: RetentionResult): readonly string[] {
  return [
    ...(lockedObjects > 0
      ? [`${count(lockedObjects, 'object')} locked: kept until their time.`]
      : []),
    ...(lockedLonger > 0
      ? [`${count(lockedLonger, 'object')} locked for longer than before.`]
      : []),
  ];
}

function count(number: number, word: string): string {
  return `${number.toLocaleString('en')} ${word}${number === 1 ? '' : 's'}`;
}
