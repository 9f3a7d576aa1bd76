/**
 * The two halves of a proof side by side: a backup's files are read while production is asked, and whichever of them
 * fails, nothing of the other is left.
 */
import { existsSync } from 'node:fs';
import { readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { OBJECT_DAMAGED } from '../../src/encryption/problems.ts';
import { Problem } from '../../src/kernel/problem.ts';
import { POSTGRES_UNREACHABLE } from '../../src/postgres/problems.ts';
import type { Check } from '../../src/verification/checks.ts';
import type { VerificationDeps } from '../../src/verification/deps.ts';
import { verifyOperation } from '../../src/verification/operation.ts';
import type { VerifyResult } from '../../src/verification/result.ts';
import { startPostgres, type TestPostgres } from '../support/postgres-cluster.ts';
import { type ProofSetting, proofSetting } from '../support/proof-setting.ts';
import { type TestRun, testRun } from '../support/test-run.ts';

let server: TestPostgres;
let setting: ProofSetting;

beforeAll(async () => {
  server = await startPostgres();
  setting = await proofSetting(server);
  await server.query('CREATE TABLE orders AS SELECT i AS id FROM generate_series(1, 500) i');
  await setting.backUp();
});

afterAll(async () => {
  await setting[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

type ReadFiles = VerificationDeps['recovery']['engine']['restoreFiles'];

interface Halves {
  /** While its snapshot is held. */
  readonly asked?: VerificationDeps['untilStored'];
  readonly read?: ReadFiles;
  readonly connect?: VerificationDeps['recovery']['connect'];
}

function meansWith({ asked, read, connect }: Halves): VerificationDeps {
  const { recovery, untilStored } = setting.deps;
  const { engine } = recovery;
  return {
    ...setting.deps,
    untilStored: asked ?? untilStored,
    recovery: {
      ...recovery,
      connect: connect ?? recovery.connect,
      engine: read === undefined ? engine : { ...engine, restoreFiles: read },
    },
  };
}

async function proveWith(means: VerificationDeps, run: TestRun = testRun()): Promise<VerifyResult> {
  const verify = verifyOperation(means);
  const { actor, signal } = run;
  const { plan } = await verify.prepare({ older: false }, { actor, signal });
  return await verify.run(plan, run);
}

function check(result: VerifyResult, name: RegExp): Check {
  const found = result.checks.find((one) => name.test(one.check));
  if (found === undefined) throw new Error(`No check ${name} in ${JSON.stringify(result.checks)}`);
  return found;
}

async function ended({ signal }: { readonly signal: AbortSignal }): Promise<never> {
  return await new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    if (signal.aborted) reject(signal.reason);
  });
}

async function logFiles(): Promise<readonly string[]> {
  const names = await readdir(setting.storeFolder, { recursive: true });
  return names
    .filter((name) => /wal.*[0-9A-F]{24}/.test(name))
    .map((name) => join(setting.storeFolder, name));
}

/** Out of the store. */
function late(path: string): string {
  return join(setting.storeFolder, '..', basename(path));
}

async function nothingIsLeft(): Promise<void> {
  const { scratchFolder } = setting;
  expect(existsSync(scratchFolder) ? await readdir(scratchFolder) : []).toEqual([]);
  const sessions = await server.query(
    `SELECT state, query FROM pg_stat_activity
      WHERE application_name LIKE 'dbdr verify%' OR xact_start < now() - interval '1 ms' AND pid <> pg_backend_pid()
            AND backend_type = 'client backend'`,
  );
  expect(sessions).toEqual([]);
}

describe('a proof', () => {
  test('reads the files while production is asked: each half waits here for the other to have begun', async () => {
    const { engine } = setting.deps.recovery;
    const [isAsked, isRead] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const steps: string[] = [];
    const run = testRun();
    run.onStep = (title) => steps.push(title);

    const result = await proveWith(
      meansWith({
        async asked(request) {
          isAsked.resolve();
          await isRead.promise;
          await setting.deps.untilStored(request);
        },
        async read(request) {
          isRead.resolve();
          await isAsked.promise;
          return await engine.restoreFiles(request);
        },
      }),
      run,
    );

    expect(result.checks.filter(({ verdict }) => verdict !== 'PASS')).toEqual([]);
    expect(result).toMatchObject({ verdict: 'PASS', mode: 'exact', tornDown: true });
    expect(result.checks.slice(0, 6).map((one) => one.check)).toEqual([
      'Manifests',
      'Stored objects',
      'Production',
      'Stored log',
      'Restore',
      'Bytes read',
    ]);
    // The position is known by then.
    expect(steps.findIndex((title) => title.startsWith('Replay to log position'))).toBeGreaterThan(
      steps.indexOf('Wait until its log is stored'),
    );
    await nothingIsLeft();
  });

  test('counts no waiting for production into the time that a restore takes', async () => {
    const { engine, clock } = setting.deps.recovery;
    const isRead = Promise.withResolvers<void>();
    const waitedMs = 3000;

    const result = await proveWith(
      meansWith({
        async asked(request) {
          await isRead.promise;
          await clock.sleep(waitedMs, request);
          await setting.deps.untilStored(request);
        },
        async read(request) {
          const restored = await engine.restoreFiles(request);
          isRead.resolve();
          return restored;
        },
      }),
    );

    expect(result.verdict).toBe('PASS');
    expect(result.rtoSeconds).toBeLessThan(result.seconds - waitedMs / 1000);
    expect(result.rtoSeconds).toBe(check(result, /^Restore$/).seconds);
  });

  test('restores all the same where production fails while the files are read', async () => {
    const { engine, connect } = setting.deps.recovery;
    const isRead = Promise.withResolvers<void>();
    await setting.archive();

    const result = await proveWith(
      meansWith({
        async connect(url, options) {
          if (url !== server.url()) return await connect(url, options);
          await isRead.promise;
          throw new Problem(POSTGRES_UNREACHABLE, 'Cannot connect: it has just gone away');
        },
        async read(request) {
          isRead.resolve();
          return await engine.restoreFiles(request);
        },
      }),
    );

    expect(result).toMatchObject({ verdict: 'ERROR', sourceLsn: null, tornDown: true });
    expect(check(result, /^Production$/).detail).toContain('it has just gone away');
    expect(check(result, /^Restore$/).verdict).toBe('PASS');
    await nothingIsLeft();
  });

  test('asks no further where the files fail, and says what is wrong with them and with the log', async () => {
    const isAsked = Promise.withResolvers<void>();
    let reason: unknown;

    const result = await proveWith(
      meansWith({
        async asked(request) {
          isAsked.resolve();
          await ended(request).catch((error: unknown) => {
            reason = error;
            throw error;
          });
        },
        async read() {
          await isAsked.promise;
          throw new Problem(OBJECT_DAMAGED, 'Cannot read a pack: it is damaged');
        },
      }),
    );

    expect(result).toMatchObject({ verdict: 'FAIL', tables: [], tornDown: true });
    expect(result.checks.slice(0, 5)).toMatchObject([
      { check: 'Manifests', verdict: 'PASS' },
      { check: 'Stored objects', verdict: 'PASS' },
      { check: 'Production', verdict: 'SKIPPED' },
      { check: 'Stored log', verdict: 'PASS' },
      { check: 'Restore', verdict: 'FAIL' },
    ]);
    expect(String(reason)).toContain('no copy that could be compared');
    await nothingIsLeft();
  });

  test('ends both halves before it ends when it is cancelled in the middle', async () => {
    const run = testRun();
    const [isAsked, isRead] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const over: string[] = [];
    const proving = proveWith(
      meansWith({
        async asked(request) {
          isAsked.resolve();
          await ended(request).finally(() => over.push('production'));
        },
        async read(request) {
          isRead.resolve();
          return await ended(request).finally(() => over.push('files'));
        },
      }),
      run,
    );
    await Promise.all([isAsked.promise, isRead.promise]);

    run.controller.abort(new Error('Ana has cancelled it'));

    await expect(proving).rejects.toThrow('Ana has cancelled it');
    expect(over.toSorted()).toEqual(['files', 'production']);
    expect([...run.claims.values()]).toEqual([]);
    await nothingIsLeft();
  });

  test("reads no file before the backup's own log is whole, and passes where it came late", async () => {
    const { engine } = setting.deps.recovery;
    const log = await logFiles();
    for (const path of log) await rename(path, late(path));
    const events: string[] = [];

    const result = await proveWith(
      meansWith({
        async asked(request) {
          events.push('asked');
          for (const path of log) if (!existsSync(path)) await rename(late(path), path);
          await setting.deps.untilStored(request);
        },
        async read(request) {
          events.push('read');
          return await engine.restoreFiles(request);
        },
      }),
    );

    expect(result.verdict).toBe('PASS');
    expect(events).toEqual(['asked', 'asked', 'read']);
  });
});
