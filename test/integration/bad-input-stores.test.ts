/**
 * Buckets, keys and clocks that are not as they should be, and stores that hold somebody else's backups,
 * each asked about as a user asks: a clear error, its exit code, a finding where one is due, nothing
 * lost and nothing left behind.
 */
import { execFile } from 'node:child_process';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';

import { ask, leftovers } from '../support/bad-input-shop.ts';
import {
  type BucketConfig,
  type BucketShop,
  openBucketShop,
  PLAIN,
  VERSIONS,
} from '../support/bucket-shop.ts';
import { startCommand } from '../support/command-line.ts';
import { programsOfMajor } from '../support/majors.ts';
import { needs, peerLacks } from '../support/peers.ts';
import { startPostgres } from '../support/postgres-cluster.ts';
import { waitUntil } from '../support/wait-until.ts';

const LACKS = peerLacks('versitygw') !== undefined;
const SKEWED_CLOCK = pathToFileURL(join(import.meta.dirname, '../support/skewed-clock.mjs')).href;
const HOUR_MS = 3_600_000;
const run = promisify(execFile);

let shop: BucketShop;
/** An installation that works, with one backup. */
let good: string;

const Backups = z.object({ backups: z.array(z.object({ backupId: z.string() })) });
const Status = z.object({
  servers: z.array(
    z.object({ findings: z.array(z.object({ code: z.string(), summary: z.string() })) }),
  ),
});

async function backUp(cwd: string): Promise<void> {
  const { exitCode, told } = await ask('backup shop', cwd);
  if (exitCode !== 0) throw new Error(told);
}

async function backupsOf(cwd: string): Promise<readonly string[]> {
  const { json } = await ask('backups', cwd);
  return Backups.parse(json).backups.map(({ backupId }) => backupId);
}

/** Code and summary of each. */
async function findingsOf(cwd: string): Promise<string> {
  const { json, exitCode } = await ask('status', cwd);
  expect(exitCode).toBe(0);
  const findings = Status.parse(json).servers.flatMap((server) => server.findings);
  return findings.map(({ code, summary }) => `${code}: ${summary}`).join('\n');
}

const Unreachable = z.object({
  unreachable: z.array(z.object({ code: z.string(), reason: z.string(), hint: z.string() })),
});

/** What is said of the only store, as a failure says it. */
function toldOf(json: unknown): string {
  const [one] = Unreachable.parse(json).unreachable;
  return one === undefined ? '' : `${one.code}: ${one.reason}\n${one.hint}`;
}

function skewed(byMs: number): Record<string, string> {
  return { NODE_OPTIONS: `--import ${SKEWED_CLOCK}`, SKEWED_CLOCK_MS: String(byMs) };
}

