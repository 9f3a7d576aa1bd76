/** Tests of going back on a server at rest: the log ends before the target, and the copy opens all the same. */
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { chooseBase } from '../../src/recovery/choose-base.ts';
import { restoreToScratch } from '../../src/recovery/point-in-time/restore.ts';
import type { Target } from '../../src/recovery/target.ts';
import { openFolderArchive, testServerName } from '../support/folder-archive.ts';
import { startPostgres } from '../support/postgres-cluster.ts';
import { testRecovery } from '../support/recovery-deps.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { testRun } from '../support/test-run.ts';

const NAME = testServerName('shop');

test('a moment just after a backup, with nothing written since, gives what the backup holds', async () => {
  await using server = await startPostgres();
  await using folder = await temporaryFolder();
  await server.query('CREATE TABLE kept AS SELECT n FROM generate_series(1, 1000) AS n');
  await using archive = await openFolderArchive(server, folder.path, NAME);
  const deps = testRecovery(server, archive, { name: NAME, scratch: join(folder.path, 'scratch') });
  const base = await archive.backup();
  const [row] = await server.query(
    `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`,
  );
  const at = String(row?.['at']);
  const target: Target = { kind: 'time', asked: at, at };
  const run = testRun();
  const [store] = deps.storesOf(NAME);
  if (store === undefined) throw new Error('There is no store');
  const inventory = await archive.walArchive.inventory({
    store: store.store,
    ring: deps.ring,
    signal: run.signal,
    folder: { server: NAME, major: base.major, systemId: base.systemId },
    segmentBytes: base.segmentBytes,
  });
  const known = { backups: [base], inventories: new Map([[base.systemId, inventory]]) };
  const choice = chooseBase({ ...known, progress: undefined }, target);
  if (choice.outcome !== 'found') throw new Error(`No base: ${JSON.stringify(choice)}`);
  const { path } = choice;

  const copy = await restoreToScratch(deps, { server: NAME, store, base, path, target }, run);
  try {
    await copy.open({ signal: run.signal });
    await using session = await deps.connect(copy.url, { signal: run.signal });

    expect(await session.query('SELECT count(*)::int AS n FROM kept')).toEqual([{ n: 1000 }]);
    expect(copy.how).toBe('end of log');
  } finally {
    await copy.discard();
  }
});
