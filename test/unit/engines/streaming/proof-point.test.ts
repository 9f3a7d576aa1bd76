/** What becomes of a proof point that cannot be taken, or that no copy of the backup could stand at. */
import { expect, test } from 'vitest';

import { askForProofPoint } from '../../../../src/engines/streaming/proof-point.ts';
import { type Log, silentLog } from '../../../../src/kernel/log.ts';
import { sampleBackup } from '../../../support/sample-backup.ts';
import { sampleProofPoint } from '../../../support/sample-proof-point.ts';

const { signal } = new AbortController();
const SUMMARY = sampleBackup();

interface Told {
  readonly log: Log;
  readonly warnings: string[];
}

function told(): Told {
  const warnings: string[] = [];
  const log = {
    ...silentLog,
    warn: (_message: string, fields?: object) => warnings.push(JSON.stringify(fields)),
  };
  return { log, warnings };
}

test('askForProofPoint() hands over what the manifest is going to say, and gives back the answer', async () => {
  const proofPoint = sampleProofPoint('0/2000100', '0/3000000');
  const { log, warnings } = told();
  const asked: unknown[] = [];

  const answer = await askForProofPoint(
    {
      log,
      takeProofPoint: async ({ summary }) => {
        asked.push(summary);
        return proofPoint;
      },
    },
    SUMMARY,
    signal,
  );

  expect(answer).toBe(proofPoint);
  expect(asked).toEqual([SUMMARY]);
  expect(warnings).toEqual([]);
});

test('askForProofPoint() makes a warning of a failure, and of positions outside of the log that belongs to it', async () => {
  const tries = [
    async () => Promise.reject(new Error('production has gone')),
    async () => sampleProofPoint('0/20000F8', '0/3000000'),
    async () => sampleProofPoint('0/3000008', '0/3000000'),
    async () => ({ ...sampleProofPoint('0/2000100', '0/3000000'), databases: [] }),
  ];

  for (const takeProofPoint of tries) {
    const { log, warnings } = told();
    expect(await askForProofPoint({ log, takeProofPoint }, SUMMARY, signal)).toBeUndefined();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/production has gone|do not lie behind the end/);
  }
});

test('askForProofPoint() lets an abort through, also where it was swallowed below', async () => {
  const stop = new AbortController();

  const asking = askForProofPoint(
    {
      log: silentLog,
      takeProofPoint: async () => {
        stop.abort(new Error('stopped'));
        return undefined;
      },
    },
    SUMMARY,
    stop.signal,
  );

  await expect(asking).rejects.toThrow('stopped');
});
