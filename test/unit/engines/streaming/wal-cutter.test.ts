import fc from 'fast-check';
import { expect, test } from 'vitest';

import { WalCutter, type WholeSegment } from '../../../../src/engines/streaming/wal-cutter.ts';
import { WAL_GAP } from '../../../../src/engines/streaming/wal-problems.ts';
import { isProblem } from '../../../../src/kernel/problem.ts';

const SIZE = 64;

test('cuts whole segments out of pieces of any size, also when their buffers are used again', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 20 });
  fc.assert(
    fc.property(sizes, (pieces) => {
      const total = pieces.reduce((sum, size) => sum + size, 0);
      const log = Buffer.from(Array.from({ length: total }, (_, at) => at % 251));
      const whole: { beginLsn: bigint; bytes: Buffer }[] = [];
      const cutter: WalCutter = new WalCutter(128n, SIZE, (segment: WholeSegment) => {
        whole.push({ ...segment, bytes: Buffer.from(segment.bytes) });
        cutter.giveBack(segment.bytes);
      });
      let at = 0;
      for (const size of pieces) {
        cutter.append(128n + BigInt(at), log, at, at + size);
        at += size;
      }

      const tail =
        cutter.position > cutter.segmentBegin ? cutter.copyFrom(cutter.segmentBegin) : [];
      expect(Buffer.concat([...whole.map(({ bytes }) => bytes), Buffer.from(tail)])).toEqual(log);
      expect(whole.map(({ beginLsn }) => beginLsn)).toEqual(
        whole.map((_, index) => 128n + BigInt(index * SIZE)),
      );
    }),
  );
});

test('refuses bytes that do not follow on the last ones', () => {
  const cutter = new WalCutter(0n, SIZE, () => undefined);
  cutter.append(0n, Buffer.alloc(10), 0, 10);
  let error: unknown;

  try {
    cutter.append(11n, Buffer.alloc(10), 0, 10);
  } catch (caught) {
    error = caught;
  }

  expect(isProblem(error, WAL_GAP)).toBe(true);
});
