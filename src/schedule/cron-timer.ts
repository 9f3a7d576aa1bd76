/** node-cron as the thing that wakes us. What is due is decided by `due.ts`, not by who woke us. */
import { parse, schedule, validateDetailed } from 'node-cron';

import { Problem } from '../kernel/problem.ts';
import { type CronFields, unknownDayPart } from './due.ts';
import { SCHEDULE_UNREADABLE } from './problems.ts';

/** Calls `tick` at each due moment until it is disposed. */
export interface CronTimer {
  start(cron: string, zone: string, tick: () => void): Disposable;
}

export const nodeCronTimer: CronTimer = {
  start(cron, zone, tick) {
    const task = schedule(cron, tick, {
      timezone: zone,
      // An asking takes a moment; the run it asks for may well outlast the next due moment.
      noOverlap: false,
      suppressMissedWarning: true,
    });
    return {
      [Symbol.dispose]() {
        // Resolves at once for a task in this process; nothing of ours waits for it.
        void task.destroy();
      },
    };
  },
};

/** @throws Problem SCHEDULE_UNREADABLE */
export function readCron(name: string, cron: string): CronFields {
  const { valid, errors } = validateDetailed(cron);
  if (!valid) throw unreadable(name, cron, errors.map(({ message }) => message).join('; '));
  const fields = parse(cron);
  const unknown = unknownDayPart(fields);
  if (unknown !== undefined) throw unreadable(name, cron, `"${unknown}" is not understood`);
  return fields;
}

function unreadable(name: string, cron: string, why: string): Problem {
  return new Problem(SCHEDULE_UNREADABLE, `Cannot read the schedule "${cron}" of ${name}: ${why}`);
}
