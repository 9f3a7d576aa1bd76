/** A thread with a connection of its own that writes journal entries as fast as it can. */
import { workerData } from 'node:worker_threads';

import { z } from 'zod';

import { openSqliteCatalog } from '../../src/catalog/sqlite.ts';
import { systemClock } from '../../src/kernel/clock.ts';

const Data = z.object({ path: z.string(), writer: z.string(), count: z.number() });
const { path, writer, count } = Data.parse(workerData);
await using catalog = await openSqliteCatalog({ path, clock: systemClock });
for (let n = 0; n < count; n += 1)
  await catalog.journal.append({
    at: '2026-11-22T14:46:00.000000Z',
    what: 'wrote',
    actor: { writer },
    runId: null,
    data: { n },
  });
