/** What a usage looks like to a person, at a terminal and in a chat: the point first. Pure. */
import type { Json } from '../kernel/codecs.ts';
import { formatUtc } from '../kernel/moment.ts';
import { formatBytes } from '../kernel/size.ts';
import type { StoreUsage } from './usage.ts';
import { Usage } from './usage-operation.ts';

const KIND_NAMES: Readonly<Record<StoreUsage['kinds'][number]['kind'], string>> = {
  base: 'Base backups',
  wal: 'Log',
  tail: 'Tails of the log',
  history: 'Timelines',
  hold: 'Holds',
  other: 'Other',
};

/** One store, or what is said of all of them: a headline, and labels with values. */
export interface UsageBlock {
  readonly title: string;
  readonly facts: readonly (readonly [label: string, value: string])[];
}

/** Undefined: it is no usage. */
export function usageBlocks(result: Json): readonly UsageBlock[] | undefined {
  const read = Usage.safeParse(result);
  if (!read.success) return undefined;
  const { stores, unreachable, warnings } = read.data;
  return [
    ...stores.map((store) => storeBlock(store, read.data)),
    ...unreachable.map(({ store, reason, hint }) => ({
      title: `${store} does not answer`,
      facts: [['Why', reason] as const, ['Next', hint] as const],
    })),
    ...(stores.length > 1 ? [{ title: totalTitle(read.data), facts: [] }] : []),
    ...warnings.map((title) => ({ title, facts: [] })),
  ];
}

function storeBlock(store: Usage['stores'][number], usage: Usage): UsageBlock {
  const { noncurrent, incompleteUploads } = store;
  const old = amountText(noncurrent.storedBytes, noncurrent.objects, 'version');
  const { uploads, storedBytes } = incompleteUploads;
  const unfinished = amountText(storedBytes, uploads, 'upload');
  return {
    title: `${store.store} holds ${formatBytes(store.storedBytes)}`,
    facts: [
      ['A month', costText(store.monthlyCost, store, usage)],
      ...store.kinds.map(
        (one) =>
          [KIND_NAMES[one.kind], amountText(one.storedBytes, one.objects, 'object')] as const,
      ),
      ...(noncurrent.objects === 0 ? [] : [['Older versions', old] as const]),
      ...(uploads === 0 ? [] : [['Unfinished', unfinished] as const]),
      ...serverFacts(store),
      ...(store.classes.length < 2 ? [] : [['Classes', classesText(store.classes)] as const]),
      ...requestFacts(store, usage),
      ['Where', store.description],
    ],
  };
}

function requestFacts(
  { requests }: Usage['stores'][number],
  { prices }: Usage,
): readonly (readonly [string, string])[] {
  if (requests === null) return [];
  const { put, list, get, remove, since, perDay, monthlyCost } = requests;
  const kinds = `${numberText(put)} writes, ${numberText(list)} listings, ${numberText(get)} reads, ${numberText(remove)} removals`;
  const from = formatUtc(Temporal.Instant.from(since).round('second'));
  const rate = perDay === null ? '' : `${numberText(perDay)} a day: `;
  const cost =
    monthlyCost === null || prices === null
      ? ''
      : `, ${moneyText(monthlyCost, prices.currency)} a month`;
  return [['Requests', `${rate}${kinds} by the bot since ${from}${cost}`]];
}

function numberText(requests: number): string {
  return requests.toLocaleString('en');
}

/** One server's objects are what the kinds above say already. */
function serverFacts({ servers }: StoreUsage): readonly (readonly [string, string])[] {
  if (servers.length < 2) return [];
  return servers.map(({ server, storedBytes, objects }) => [
    `Of ${server}`,
    amountText(storedBytes, objects, 'object'),
  ]);
}

function classesText(classes: StoreUsage['classes']): string {
  return classes
    .map(({ storageClass, storedBytes }) => `${formatBytes(storedBytes)} ${storageClass}`)
    .join(', ');
}

function totalTitle({ stores, monthlyCost, prices }: Usage): string {
  const bytes = stores.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  const cost =
    monthlyCost === null || prices === null
      ? ''
      : `, ${moneyText(monthlyCost, prices.currency)} a month`;
  return `Together ${formatBytes(bytes)}${cost}`;
}

function costText(
  cost: number | null,
  { classes, unpricedBytes }: StoreUsage,
  { prices }: Usage,
): string {
  if (prices === null) return 'unknown: the config has no `prices`';
  const dated = `at prices of ${prices.asOf}`;
  if (cost !== null) return `${moneyText(cost, prices.currency)} ${dated}`;
  const priced = classes.flatMap(({ monthlyCost }) => monthlyCost ?? []);
  const without = classes.flatMap((one) => (one.monthlyCost === null ? [one.storageClass] : []));
  const missing = `no price for ${without.join(', ')} (${formatBytes(unpricedBytes)})`;
  if (priced.length === 0) return `unknown: ${missing}`;
  const sum = priced.reduce((a, b) => a + b, 0);
  return `${moneyText(sum, prices.currency)} and more ${dated}: ${missing}`;
}

function moneyText(amount: number, currency: string): string {
  if (amount > 0 && amount < 0.01) return `less than 0.01 ${currency}`;
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return `${amount.toLocaleString('en', digits)} ${currency}`;
}

function amountText(bytes: number, count: number, what: string): string {
  return `${formatBytes(bytes)} in ${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
