import fc from 'fast-check';
import { expect, test } from 'vitest';

import { isProblem } from '../../../src/kernel/problem.ts';
import { TAR_DAMAGED } from '../../../src/postgres/problems.ts';
import { TarReader } from '../../../src/postgres/tar-reader.ts';

interface Member {
  readonly path: string;
  readonly content: Buffer;
}

/** As PostgreSQL's `tarCreateHeader()` fills it. */
function header(path: string, sizeBytes: number, type = '0', target = ''): Buffer {
  const block = Buffer.alloc(512);
  block.write(path, 0, 'utf8');
  block.write('0000600\0', 100, 'latin1');
  if (sizeBytes < 8 ** 11)
    block.write(`${sizeBytes.toString(8).padStart(11, '0')} `, 124, 'latin1');
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(sizeBytes), 128);
  }
  block.write('14734000000 ', 136, 'latin1');
  block.write(type, 156, 'latin1');
  block.write(target, 157, 'utf8');
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function archive(members: readonly Member[]): Buffer {
  const parts = members.flatMap(({ path, content }) => [
    header(path, content.length),
    content,
    Buffer.alloc((512 - (content.length % 512)) % 512),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function read(pieces: readonly Buffer[]): { members: Member[]; offsets: number[] } {
  const members: Member[] = [];
  const offsets: number[] = [];
  let content: Buffer[] = [];
  const reader = new TarReader({
    entryBegin: () => {
      content = [];
    },
    entryData: ({ buffer, start, end, offsetBytes }) => {
      offsets.push(offsetBytes - Buffer.concat(content).length);
      content.push(Buffer.from(buffer.subarray(start, end)));
    },
    entryEnd: ({ path }) => {
      members.push({ path, content: Buffer.concat(content) });
    },
  });
  for (const piece of pieces) reader.feed(piece, 0, piece.length);
  reader.finish();
  return { members, offsets };
}

test('gives every file whole, wherever the archive is cut into pieces', () => {
  const member = fc.record({
    path: fc.stringMatching(/^[a-z][a-z0-9/_]{0,40}[a-z]$/),
    content: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(
      fc.array(member, { maxLength: 6 }),
      fc.array(fc.nat({ max: 900 }), { maxLength: 40 }),
      (members, cuts) => {
        const bytes = archive(members);
        const pieces: Buffer[] = [];
        let at = 0;
        for (const cut of cuts) {
          pieces.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        pieces.push(bytes.subarray(at));

        const result = read(pieces);

        expect(result.members).toEqual(members);
        expect(result.offsets.every((offset) => offset === 0)).toBe(true);
      },
    ),
  );
});

test('reads folders, links and sizes above 8 GiB', () => {
  const entries: unknown[] = [];
  const reader = new TarReader({
    entryBegin: (entry) => entries.push(entry),
    entryData: () => undefined,
    entryEnd: () => undefined,
  });
  const bytes = Buffer.concat([
    header('pg_tblspc/', 0, '5'),
    header('pg_tblspc/16401', 0, '2', '/fast'),
    header('base/1/9', 9 * 1024 ** 3),
  ]);

  reader.feed(bytes, 0, bytes.length);

  expect(entries).toMatchObject([
    { kind: 'directory', path: 'pg_tblspc', mode: 0o600 },
    { kind: 'link', path: 'pg_tblspc/16401', target: '/fast' },
    { kind: 'file', path: 'base/1/9', sizeBytes: 9 * 1024 ** 3 },
  ]);
});

test.each([
  { what: 'a flipped bit in a header', at: 3, keep: 2048 },
  { what: 'an archive that ends in a file', at: undefined, keep: 700 },
])('refuses $what', ({ at, keep }) => {
  const bytes = archive([{ path: 'base/1/1', content: Buffer.alloc(1000, 7) }]).subarray(0, keep);
  if (at !== undefined) bytes[at] = (bytes[at] ?? 0) ^ 1;

  let error: unknown;
  try {
    read([bytes]);
  } catch (caught) {
    error = caught;
  }

  expect(isProblem(error, TAR_DAMAGED)).toBe(true);
});