describe.skipIf(LACKS)(`a shop in a bucket${needs('versitygw')}`, () => {
  beforeAll(async () => {
    shop = await openBucketShop();
    good = await shop.install();
    await backUp(good);
  });

  afterAll(async () => {
    await shop[Symbol.asyncDispose]();
  });

  interface Case {
    readonly name: string;
    readonly config: () => Partial<BucketConfig>;
    readonly environment?: Readonly<Record<string, string>>;
    readonly told: RegExp;
  }

  const CASES: readonly Case[] = [
    {
      name: 'whose bucket is missing',
      config: () => ({ bucket: 'no-such-bucket' }),
      told: /^STORAGE_BUCKET_MISSING: .*there is no bucket "no-such-bucket" in us-east-1\nMake the bucket/,
    },
    {
      name: 'whose bucket is in another region',
      config: () => ({ region: 'eu-west-1' }),
      told: /^STORAGE_REGION_WRONG: .* is in us-east-1, and the config says eu-west-1\nWrite `region: us-east-1`/,
    },
    {
      name: 'to which the credentials have no right',
      config: () => shop.stranger,
      told: /^STORAGE_DENIED: .*the credentials may not do s3:\w+\nAllow s3:\w+ in the policy/,
    },
    {
      name: 'with a wrong secret access key',
      config: () => ({ secretAccessKey: 'wrongsecret' }),
      told: /^STORAGE_CREDENTIALS_REFUSED: .*the secret access key is not the one of this access key\nPut right the credentials/,
    },
    {
      name: 'with Object Lock asked, and versioning off',
      config: () => ({ more: 'object_lock: { mode: compliance }' }),
      told: /^STORAGE_LOCK_UNAVAILABLE: .*versioning is off, and must be on\nTurn on versioning and then Object Lock/,
    },
    {
      name: 'with Object Lock asked, and only versioning on',
      config: () => ({ bucket: VERSIONS, more: 'object_lock: { mode: compliance }' }),
      told: /^STORAGE_LOCK_UNAVAILABLE: .*Object Lock is off, and must be on\n/,
    },
    {
      name: 'on a machine whose clock is an hour ahead',
      config: () => ({}),
      environment: skewed(HOUR_MS),
      told: /^STORAGE_CLOCK_SKEWED: .*the clock of this machine is 60 minutes ahead of the server's\nSet the clock/,
    },
  ];

  test.each(CASES)('$name says so, and nothing is written', async (one) => {
    const cwd = await shop.install(one.config());
    const before = [await shop.objects(PLAIN), await shop.objects(VERSIONS)];

    const taken = await ask('backup shop', cwd, one.environment);
    const counted = await ask('usage', cwd, one.environment);

    expect(taken.told).toMatch(one.told);
    expect(toldOf(counted.json)).toMatch(one.told);
    expect([taken, counted].map(({ exitCode }) => exitCode)).toEqual([4, 4]);
    expect([await shop.objects(PLAIN), await shop.objects(VERSIONS)]).toEqual(before);
    expect(await leftovers(cwd)).toEqual([]);
  });

  test('whose clock and bucket are wrong is told both by the findings of the bot that runs', async () => {
    const cwd = await shop.install({ bucket: 'no-such-bucket' });
    const bot = startCommand(['serve'], { cwd, environment: skewed(HOUR_MS) });

    await waitUntil(async () => {
      const findings = await findingsOf(cwd);
      return /CLOCK_DIFFERS/.test(findings) && /ARCHIVING_STORE_FAILING/.test(findings);
    }, 60_000);
    const findings = await findingsOf(cwd);
    bot.child.kill('SIGTERM');
    const { exitCode } = await bot.ended;

    expect(findings).toMatch(
      /CLOCK_DIFFERS: The clock of this machine is 1 h ahead of that of shop/,
    );
    expect(findings).toMatch(
      /ARCHIVING_STORE_FAILING: .*"west" does not take the log of shop.*(no-such-bucket|clock)/,
    );
    expect(exitCode).toBe(143);
  });

  describe('with a key that', () => {
    let cwd: string;
    beforeEach(async () => {
      cwd = await shop.install();
    });

    async function nothingWithout(code: string): Promise<void> {
      const before = await shop.objects(PLAIN);
      const taken = await ask('backup shop', cwd);
      const restored = await ask('restore shop', cwd);

      for (const { told } of [taken, restored])
        expect(told).toMatch(new RegExp(`^(${code}): .*\\n.*key`));
      expect([3, 4]).toContain(taken.exitCode);
      expect(restored.exitCode).toBe(4);
      expect(await shop.objects(PLAIN)).toEqual(before);
      expect(await leftovers(cwd)).toEqual([]);
    }

    test('is gone reads and writes nothing, and is a finding', async () => {
      await rm(join(cwd, 'keyring.json'));

      await nothingWithout('KEY_FILE_MISSING');

      expect(await findingsOf(cwd)).toMatch(/^KEY_FILE_MISSING: .*keyring\.json/m);
    });

    test('is another one, or was rotated away, reads and writes nothing, and is a finding', async () => {
      await rm(join(cwd, 'keyring.json'));
      expect((await ask('keys create', cwd)).exitCode).toBe(0);

      await nothingWithout('KEY_NOT_FOUND|ARCHIVING_OTHER_KEY');
      const checked = await ask('keys check', cwd);

      expect(checked.exitCode).toBe(1);
      const findings = await findingsOf(cwd);
      expect(findings).toMatch(/ARCHIVING_OTHER_KEY: .*cannot be read with the key/);
      expect(findings).toMatch(/KEY_MISSING: The key "k-[0-9a-f]{8}" is readable nowhere/);
    });

    test('has other bytes under its own id decrypts nothing, and is a finding', async () => {
      const text = await readFile(join(cwd, 'keyring.json'), 'utf8');
      const other = text.replace(
        /"key": "[^"]+"/,
        `"key": "${Buffer.alloc(32, 7).toString('base64')}"`,
      );
      await writeFile(join(cwd, 'keyring.json'), other);

      const restored = await ask('restore shop', cwd);

      expect(restored.told).toMatch(
        /^DECRYPTION_FAILED: .*none can be read.*\nBring the key file back/,
      );
      expect(restored.exitCode).toBe(4);
      expect((await ask('keys check', cwd)).exitCode).toBe(1);
      expect(await findingsOf(cwd)).toMatch(
        /^KEY_PROOF_FAILED: .* was not decrypted with the key/m,
      );
    });

    test('has the wrong length is no key, and is a finding that does not show it', async () => {
      const text = await readFile(join(cwd, 'keyring.json'), 'utf8');
      const short = Buffer.alloc(16, 7).toString('base64');
      await writeFile(
        join(cwd, 'keyring.json'),
        text.replace(/"key": "[^"]+"/, `"key": "${short}"`),
      );

      const told = await ask('backup shop', cwd);

      expect(told.told).toMatch(
        /^KEY_UNREADABLE: .*it is not a key file \(keys\.0\.key\)\nBring an undamaged copy/,
      );
      expect(told.exitCode).toBe(4);
      const findings = await findingsOf(cwd);
      expect(findings).toMatch(/^KEY_UNREADABLE: .*it is not a key file \(keys\.0\.key\)/m);
      expect(told.stdout + told.stderr + findings).not.toContain(short);
    });
  });

  test('into which a second bot writes refuses it, and the first goes on', async () => {
    const second = await shop.install();
    const before = await shop.objects(PLAIN);

    const refused = await ask('backup shop', second);

    expect(refused.told).toMatch(
      /^ARCHIVING_STORE_OWNED: .*another installation of dbdr writes there.*\n.*`rebuild --take-over`/,
    );
    expect(refused.exitCode).toBe(3);
    expect(await shop.objects(PLAIN)).toEqual(before);
    expect(await findingsOf(second)).toContain('ARCHIVING_STORE_OWNED');
    // Reading is for everybody.
    expect(await backupsOf(second)).toEqual(await backupsOf(good));
  });

  test("that holds another cluster's backups keeps them apart, says so, and restores neither as the other", async () => {
    const cwd = await shop.install({ prefix: 'apart' });
    await backUp(cwd);
    // Of another major, where its programs are at hand.
    const programsDirectory = programsOfMajor(16);
    await using other = await startPostgres(
      programsDirectory === undefined ? {} : { programsDirectory },
    );
    await other.query('CREATE TABLE orders AS SELECT 1 AS id');
    const text = await readFile(join(cwd, 'dbdr.yaml'), 'utf8');
    await writeFile(join(cwd, 'dbdr.yaml'), text.replace(shop.postgres.url(), other.url()));

    const taken = await ask('backup shop', cwd);
    const restored = await ask('restore shop --plan', cwd);
    const [first = '', second] = await backupsOf(cwd);
    const older = await ask(`verify shop --backup ${first}`, cwd);

    expect(taken.json).toMatchObject({
      warnings: [expect.stringMatching(/also holds 1 backup of another cluster of shop/)],
    });
    expect(await findingsOf(cwd)).toContain('BACKUP_OTHER_CLUSTER');
    expect(restored.json).toMatchObject({ base: { backupId: second } });
    // By what it says itself that it must hold: the server that runs now is not asked for it.
    expect(older.json).toMatchObject({ verdict: 'PASS', isNewest: false, isProofPoint: true });
    expect(older.exitCode).toBe(0);
  });

  interface Damage {
    readonly name: string;
    readonly damage: (pack: string) => Promise<void>;
    /** As it stands in JSON. */
    readonly seen: RegExp;
  }

  const DAMAGES: readonly Damage[] = [
    {
      name: 'an object of no bytes',
      damage: async (pack) => truncate(pack, 0),
      seen: /pack-0001\\" has 0 bytes and should have \d+/,
    },
    {
      name: 'a truncated object',
      damage: async (pack) => truncate(pack, 4096),
      seen: /pack-0001\\" has 4096 bytes and should have \d+/,
    },
    {
      name: 'a manifest whose pack is missing',
      damage: async (pack) => rm(pack),
      seen: /pack-0001\\" in the store .*: no such object/,
    },
  ];

  describe('that holds', () => {
    let keeper: string;
    let whole = '';
    let newest = '';
    beforeAll(async () => {
      keeper = await shop.install({ prefix: 'damage' });
      await backUp(keeper);
      [whole = ''] = await backupsOf(keeper);
      await backUp(keeper);
      newest = (await backupsOf(keeper)).find((id) => id !== whole) ?? '';
    });

    test.each(DAMAGES)(
      '$name fails its proof, and the next restore starts elsewhere',
      async (one) => {
        // Nothing is remembered in a new one: it has to see for itself.
        const cwd = await shop.install({ prefix: 'damage' });
        const objects = [...(await shop.objects(PLAIN)).keys()];
        const found = objects.find((key) => key.endsWith(`${newest}/pack-0001`)) ?? '';
        const pack = join(shop.server.dataFolder, PLAIN, found);
        const kept = `${pack}-kept`;
        await run('cp', ['-a', pack, kept]);
        await one.damage(pack);

        const proved = await ask('verify shop', cwd);
        const restored = await ask('restore shop --plan', cwd);
        await run('mv', [kept, pack]);

        expect(proved.json).toMatchObject({ verdict: 'FAIL', tornDown: true });
        expect(proved.exitCode).toBe(1);
        expect(proved.stdout).toMatch(one.seen);
        expect(restored.exitCode).toBe(0);
        expect(restored.json).toMatchObject({
          base: { backupId: whole },
          warnings: [expect.stringContaining(`Backup ${newest} failed its last proof`) as unknown],
        });
        expect(await leftovers(cwd)).toEqual([]);
      },
    );
  });
});
