/**
 * The service that takes back what attempts which did not end have left in the stores: packs without a
 * manifest, and halves of writes. Daily and at the start, after a time in which every backup would have
 * ended. A backup that is committed in any store of its server is no such attempt: the others may be
 * receiving their copy of it. Where a store that does not answer may hold its manifest, its packs stay.
 *
 * What is locked waits for its time. A store that refuses is told of by a finding, until a day on which
 * everything could be swept; neither it nor one that does not answer holds up another.
 */
import type { Catalog } from '../catalog/catalog.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem, Problem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { isDenied, OBJECT_LOCKED } from '../storage/problems.ts';
import { type BackupDeps, type NamedStore, serverNames } from './deps.ts';

/** A finding: a store refuses to let go of what did not end. */
const LEFTOVERS_STAY = 'BACKUP_LEFTOVERS_STAY';

const SWEEP_EVERY_MS = 24 * 3_600_000;
/** A backup has a day (`backup`'s deadline); a copy of one is put together as slowly as its link allows. */
const GRACE_MS = 2 * 24 * 3_600_000;

export interface StoreSweeperDeps
  extends Pick<BackupDeps, 'storesOf' | 'ring' | 'clock' | 'servers'> {
  readonly engine: Pick<BackupDeps['engine'], 'sweepUnfinished'>;
  readonly catalog: Pick<Catalog, 'findings'>;
  readonly log: Log;
}

export function storeSweeper(deps: StoreSweeperDeps): Service {
  return {
    name: 'store-sweeper',
    lease: 'store-sweeper',
    async run({ signal, ready }) {
      ready();
      while (!signal.aborted) {
        for (const server of serverNames(deps)) await sweepServer(deps, server, signal);
        await deps.clock.sleep(SWEEP_EVERY_MS, { signal }).catch(() => undefined);
      }
    },
  };
}

interface Sweeping {
  readonly server: ServerName;
  readonly store: NamedStore;
  readonly signal: AbortSignal;
}

interface Failure {
  readonly store: string;
  readonly problem: Problem;
}

async function sweepServer(
  deps: StoreSweeperDeps,
  server: ServerName,
  signal: AbortSignal,
): Promise<void> {
  const stores = deps.storesOf(server);
  const findManifest = manifestFinder(stores);
  const failures: Failure[] = [];
  for (const store of stores) {
    const sweeping = { server, store, signal };
    const found = await sweepStore(deps, sweeping, findManifest);
    if (signal.aborted) return;
    failures.push(...found);
  }
  await tellFinding(deps, server, failures);
}

/** Unfinished writes first: of them nobody has to ask another store, and no lock keeps them. */
async function sweepStore(
  deps: StoreSweeperDeps,
  sweeping: Sweeping,
  findManifest: ObjectStore['stat'],
): Promise<readonly Failure[]> {
  const { engine, ring, clock, log } = deps;
  const { server, signal } = sweeping;
  const { name, store } = sweeping.store;
  const writes = await attempt(deps, sweeping, async () =>
    store.sweep({ signal, olderThanMs: GRACE_MS }),
  );
  const packs = await attempt(deps, sweeping, async () =>
    engine.sweepUnfinished({
      store: withStat(store, findManifest),
      ring,
      server,
      signal,
      olderThanMs: GRACE_MS,
      now: clock.now(),
    }),
  );
  if (writes.removed + packs.removed > 0)
    log.info('Took back what did not end', {
      server,
      store: name,
      packs: packs.removed,
      writes: writes.removed,
    });
  return [...writes.failures, ...packs.failures];
}

interface Swept {
  readonly removed: number;
  readonly failures: readonly Failure[];
}

async function attempt(
  { log }: StoreSweeperDeps,
  { server, store: { name }, signal }: Sweeping,
  work: () => Promise<number>,
): Promise<Swept> {
  try {
    return { removed: await work(), failures: [] };
  } catch (error) {
    if (signal.aborted) return { removed: 0, failures: [] };
    if (!isProblem(error)) throw error;
    const fields = { server, store: name, code: error.kind.code, reason: error.message };
    if (isProblem(error, OBJECT_LOCKED)) {
      log.info('What did not end stays until its lock ends', fields);
      return { removed: 0, failures: [] };
    }
    log.warn('Cannot sweep a store', fields);
    return { removed: 0, failures: [{ store: name, problem: error }] };
  }
}

async function tellFinding(
  { catalog: { findings }, clock }: StoreSweeperDeps,
  server: ServerName,
  failures: readonly Failure[],
): Promise<void> {
  const refused = failures.filter(({ problem }) => isDenied(problem));
  const [first] = refused;
  if (first === undefined) {
    // Of a store that does not answer nobody knows whether it would still refuse.
    if (failures.length === 0) await findings.close(LEFTOVERS_STAY, server);
    return;
  }
  const names = [...new Set(refused.map(({ store }) => `"${store}"`))].join(' and ');
  const at = utcText(clock.now());
  const finding: Finding = {
    code: LEFTOVERS_STAY,
    server,
    severity: 'warn',
    summary: `What backups of ${server} that did not end left in ${names} stays: ${first.problem.message}`,
    hint: first.problem.hint,
    since: at,
  };
  await findings.open({ code: LEFTOVERS_STAY, server, finding: { ...finding }, at });
}

/**
 * Looks for a manifest wherever it may be, so that packs which wait for their copy of it stay. One that
 * did not answer is not asked again in this round.
 *
 * @throws Problem as the store said it, when none has it and not all could be asked
 */
function manifestFinder(stores: readonly NamedStore[]): ObjectStore['stat'] {
  const silent = new Map<string, Problem>();
  return async (key, options) => {
    for (const { name, store } of stores) {
      if (silent.has(name)) continue;
      try {
        const found = await store.stat(key, options);
        if (found !== undefined) return found;
      } catch (error) {
        options.signal.throwIfAborted();
        if (!isProblem(error)) throw error;
        silent.set(name, error);
      }
    }
    const [failed] = silent;
    if (failed === undefined) return undefined;
    const [name, problem] = failed;
    throw new Problem(
      problem.kind,
      `Cannot tell whether "${key}" is in "${name}", so its packs stay: ${problem.message}`,
      { facts: problem.facts, hint: problem.hint, cause: problem },
    );
  };
}

function withStat(store: ObjectStore, stat: ObjectStore['stat']): ObjectStore {
  return {
    description: store.description,
    locks: store.locks,
    stat,
    put: (...args) => store.put(...args),
    open: (...args) => store.open(...args),
    list: (...args) => store.list(...args),
    remove: (...args) => store.remove(...args),
    census: (...args) => store.census(...args),
    sweep: (...args) => store.sweep(...args),
  };
}
