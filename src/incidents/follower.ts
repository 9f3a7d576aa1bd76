/**
 * Tells the walk when a run that one of its steps waits for has ended. It reads run events from a cursor
 * of its own, which moves only after an event was taken: a restart loses nothing.
 */
import type { Catalog } from '../catalog/catalog.ts';
import type { RunEvent } from '../catalog/runs.ts';
import type { Gate } from '../gate/gate.ts';
import type { Service } from '../kernel/service.ts';
import { endOf } from './ends.ts';
import type { Incidents } from './incidents.ts';

const CURSOR = 'incidents:follower';
const BATCH = 200;

export interface FollowerDeps {
  readonly gate: Pick<Gate, 'eventsAfter' | 'waitForEvents'>;
  readonly cursors: Catalog['cursors'];
  readonly incidents: Pick<Incidents, 'runEnded'>;
}

export function incidentFollower(deps: FollowerDeps): Service {
  return {
    name: CURSOR,
    lease: CURSOR,
    async run({ signal, ready }) {
      let cursor = await deps.cursors.get(CURSOR);
      ready();
      while (!signal.aborted) {
        const events = await deps.gate.eventsAfter(cursor, BATCH);
        for (const event of events) await take(deps, event);
        const last = events.at(-1)?.seq;
        if (last === undefined)
          await deps.gate.waitForEvents(cursor, { signal }).catch(unlessAborted);
        else await deps.cursors.set(CURSOR, (cursor = last));
      }

      function unlessAborted(error: unknown): void {
        if (!signal.aborted) throw error;
      }
    },
  };
}

async function take({ incidents }: FollowerDeps, event: RunEvent): Promise<void> {
  const end = endOf(event.kind);
  if (end !== undefined) await incidents.runEnded({ runId: event.runId, at: event.at, ...end });
}
