/**
 * The clock as a caller: at each due moment it asks the gate, like anybody else. Two processes ask with
 * the same key, so that a due moment becomes one run. A moment that passed while nobody ran is noticed
 * at the next look and made up for once, however many were missed.
 */
import type { ScheduleRecords } from '../catalog/records.ts';
import type { Gate } from '../gate/gate.ts';
import type { Actor } from '../gate/people.ts';
import { createBell, rungOrTime } from '../kernel/bell.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service, ServiceContext } from '../kernel/service.ts';
import { type CronTimer, nodeCronTimer, readCron } from './cron-timer.ts';
import { type CronFields, lastDue } from './due.ts';

export interface Schedule {
  /** Stable and unique: `backup:shop`. */
  readonly name: string;
  readonly cron: string;
  /** IANA zone the expression is read in. */
  readonly zone: string;
  readonly ask: {
    readonly operation: string;
    readonly input: { readonly [key: string]: unknown };
    readonly audience?: string;
  };
}

export interface ScheduleDeps {
  readonly schedules: readonly Schedule[];
  readonly gate: Pick<Gate, 'ask'>;
  readonly records: ScheduleRecords;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: node-cron. */
  readonly timer?: CronTimer;
}

/** Timers sleep while the machine sleeps: so often the schedules are looked at in any case. */
const LOOK_EVERY_MS = 60_000;
/** Asked later than that, it was missed. */
const MISSED_AFTER_MS = 90_000;

interface Planned {
  readonly schedule: Schedule;
  readonly fields: CronFields;
}

/** @throws Problem SCHEDULE_UNREADABLE when an expression makes no sense. */
export function scheduleService(deps: ScheduleDeps): Service {
  const planned = deps.schedules.map((schedule) => ({
    schedule,
    fields: readCron(schedule.name, schedule.cron),
  }));
  return { name: 'schedule', run: (context) => follow(deps, planned, context) };
}

async function follow(
  deps: ScheduleDeps,
  planned: readonly Planned[],
  { signal, ready }: ServiceContext,
): Promise<void> {
  const bell = createBell();
  using timers = new DisposableStack();
  for (const { schedule } of planned) {
    const timer = deps.timer ?? nodeCronTimer;
    timers.use(timer.start(schedule.cron, schedule.zone, bell.ring));
  }
  while (!signal.aborted) {
    // Before looking, so that a ring during the look is not lost.
    const rung = bell.next();
    for (const one of planned) await look(deps, one, signal);
    ready();
    // It rejects only when we stop.
    await rungOrTime(deps.clock, rung, { signal, waitMs: LOOK_EVERY_MS }).catch(() => undefined);
  }
}

async function look(deps: ScheduleDeps, planned: Planned, signal: AbortSignal): Promise<void> {
  const { schedule, fields } = planned;
  const { records } = deps;
  const now = deps.clock.now();
  const due = lastDue(fields, schedule.zone, now);
  if (due === undefined) return;
  const dueAt = utcText(due);
  const last = await records.lastDueAt(schedule.name);
  if (last === undefined) {
    // New in the config: what was due before it stood there was never promised.
    await records.take(schedule.name, dueAt);
    return;
  }
  if (last >= dueAt) return;
  const lateMs = now.epochMilliseconds - due.epochMilliseconds;
  if (lateMs > MISSED_AFTER_MS)
    deps.log.warn('A schedule was missed and is made up for', { schedule: schedule.name, dueAt });
  if (await ask(deps, schedule, { dueAt, signal })) await records.take(schedule.name, dueAt);
}

interface Due {
  readonly dueAt: string;
  readonly signal: AbortSignal;
}

/** False: it is worth asking again at the next look. */
async function ask(deps: ScheduleDeps, schedule: Schedule, due: Due): Promise<boolean> {
  const { name, ask: wanted } = schedule;
  try {
    await deps.gate.ask({
      operation: wanted.operation,
      input: wanted.input,
      actor: actorOf(schedule),
      signal: due.signal,
      performer: 'any',
      onceKey: `schedule:${name}:${due.dueAt}`,
      ...(wanted.audience === undefined ? {} : { audience: wanted.audience }),
    });
    deps.log.info('Schedule asked', { schedule: name, due_at: due.dueAt });
    return true;
  } catch (error) {
    if (due.signal.aborted) return false;
    const isHopeful = isProblem(error) && error.kind.retry !== 'never';
    const code = isProblem(error) ? error.kind.code : 'SCHEDULE_FAILED';
    deps.log.error('A schedule could not ask', { code, schedule: name, error });
    return !isHopeful;
  }
}

function actorOf({ name, zone }: Schedule): Actor {
  return { kind: 'schedule', id: name, name: `schedule ${name}`, zone };
}
