/**
 * `alerts`: what the pager was told and took, and what still waits for it. With `--test` a page goes out and
 * is taken back at once, so that the way to whoever is woken is proved before it is needed.
 */
import { randomUUID } from 'node:crypto';

import { z } from 'zod';

import type { Explanation, Operation, Run } from '../gate/operation.ts';
import { type BackoffPolicy, backoffMs } from '../kernel/backoff.ts';
import { utcText } from '../kernel/codecs.ts';
import { isProblem, Problem, type ProblemKind } from '../kernel/problem.ts';
import type { AlertsDeps } from './deps.ts';
import { type Pager, type PagerEvent, RUN_ID, readPage } from './pager.ts';
import { NO_PAGER, PAGER_REFUSED, PAGER_UNREACHABLE, TEST_LEFT_OPEN } from './problems.ts';

const AlertsInput = z.strictObject({
  test: z.boolean().default(false).describe('Send a test page and take it back'),
});
type AlertsInput = z.infer<typeof AlertsInput>;

const AlertsPlan = z.strictObject({
  test: z.boolean(),
  /** Null: nobody is paged. */
  pager: z.string().nullable(),
});
type AlertsPlan = z.infer<typeof AlertsPlan>;

const OpenPage = z.strictObject({
  server: z.string(),
  code: z.string(),
  summary: z.string(),
  /** The run that it is about: `runs --run`. Null: it is about none. */
  runId: z.string().nullable().default(null),
  /** Since when it stands, whenever it was told last. */
  since: z.string(),
  /** Null: it waits. */
  acceptedAt: z.string().nullable(),
});

const WaitingPage = z.strictObject({
  server: z.string(),
  code: z.string(),
  action: z.enum(['trigger', 'resolve']),
  /** `refused` is tried again each hour, and when `serve` is restarted. */
  state: z.enum(['waiting', 'refused']),
  since: z.string(),
  attempts: z.number(),
  said: z.string().nullable(),
});

export const AlertsResult = z.strictObject({
  /** `PagerDuty at events.pagerduty.com`; null: nobody is paged. */
  pager: z.string().nullable(),
  open: z.array(OpenPage),
  waiting: z.array(WaitingPage),
  lastAcceptedAt: z.string().nullable(),
  /** Null: it was not asked for. */
  test: z
    .strictObject({ dedupKey: z.string(), trigger: z.string(), resolve: z.string() })
    .nullable(),
});
export type AlertsResult = z.infer<typeof AlertsResult>;

type OperationDeps = Pick<AlertsDeps, 'pager' | 'clock' | 'random'> & {
  readonly catalog: Pick<AlertsDeps['catalog'], 'outbox' | 'installation'>;
};

export function alertsOperation(
  deps: OperationDeps,
): Operation<AlertsInput, AlertsPlan, AlertsResult> {
  return {
    name: 'alerts',
    summary: 'Say what the pager was told and what waits for it; try it with a test page',
    words: {
      positional: [],
      describe: { test: 'send a test page and take it back' },
      examples: ['alerts', 'alerts --test'],
    },
    input: AlertsInput,
    plan: AlertsPlan,
    result: AlertsResult,
    async prepare({ test }) {
      await Promise.resolve();
      if (test) requirePager(deps);
      return { plan: { test, pager: sayPager(deps.pager) } };
    },
    danger: ({ test }) => (test ? 'low' : 'none'),
    locks: () => [],
    explain: explainAlerts,
    recheck: () => Promise.resolve(),
    async run({ test }, run) {
      const tested = test ? await tryPager(deps, requirePager(deps), run) : null;
      return { ...(await look(deps)), test: tested };
    },
  };
}

function requirePager({ pager }: Pick<OperationDeps, 'pager'>): Pager {
  if (pager !== undefined) return pager;
  throw new Problem(NO_PAGER, 'Cannot send a test page: no pager is configured');
}

function sayPager(pager: Pager | undefined): string | null {
  return pager === undefined ? null : `${pager.name} at ${pager.place}`;
}

function explainAlerts({ test, pager }: AlertsPlan): Explanation {
  if (!test)
    return {
      title: 'Look at what the pager was told',
      facts: [],
      warnings: [],
      approveLabel: 'Look',
      command: 'npx dbdr alerts',
    };
  return {
    title: `Send a test page to ${pager ?? 'nobody'}, and take it back`,
    facts: [['Danger', 'low: whoever is on call may hear it ring once']],
    warnings: [],
    approveLabel: 'Send a test page',
    command: 'npx dbdr alerts --test',
  };
}

