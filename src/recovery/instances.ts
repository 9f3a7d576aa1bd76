/** Restored instances: who they are, how long they stay, and their end. */

import type { InstanceRecord } from '../catalog/records.ts';
import { readScratchPlace } from '../clusters/place.ts';
import { findPostmaster } from '../clusters/processes.ts';
import { destroyScratch } from '../clusters/teardown.ts';
import { isRunId } from '../kernel/ids.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import type { RecoveryDeps } from './deps.ts';
import { INSTANCE_GONE } from './problems.ts';

export const NEVER_EXPIRES = '9999-12-31T23:59:59.999999Z';

/** How often expired instances are looked for. */
const REAP_MS = 30_000;

type InstanceDeps = Pick<RecoveryDeps, 'catalog' | 'clock' | 'log'>;

/** @throws Problem INSTANCE_GONE */
export async function requireInstance(deps: InstanceDeps, id: string): Promise<InstanceRecord> {
  const found = isRunId(id) ? await deps.catalog.instances.find(id) : undefined;
  if (found !== undefined) return found;
  throw new Problem(INSTANCE_GONE, `Cannot find a restored instance "${id}"`, { facts: { id } });
}

export async function isInstanceRunning(record: InstanceRecord): Promise<boolean> {
  const place = readScratchPlace(record.cluster);
  return place !== undefined && (await findPostmaster(place)) !== undefined;
}

/** Ends it, removes its files, forgets it. Repeatable. */
export async function removeInstance(deps: InstanceDeps, record: InstanceRecord): Promise<void> {
  const place = readScratchPlace(record.cluster);
  if (place !== undefined) await destroyScratch(place);
  await deps.catalog.instances.remove(record.runId);
  deps.log.info('Restored instance removed', { run_id: record.runId, directory: record.directory });
}

/** Removes what has expired at `now`; answers how many. */
export async function reapInstances(deps: InstanceDeps, now: Temporal.Instant): Promise<number> {
  let removed = 0;
  for (const record of await deps.catalog.instances.list()) {
    if (!isExpired(record, now)) continue;
    await removeInstance(deps, record);
    removed += 1;
  }
  return removed;
}

/** Pure. */
function isExpired({ expiresAt }: InstanceRecord, now: Temporal.Instant): boolean {
  return Temporal.Instant.compare(Temporal.Instant.from(expiresAt), now) <= 0;
}

export function instanceReaper(deps: InstanceDeps): Service {
  return {
    name: 'recovery:instance-reaper',
    lease: 'recovery:instance-reaper',
    async run({ signal, ready }) {
      ready();
      while (!signal.aborted) {
        await reapInstances(deps, deps.clock.now());
        await deps.clock.sleep(REAP_MS, { signal }).catch((error: unknown) => {
          if (!signal.aborted || isProblem(error)) throw error;
        });
      }
    },
  };
}
