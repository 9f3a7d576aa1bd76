/**
 * What the bot asks of buckets, day by day, in a small file beside the catalogue: `serve` adds to it,
 * whoever wants to know reads it. A week is kept. What other processes ask (a backup typed at a terminal,
 * a restore) is not in it. What cannot be written now is written the next time.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { z } from 'zod';

import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Log } from '../kernel/log.ts';
import type { Service } from '../kernel/service.ts';
import type { RequestCounts, Requests } from '../storage/request-counts.ts';

const WRITE_EVERY_MS = 60_000;
const DAYS_MAX = 7;
/** Counted for less than this, a day would be a guess. */
const TELLING_HOURS_MIN = 1;
/** Of a year. */
const DAYS_A_MONTH = 365.25 / 12;

const whole = z.number().int().nonnegative();
const Counts = z.strictObject({ put: whole, list: whole, get: whole, remove: whole });

const RequestsFile = z.strictObject({
  days: z.array(
    z.strictObject({
      day: z.string(),
      /** When counting began on that day. */
      since: z.string(),
      stores: z.record(z.string(), Counts),
    }),
  ),
});
export type RequestsFile = z.infer<typeof RequestsFile>;

export const StoreRequests = z.strictObject({
  since: z.string(),
  ...Counts.shape,
  /** Null: counted for less than an hour. */
  perDay: z.number().nullable(),
  /** Null: they have no price, or a day is not known. */
  monthlyCost: z.number().nullable(),
});
export type StoreRequests = z.infer<typeof StoreRequests>;

/** For a thousand. `put` is the price of listings, too. */
export interface RequestPrices {
  readonly put: number;
  readonly get: number;
}

export interface RequestsWriter {
  readonly path: string;
  readonly counts: RequestCounts;
  readonly clock: Clock;
  readonly log: Log;
}

export function requestsService({ path, counts, clock, log }: RequestsWriter): Service {
  return {
    name: 'requests',
    async run({ signal, ready }) {
      ready();
      let unwritten: ReadonlyMap<string, Requests> = new Map();
      while (!signal.aborted) {
        await clock.sleep(WRITE_EVERY_MS, { signal }).catch(() => undefined);
        unwritten = together(unwritten, counts.take());
        try {
          await write(path, addRequests(await readRequests(path), unwritten, clock.now()));
          unwritten = new Map();
        } catch (error) {
          // Nobody's backups are worse for it: no reason to call the service broken.
          log.warn('Cannot write what buckets were asked', { path, error });
        }
      }
    },
  };
}

/** Whole or not at all. Another process that serves the same config has a file of its own until then. */
async function write(path: string, file: RequestsFile): Promise<void> {
  const made = `${path}.${randomUUID()}.new`;
  try {
    await writeFile(made, JSON.stringify(file), { mode: 0o644 });
    await rename(made, path);
  } finally {
    await rm(made, { force: true });
  }
}

function together(
  some: ReadonlyMap<string, Requests>,
  more: ReadonlyMap<string, Requests>,
): ReadonlyMap<string, Requests> {
  const all = new Map(some);
  for (const [store, counts] of more) all.set(store, sum(all.get(store), counts));
  return all;
}

/** Empty: nothing was counted yet, or it cannot be read. */
export async function readRequests(path: string): Promise<RequestsFile> {
  const text = await readFile(path, 'utf8').catch(() => '{}');
  try {
    return RequestsFile.safeParse(JSON.parse(text)).data ?? { days: [] };
  } catch {
    return { days: [] };
  }
}

/** Pure. */
export function addRequests(
  { days }: RequestsFile,
  added: ReadonlyMap<string, Requests>,
  now: Temporal.Instant,
): RequestsFile {
  const day = now.toZonedDateTimeISO('UTC').toPlainDate().toString();
  const today = days.find((one) => one.day === day) ?? { day, since: utcText(now), stores: {} };
  const stores = { ...today.stores };
  for (const [store, counts] of added) stores[store] = sum(stores[store], counts);
  const others = days.filter((one) => one.day !== day);
  return { days: [...others, { ...today, stores }].slice(-DAYS_MAX) };
}

function sum(a: Requests | undefined, b: Requests): Requests {
  if (a === undefined) return b;
  const { put, list, get, remove } = a;
  return { put: put + b.put, list: list + b.list, get: get + b.get, remove: remove + b.remove };
}

/** Undefined: nothing was counted of that store, which may take no requests. Pure. */
export function requestsOf(
  { days }: RequestsFile,
  store: string,
  { now, prices }: { readonly now: Temporal.Instant; readonly prices: RequestPrices | undefined },
): StoreRequests | undefined {
  const since = days[0]?.since;
  const counts = days.reduce<Requests | undefined>((total, { stores }) => {
    const more = stores[store];
    return more === undefined ? total : sum(total, more);
  }, undefined);
  if (since === undefined || counts === undefined) return undefined;
  const hours = now.since(Temporal.Instant.from(since)).total('hours');
  const isTelling = hours >= TELLING_HOURS_MIN;
  const all = counts.put + counts.list + counts.get + counts.remove;
  return {
    since,
    ...counts,
    perDay: isTelling ? Math.round((all * 24) / hours) : null,
    monthlyCost:
      isTelling && prices !== undefined
        ? Math.round(costOf(counts, prices) * (24 / hours) * DAYS_A_MONTH * 1e6) / 1e6
        : null,
  };
}

function costOf({ put, list, get }: Requests, prices: RequestPrices): number {
  return ((put + list) * prices.put + get * prices.get) / 1000;
}
