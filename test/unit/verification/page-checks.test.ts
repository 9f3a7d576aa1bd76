import { expect, test } from 'vitest';

import { judgeChecksums } from '../../../src/verification/page-checks.ts';

const FOLDER = '/scratch/data';
// As pg_checksums 15 writes it.
const GOOD = `Checksum operation completed
Files scanned:   957
Blocks scanned:  5870
Bad checksums:  0
Data checksum version: 1
`;

function wrong(file: string, block: number): string {
  return `pg_checksums: error: checksum verification failed in file "${FOLDER}/${file}", block ${block}: calculated checksum 8B1D but block contains 1234`;
}

test('says how many pages were right', () => {
  expect(judgeChecksums({ exitCode: 0, stdout: GOOD, stderr: '' }, FOLDER)).toEqual({
    verdict: 'PASS',
    detail: '5,870 pages, every checksum right',
  });
});

test('names the file and the block of each wrong page, at most five', () => {
  const stdout = GOOD.replace('Bad checksums:  0', 'Bad checksums:  7');
  const stderr = [1, 2, 3, 4, 5, 6, 7].map((block) => wrong('base/5/16384', block)).join('\n');

  expect(judgeChecksums({ exitCode: 1, stdout, stderr }, FOLDER)).toEqual({
    verdict: 'FAIL',
    detail:
      '7 pages with a wrong checksum: base/5/16384 block 1, base/5/16384 block 2, base/5/16384 block 3, base/5/16384 block 4, base/5/16384 block 5 … and 2 more',
  });
});

test('cannot tell when the program did not get through', () => {
  const stderr = 'pg_checksums: error: cluster must be shut down';

  expect(judgeChecksums({ exitCode: 1, stdout: '', stderr }, FOLDER)).toEqual({
    verdict: 'ERROR',
    detail: 'pg_checksums ended with 1: pg_checksums: error: cluster must be shut down',
  });
});
