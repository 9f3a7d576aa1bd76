import { describe, expect, test } from 'vitest';

import {
  decodeFiles,
  encodeFiles,
  FILES_PER_STEP,
  type FileEntry,
} from '../../../../src/engines/streaming/file-list.ts';

function filesOf(count: number): FileEntry[] {
  return Array.from({ length: count }, (_, at) => ({
    path: `base/5/${at}\n"ü`,
    kind: at % 7 === 0 ? 'directory' : 'file',
    sizeBytes: at * 8192,
    mode: 0o600,
    modifiedSeconds: 1_770_000_000 + at,
  }));
}

/** How often others had their turn while it worked. */
async function turnsOf(work: Promise<unknown>): Promise<number> {
  let [turns, isDone] = [0, false];
  function count(): void {
    turns++;
    if (!isDone) setImmediate(count);
  }
  setImmediate(count);
  await work;
  isDone = true;
  return turns;
}

describe('the list of files', () => {
  test.each([0, 1, FILES_PER_STEP, 2 * FILES_PER_STEP + 1])(
    'of %d files is read as it was written',
    async (count) => {
      const files = filesOf(count);

      expect(await decodeFiles(await encodeFiles(files), 'manifest')).toEqual(files);
    },
  );

  test('is written and read in steps, however long it is, so that others have their turn', async () => {
    const files = filesOf(20 * FILES_PER_STEP);
    const text = await encodeFiles(files);

    // The first step is done before anybody can have a turn.
    expect(await turnsOf(encodeFiles(files))).toBeGreaterThanOrEqual(19);
    expect(await turnsOf(decodeFiles(text, 'manifest'))).toBeGreaterThanOrEqual(
      Math.floor(text.length / (64 * 1024 + 200)) - 1,
    );
  });

  test.each(['["a","file",1]', 'no JSON', '["a","socket",1,2,3]'])(
    'is refused where a line is %s',
    async (line) => {
      await expect(decodeFiles(Buffer.from(line), 'manifest')).rejects.toMatchObject({
        kind: { code: 'BACKUP_DAMAGED' },
      });
    },
  );
});
