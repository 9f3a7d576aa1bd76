/** Ctrl-C and `kill` at random moments of a backup, a restore and a proof: nothing is lost or left. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { ask, leftovers, openShop, type Shop } from '../support/bad-input-shop.ts';
import { type Ended, startCommand } from '../support/command-line.ts';

/** Told in the name of each test, so that a failure can be had again. */
const SEED = Number(process.env['DBDR_TEST_SEED'] ?? '20261124');
const MOMENTS = 6;
const EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

describe.each(['backup', 'restore shop', 'verify'])('%s', (words) => {
  const random = mulberry32(SEED + words.length);
  const moments = Array.from({ length: MOMENTS }, (_, index) => ({
    signal: index % 2 === 0 ? ('SIGINT' as const) : ('SIGTERM' as const),
    // One in each part of the way, so that every phase is met.
    percent: Math.round(((index + random()) / MOMENTS) * 100),
  }));
  /** How long it takes when nobody interrupts it, here and today. */
  let wholeMs: number;

  beforeAll(async () => {
    const beganMs = performance.now();
    await ask(words, shop.cwd);
    wholeMs = performance.now() - beganMs;
    await removeInstances(shop.cwd);
  });

  test.each(moments)(`ended by $signal at $percent % of its way (seed ${SEED})`, async (moment) => {
    // One store and one catalogue for all moments: what one of them lost, the next would miss.
    const { cwd } = shop;
    const before = backupsIn((await ask('backups', cwd)).json);

    const ended = await interrupt(words, moment.signal, (wholeMs * moment.percent) / 100);
    const runs = await ask('runs', cwd);
    const backups = await ask('backups', cwd);
    const journal = await ask('journal --verify', cwd);

    // A run that had done its work when the signal came may say so.
    const isWhole = ended.exitCode === 0;
    expect.soft([EXIT[moment.signal], 0]).toContain(ended.exitCode);
    expect.soft(ended.stdout === '' || isDocument(ended.stdout)).toBe(true);
    expect.soft(runs.stdout).not.toMatch(/"state":"(?:running|approved|waiting)"/);
    const [kept, ...others] = backupsIn(backups.json).filter(
      ({ backupId }) => !isIn(before, backupId),
    );
    expect.soft(others).toEqual([]);
    // One whose manifest was put before the signal came stays: its run names it, and it is whole, with
    // all its log, or says that it is not.
    expect.soft(kept !== undefined || words !== 'backup' || !isWhole).toBe(true);
    // (Node itself may die of a signal that comes when the run has ended and nothing is printed yet.)
    expect.soft(ended.stdout + runs.stdout).toContain(kept?.backupId ?? '');
    expect.soft(isWhole && kept?.walComplete === false).toBe(false);
    if (kept?.walComplete === true) await requireRestorable(kept.endLsn, cwd);
    expect.soft(backups.exitCode).toBe(0);
    expect.soft(journal.exitCode, journal.stdout).toBe(0);
    await removeInstances(cwd);
    expect(await leftovers(cwd)).toEqual([]);
  });

  test('does its work afterwards as if nothing had happened', async () => {
    const next = await ask(words, shop.cwd);
    const wal = await ask('wal', shop.cwd);
    await removeInstances(shop.cwd);

    expect.soft(next.told).toBe(': \n');
    expect.soft(next.exitCode).toBe(0);
    expect(wal.json).toMatchObject({ missing: [] });
  });
});

/** Before our code runs, Node itself dies of a signal: a shell calls that 130 and 143 too. */
async function interrupt(
  words: string,
  signal: keyof typeof EXIT,
  afterMs: number,
): Promise<Ended> {
  const started = startCommand([...words.split(' '), '--json'], { cwd: shop.cwd });
  await Promise.race([delay(afterMs), started.ended]);
  started.child.kill(signal);
  const ended = await started.ended;
  return started.child.signalCode === signal ? { ...ended, exitCode: EXIT[signal] } : ended;
}

async function removeInstances(cwd: string): Promise<void> {
  const { stdout } = await ask('instances list', cwd);
  for (const [runId] of stdout.matchAll(/r-\d{8}T\d{6}-[0-9a-f]{6}/g))
    await ask(`instances remove ${runId}`, cwd);
}

const Listed = z.object({
  backups: z.array(
    z.object({ backupId: z.string(), endLsn: z.string(), walComplete: z.boolean().nullable() }),
  ),
});
type Listed = z.infer<typeof Listed>['backups'];

function backupsIn(json: unknown): Listed {
  return Listed.parse(json).backups;
}

function isIn(backups: Listed, id: string): boolean {
  return backups.some(({ backupId }) => backupId === id);
}

async function requireRestorable(lsn: string, cwd: string): Promise<void> {
  const { exitCode, told } = await ask(`restore shop --to ${lsn}`, cwd);
  if (exitCode !== 0) throw new Error(told);
}

function isDocument(text: string): boolean {
  try {
    JSON.parse(text);
    return text.trim().split('\n').length === 1;
  } catch {
    return false;
  }
}

/** A small generator of random numbers that can be had again. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
