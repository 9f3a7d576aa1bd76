/** Runs, events, messages and cursors in memory, as much as the follower reads of them. */
import type { MessageRecord } from '../../src/catalog/records.ts';
import type { RunEvent, RunEventKind, RunRecord } from '../../src/catalog/runs.ts';
import type { Gate } from '../../src/gate/gate.ts';
import type { Explanation } from '../../src/gate/operation.ts';
import type { Json } from '../../src/kernel/codecs.ts';
import type { RunId } from '../../src/kernel/ids.ts';
import type { SlackCatalog } from '../../src/slack/deps.ts';
import { RESTORE_EXPLAINED, TABLES_EXPLAINED } from './slack-samples.ts';

export interface SlackMemory {
  readonly gate: Pick<Gate, 'eventsAfter' | 'waitForEvents' | 'explain'>;
  readonly catalog: SlackCatalog;
  readonly cursors: Map<string, number>;
  readonly messages: Map<string, MessageRecord>;
  /** Keeps the row and tells its followers. */
  happen(run: RunRecord, kind: RunEventKind, data?: Json): void;
}

export function slackMemory(): SlackMemory {
  const rows = new Map<RunId, RunRecord>();
  const events: RunEvent[] = [];
  const cursors = new Map<string, number>();
  const messages = new Map<string, MessageRecord>();
  const waiting = new Set<() => void>();

  return {
    cursors,
    messages,
    happen(run, kind, data = {}) {
      rows.set(run.runId, run);
      const at = '2026-11-22T14:52:10.000000Z';
      events.push({ seq: events.length + 1, runId: run.runId, at, kind, data });
      for (const wake of waiting) wake();
    },
    gate: {
      eventsAfter: async (cursor, limit) =>
        Promise.resolve(events.filter(({ seq }) => seq > cursor).slice(0, limit)),
      waitForEvents: async (cursor, { signal }) =>
        new Promise((resolve, reject) => {
          function wake(): void {
            if (events.length <= cursor) return;
            waiting.delete(wake);
            resolve();
          }
          signal.addEventListener('abort', () => reject(new Error('Aborted')), { once: true });
          waiting.add(wake);
          wake();
        }),
      explain: explainSample,
    },
    catalog: {
      runs: {
        find: async (runId) => Promise.resolve(rows.get(runId)),
        list: async ({ limit }) => Promise.resolve([...rows.values()].toReversed().slice(0, limit)),
        eventsOf: async (runId) => Promise.resolve(events.filter((e) => e.runId === runId)),
      },
      messages: {
        find: async (subject) => Promise.resolve(messages.get(subject)),
        record: async (row) => {
          messages.set(row.subject, row);
          return Promise.resolve();
        },
      },
      cursors: {
        get: async (name) => Promise.resolve(cursors.get(name) ?? 0),
        set: async (name, seq) => {
          cursors.set(name, seq);
          return Promise.resolve();
        },
      },
    },
  };
}

function explainSample(run: RunRecord): Explanation {
  return run.operation === 'restore-tables' ? TABLES_EXPLAINED : RESTORE_EXPLAINED;
}
