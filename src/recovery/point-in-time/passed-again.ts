/**
 * What a person is told of a copy whose target was passed more than once: that it stands at the first
 * passing, what it lacks, and how to ask for the last. Pure.
 */
import { z } from 'zod';

import { formatSeconds, formatUtc } from '../../kernel/moment.ts';
import { backMs } from './clock-steps.ts';
import { restoreCommand } from './explain.ts';
import type { RestorePlan } from './plan.ts';
import type { Behind } from './read-behind.ts';

/** The other thing that the target may have meant. */
export const OtherReading = z.strictObject({
  /** Behind the last transaction that is earlier than the target. */
  lsn: z.string(),
  /** Earlier than the target, and not in the copy. */
  lacking: z.number(),
  /** Not earlier than the target, and in the other reading. */
  later: z.number(),
  clockWentBackSeconds: z.number(),
  clockWentBackAt: z.string(),
  command: z.string(),
});
type OtherReading = z.infer<typeof OtherReading>;

export interface ClockWords {
  readonly warnings: readonly string[];
  /** For what was checked: a sentence, or nothing. */
  readonly checked: string;
  readonly otherReading: OtherReading | null;
}

interface Stands {
  readonly lsn: string;
  readonly at: Temporal.Instant | null;
}

/** Undefined `behind`: no time stopped the copy, so nothing had to be looked at. */
export function sayBehind(
  plan: RestorePlan,
  stands: Stands,
  behind: Behind | undefined,
): ClockWords {
  if (behind === undefined) return { warnings: [], checked: '', otherReading: null };
  if (behind.outcome === 'unread') {
    const told = `Whether the target was passed again behind ${stands.lsn}, by a clock that went back, could not be told: ${behind.why}. Compare the copy with what you expect in it before you use it.`;
    return { warnings: [told], checked: '', otherReading: null };
  }
  const { reading, lookedTo, whole } = behind;
  const reach = whole ? 'the stored log' : 'the log';
  const scope = `${reach} behind it, looked at up to ${lookedTo},`;
  if (reading.outcome === 'passed once') {
    const checked = ` In ${scope} no transaction is earlier than the target.`;
    return { warnings: [], checked, otherReading: null };
  }
  const { earlier, later, untilLsn, untilAt, step } = reading;
  if (reading.outcome === 'same instant') {
    const checked = ` In ${scope} ${count(earlier)} by up to ${Math.ceil(backMs(step))} ms earlier than the target: they ended in the same instant.`;
    return { warnings: [], checked, otherReading: null };
  }
  const { server, tables, database } = plan;
  const command = restoreCommand({ server, to: untilLsn, tables, database, into: null });
  const back = formatSeconds(backMs(step) / 1000);
  const told = [
    `This copy may not be the moment that you mean: the clock of ${server} went back by ${back}, and the target was passed more than once.`,
    `The copy stands at the first passing, log position ${stands.lsn}${lastWords(stands)}.`,
    `Behind it ${count(earlier)} earlier than the target and not in the copy; at ${step.lsn} the clock went back from ${formatUtc(step.from)} to ${formatUtc(step.to)}.`,
    `To have them, ask for the end of the last passing: \`${command}\` (its last transaction is of ${formatUtc(untilAt)}${laterWords(later)}).`,
    ...(whole ? [] : [`The log was looked at up to ${lookedTo}; what comes behind is not known.`]),
  ];
  const otherReading = {
    lsn: untilLsn,
    lacking: earlier,
    later,
    clockWentBackSeconds: backMs(step) / 1000,
    clockWentBackAt: step.lsn,
    command,
  };
  return { warnings: [told.join(' ')], checked: '', otherReading };
}

function count(transactions: number): string {
  return transactions === 1
    ? '1 transaction is'
    : `${transactions.toLocaleString('en')} transactions are`;
}

function lastWords({ at }: Stands): string {
  return at === null ? '' : `; the last transaction in it is of ${formatUtc(at)}`;
}

function laterWords(later: number): string {
  if (later === 0) return '';
  return `; ${later.toLocaleString('en')} before it ${later === 1 ? 'is' : 'are'} later than the target`;
}
