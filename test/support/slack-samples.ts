/** Rows and views as the gate would have them, for tests of what the bot says. */
import type { RunRecord } from '../../src/catalog/runs.ts';
import type { Explanation } from '../../src/gate/operation.ts';
import type { Json } from '../../src/kernel/codecs.ts';
import { isRunId, type RunId } from '../../src/kernel/ids.ts';
import type { IncidentView } from '../../src/slack/deps.ts';
import type { Message } from '../../src/slack/messages/blocks.ts';
import type { RunView, Surroundings } from '../../src/slack/run-view.ts';

export const NOW = Temporal.Instant.from('2026-11-22T14:57:00Z');

export const AROUND: Surroundings = {
  now: NOW,
  approvers: ['U0BEN', 'U0CLEO'],
  needed: 1,
  selfAllowed: false,
};

export function runIdOf(number: number): RunId {
  const id = `r-20261122T145200-${number.toString(16).padStart(6, '0')}`;
  if (!isRunId(id)) throw new TypeError(id);
  return id;
}

const ANA_ASKS: Json = {
  kind: 'slack',
  id: 'U0ANA',
  name: 'ana',
  zone: 'Europe/Berlin',
};

export function decidedBy(
  name: string,
  decision: string,
  at = '2026-11-22T14:57:40.000000Z',
): Json {
  const actor = { kind: 'slack', id: `U0${name.toUpperCase()}`, name, zone: 'UTC' };
  return { actor, decision, at, reason: null };
}

export function sampleRun(change: Partial<RunRecord> = {}): RunRecord {
  return {
    runId: runIdOf(1),
    operation: 'restore',
    server: 'shop',
    state: 'running',
    danger: 'low',
    input: {},
    plan: {},
    planHash: '7f3a91c2e5d4b6a8',
    outlook: null,
    asker: ANA_ASKS,
    deciders: [],
    audience: 'slack:C0OPS',
    after: null,
    performer: null,
    askedAt: '2026-11-22T14:52:00.000000Z',
    expiresAt: null,
    startedAt: '2026-11-22T14:52:01.000000Z',
    endedAt: null,
    result: null,
    problem: null,
    cancelAsked: false,
    ...change,
  };
}

export const RESTORE_EXPLAINED: Explanation = {
  title: 'Restore orders of shop to 2026-11-22 14:46:00 UTC',
  facts: [
    ['Target', '2026-11-22 14:46:00 UTC (15:46:00 Berlin, 6 minutes ago)'],
    ['Base', '20261122T021104Z'],
    ['WAL', '41 segments, no holes'],
    ['Forecast', '4 min'],
  ],
  warnings: [],
  approveLabel: 'Approve restore of shop',
  command: 'npx dbdr restore shop --to 2026-11-22T14:46:00Z --tables orders',
};

export const TABLES_EXPLAINED: Explanation = {
  title: 'Bring orders back into shop beside the damaged table',
  facts: [
    ['Server', 'shop'],
    ['Target', '2026-11-22 14:46:00 UTC'],
    ['Tables', 'public.orders'],
  ],
  warnings: ['The copy needs 61 MB on production'],
  approveLabel: 'Approve restore of shop',
  command: 'npx dbdr restore-tables shop --from r-1',
};

export function sampleView(change: Partial<RunView> = {}): RunView {
  return {
    run: sampleRun(),
    explanation: RESTORE_EXPLAINED,
    steps: [],
    followUps: [],
    ...change,
  };
}

export function waitingTables(change: Partial<RunRecord> = {}): RunView {
  return sampleView({
    run: sampleRun({
      runId: runIdOf(2),
      operation: 'restore-tables',
      state: 'waiting',
      danger: 'high',
      after: runIdOf(1),
      expiresAt: '2026-11-22T15:27:00.000000Z',
      startedAt: null,
      ...change,
    }),
    explanation: TABLES_EXPLAINED,
  });
}

export function sampleIncident(change: Partial<IncidentView> = {}): IncidentView {
  return {
    id: 'inc-1122-shop',
    version: 3,
    title: 'shop: a bad change',
    server: 'shop',
    openedAt: '2026-11-22T14:53:00.000000Z',
    closedAt: null,
    lead: { kind: 'slack', id: 'U0ANA', name: 'ana' },
    facts: [['Roughly when', '2026-11-22 14:46:00 UTC']],
    runbook: 'point-in-time.md',
    steps: [
      {
        id: 'stop-the-writer',
        number: 1,
        title: 'Stop what does the damage',
        prose: 'Stop the deploy.',
        by: 'hands',
        state: 'done',
        note: '@ana at 14:54:10 UTC',
      },
      {
        id: 'restore',
        number: 2,
        title: 'Restore to before it',
        prose: 'The copy goes to a scratch place & harms nobody.',
        estimateSeconds: 240,
        command: 'npx dbdr restore shop --to 2026-11-22T14:46:00Z',
        verification: 'SELECT count(*) FROM orders WHERE id < 10',
        by: 'operation',
        state: 'open',
      },
    ],
    updates: { count: 0 },
    ...change,
  };
}

/** Everything a reader can read in the blocks, a line each. */
export function readable(message: Pick<Message, 'blocks'>): string {
  const lines: string[] = [];
  collect(message.blocks, lines);
  return lines.join('\n');
}

function collect(value: unknown, lines: string[]): void {
  if (Array.isArray(value)) for (const inner of value) collect(inner, lines);
  else if (typeof value === 'object' && value !== null)
    for (const [key, inner] of Object.entries(value))
      if (key === 'text' && typeof inner === 'string') lines.push(inner);
      else collect(inner, lines);
}

/** The action ids of every button, in order. */
export function buttonsOf(message: Pick<Message, 'blocks'>): readonly string[] {
  return message.blocks.flatMap((block) =>
    block.type === 'actions'
      ? block.elements.flatMap((element) =>
          'action_id' in element ? [element.action_id ?? ''] : [],
        )
      : [],
  );
}
