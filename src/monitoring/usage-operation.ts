/**
 * The operation `usage`: what each store holds and what a month of it costs. Reads a census of every
 * store, so it takes as long as listing them. A store that does not answer is told, and the others are
 * shown all the same. There is no forecast: a census does not know what will be written and removed.
 */
import { z } from 'zod';

import type { Operation } from '../gate/operation.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import { isProblem } from '../kernel/problem.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type RequestPrices, type RequestsFile, requestsOf, StoreRequests } from './requests.ts';
import { type StorePrices, StoreUsage, sumOf, UsageSum } from './usage.ts';

/** Older than this, prices have probably changed. */
const PRICES_AGE_MAX = { years: 1 } as const;

export interface UsageDeps {
  readonly stores: ReadonlyMap<string, Pick<ObjectStore, 'census' | 'description'>>;
  /** As the config has them. */
  readonly prices?:
    | {
        readonly as_of: string;
        readonly currency: string;
        /** By store, then by storage class. */
        readonly per_gb_month: Readonly<Record<string, StorePrices>>;
        /** By store. */
        readonly per_1000_requests?: Readonly<Record<string, RequestPrices>> | undefined;
      }
    | undefined;
  /** What the bot has counted; default: nothing. */
  readonly requests?: () => Promise<RequestsFile>;
  readonly clock: Pick<Clock, 'now'>;
}

const NoInput = z.strictObject({});
const NoPlan = z.strictObject({});

export const Usage = z.strictObject({
  at: z.string(),
  /** Null: the config has none. */
  prices: z.strictObject({ asOf: z.string(), currency: z.string() }).nullable(),
  stores: z.array(
    z.strictObject({
      store: z.string(),
      description: z.string(),
      ...StoreUsage.shape,
      /** The day its prices were true; null: there are none. */
      pricesAsOf: z.string().nullable(),
      /** What the bot asked of it; null: nothing was counted, as of a folder. Not in `monthlyCost`. */
      requests: StoreRequests.nullable(),
    }),
  ),
  unreachable: z.array(
    z.strictObject({ store: z.string(), code: z.string(), reason: z.string(), hint: z.string() }),
  ),
  /** Null: not everything has a price, or not every store answered. */
  monthlyCost: z.number().nullable(),
  warnings: z.array(z.string()),
});
export type Usage = z.infer<typeof Usage>;

export function usageOperation(
  deps: UsageDeps,
): Operation<z.infer<typeof NoInput>, z.infer<typeof NoPlan>, Usage> {
  return {
    name: 'usage',
    summary: 'Say what each store holds, by kind, and what a month of it costs',
    words: { positional: [], describe: {}, examples: ['usage'] },
    input: NoInput,
    plan: NoPlan,
    result: Usage,
    prepare: () => Promise.resolve({ plan: {} }),
    danger: () => 'none',
    locks: () => [],
    explain: () => ({
      title: 'Count what the stores hold',
      facts: [],
      warnings: [],
      approveLabel: 'Count what the stores hold',
      command: 'npx dbdr usage',
    }),
    recheck: () => Promise.resolve(),
    run: (_plan, { signal }) => countStores(deps, signal),
    exitCode: ({ unreachable }) => (unreachable.length === 0 ? 0 : 4),
  };
}

async function countStores(deps: UsageDeps, signal: AbortSignal): Promise<Usage> {
  const { stores, prices, clock } = deps;
  const file = (await deps.requests?.()) ?? { days: [] };
  const counted = await Promise.all(
    [...stores].map((store) => countStore(store, { ...deps, file }, signal)),
  );
  const usages = counted.flatMap((one) => ('unreachable' in one ? [] : [one]));
  const unreachable = counted.flatMap((one) => ('unreachable' in one ? [one.unreachable] : []));
  const costs = usages.map(({ monthlyCost }) => monthlyCost);
  return {
    at: utcText(clock.now()),
    prices: prices === undefined ? null : { asOf: prices.as_of, currency: prices.currency },
    stores: usages,
    unreachable,
    monthlyCost: prices === undefined || unreachable.length > 0 ? null : sumOf(costs),
    warnings: prices === undefined ? [] : priceWarnings(prices.as_of, clock.now()),
  };
}

type Counted = Usage['stores'][number] | { readonly unreachable: Usage['unreachable'][number] };

async function countStore(
  [name, store]: readonly [string, Pick<ObjectStore, 'census' | 'description'>],
  { prices, clock, file }: UsageDeps & { readonly file: RequestsFile },
  signal: AbortSignal,
): Promise<Counted> {
  const sum = new UsageSum();
  try {
    for await (const item of store.census({ signal })) sum.add(item);
  } catch (error) {
    signal.throwIfAborted();
    if (!isProblem(error)) throw error;
    const { kind, message, hint } = error;
    return { unreachable: { store: name, code: kind.code, reason: message, hint } };
  }
  const priced = prices?.per_gb_month[name];
  const asked = { now: clock.now(), prices: prices?.per_1000_requests?.[name] };
  return {
    store: name,
    description: store.description,
    ...sum.result(priced),
    pricesAsOf: priced === undefined ? null : (prices?.as_of ?? null),
    requests: requestsOf(file, name, asked) ?? null,
  };
}

/** Of a table that is too old to be believed, or not yet true. Pure. */
export function priceWarnings(asOf: string, now: Temporal.Instant): string[] {
  const today = now.toZonedDateTimeISO('UTC').toPlainDate();
  const day = Temporal.PlainDate.from(asOf);
  if (Temporal.PlainDate.compare(day, today) > 0)
    return [`The prices in the config are of ${asOf}, which is still to come`];
  if (Temporal.PlainDate.compare(day, today.subtract(PRICES_AGE_MAX)) >= 0) return [];
  return [
    `The prices in the config are of ${asOf}, more than a year old: look at the price list again and change \`prices.as_of\``,
  ];
}
