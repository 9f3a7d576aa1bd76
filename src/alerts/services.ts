/**
 * The service that pages: reads how runs ended and what was noticed, decides who must hear of it, and
 * brings it there. Promises: a decision is written together with how far was read, so that a process that
 * dies loses nothing; what is told is what stands at the end of everything read, so that an old FAIL with a
 * later PASS wakes nobody; a pager that hangs holds up no decision.
 */
import type { OutboxRecord } from '../catalog/records.ts';
import type { RunEvent, RunRecord } from '../catalog/runs.ts';
import { type Bell, createBell, rungOrTime } from '../kernel/bell.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { Service, ServiceContext } from '../kernel/service.ts';
import type { AlertsDeps } from './deps.ts';
import { openDelivery, pagedEvent, undeliveredFindings } from './outbox.ts';
import type { Paged } from './paged.ts';
import { againAt, askAgain } from './retry-proof.ts';
import { ALERT_UNDELIVERED, dedupKeyOf, pagesOf, readFindings } from './route.ts';
import {
  changesOf,
  type FailedCopy,
  type FindingChange,
  failedChange,
  PROOF_FAILED,
  undecidedChange,
  withoutGone,
} from './run-findings.ts';

const NAME = 'alerts';
const BATCH = 200;
/** Findings have no events: they are looked at. */
const LOOK_EVERY_MS = 2000;
/** A minute more or less does not matter after a quarter of an hour. */
const RETRIES_EVERY_MS = 15_000;
/** Rows that another process has written are found then. */
const DELIVER_EVERY_MS = 1000;
/** What was told and taken back long ago nobody asks for; what is open is looked for in all the others. */
const KEPT_DAYS = 90;
const FORGET_EVERY_MS = 3_600_000;
/** What a run's message says of the page is of interest for a day. */
const NEWS_HOURS = 24;

export function alertsService(deps: AlertsDeps): Service {
  return {
    name: NAME,
    lease: NAME,
    async run({ signal, ready }) {
      const bell = createBell();
      await together(signal, [
        (both) => decide(deps, { signal: both, ready, bell }),
        (both) => deliver(deps, { signal: both, bell }),
      ]);
    },
  };
}

/** When one ends the other is stopped, and both have ended before anybody hears of it. */
async function together(
  signal: AbortSignal,
  works: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const ends = works.map(async (work) => {
    try {
      await work(both);
    } finally {
      over.abort(new Error('The other half has ended'));
    }
  });
  const settled = await Promise.allSettled(ends);
  if (signal.aborted) return;
  const failed = settled.find(
    (end) => end.status === 'rejected' && end.reason !== over.signal.reason,
  );
  if (failed?.status === 'rejected') throw failed.reason;
}

interface Delivering {
  readonly signal: AbortSignal;
  readonly bell: Bell;
}

async function deliver(deps: AlertsDeps, { signal, bell }: Delivering): Promise<void> {
  const { clock, pager } = deps;
  const delivery = pager === undefined ? undefined : openDelivery({ ...deps, pager });
  while (!signal.aborted) {
    // Before looking, so that a ring between looking and waiting is heard.
    const rung = bell.next();
    const due = await delivery?.deliver({ signal });
    const waitMs = due === undefined ? DELIVER_EVERY_MS : due - clock.elapsedMs();
    const bounded = Math.min(DELIVER_EVERY_MS, Math.max(0, waitMs));
    await rungOrTime(clock, rung, { signal, waitMs: bounded }).catch(unlessAborted(signal));
  }
}

async function decide(
  deps: AlertsDeps,
  { signal, ready, bell }: ServiceContext & Delivering,
): Promise<void> {
  const { gate, catalog, clock } = deps;
  let saved = await catalog.cursors.get(NAME);
  let read = saved;
  const isForRetries = every(clock, RETRIES_EVERY_MS);
  const isForForgetting = every(clock, FORGET_EVERY_MS);
  ready();
  while (!signal.aborted) {
    const events = await gate.eventsAfter(read, BATCH);
    const ended = await takeEvents(deps, events);
    read = events.at(-1)?.seq ?? read;
    await forgetGone(deps);
    if (isForRetries()) await tryAgain(deps, signal);
    if (isForForgetting())
      await catalog.outbox.forget(utcText(clock.now().subtract({ hours: 24 * KEPT_DAYS })));
    // There is more to read: what stands now may be over at its end.
    const isBehind = events.length === BATCH;
    const written = { ended, isBehind, ...(read === saved ? {} : { cursor: read }) };
    if (await write(deps, written)) bell.ring();
    saved = read;
    if (isBehind) continue;
    await judgeDelivery(deps);
    await eventsOrTime(deps, read, signal);
  }
}

