/**
 * Brings what waits in the outbox to the pager: of each key in order, of different keys at once. What is
 * not taken is tried again after a growing wait for as long as it takes; what is refused after long waits,
 * and by each process at once, for its config may be another. Nothing that still stands is ever struck off:
 * only what was refused and is overtaken by what comes after it, so that it holds that up for no moment.
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
const OVERTAKEN = 'overtaken before it was taken';
/** Longer than a look into the catalogue and one question to a chat that is well. */
const LINK_LIMIT_MS = 2000;
/** A pager that is down must not be asked for everything at once. */
const AT_ONCE_MAX = 8;

export interface Delivery {
  /** Tries everything whose time has come, once. Answers when the next is due; undefined: nothing waits. */
  deliver(options: { readonly signal: AbortSignal }): Promise<number | undefined>;
}

type DeliveryDeps = Pick<AlertsDeps, 'clock' | 'log' | 'random' | 'links'> & {
  readonly pager: Pager;
  readonly catalog: Pick<AlertsDeps['catalog'], 'findings' | 'installation'> & {
    readonly outbox: Pick<
      AlertsDeps['catalog']['outbox'],
      'undelivered' | 'lastAccepted' | 'note' | 'strikeOff'
    >;
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
      const struck = overtaken(undelivered, await standingOf(deps, undelivered));
      for (const rows of struck) await strikeOff(deps, waits, rows);
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

/** Of the keys where something was refused those whose page was taken and not taken back since. */
async function standingOf(
  { catalog }: DeliveryDeps,
  undelivered: readonly OutboxRecord[],
): Promise<ReadonlySet<string>> {
  const standing = new Set<string>();
  for (const { dedupKey, state } of headsOf(undelivered)) {
    if (state !== 'refused') continue;
    const taken = await catalog.outbox.lastAccepted(dedupKey);
    if (taken?.action === 'trigger') standing.add(dedupKey);
  }
  return standing;
}

/**
 * Of each key what was refused and need not be told any more, because of what comes behind it: a trigger and
 * its resolve together; only the trigger where a page of the key stands at the pager, taken before, which
 * that resolve must take back; a resolve whose page is triggered anew. What was only not answered may have
 * been taken: it and what is behind it must still arrive. Pure.
 */
export function overtaken(
  undelivered: readonly OutboxRecord[],
  standing: ReadonlySet<string>,
): readonly (readonly OutboxRecord[])[] {
  return headsOf(undelivered).flatMap((head) => {
    const next = undelivered.find(({ dedupKey, seq }) => {
      return dedupKey === head.dedupKey && seq > head.seq;
    });
    if (head.state !== 'refused' || next === undefined) return [];
    const isPair = head.action === 'trigger' && next.action === 'resolve';
    const isTaken = isAgain(head) || standing.has(head.dedupKey);
    return [isPair && !isTaken ? [head, next] : [head]];
  });
}

function isAgain(row: OutboxRecord): boolean {
  return readPage(row).again === true;
}

async function strikeOff(
  deps: DeliveryDeps,
  waits: Waits,
  rows: readonly OutboxRecord[],
): Promise<void> {
  const [head] = rows;
  if (head === undefined) return;
  // Whose run was told that its page was refused must hear that it is over; of one told again nobody was.
  const isOver = head.action === 'trigger' && !isAgain(head);
  const at = utcText(deps.clock.now());
  const runs = isOver ? await runsOf(deps, head) : [];
  const events = runs.map((runId) => pagedEvent(runId, at, { outcome: 'over' }));
  const seqs = rows.map(({ seq }) => seq);
  await deps.catalog.outbox.strikeOff(seqs, isOver ? OVER : OVERTAKEN, events);
  for (const seq of seqs) waits.delete(seq);
  const { server, action, dedupKey: page } = head;
  deps.log.warn('A page was overtaken before the pager took it', { server, action, page });
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
  const link = await linkOf(deps, row.runId);
  const answer = await pager.send({ action, dedupKey, page: readPage(row), link }, { signal });
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

/** Of no importance beside the page itself: what is not known in time goes without. */
async function linkOf(
  { links, clock }: DeliveryDeps,
  runId: RunId | null,
): Promise<string | undefined> {
  if (runId === null || links === undefined) return undefined;
  const known = new AbortController();
  const late = clock.sleep(LINK_LIMIT_MS, { signal: known.signal });
  try {
    const waited = late.then(
      () => undefined,
      () => undefined,
    );
    return await Promise.race([links(runId).catch(() => undefined), waited]);
  } finally {
    known.abort();
  }
}

/** Whose messages speak of this page: the run that made it, and those that found it made. */
async function runsOf({ catalog }: DeliveryDeps, row: OutboxRecord): Promise<readonly RunId[]> {
  // Of one that is told again the others have heard that it was taken.
  if (isAgain(row)) return row.runId === null ? [] : [row.runId];
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
