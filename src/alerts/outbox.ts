/**
 * Brings what waits in the outbox to the pager: of each key in order, of different keys at once. What is
 * not taken is tried again after a growing wait for as long as it takes; what is refused after long waits,
 * and by each process at once, for its config may be another. Nothing that still stands is ever struck off:
 * only a trigger that was refused and has ended meanwhile, so that it holds up nothing that comes after it.
 */
import type { OutboxRecord } from '../catalog/records.ts';
import type { RunEvent } from '../catalog/runs.ts';
import { type BackoffPolicy, backoffMs } from '../kernel/backoff.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import { isRunId, type RunId } from '../kernel/ids.ts';
import { formatUtc } from '../kernel/moment.ts';
import type { AlertsDeps } from './deps.ts';
import type { Paged } from './paged.ts';
import { type Pager, type PagerAnswer, readPage } from './pager.ts';
import { ALERT_UNDELIVERED, dedupKeyOf, readFindings } from './route.ts';

const BACKOFF: BackoffPolicy = { firstMs: 2000, capMs: 60_000 };
/** Who refuses answers the same until somebody mends it: asked rarely, and still without a restart. */
const REFUSED_BACKOFF_MS = [600_000, 3_600_000] as const;
const OVER = 'over before it was taken';
/** A pager that is down must not be asked for everything at once. */
const AT_ONCE_MAX = 8;

export interface Delivery {
  /** Tries everything whose time has come, once. Answers when the next is due; undefined: nothing waits. */
  deliver(options: { readonly signal: AbortSignal }): Promise<number | undefined>;
}

type DeliveryDeps = Pick<AlertsDeps, 'clock' | 'log' | 'random'> & {
  readonly pager: Pager;
  readonly catalog: Pick<AlertsDeps['catalog'], 'findings' | 'installation'> & {
    readonly outbox: Pick<AlertsDeps['catalog']['outbox'], 'undelivered' | 'note' | 'strikeOff'>;
  };
};

/** How often each row was tried and when it is due again, on the clock that never jumps. */
type Waits = Map<
  number,
  { readonly attempt: number; readonly refusals: number; readonly dueMs: number }
>;

export function openDelivery(deps: DeliveryDeps): Delivery {
  const waits: Waits = new Map();
  return {
    async deliver({ signal }) {
      const undelivered = await deps.catalog.outbox.undelivered();
      const struck = endedUntaken(undelivered);
      for (const pair of struck) await strikeOff(deps, waits, pair);
      const gone = new Set(struck.flat().map(({ seq }) => seq));
      const heads = headsOf(undelivered.filter(({ seq }) => !gone.has(seq)));
      const nowMs = deps.clock.elapsedMs();
      const due = heads.filter(({ seq }) => (waits.get(seq)?.dueMs ?? nowMs) <= nowMs);
      await Promise.all(
        due.slice(0, AT_ONCE_MAX).map(async (row) => deliverOne(deps, waits, { row, signal })),
      );
      if (due.length > 0) return deps.clock.elapsedMs();
      const next = heads.flatMap(({ seq }) => waits.get(seq)?.dueMs ?? []);
      return next.length === 0 ? undefined : Math.min(...next);
    },
  };
}

/** What of each key comes next. Pure. */
export function headsOf(undelivered: readonly OutboxRecord[]): readonly OutboxRecord[] {
  const first = new Map<string, OutboxRecord>();
  for (const row of undelivered) if (!first.has(row.dedupKey)) first.set(row.dedupKey, row);
  return [...first.values()];
}

/**
 * Of each key the trigger that was refused and its resolve. What was only not answered may have been taken:
 * its resolve must still arrive. Pure.
 */
export function endedUntaken(
  undelivered: readonly OutboxRecord[],
): readonly (readonly [OutboxRecord, OutboxRecord])[] {
  return headsOf(undelivered).flatMap((head) => {
    if (head.action !== 'trigger' || head.state !== 'refused') return [];
    const next = undelivered.find(({ dedupKey, seq }) => {
      return dedupKey === head.dedupKey && seq > head.seq;
    });
    return next?.action === 'resolve' ? [[head, next] as const] : [];
  });
}

async function strikeOff(
  deps: DeliveryDeps,
  waits: Waits,
  [trigger, resolve]: readonly [OutboxRecord, OutboxRecord],
): Promise<void> {
  const at = utcText(deps.clock.now());
  const runs = await runsOf(deps, trigger);
  const events = runs.map((runId) => pagedEvent(runId, at, { outcome: 'over' }));
  const seqs = [trigger.seq, resolve.seq];
  await deps.catalog.outbox.strikeOff(seqs, OVER, events);
  for (const seq of seqs) waits.delete(seq);
  const { server, dedupKey: page } = trigger;
  deps.log.warn('A page was over before the pager took it', { server, page });
}

