/** What a proof answers, and the sentences that go with it. Pure. */
import { z } from 'zod';

import { formatUtc } from '../kernel/moment.ts';
import { VERDICTS } from '../kernel/verdict.ts';
import { Check } from './checks.ts';
import { ComparedTable } from './compare.ts';

/** What the proof cost production. */
export const ProductionLoad = z.strictObject({
  /** How old a snapshot became, or how long the standby stood still; bounded: how long tables were read. */
  snapshotSeconds: z.number(),
  /** What the config allows it. */
  limitSeconds: z.number(),
  /** That read tables at once, at most. */
  sessions: z.number(),
  readFromStandby: z.boolean(),
});
export type ProductionLoad = z.infer<typeof ProductionLoad>;

export const VerifyResult = z.strictObject({
  runId: z.string(),
  /** Shows the run with all its steps, on any machine with this config. */
  runCommand: z.string().optional(),
  server: z.string(),
  store: z.string(),
  backupId: z.string(),
  /** Why this backup, and why this store. */
  which: z.string().optional(),
  whyStore: z.string().optional(),
  /** False: what is proved of an older backup says nothing of how the server stands now. */
  isNewest: z.boolean().optional(),
  /** True: compared with production as it stood when the backup was taken. */
  isProofPoint: z.boolean().optional(),
  verdict: z.enum(VERDICTS),
  /** `shop is restorable to 2026-11-24 04:19:58 UTC`, or that this could not be proved. */
  title: z.string(),
  /** What to do next; always one sentence. */
  next: z.string(),
  mode: z.enum(['exact', 'bounded']),
  /** What this mode shows and does not show. */
  shows: z.string(),
  checks: z.array(Check),
  tables: z.array(ComparedTable),
  /** What was not compared although it is there, one clause each. */
  leftOut: z.array(z.string()),
  /** Which tables of it the time did not reach, with their database: the next proof begins with them. */
  late: z.array(z.string()).optional(),
  /** Null: production was not asked, or did not answer. */
  production: ProductionLoad.nullable().optional(),
  beganAt: z.string(),
  /** Null: the copy could not be made. */
  latestTransactionAt: z.string().nullable(),
  restoredToLsn: z.string().nullable(),
  /** Where production stood when the proof began; null: it could not be asked. */
  sourceLsn: z.string().nullable(),
  /** How much time's data would be lost if production burned now; null: not known. */
  rpoSeconds: z.number().nullable(),
  /** From the first byte read to a copy that answers queries; null: it did not get there. */
  rtoSeconds: z.number().nullable(),
  /** What the config promises; null: nothing. */
  rpoObjectiveSeconds: z.number().nullable().optional(),
  rtoObjectiveSeconds: z.number().nullable().optional(),
  /** When the newest backup is proved next; null: nobody has planned it. */
  nextProofAt: z.string().nullable().optional(),
  tornDown: z.boolean(),
  seconds: z.number(),
});
export type VerifyResult = z.infer<typeof VerifyResult>;

export type Proof = Omit<VerifyResult, 'title' | 'next'>;

/** `lastGoodAt`: when a backup of this server was last proved good; undefined: never. */
export function withWords(proof: Proof, lastGoodAt: string | undefined): VerifyResult {
  return { ...proof, title: titleOf(proof), next: nextOf(proof, lastGoodAt) };
}

function titleOf({ server, verdict, latestTransactionAt }: Proof): string {
  switch (verdict) {
    case 'PASS':
      return latestTransactionAt === null
        ? `${server} is restorable`
        : `${server} is restorable to ${sayMoment(latestTransactionAt)}`;
    case 'FAIL':
      return `${server} could NOT be proved restorable`;
    case 'ERROR':
      return `It could not be told whether ${server} is restorable`;
    case 'SKIPPED':
      return `${server} was not proved`;
    default:
      throw new TypeError(`Unreachable verdict: ${JSON.stringify(verdict satisfies never)}`);
  }
}

function nextOf({ server, verdict, checks }: Proof, lastGoodAt: string | undefined): string {
  const since =
    lastGoodAt === undefined
      ? 'No earlier proof stands'
      : `The last good proof stands, of ${sayMoment(lastGoodAt)}`;
  switch (verdict) {
    case 'PASS':
      return 'Nothing to do.';
    case 'FAIL':
      return `${since}. Take a base backup now with \`backup ${server}\`, then find out what damaged the store.`;
    case 'ERROR':
    case 'SKIPPED': {
      const bad = checks.find((check) => check.verdict === 'ERROR')?.check;
      const look = bad === undefined ? '' : `Look at "${bad}", then `;
      return `${since}. ${look === '' ? 'Run' : `${look}run`} \`verify ${server}\` again.`;
    }
    default:
      throw new TypeError(`Unreachable verdict: ${JSON.stringify(verdict satisfies never)}`);
  }
}

function sayMoment(at: string): string {
  return formatUtc(Temporal.Instant.from(at).round('second'));
}
