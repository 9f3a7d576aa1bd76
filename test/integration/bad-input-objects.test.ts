/** A store that somebody damaged: `backups`, `verify` and `restore` say so, and leave nothing behind. */
import { copyFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { z } from 'zod';

import { ask, leftovers, openShop, type Shop, type ShopCopy } from '../support/bad-input-shop.ts';

interface Case {
  readonly name: string;
  readonly damage: (shop: ShopCopy) => Promise<void>;
  /** Exit codes. */
  readonly backups: number;
  readonly restore: number;
  /** What the proof's failed check says. */
  readonly seen: RegExp;
  /** What the refused or failed restore says, with its next step. */
  readonly told?: RegExp;
  /** Asking again finds another backup to start from. */
  readonly again?: true;
}

const SET_ASIDE = /set aside now, and an earlier one is used/;

const CASES: readonly Case[] = [
  {
    name: 'a pack with one bit flipped',
    damage: async ({ backups }) => flip(join(newest(backups), 'pack-0001')),
    backups: 0,
    restore: 4,
    seen: /pack-0001.*is not what was written/,
    told: SET_ASIDE,
    again: true,
  },
  {
    name: 'a truncated pack',
    damage: async ({ backups }) => truncate(join(newest(backups), 'pack-0001')),
    backups: 0,
    restore: 4,
    seen: /pack-0001" has \d+ bytes and should have \d+/,
    told: SET_ASIDE,
  },
  {
    name: 'two packs swapped',
    damage: async ({ backups }) => {
      const [one, two] = [join(newest(backups), 'pack-0001'), join(newest(backups), 'pack-0002')];
      await rename(one, `${one}-aside`);
      await rename(two, one);
      await rename(`${one}-aside`, two);
    },
    backups: 0,
    restore: 4,
    seen: /pack-000[12]" has \d+ bytes and should have \d+/,
    told: SET_ASIDE,
  },
  {
    name: 'the pack of another backup in its place',
    damage: async ({ backups }) =>
      copyFile(join(backups[0] ?? '', 'pack-0001'), join(newest(backups), 'pack-0001')),
    backups: 0,
    restore: 4,
    seen: /it was wrapped for another object|bytes and should have/,
    told: SET_ASIDE,
  },
  {
    name: 'a missing pack',
    damage: async ({ backups }) => rm(join(newest(backups), 'pack-0001')),
    backups: 0,
    restore: 4,
    seen: /pack-0001": no such object/,
    told: SET_ASIDE,
  },
  {
    name: 'a manifest with one bit flipped',
    damage: async ({ backups }) => flip(join(newest(backups), 'manifest')),
    backups: 1,
    restore: 0,
    seen: /the manifest ".*" cannot be read/,
  },
  {
    name: 'an empty manifest',
    damage: async ({ backups }) => writeFile(join(newest(backups), 'manifest'), ''),
    backups: 1,
    restore: 0,
    seen: /the manifest ".*" cannot be read/,
  },
  {
    name: 'a segment of the log with one bit flipped',
    damage: async ({ wal }) => flip(await lastSegment(wal)),
    backups: 0,
    restore: 4,
    seen: /WAL_DAMAGED/,
    told: /WAL_DAMAGED: .*\nPick a moment before the damage/,
  },
  {
    name: 'a truncated segment of the log',
    damage: async ({ wal }) => truncate(await lastSegment(wal)),
    backups: 0,
    restore: 4,
    seen: /WAL_DAMAGED/,
    told: /WAL_DAMAGED: .*\nPick a moment before the damage/,
  },
  {
    name: 'a hole in the log',
    damage: async ({ wal }) => rm(await lastSegment(wal)),
    backups: 0,
    restore: 4,
    seen: /not all there: [0-9A-F]{24}|a hole: [0-9A-F]{24}/,
    told: /WAL_HOLE: .*(?:[0-9A-F]{24}|its first segments)\nAsk for a moment before the hole/,
  },
];

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

describe('a store with', () => {
  test.each(CASES)('$name is found out, and nothing is left behind', async (one) => {
    await using copy = await shop.copy();
    const { cwd } = copy;
    await one.damage(copy);

    const backups = await ask('backups', cwd);
    const restore = await ask('restore shop', cwd);
    const verify = await ask('verify', cwd);

    expect(backups.exitCode).toBe(one.backups);
    expect.soft(restore.exitCode, restore.told).toBe(one.restore);
    expect.soft(restore.told).toMatch(one.told ?? /^: \n$/);
    expect(verify.json).toMatchObject({ verdict: 'FAIL', tornDown: true });
    expect(verify.exitCode).toBe(1);
    expect(failedChecks(verify.json)).toMatch(one.seen);
    if (one.again === true) await expectAnotherBase(cwd);
    await removeRestored(cwd);
    expect(await leftovers(cwd)).toEqual([]);
    expect((await ask('journal --verify', cwd)).exitCode).toBe(0);
  });
});

/** The damaged one is remembered, so that asking again does what the person wants. */
async function expectAnotherBase(cwd: string): Promise<void> {
  const again = await ask('restore shop', cwd);

  expect(again.told).toBe(': \n');
  expect(again.exitCode).toBe(0);
}

async function removeRestored(cwd: string): Promise<void> {
  const { stdout } = await ask('instances list', cwd);
  for (const [runId] of stdout.matchAll(/r-\d{8}T\d{6}-[0-9a-f]{6}/g))
    await ask(`instances remove ${runId}`, cwd);
}

const Proof = z.object({
  checks: z.array(z.object({ verdict: z.string(), detail: z.string() })),
});

function failedChecks(json: unknown): string {
  const { checks } = Proof.parse(json);
  return checks.flatMap(({ verdict, detail }) => (verdict === 'FAIL' ? [detail] : [])).join('\n');
}

function newest(backups: readonly string[]): string {
  return backups.at(-1) ?? '';
}

/** Of the newest backup: nothing after it can be reached without it. */
async function lastSegment(wal: string): Promise<string> {
  const names = (await readdir(wal)).toSorted();
  return join(wal, names.at(-1) ?? '');
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 4, middle);
  await writeFile(path, bytes);
}

async function truncate(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, Math.floor(bytes.length * 0.9)));
}