async function look({ catalog, pager }: OperationDeps): Promise<Omit<AlertsResult, 'test'>> {
  const { outbox } = catalog;
  const [open, undelivered, last] = await Promise.all([
    outbox.open(),
    outbox.undelivered(),
    outbox.lastAccepted(),
  ]);
  return {
    pager: sayPager(pager),
    open: open.map((row) => {
      const { server, acceptedAt } = row;
      const { code, summary, since, details } = readPage(row);
      return { server, code, summary, runId: details[RUN_ID] ?? null, since, acceptedAt };
    }),
    waiting: undelivered.map((row) => {
      const { server, action, attempts, said, madeAt: since } = row;
      const state = row.state === 'refused' ? 'refused' : 'waiting';
      return { server, code: readPage(row).code, action, state, since, attempts, said };
    }),
    lastAcceptedAt: last?.acceptedAt ?? null,
  };
}

const TRIES = 3;
const BACKOFF: BackoffPolicy = { firstMs: 1000, capMs: 4000 };

async function tryPager(
  deps: OperationDeps,
  pager: Pager,
  run: Run,
): Promise<NonNullable<AlertsResult['test']>> {
  const installation = await deps.catalog.installation.id();
  const dedupKey = `dbdr/${installation}/test/${randomUUID()}`;
  const page = {
    summary: `Test page of dbdr, asked for by ${run.actor.name}: nothing is wrong`,
    source: 'dbdr',
    component: 'alerts',
    code: 'ALERTS_TEST',
    since: utcText(deps.clock.now()),
    details: { 'what to do next': 'Nothing: it is taken back at once.', 'run id': run.id },
    runbook: null,
  };
  let isSent = false;
  let taken: Promise<string> | undefined;
  function takeItBack(): Promise<string> {
    return (taken ??= takeBack(deps, pager, { action: 'resolve', dedupKey, page }));
  }
  try {
    const trigger = await run.step('Send a test page', ({ signal }) => {
      isSent = true;
      return sendSurely(deps, pager, { event: { action: 'trigger', dedupKey, page }, signal });
    });
    const resolve = await run.step('Take it back', takeItBack);
    return { dedupKey, trigger, resolve };
  } catch (error) {
    // What was not answered may have been taken, and whoever cancels wants nobody woken.
    if (isSent && taken === undefined)
      await takeItBack().catch((left: unknown) => {
        run.log.warn('Cannot take back a test page', { error: left, page: dedupKey });
        throw leftOpen(error, run.signal);
      });
    throw error;
  }
}

/** Whoever stops the run must hear it: the same reason, with more words. */
function leftOpen(error: unknown, { reason }: AbortSignal): unknown {
  if (!isProblem(reason)) return error;
  const words = `${reason.message}; the test page may be left open: resolve it by hand`;
  return new Problem(reason.kind, words, { cause: reason });
}

const TAKE_BACK_LIMIT_MS = 30_000;

/** Also when the run is being stopped, so it has a limit of its own. @throws Problem ALERTS_TEST_LEFT_OPEN */
async function takeBack(deps: OperationDeps, pager: Pager, event: PagerEvent): Promise<string> {
  const signal = AbortSignal.timeout(TAKE_BACK_LIMIT_MS);
  try {
    return await sendSurely(deps, pager, { event, signal, kind: TEST_LEFT_OPEN });
  } catch (error) {
    if (!signal.aborted) throw error;
    const limit = `${TAKE_BACK_LIMIT_MS / 1000} seconds`;
    throw new Problem(
      TEST_LEFT_OPEN,
      `Cannot resolve a test page: ${pager.name} did not accept it in ${limit}`,
      { cause: error },
    );
  }
}

interface Sending {
  readonly event: PagerEvent;
  readonly signal: AbortSignal;
  /** What it is when it is not taken; default: by what was answered. */
  readonly kind?: ProblemKind;
}

/** What was answered. @throws Problem ALERTS_PAGER_REFUSED, ALERTS_PAGER_UNREACHABLE, ALERTS_TEST_LEFT_OPEN */
async function sendSurely(
  { clock, random }: OperationDeps,
  pager: Pager,
  { event, signal, kind }: Sending,
): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    const { outcome, said } = await pager.send(event, { signal });
    if (outcome === 'accepted') return said;
    const isLast = outcome === 'refused' || attempt === TRIES;
    if (isLast)
      throw new Problem(
        kind ?? (outcome === 'refused' ? PAGER_REFUSED : PAGER_UNREACHABLE),
        `Cannot ${event.action} a test page: ${pager.name} did not accept it: ${said}`,
        { facts: { attempts: attempt } },
      );
    await clock.sleep(backoffMs(attempt, BACKOFF, random()), { signal });
  }
}
