/**
 * What a store's objects take and cost, from its census: counted as they come, so that memory stays flat
 * however many there are. What has no price costs nothing we know of: it is said, never taken for 0. Pure.
 */
import { z } from 'zod';

import { isServerName } from '../kernel/ids.ts';
import type { StoredItem } from '../storage/object-store.ts';

/** `other`: notes that dbdr keeps beside backups, and what it did not write. */
const KINDS = ['base', 'wal', 'tail', 'history', 'hold', 'other'] as const;
type Kind = (typeof KINDS)[number];

const whole = z.number().int().nonnegative();
const Amount = z.strictObject({ objects: whole, storedBytes: whole });
type Amount = z.infer<typeof Amount>;
const KindAmount = Amount.extend({ kind: z.enum(KINDS) });

const ClassUsage = z.strictObject({
  storageClass: z.string(),
  storedBytes: whole,
  /** Null: it has no price. */
  monthlyCost: z.number().nullable(),
});

export const StoreUsage = z.strictObject({
  /** Of everything that takes room, older versions and unfinished uploads too: what is paid for. */
  storedBytes: whole,
  /** Current ones. */
  objects: whole,
  /** Of current objects; only kinds that are there. */
  kinds: z.array(KindAmount),
  /** Older versions that a bucket keeps. */
  noncurrent: Amount,
  incompleteUploads: z.strictObject({ uploads: whole, storedBytes: whole }),
  /** Of current objects. */
  servers: z.array(Amount.extend({ server: z.string(), kinds: z.array(KindAmount) })),
  classes: z.array(ClassUsage),
  /** Null: not all of it has a price. */
  monthlyCost: z.number().nullable(),
  unpricedBytes: whole,
});
export type StoreUsage = z.infer<typeof StoreUsage>;

/** What a month of so much costs, by storage class. */
export type StorePrices = Readonly<Record<string, number>>;

/** Of a store that knows no classes, and S3's own default. */
const STANDARD = 'STANDARD';
/** Amazon S3 FAQ, "How will I be charged": a month's GB is 2^30 bytes. */
const PRICED_BYTES = 2 ** 30;

/** `<server>/<major>-<system identifier>/<folder>/…`, and `<server>/owner/…` of `archiving/`. */
const OURS = /^([^/]+)\/(?:\d+-\d+\/([^/]+)|owner)\/(.+)$/;

export interface Place {
  /** Undefined: of no server. */
  readonly server: string | undefined;
  readonly kind: Kind;
}

/** What an object is, by its key. */
export function placeOf(key: string): Place {
  const [, server = '', folder = '', rest = ''] = OURS.exec(key) ?? [];
  if (!isServerName(server)) return { server: undefined, kind: 'other' };
  if (folder === 'wal' && rest.endsWith('.history')) return { server, kind: 'history' };
  return { server, kind: KINDS.find((kind) => kind === folder) ?? 'other' };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Counted = Mutable<Amount>;

/** Adds up one store. */
export class UsageSum {
  readonly #kinds = new Map<Kind, Counted>();
  readonly #servers = new Map<string, Map<Kind, Counted>>();
  readonly #classes = new Map<string, Counted>();
  #storedBytes = 0;
  readonly #noncurrent = none();
  readonly #unfinished = none();

  add({ key, sizeBytes, state, storageClass = STANDARD }: StoredItem): void {
    this.#storedBytes += sizeBytes;
    count(amountOf(this.#classes, storageClass), sizeBytes);
    if (state === 'noncurrent') count(this.#noncurrent, sizeBytes);
    if (state === 'unfinished') count(this.#unfinished, sizeBytes);
    if (state !== 'current') return;
    const { server, kind } = placeOf(key);
    count(amountOf(this.#kinds, kind), sizeBytes);
    if (server === undefined) return;
    const known = this.#servers.get(server) ?? new Map<Kind, Counted>();
    this.#servers.set(server, known);
    count(amountOf(known, kind), sizeBytes);
  }

  result(prices: StorePrices | undefined): StoreUsage {
    const classes = [...this.#classes].toSorted(byName).map(([storageClass, { storedBytes }]) => {
      const monthlyCost = costOf(storedBytes, prices?.[storageClass]);
      return { storageClass, storedBytes, monthlyCost };
    });
    const unpriced = classes.filter(({ monthlyCost }) => monthlyCost === null);
    const isPriced = prices !== undefined && unpriced.length === 0;
    return {
      storedBytes: this.#storedBytes,
      objects: total(this.#kinds).objects,
      kinds: kindsOf(this.#kinds),
      noncurrent: { ...this.#noncurrent },
      incompleteUploads: {
        uploads: this.#unfinished.objects,
        storedBytes: this.#unfinished.storedBytes,
      },
      servers: [...this.#servers]
        .toSorted(byName)
        .map(([server, kinds]) => ({ server, ...total(kinds), kinds: kindsOf(kinds) })),
      classes,
      monthlyCost: isPriced ? sumOf(classes.map(({ monthlyCost }) => monthlyCost)) : null,
      unpricedBytes: unpriced.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    };
  }
}

/** Null as soon as one of them is. Rounded to what a few kilobytes cost, so that no digits stand there that mean nothing. */
export function sumOf(costs: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const cost of costs) {
    if (cost === null) return null;
    sum += cost;
  }
  return rounded(sum);
}

function costOf(bytes: number, price: number | undefined): number | null {
  return price === undefined ? null : rounded((bytes / PRICED_BYTES) * price);
}

function rounded(amount: number): number {
  return Math.round(amount * 1e9) / 1e9;
}

function none(): Counted {
  return { objects: 0, storedBytes: 0 };
}

function count(amount: Counted, bytes: number): void {
  amount.objects += 1;
  amount.storedBytes += bytes;
}

function amountOf<K>(amounts: Map<K, Counted>, key: K): Counted {
  const known = amounts.get(key) ?? none();
  amounts.set(key, known);
  return known;
}

function total(amounts: ReadonlyMap<Kind, Counted>): Amount {
  const sum = none();
  for (const { objects, storedBytes } of amounts.values()) {
    sum.objects += objects;
    sum.storedBytes += storedBytes;
  }
  return sum;
}

function kindsOf(amounts: ReadonlyMap<Kind, Counted>): StoreUsage['kinds'] {
  return KINDS.flatMap((kind) => {
    const amount = amounts.get(kind);
    return amount === undefined ? [] : [{ kind, ...amount }];
  });
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