/** True the first time it is asked, and not again before its time has passed. */
function every(clock: AlertsDeps['clock'], ms: number): () => boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = clock.elapsedMs();
    if (nowMs - lastMs < ms) return false;
    lastMs = nowMs;
    return true;
  };
}

interface Ended {
  readonly run: RunRecord;
  readonly changes: readonly FindingChange[];
}

/** Opens and closes what the ends of runs say; repeatable. */
async function takeEvents(
  deps: AlertsDeps,
  events: readonly RunEvent[],
): Promise<readonly Ended[]> {
  const ended: Ended[] = [];
  for (const { kind, runId } of events) {
    if (kind !== 'done' && kind !== 'failed' && kind !== 'interrupted') continue;
    const run = await deps.gate.find(runId);
    const server = deps.servers.find(({ name }) => name === run?.server);
    if (run === undefined || server === undefined) continue;
    const failed = await failedCopies(deps, server.name);
    const changes = changesOf({ run, retries: server.retries, failed });
    for (const change of changes) await apply(deps, change);
    ended.push({ run, changes });
  }
  return ended;
}

async function failedCopies(
  { catalog }: AlertsDeps,
  server: string,
): Promise<readonly FailedCopy[]> {
  const findings = readFindings(await catalog.findings.list(server));
  return findings.find(({ code }) => code === PROOF_FAILED)?.failed ?? [];
}

async function apply({ catalog, clock, log }: AlertsDeps, change: FindingChange): Promise<void> {
  const { code, server, finding } = change;
  if (finding === undefined) {
    await catalog.findings.close(code, server);
    return;
  }
  const { failed, ...plain } = finding;
  const kept =
    failed === undefined ? plain : { ...plain, failed: failed.map((one) => ({ ...one })) };
  const at = utcText(clock.now());
  if (await catalog.findings.open({ code, server, finding: kept, at }))
    log.warn('Noticed something', { server, finding: code });
}

/** Copies that retention has removed can mislead nobody any more. */
async function forgetGone(deps: AlertsDeps): Promise<void> {
  const { catalog, clock } = deps;
  for (const { code, server, failed = [] } of readFindings(await catalog.findings.list())) {
    if (code !== PROOF_FAILED) continue;
    const left = withoutGone(failed, await catalog.backups.list(server));
    if (left.length < failed.length)
      await apply(deps, failedChange(server, left, utcText(clock.now())));
  }
}

async function tryAgain(deps: AlertsDeps, signal: AbortSignal): Promise<void> {
  for (const server of deps.servers)
    for (const untold of await askAgain(deps, server, { signal })) {
      const at = utcText(deps.clock.now());
      const change = undecidedChange(server.name, { ...untold, at });
      // It stands until somebody can tell: it need not be written again each time.
      const known = readFindings(await deps.catalog.findings.list(server.name));
      const isKnown = known.some(
        ({ runId, summary }) => runId === untold.run.runId && summary === change.finding?.summary,
      );
      if (!isKnown) await apply(deps, change);
    }
}

interface Written {
  readonly ended: readonly Ended[];
  readonly isBehind: boolean;
  /** Undefined: nothing was read. */
  readonly cursor?: number;
}

/**
 * What the pager must hear, what the runs' messages say of it, and how far was read, in one step. True: it
 * must hear something.
 */