interface Delivered {
  readonly row: OutboxRecord;
  readonly signal: AbortSignal;
}

async function deliverOne(
  deps: DeliveryDeps,
  waits: Waits,
  { row, signal }: Delivered,
): Promise<void> {
  const { clock, catalog, log, pager, random } = deps;
  const { seq, action, dedupKey, server } = row;
  const answer = await pager.send({ action, dedupKey, page: readPage(row) }, { signal });
  const at = utcText(clock.now());
  const state = answer.outcome === 'not now' ? 'waiting' : answer.outcome;
  // Why it is not taken may change with each try; that it is not, is told once.
  const isNews = state !== row.state || row.said === null;
  const runs = action === 'trigger' && isNews ? await runsOf(deps, row) : [];
  const events = runs.map((runId) => pagedEvent(runId, at, pagedOf(answer, { at, pager })));
  await catalog.outbox.note(seq, { state, said: answer.said, at }, events);
  const fields = { server, page: dedupKey, action, said: answer.said };
  if (answer.outcome === 'accepted') {
    waits.delete(seq);
    log.info('The pager took a page', fields);
    return;
  }
  const before = waits.get(seq) ?? { attempt: 0, refusals: 0 };
  const attempt = before.attempt + 1;
  const refusals = answer.outcome === 'refused' ? before.refusals + 1 : 0;
  const waitMs =
    refusals === 0
      ? backoffMs(attempt, BACKOFF, random())
      : REFUSED_BACKOFF_MS[refusals === 1 ? 0 : 1];
  waits.set(seq, { attempt, refusals, dueMs: clock.elapsedMs() + waitMs });
  log.error('The pager did not take a page', { code: ALERT_UNDELIVERED, ...fields });
}

/** Whose messages speak of this page: the run that made it, and those that found it made. */
async function runsOf({ catalog }: DeliveryDeps, row: OutboxRecord): Promise<readonly RunId[]> {
  const installation = await catalog.installation.id();
  const told = readFindings(await catalog.findings.list(row.server))
    .filter((finding) => dedupKeyOf(installation, finding) === row.dedupKey)
    .flatMap(({ runId, failed = [] }) => [runId, ...failed.map((copy) => copy.runId)])
    .filter((runId) => runId !== undefined)
    .filter(isRunId);
  return [...new Set([...(row.runId === null ? [] : [row.runId]), ...told])];
}

function pagedOf(
  { outcome, said }: PagerAnswer,
  { at, pager }: { readonly at: string; readonly pager: Pager },
): Paged {
  if (outcome === 'accepted') return { outcome, by: pager.name, at };
  return { outcome: outcome === 'refused' ? outcome : 'waiting', said };
}

export function pagedEvent(runId: RunId, at: string, data: Paged): Omit<RunEvent, 'seq'> {
  return { runId, at, kind: 'paged', data };
}

export interface Waiting {
  readonly undelivered: readonly OutboxRecord[];
  /** `PagerDuty`. */
  readonly pager: string;
  readonly undeliveredSeconds: number;
  readonly now: Temporal.Instant;
}

/** Of each server whose pages were not taken for too long, or were refused. Pure. */
export function undeliveredFindings(waiting: Waiting): readonly Finding[] {
  const late = waiting.undelivered.filter((row) => isLate(row, waiting));
  return [...new Set(late.map(({ server }) => server))].map((server) => {
    const rows = late.filter((row) => row.server === server);
    const [first] = rows;
    const count = rows.length === 1 ? 'A page' : `${rows.length} pages`;
    const whose = server === '' ? '' : ` about ${server}`;
    const since = first?.madeAt ?? '';
    const said = rows.findLast((row) => row.said !== null)?.said ?? 'it has not answered';
    const isRefused = rows.some(({ state }) => state === 'refused');
    return {
      code: ALERT_UNDELIVERED,
      server,
      severity: 'page',
      summary: `${count}${whose} ${rows.length === 1 ? 'has' : 'have'} NOT been accepted by ${waiting.pager} since ${sayMoment(since)}: ${said}`,
      hint: isRefused
        ? 'Correct `alerts.pagerduty` in the config, see with `alerts --test` that it is taken, and restart `serve`.'
        : 'Tell whoever is on call yourself, and see with `alerts` and `alerts --test` why it is not taken.',
      since,
    };
  });
}

function isLate({ state, madeAt }: OutboxRecord, { undeliveredSeconds, now }: Waiting): boolean {
  if (state === 'refused') return true;
  return now.since(Temporal.Instant.from(madeAt)).total('seconds') >= undeliveredSeconds;
}

function sayMoment(at: string): string {
  return at === '' ? 'a while' : formatUtc(Temporal.Instant.from(at).round('second'));
}
