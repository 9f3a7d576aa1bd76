import { expect, test } from 'vitest';

import {
  clusterPrefix,
  historyKey,
  readWalKey,
  segmentKey,
  tailKey,
} from '../../../../src/engines/streaming/wal-format.ts';
import { isServerName } from '../../../../src/kernel/ids.ts';
import { toLsn } from '../../../../src/kernel/lsn.ts';
import { isSegmentName } from '../../../../src/kernel/wal-name.ts';

const [server, segment] = ['shop-eu', '000000020000000A000000FE'];
if (!isServerName(server) || !isSegmentName(segment)) throw new TypeError('Not names');
const FOLDER = { server, major: 15, systemId: '7341234567890123456' };

test('reads back every name it writes', () => {
  const tail = { segment, from: toLsn('A/FE000000'), to: toLsn('A/FE001230') };
  const hash = '0123456789abcdef0123456789abcdef';

  expect(readWalKey(FOLDER, segmentKey(FOLDER, segment, hash))).toEqual({
    kind: 'segment',
    name: segment,
    contentName: hash,
  });
  expect(readWalKey(FOLDER, tailKey(FOLDER, tail))).toEqual({ kind: 'tail', ...tail });
  expect(readWalKey(FOLDER, historyKey(FOLDER, '00000002.history'))).toEqual({
    kind: 'history',
    name: '00000002.history',
  });
});

test('writes names that sort the way positions do', () => {
  const early = tailKey(FOLDER, { segment, from: toLsn('0/9000000'), to: toLsn('0/9000001') });
  const late = tailKey(FOLDER, { segment, from: toLsn('0/10000000'), to: toLsn('0/10000001') });

  expect(early < late).toBe(true);
});

test.each(['wal/00000002/short-0', 'base/x/manifest', 'wal/00000002.historx', 'tail/1/2/3-4'])(
  'does not take "%s" for WAL',
  (rest) => {
    expect(readWalKey(FOLDER, clusterPrefix(FOLDER) + rest)).toBeUndefined();
  },
);
