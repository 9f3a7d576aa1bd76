/** Bytes that go past the page cache into real files, and where that is refused. */
import { constants, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Extent } from '../../src/engines/streaming/pack-format.ts';
import { RestoreOutput } from '../../src/engines/streaming/restore-output.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PAGE_BYTES = 8192;
const FILE_BYTES = 3 * (1 << 20) + 777;

/** Cuts a file where a backup might: mostly at pages, sometimes anywhere; in any order. */
const pieces = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.nat({ max: 384 }).map((page) => page * PAGE_BYTES) },
      { weight: 1, arbitrary: fc.nat({ max: FILE_BYTES }) },
    ),
    { maxLength: 12 },
  )
  .map((cuts) => [...new Set([0, ...cuts, FILE_BYTES])].toSorted((a, b) => a - b))
  .map((cuts) =>
    cuts.slice(1).map((end, index): Extent => [0, cuts[index] ?? 0, end - (cuts[index] ?? 0)]),
  )
  .chain((extents) => fc.shuffledSubarray(extents, { minLength: extents.length }));

test.each([true, false])('writes the same bytes, direct: %s', async (direct) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  const content = Buffer.from(Array.from({ length: FILE_BYTES }, (_, index) => (index * 7) % 251));
  await fc.assert(
    fc.asyncProperty(pieces, fc.nat({ max: 5000 }), async (extents, shift) => {
      await using file = await open(path, 'w');
      await file.truncate(FILE_BYTES);
      const output = new RestoreOutput({ direct });
      for (const extent of extents) {
        const [, begin, length] = extent;
        // As if other files stood before it in the frame: its place in memory is not aligned.
        const plain = Buffer.concat([Buffer.alloc(shift), content.subarray(begin, begin + length)]);
        output.write(path, extent, plain, shift);
      }
      output.close();

      expect((await readFile(path)).equals(content)).toBe(true);
    }),
    { numRuns: 20 },
  );
});

test('writes as usual where the file system refuses, and goes on', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'file');
  const content = Buffer.alloc(1 << 20, 'dbdr!');
  writeFileSync(path, '');
  const output = new RestoreOutput({ direct: true });

  // The kernel answers EINVAL to whoever opens this for direct writes; the usual way comes one step further.
  expect(() => output.write('/proc/self/comm', [0, 0, 64 * 1024], content, 0)).toThrow('ESPIPE');
  output.write(path, [1, 0, content.length], content, 0);
  output.close();
  expect((await readFile(path)).equals(content)).toBe(true);
});

test('goes past the page cache with what lies at whole pages, and with nothing else', async () => {
  await using folder = await temporaryFolder();
  const [pages, odd] = [join(folder.path, 'pages'), join(folder.path, 'odd')];
  for (const path of [pages, odd]) writeFileSync(path, '');
  const output = new RestoreOutput({ direct: true });

  output.write(pages, [0, PAGE_BYTES, 1 << 20], Buffer.alloc(1 << 20), 0);
  output.write(odd, [1, 100, 1 << 20], Buffer.alloc(1 << 20), 0);

  expect([isOpenDirect(pages), isOpenDirect(odd)]).toEqual([[true], [false]]);
  output.close();
});

/** Of each descriptor that is open for the file. */
function isOpenDirect(path: string): readonly boolean[] {
  const descriptors = readdirSync('/proc/self/fd').filter((fd) => linkOf(fd) === path);
  return descriptors.map((fd) => {
    const [, flags = '0'] =
      /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
    return (Number.parseInt(flags, 8) & constants.O_DIRECT) !== 0;
  });
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The one that was read to list them.
    return '';
  }
}

test('tells what the disk says', () => {
  const output = new RestoreOutput({ direct: true });

  expect(() => output.write('/dev/full', [0, 0, 64 * 1024], Buffer.alloc(64 * 1024), 0)).toThrow(
    'ENOSPC',
  );
});
