/** What people are told of a hole that the receiver and the watcher both see. */
import { expect, test } from 'vitest';

import { openHole, openHoles, type ToldHole } from '../../../src/archiving/log-hole.ts';
import type { Json } from '../../../src/kernel/codecs.ts';
import { toLsn } from '../../../src/kernel/lsn.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { testServerName } from '../../support/folder-archive.ts';

const SERVER = testServerName('shop');

test('keeps the place, the time and the reason of a hole that is told again', async () => {
  const { deps, clock, rows } = house();
  const after = '2026-11-22T14:00:00.000000Z';
  await openHole({ ...told('0/3000000', '0/5000000', 'was not kept'), after }, deps);
  await clock.advance(60_000);

  await openHole(told('0/4000000', '0/5000000', 'is not in "here"'), deps);

  expect(rows).toHaveLength(1);
  expect(summary(rows.at(-1))).toBe(
    'The log of shop between 0/3000000 and 0/5000000 (33.6 MB, written between 2026-11-22 14:00:00 UTC and 2026-11-22 14:46:00 UTC) was not kept',
  );
});

test('keeps the time when the hole has grown, or when another store turns out to fill it', async () => {
  const { deps, clock, rows } = house();
  const after = '2026-11-22T14:00:00.000000Z';
  await openHole({ ...told('0/3000000', '0/5000000', 'was not kept'), after }, deps);
  await clock.advance(60_000);

  await openHole(told('0/3000000', '0/6000000', 'is not in "here"'), deps);
  await openHole({ ...told('0/3000000', '0/6000000', 'is in "west"'), severity: 'warn' }, deps);

  const when = 'written between 2026-11-22 14:00:00 UTC and 2026-11-22 14:47:00 UTC';
  expect(rows.slice(1).map(summary)).toEqual([
    `The log of shop between 0/3000000 and 0/6000000 (50.3 MB, ${when}) is not in "here"`,
    `The log of shop between 0/3000000 and 0/6000000 (50.3 MB, ${when}) is in "west"`,
  ]);
  expect(await openHoles(SERVER, deps)).toMatchObject([{ severity: 'warn', after }]);
});

function house() {
  const clock = fakeClock();
  const rows: Json[] = [];
  const findings = {
    open: async ({ finding }: { readonly finding: Json }) => rows.push(finding) === 1,
    close: async () => true,
    list: async () => rows.slice(-1),
  };
  return { deps: { clock, catalog: { findings } }, clock, rows };
}

function told(from: string, to: string, why: string): ToldHole {
  const hole = { systemId: '73', timeline: 1, fromLsn: toLsn(from), toLsn: toLsn(to) };
  return { server: SERVER, code: 'ARCHIVING_LOG_HOLE', hole, why };
}

function summary(row: Json | undefined): unknown {
  return typeof row === 'object' && row !== null && 'summary' in row ? row['summary'] : undefined;
}
