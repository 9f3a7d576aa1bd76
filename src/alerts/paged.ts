/** What became of the page for a run, as its event `paged` keeps it, and in words. Pure. */
import { z } from 'zod';

export const Paged = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('accepted'), by: z.string(), at: z.string() }),
  z.object({ outcome: z.literal('waiting'), said: z.string().nullable() }),
  z.object({ outcome: z.literal('refused'), said: z.string().nullable() }),
  z.object({ outcome: z.literal('nobody') }),
  /** A later run had said that it is well before anybody looked. */
  z.object({ outcome: z.literal('over') }),
  /** Nobody yet: the proof is tried again first. */
  z.object({ outcome: z.literal('again'), at: z.string(), attempt: z.number(), of: z.number() }),
]);
export type Paged = z.infer<typeof Paged>;

/** `page accepted by PagerDuty at 04:09 UTC`. */
export function sayPaged(paged: Paged): string {
  switch (paged.outcome) {
    case 'accepted':
      return `page accepted by ${paged.by} at ${sayMinute(paged.at)}`;
    case 'waiting':
      return `the page has NOT been accepted yet${because(paged.said)}`;
    case 'refused':
      return `the page has NOT been accepted${because(paged.said)}`;
    case 'nobody':
      return 'nobody is paged: no pager is configured';
    case 'over':
      return 'nobody was woken: a later one had said that it is well';
    case 'again':
      return `tried again at ${sayMinute(paged.at)}, ${paged.attempt} of ${paged.of}`;
    default:
      throw new TypeError(`Unreachable outcome: ${JSON.stringify(paged satisfies never)}`);
  }
}

function because(said: string | null): string {
  return said === null ? '' : `: ${said}`;
}

function sayMinute(at: string): string {
  const time = Temporal.Instant.from(at).toZonedDateTimeISO('UTC').toPlainTime();
  return `${time.toString({ smallestUnit: 'minute' })} UTC`;
}
