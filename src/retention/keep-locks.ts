/**
 * Keeps what stays locked for as long as it stays, whatever holds up a removal: after each backup, after a
 * hold, and once a day, because a week or a month may end while no backup can be taken. A store that does
 * not answer, or refuses, keeps no other from it, and is told of by a finding.
 */
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { ServerName } from '../kernel/ids.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import { type RetentionDeps, serverNames } from './deps.ts';
import { type Extended, extendLocks } from './extend-locks.ts';
import { gatherFacts } from './gather.ts';
import { planRetention } from './plan.ts';

/** How a run calls it. */
export const LOCK_STEP = 'Lock what stays for as long as it stays';

/** A finding: something may be removed by anybody before its time. */
const LOCKS_SHORT = 'RETENTION_LOCKS_SHORT';
const EVERY_MS = 24 * 3_600_000;

export function lockService(deps: RetentionDeps): Service {
  const name = 'retention:locks';
  return {
    name,
    lease: name,
    async run({ signal, ready }) {
      ready();
      while (!signal.aborted) {
        for (const server of serverNames(deps))
          await keepLocks(deps, server, { signal }).catch(unlessAborted);
        await deps.clock.sleep(EVERY_MS, { signal }).catch(unlessAborted);
      }

      function unlessAborted(error: unknown): void {
        if (!signal.aborted) throw error;
      }
    },
  };
}

/** Whether a store of this server keeps locks at all. */
export function hasLocks(deps: RetentionDeps, server: ServerName): boolean {
  return deps.storesOf(server).some(({ store }) => store.locks !== undefined);
}

/** Never makes a lock shorter; a second time right after the first changes nothing. */
export async function keepLocks(
  deps: RetentionDeps,
  server: ServerName,
  { signal }: { readonly signal: AbortSignal },
): Promise<Extended> {
  const { findings } = deps.catalog;
  if (!hasLocks(deps, server)) return { objects: 0, failures: [] };
  const extended = await lookAndExtend(deps, server, signal);
  const [first] = extended.failures;
  if (first === undefined) {
    await findings.close(LOCKS_SHORT, server);
    return extended;
  }
  const names = extended.failures.map(({ store }) => `"${store}"`).join(' and ');
  const at = utcText(deps.clock.now());
  const finding: Finding = {
    code: LOCKS_SHORT,
    server,
    severity: 'warn',
    summary: `Backups of ${server} in ${names} are not locked for as long as they should stay: ${first.problem.message}`,
    hint: first.problem.hint,
    since: at,
  };
  await findings.open({ code: LOCKS_SHORT, server, finding: { ...finding }, at });
  return extended;
}

async function lookAndExtend(
  deps: RetentionDeps,
  server: ServerName,
  signal: AbortSignal,
): Promise<Extended> {
  const stores = deps.storesOf(server);
  try {
    const facts = await gatherFacts(deps, server, { signal });
    return await extendLocks({ server, stores, facts, decision: planRetention(facts), signal });
  } catch (error) {
    signal.throwIfAborted();
    // Such as a key file that cannot be read: nothing can be told of any store.
    if (!isProblem(error)) throw error;
    const locking = stores.filter(({ store }) => store.locks !== undefined);
    return { objects: 0, failures: locking.map(({ name }) => ({ store: name, problem: error })) };
  }
}
