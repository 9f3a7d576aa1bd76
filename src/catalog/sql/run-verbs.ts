/** `RunVerbs` over a database, and the waiting for events that this or another process writes. */
import { createBell, rungOrTime } from '../../kernel/bell.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { RunVerbs } from '../run-verbs.ts';
import { type Database, type Session, sql } from './database.ts';
import { approve, askCancel, refuse, withdraw } from './decisions.ts';
import { toEvent } from './rows.ts';
import { addRunEvent, readRun } from './run-changes.ts';
import {
  claimRun,
  createRuns,
  endRun,
  expireRuns,
  findOnce,
  heldRuns,
  isCancelAsked,
  listRuns,
  promisedRuns,
  startableRuns,
} from './runs.ts';

/** How often another process's events are looked for. */
const OTHERS_EVERY_MS = 250;

export function runVerbs(database: Database, clock: Clock): RunVerbs {
  const bell = createBell();

  async function change<T>(work: (session: Session) => T): Promise<T> {
    const answer = await database.write(work);
    bell.ring();
    return answer;
  }

  function newestSeq(): Promise<number> {
    return database.read(readNewestSeq);
  }

  return {
    create: (runs, { onceKey }) => change((session) => createRuns(session, runs, onceKey)),
    find: (runId) => database.read((session) => readRun(session, runId)),
    findOnce: (onceKey) => database.read((session) => findOnce(session, onceKey)),
    list: (options) => database.read((session) => listRuns(session, options)),
    startable: (now, limit) => database.read((session) => startableRuns(session, now, limit)),
    held: () => database.read(heldRuns),
    promised: () => database.read(promisedRuns),

    approve: (approving) => change((session) => approve(session, approving)),
    refuse: (deciding) => change((session) => refuse(session, deciding)),
    withdraw: (deciding) => change((session) => withdraw(session, deciding)),
    askCancel: (deciding) => change((session) => askCancel(session, deciding)),
    expire: (now) => change((session) => expireRuns(session, now)),
    claim: (claiming) => change((session) => claimRun(session, claiming)),
    end: (ending) => change((session) => endRun(session, ending)),
    isCancelAsked: (runId) => database.read((session) => isCancelAsked(session, runId)),

    addEvent: (event) => change((session) => addRunEvent(session, event)),
    async eventsAfter(seq, limit) {
      const query = sql.selectFrom('run_events').selectAll().where('seq', '>', seq);
      const rows = await database.read((session) => session.all(query.orderBy('seq').limit(limit)));
      return rows.map(toEvent);
    },
    async eventsOf(runId) {
      const query = sql.selectFrom('run_events').selectAll().where('run_id', '=', runId);
      const rows = await database.read((session) => session.all(query.orderBy('seq')));
      return rows.map(toEvent);
    },
    newestSeq,

    async waitForEvents(seq, { signal }) {
      for (;;) {
        signal.throwIfAborted();
        // Before looking, so that a ring between looking and waiting is heard.
        const rung = bell.next();
        if ((await newestSeq()) > seq) return;
        await rungOrTime(clock, rung, { signal, waitMs: OTHERS_EVERY_MS });
      }
    },
  };
}

function readNewestSeq(session: Session): number {
  const newest = sql.selectFrom('run_events').select((max) => max.fn.max('seq').as('seq'));
  return session.first(newest)?.seq ?? 0;
}
