/** Wrong words, wrong moments, a wrong config, a wrong key: each told with the next step, by its exit code. */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createKeyFile } from '../../src/encryption/file-key-ring.ts';
import { ask, leftovers, openShop, type Shop } from '../support/bad-input-shop.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});

afterAll(async () => {
  await shop[Symbol.asyncDispose]();
});

describe('a request that makes no sense', () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['stauts', /no such operation\nDid you mean `status`/],
    ['status shp', /"shp"(.|\n)*`shop`/],
    ['backup shp', /"shp"(.|\n)*shop/],
    ['verify shp', /"shp"(.|\n)*shop/],
    ['restore shp', /"shp"(.|\n)*shop/],
    ['backup --jsno', /"--jsno"\nDid you mean `--json`/],
    ['restore shop --too latest', /"--too"\nDid you mean `--to`/],
    ['verify shop --backup 20200101T000000Z', /Cannot find backup "20200101T000000Z"\n?(.|\n)*/],
    ['verify shop --store hree', /"hree"(.|\n)*`here`/],
    ['restore shop --to half-past', /TARGET_UNREADABLE(.|\n)*Write a moment/],
    ['restore shop --to 2026-10-25T02:30', /DST_AMBIGUOUS(.|\n)*00:30Z or --to 2026-10-25T01:30Z/],
    ['restore shop --to 2026-03-29T02:30', /never happened(.|\n)*--to 2026-03-29T00:30Z or/],
    ['restore shop --to 2099-01-01T00:00Z', /TARGET_IN_FUTURE(.|\n)*`latest`/],
    ['restore shop --to 2020-01-01T00:00Z', /TARGET_TOO_EARLY(.|\n)*The earliest is `--to 2\d{3}-/],
    ['restore shop --to 0/1', /TARGET_TOO_EARLY(.|\n)*The earliest is `--to 0\//],
    ['restore shop --to FF/0', /TARGET_AFTER_LAST_WAL: .*stored up to 0\/(.|\n)*`latest`/],
    ['restore shop --to xid:4000000', /TARGET_NOT_FOUND(.|\n)*the moment or the log position/],
    ['restore shop --tables ordrs', /TABLE_UNKNOWN(.|\n)*`orders`/],
  ];
  test.each(table)('%s: exit 2, with what was likely meant', async (words, told) => {
    const answer = await ask(words, shop.cwd);

    expect(answer.told).toMatch(told);
    expect(answer.exitCode).toBe(2);
    expect(await leftovers(shop.cwd)).toEqual([]);
  });
});

test('a config with errors of every kind tells all of them at once', async () => {
  await using copy = await shop.copy();
  const file = join(copy.cwd, 'dbdr.yaml');
  const good = await readFile(file, 'utf8');
  await writeFile(
    file,
    `${good
      .replace('Europe/Berlin', 'Mars/Base')
      .replace('stores: [here]', 'stores: [heer]')
      .replace('path: ./store', 'pth: ./store')}slack:
  channels: { ops: C0OPS, stakeholders: C0NEWS }
  people: { operators: [U0ANA], approvers: [U0BEN] }
  approvals: { high: 2 }
`,
  );

  const answer = await ask('backups', copy.cwd);

  expect(answer.exitCode).toBe(2);
  for (const line of [
    'line 1, timezone: must be an IANA time zone',
    'servers.shop.stores[0]: there is no store "heer" (did you mean "here"?)',
    'stores.here.pth: unknown key (did you mean "path"?)',
    'slack.bot_token: the environment has no SLACK_BOT_TOKEN',
    'slack.approvals.high: 2 people must approve and only 1 may',
  ])
    expect.soft(answer.told).toContain(line);
});

interface KeyCase {
  readonly name: string;
  readonly spoil: (path: string) => Promise<void>;
  readonly told: RegExp;
  /** Of `backups`: 4 where nobody can tell, 1 where what is stored looks changed. */
  readonly backups: number;
  /** In `status`, after the check of the keys: what is stored shows that a sound file is the wrong one. */
  readonly finding: string;
}

const KEYS: readonly KeyCase[] = [
  {
    name: 'a missing key file',
    spoil: async (path) => rm(path),
    told: /KEY_FILE_MISSING: .*no such file\nBring the key file back/,
    finding: 'KEY_FILE_MISSING',
    backups: 4,
  },
  {
    name: 'a key file that others may read',
    spoil: async (path) => chmod(path, 0o644),
    told: /KEY_FILE_MODE: .*mode 644.*\n.*`chmod 600 .*keyring\.json`/,
    finding: 'KEY_FILE_MODE',
    backups: 4,
  },
  {
    name: 'a key file that is none',
    spoil: async (path) => writeFile(path, 'hello'),
    told: /KEY_UNREADABLE: .*it is not JSON\nBring an undamaged copy/,
    finding: 'KEY_UNREADABLE',
    backups: 4,
  },
  {
    name: 'the key of somebody else',
    spoil: async (path) => {
      await rm(path);
      await createKeyFile(path);
    },
    told: /KEY_NOT_FOUND: .*2 backups are in "here" and none can be read.*\nPut the key with this id back/,
    finding: 'KEY_MISSING',
    backups: 4,
  },
  {
    name: 'another key under the same id',
    spoil: async (path) => {
      const text = await readFile(path, 'utf8');
      const other = Buffer.alloc(32, 9).toString('base64');
      await writeFile(path, text.replace(/"key": "[^"]+"/, `"key": "${other}"`));
    },
    told: /DECRYPTION_FAILED: .*none can be read.*\nBring the key file back that they were made with/,
    finding: 'KEY_PROOF_FAILED',
    backups: 1,
  },
];

describe('with', () => {
  test.each(KEYS)('$name nobody is told that there are no backups', async (one) => {
    await using copy = await shop.copy();
    const { cwd } = copy;
    await one.spoil(join(cwd, 'keyring.json'));

    const backups = await ask('backups', cwd);
    const restore = await ask('restore shop', cwd);
    const verify = await ask('verify', cwd);
    const checked = await ask('keys check', cwd);
    const status = await ask('status', cwd);

    expect.soft(checked.exitCode).toBe(1);
    expect.soft(status.stdout).toContain(`"code":"${one.finding}"`);
    expect(backups.exitCode).toBe(one.backups);
    for (const answer of [restore, verify]) {
      expect.soft(answer.told).toMatch(one.told);
      expect.soft(answer.told).not.toContain('Take one');
      expect.soft(answer.exitCode).toBe(4);
    }
    expect(await leftovers(cwd)).toEqual([]);
  });
});
