/** Answers of `retention` and `hold` as people read them at a terminal and in a chat, a line each. Pure. */
import { z } from 'zod';

import type { Json } from '../kernel/codecs.ts';
import { formatUtc } from '../kernel/moment.ts';
import { diffLines, titleOf } from './explain.ts';
import { RetentionResult } from './schema.ts';

/** Whoever shows it may have added its own fields. */
const Shown = RetentionResult.strip();

const Holds = z.object({
  holds: z.array(
    z.object({
      server: z.string(),
      backupId: z.string(),
      reason: z.string(),
      until: z.string().nullable(),
      placedAt: z.string(),
      by: z.string(),
    }),
  ),
  missedStores: z.array(z.object({ store: z.string(), reason: z.string() })).default([]),
  notLocked: z.array(z.object({ store: z.string(), reason: z.string() })).default([]),
});

/** Undefined: it is another operation's answer. */
export function retentionLines(result: Json): readonly string[] | undefined {
  const read = Shown.safeParse(result);
  return read.success ? diffLines(read.data) : undefined;
}

/** `shop: removed 2 backups, 1.2 GB; 22 stay`. */
export function retentionTitle(result: Json): string | undefined {
  const read = Shown.safeParse(result);
  return read.success ? titleOf(read.data) : undefined;
}

export function holdLines(result: Json): readonly string[] | undefined {
  const read = Holds.safeParse(result);
  if (!read.success) return undefined;
  const { holds, missedStores, notLocked } = read.data;
  return [
    ...(holds.length === 0 ? ['No hold is in force.'] : []),
    ...holds.map(({ server, backupId, reason, until, placedAt, by }) => {
      const end = until === null ? 'until it is released' : `until ${sayMoment(until)}`;
      return `${backupId} of ${server}: ${reason}, ${end} (by ${by}, ${sayMoment(placedAt)})`;
    }),
    ...missedStores.map(({ store, reason }) => `Not written to ${store}: ${reason}.`),
    ...notLocked.map(({ store, reason }) => `Not locked for longer in ${store}: ${reason}.`),
  ];
}

function sayMoment(at: string): string {
  return formatUtc(Temporal.Instant.from(at).round('second'));
}
