/** The heartbeat against a real server. */
import { expect, test } from 'vitest';

import { beatWhenIdle } from '../../src/archiving/heartbeat.ts';
import type { WalStored } from '../../src/engines/wal-archive.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { isServerName } from '../../src/kernel/ids.ts';
import { type Log, silentLog } from '../../src/kernel/log.ts';
import { toLsn } from '../../src/kernel/lsn.ts';
import { startPostgres } from '../support/postgres-cluster.ts';

const NOBODY = 'postgres://u@127.0.0.1:1/x';

test('leaves a commit in the log of a server where nothing happens', async () => {
  await using postgres = await startPostgres();
  const commits = `SELECT txid_current() AS id`;
  const [before] = await postgres.query(commits);

  const warnings = await beatOnce(postgres.url(), ['0/5000000', '0/5000100']);

  const [after] = await postgres.query(commits);
  // Ours and the two that looked.
  expect(Number(after?.['id']) - Number(before?.['id'])).toBe(2);
  expect(warnings).toEqual([]);
});

test('writes nothing where the log grows by itself', async () => {
  expect(await beatOnce(NOBODY, ['0/5000000', '0/6000000'])).toEqual([]);
});

test('warns and goes on when the heartbeat cannot be written', async () => {
  expect(await beatOnce(NOBODY, ['0/5000000', '0/5000000'])).toEqual([
    'Could not write the heartbeat',
  ]);
});

/** Lets one minute pass at once, between the two positions. Answers the warnings. */
async function beatOnce(url: string, positions: readonly string[]): Promise<readonly string[]> {
  const stopping = new AbortController();
  const warnings: string[] = [];
  let minutes = 0;
  const clock: Clock = {
    ...systemClock,
    sleep: async () => {
      minutes++;
      if (minutes === 2) stopping.abort();
      stopping.signal.throwIfAborted();
    },
  };
  const log: Log = { ...silentLog, warn: (message) => warnings.push(message) };
  await beatWhenIdle({
    url,
    clock,
    log,
    signal: stopping.signal,
    newest: () => stored(positions[minutes] ?? '0/0'),
  });
  return warnings;
}

function stored(lsn: string): WalStored {
  const server = 'shop';
  if (!isServerName(server)) throw new TypeError(server);
  const at = '2026-11-24T12:00:00.000000Z';
  const position = toLsn(lsn);
  return { server, systemId: '1', timeline: 1, storedLsn: position, serverLsn: position, at };
}
