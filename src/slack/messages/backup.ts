/** A finished backup: what was read, what was stored where, and how long it took. Pure. */
import type { KnownBlock } from '@slack/types';
import { z } from 'zod';

import type { Json } from '../../kernel/codecs.ts';
import { formatSeconds } from '../../kernel/moment.ts';
import { formatBytes } from '../../kernel/size.ts';
import { clip, escapeText, section, sentenceList } from './blocks.ts';
import { readInstant, sayTime, secondsBetween } from './when.ts';

const Store = z.union([z.string(), z.looseObject({ store: z.string() })]);

const BackupResult = z.looseObject({
  backupId: z.string(),
  beganAt: z.string().optional().catch(undefined),
  endedAt: z.string().optional().catch(undefined),
  sourceBytes: z.coerce.number().optional().catch(undefined),
  storedBytes: z.coerce.number().optional().catch(undefined),
  stores: z.array(Store).optional().catch(undefined),
  damagedFiles: z.array(z.string()).optional().catch(undefined),
  damagedPlaces: z.array(z.string()).optional().catch(undefined),
  damage: z.array(z.string()).optional().catch(undefined),
  leftOut: z.array(z.string()).nullish().catch(undefined),
  proofPoint: z
    .looseObject({ tables: z.number(), rows: z.number(), hashed: z.number() })
    .nullish()
    .catch(undefined),
  withoutProofPoint: z.string().nullish().catch(undefined),
});
type BackupResult = z.infer<typeof BackupResult>;

const FEW = 5;
const NAME_MAX = 120;

export function backupBlocks(result: Json): readonly KnownBlock[] {
  const read = BackupResult.safeParse(result);
  return read.success ? [section(backupLines(read.data).map(escapeText).join('\n'))] : [];
}

/** Undefined: nothing is wrong with it, so its plan's title says enough. */
export function backupTitle(result: Json, server: string | null): string | undefined {
  const read = BackupResult.safeParse(result);
  if (!read.success || sayDamage(read.data).length === 0) return undefined;
  return `The backup of ${server ?? 'the server'} is DAMAGED`;
}

export function backupText(result: Json): string {
  const read = BackupResult.safeParse(result);
  return read.success ? backupLines(read.data).join('. ') : '';
}

function backupLines(result: BackupResult): readonly string[] {
  const [began, ended] = [readInstant(result.beganAt), readInstant(result.endedAt)];
  const took =
    began === undefined || ended === undefined
      ? ''
      : `, ${formatSeconds(secondsBetween(began, ended))}`;
  return [
    `Backup ${result.backupId}${sayStores(result)}${took}`,
    ...saySizes(result),
    ...sayDamage(result),
    ...sayLeftOut(result),
    ...sayProofPoint(result),
    ...(ended === undefined ? [] : [`Holds everything up to ${sayTime(ended)}, and the WAL after`]),
  ];
}

/** A damaged backup is a backup, but nobody may take it for a good one. */
function sayDamage(result: BackupResult): readonly string[] {
  const { damagedFiles = [], damagedPlaces = damagedFiles, damage = [] } = result;
  return [
    ...(damagedFiles.length === 0
      ? []
      : [
          `DAMAGED on the server itself: wrong page checksums in ${sayFew(damagedPlaces)}. Look at its disk now`,
        ]),
    ...(damage.length === 0
      ? []
      : [`DAMAGED in the store: ${sayFew(damage)}. Take another backup now`]),
  ];
}

/** Whoever rebuilds the machine needs them too. */
function sayLeftOut({ leftOut }: BackupResult): readonly string[] {
  const names = leftOut ?? [];
  return names.length === 0 ? [] : [`Not in it, keep them elsewhere: ${sayFew(names)}`];
}

/** How its copy will be proved when production has long gone on. */
function sayProofPoint({ proofPoint, withoutProofPoint }: BackupResult): readonly string[] {
  if (proofPoint !== undefined && proofPoint !== null) {
    const { tables, rows, hashed } = proofPoint;
    return [
      `Proof point: ${rows.toLocaleString('en-US')} rows of ${tables === 1 ? '1 table' : `${tables} tables`} counted, ${hashed} hashed`,
    ];
  }
  return typeof withoutProofPoint === 'string' ? [`No proof point: ${withoutProofPoint}`] : [];
}

function sayFew(names: readonly string[]): string {
  const rest = names.length - FEW;
  const shown = names.slice(0, FEW).map((name) => clip(name, NAME_MAX));
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : sentenceList(shown);
}

function sayStores(result: BackupResult): string {
  const names = (result.stores ?? []).map((s) => (typeof s === 'string' ? s : s.store));
  return names.length === 0 ? '' : ` is in ${sentenceList(names)}`;
}

function saySizes(result: BackupResult): readonly string[] {
  const { sourceBytes, storedBytes } = result;
  if (sourceBytes === undefined || storedBytes === undefined) return [];
  const ratio = storedBytes > 0 ? ` (${(sourceBytes / storedBytes).toFixed(1)} times smaller)` : '';
  return [
    `${formatBytes(sourceBytes)} read, ${formatBytes(storedBytes)} stored, encrypted${ratio}`,
  ];
}
