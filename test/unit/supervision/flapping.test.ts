/** That a service does not stay up is told of it alone, until it is well. */
import { expect, test } from 'vitest';

import type { FindingRecords } from '../../../src/catalog/records.ts';
import type { Json } from '../../../src/kernel/codecs.ts';
import { endFlapping, flapping, keepFlapping } from '../../../src/supervision/flapping.ts';

const AT = '2026-11-22T14:46:00.000000Z';
const SERVERS = ['shop', 'books'];
const RUNNING = ['archiving:shop', 'coverage:shop', 'recover', 'runner', 'slack:door'];

/** Findings by row code and server. */
function recordsOf(): Pick<FindingRecords, 'open' | 'close' | 'list'> & {
  readonly rows: Map<string, Json>;
} {
  const rows = new Map<string, Json>();
  return {
    rows,
    async open({ code, server, finding }) {
      rows.set(`${code} ${server}`, finding);
      return Promise.resolve(true);
    },
    close: async (code, server) => Promise.resolve(rows.delete(`${code} ${server}`)),
    list: async () => Promise.resolve([...rows.values()]),
  };
}

async function kept(...services: readonly string[]) {
  const records = recordsOf();
  for (const service of services) {
    const finding = flapping(service, { since: AT, why: 'no connection' });
    await keepFlapping(records, finding, { at: AT, servers: SERVERS });
  }
  return records;
}

test('a service that is well takes back nothing of another one of its server, nor of none', async () => {
  const records = await kept('archiving:shop', 'recover');

  await endFlapping(records, 'coverage:shop', RUNNING);
  await endFlapping(records, 'runner', RUNNING);
  expect([...records.rows.keys()]).toEqual([
    'SERVICE_FLAPPING:archiving:shop shop',
    'SERVICE_FLAPPING:recover ',
  ]);

  await endFlapping(records, 'archiving:shop', RUNNING);
  expect([...records.rows.keys()]).toEqual(['SERVICE_FLAPPING:recover ']);
});

test('what follows a colon and is no server is of all of them: else nobody would be paged', async () => {
  const records = await kept('slack:door');

  expect(await records.list()).toMatchObject([{ server: '', service: 'slack:door' }]);
  await endFlapping(records, 'slack:door', RUNNING);
  expect(await records.list()).toEqual([]);
});

test('what stands of a service that nobody runs any more is over', async () => {
  const records = await kept('mirroring:shop:old', 'archiving:shop');
  const before = { code: 'SERVICE_FLAPPING', server: 'books' };
  await records.open({ code: 'SERVICE_FLAPPING', server: 'books', finding: before, at: AT });

  await endFlapping(records, 'runner', RUNNING);

  expect([...records.rows.keys()]).toEqual(['SERVICE_FLAPPING:archiving:shop shop']);
});