async function write(deps: AlertsDeps, { ended, isBehind, cursor }: Written): Promise<boolean> {
  const { catalog, clock, pager } = deps;
  const now = clock.now();
  const news = ended.filter(({ run }) => isNews(run, now));
  const installation = await catalog.installation.id();
  const open = pager === undefined || isBehind ? [] : await catalog.outbox.open();
  const findings = readFindings(await catalog.findings.list());
  const servers = deps.servers.map(({ name }) => name);
  const { remindSeconds } = deps;
  const standing = { findings, servers, open, installation, remindSeconds, now };
  const rows = pager === undefined || isBehind ? [] : pagesOf(standing);
  if (rows.length === 0 && news.length === 0 && cursor === undefined) return false;
  await catalog.outbox.add({
    rows,
    events: (told) =>
      news.flatMap((one) => {
        const paged = pagedFor(deps, one, { told, installation, isBehind });
        return paged === undefined ? [] : [pagedEvent(one.run.runId, utcText(now), paged)];
      }),
    ...(cursor === undefined ? {} : { cursor: { follower: NAME, seq: cursor } }),
  });
  return rows.length > 0;
}

interface Telling {
  readonly told: readonly OutboxRecord[];
  readonly installation: string;
  readonly isBehind: boolean;
}

/** Undefined: the run has nothing to do with anybody's sleep. Pure. */
function pagedFor(
  deps: AlertsDeps,
  { run, changes }: Ended,
  { told, installation, isBehind }: Telling,
): Paged | undefined {
  const change = changes.find(({ finding }) => finding?.runId === run.runId);
  if (change?.finding === undefined) return sayAgain(deps, run);
  if (deps.pager === undefined) return { outcome: 'nobody' };
  const key = dedupKeyOf(installation, change.finding);
  const row = told.find(({ dedupKey }) => dedupKey === key);
  if (row === undefined) return isBehind ? { outcome: 'waiting', said: null } : { outcome: 'over' };
  const { acceptedAt, state, said } = row;
  if (acceptedAt !== null) return { outcome: 'accepted', by: deps.pager.name, at: acceptedAt };
  return { outcome: state === 'refused' ? 'refused' : 'waiting', said };
}

function sayAgain({ servers }: AlertsDeps, run: RunRecord): Paged | undefined {
  const { retries = 0 } = servers.find(({ name }) => name === run.server) ?? {};
  if (run.operation !== 'verify') return undefined;
  const again = againAt(run, retries);
  return again === undefined ? undefined : { outcome: 'again', ...again, of: retries };
}

function isNews({ endedAt }: RunRecord, now: Temporal.Instant): boolean {
  if (endedAt === null) return false;
  return now.since(Temporal.Instant.from(endedAt)).total('hours') < NEWS_HOURS;
}

/** Opens and closes ALERT_UNDELIVERED of each server. */
async function judgeDelivery(deps: AlertsDeps): Promise<void> {
  const { catalog, clock, pager, undeliveredSeconds, log } = deps;
  const undelivered = pager === undefined ? [] : await catalog.outbox.undelivered();
  const waiting = { undelivered, pager: pager?.name ?? '', undeliveredSeconds, now: clock.now() };
  const late = undeliveredFindings(waiting);
  const known = readFindings(await catalog.findings.list()).filter(
    ({ code }) => code === ALERT_UNDELIVERED,
  );
  for (const { code, server } of known)
    if (!late.some((one) => one.server === server)) await catalog.findings.close(code, server);
  for (const finding of late) await openUndelivered(finding);

  async function openUndelivered(finding: Finding): Promise<void> {
    const { code, server } = finding;
    const before = known.find((one) => one.server === server);
    if (before?.summary === finding.summary) return;
    const at = utcText(clock.now());
    await catalog.findings.open({ code, server, finding: { ...finding }, at });
    log.error(finding.summary, { code });
  }
}

async function eventsOrTime(
  { gate, clock }: AlertsDeps,
  cursor: number,
  signal: AbortSignal,
): Promise<void> {
  const enough = new AbortController();
  const either = AbortSignal.any([signal, enough.signal]);
  const waits = [
    gate.waitForEvents(cursor, { signal: either }),
    clock.sleep(LOOK_EVERY_MS, { signal: either }),
  ];
  // Whoever loses the race is stopped, and nobody is interested in its rejection.
  for (const loser of waits) loser.catch(() => undefined);
  await Promise.race(waits).catch(unlessAborted(signal));
  enough.abort();
}

function unlessAborted(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}
