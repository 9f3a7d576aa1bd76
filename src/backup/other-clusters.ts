/**
 * A store may hold backups of another cluster under the same server's name: the server was made anew,
 * moved or brought to another major version. Each cluster has a folder of its own and nothing is mixed
 * up, but people must know that the older ones are of something else.
 */
import type { BackupSummary } from '../engines/engine.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { BackupDeps, NamedStore } from './deps.ts';

const OTHER_CLUSTER = 'BACKUP_OTHER_CLUSTER';

type Known = Pick<BackupSummary, 'systemId' | 'major' | 'endedAt'>;

export interface ClusterCount {
  readonly systemId: string;
  readonly major: number;
  readonly backups: number;
  readonly newestAt: string;
}

/** The one with the newest backup first. Pure. */
export function countClusters(backups: readonly Known[]): readonly ClusterCount[] {
  const counts = new Map<string, ClusterCount>();
  for (const { systemId, major, endedAt } of backups) {
    const id = `${major}-${systemId}`;
    const known = counts.get(id) ?? { systemId, major, backups: 0, newestAt: endedAt };
    const newestAt = known.newestAt > endedAt ? known.newestAt : endedAt;
    counts.set(id, { ...known, backups: known.backups + 1, newestAt });
  }
  return [...counts.values()].toSorted((a, b) => (a.newestAt > b.newestAt ? -1 : 1));
}

/** Pure. */
function sayOthers(server: string, others: readonly ClusterCount[]): readonly string[] {
  return others.map(({ systemId, major, backups, newestAt }) => {
    const count = backups === 1 ? '1 backup' : `${backups} backups`;
    return `The store also holds ${count} of another cluster of ${server} (${systemId}, PostgreSQL ${major}), the newest of ${newestAt.slice(0, 10)}`;
  });
}

/** Opens or closes the finding; answers the sentences for whoever took the backup. */
export async function tellOtherClusters(
  { engine, ring, catalog, clock }: BackupDeps,
  summary: BackupSummary,
  { store, signal }: { readonly store: NamedStore; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const { server } = summary;
  const { backups } = await engine.listBackups({ store: store.store, ring, server, signal });
  const others = countClusters(backups).filter(
    ({ systemId, major }) => systemId !== summary.systemId || major !== summary.major,
  );
  const said = sayOthers(server, others);
  if (said.length === 0) {
    await catalog.findings.close(OTHER_CLUSTER, server);
    return [];
  }
  const at = utcText(clock.now());
  const finding: Finding = {
    code: OTHER_CLUSTER,
    server,
    severity: 'warn',
    summary: said.join('; '),
    hint: `If the server was made anew or upgraded, nothing is to be done: each cluster is kept apart. If not, two servers share the name "${server}": give one of them another.`,
    since: at,
  };
  await catalog.findings.open({ code: OTHER_CLUSTER, server, finding: { ...finding }, at });
  return said;
}
