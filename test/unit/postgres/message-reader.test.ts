import fc from 'fast-check';
import { expect, test } from 'vitest';

import { MessageReader } from '../../../src/postgres/message-reader.ts';

function frame(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

test('gives the same messages however the stream is cut', () => {
  const message = fc.record({
    type: fc.constantFrom('d', 'T', 'D', 'c', 'Z'),
    body: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  });
  fc.assert(
    fc.property(fc.array(message), fc.integer({ min: 1, max: 20 }), (messages, pieceBytes) => {
      const got: { type: string; body: Buffer }[] = [];
      let copied: Buffer[] = [];
      const reader = new MessageReader({
        message: (type, body) => got.push({ type, body }),
        copyBegin: () => {
          copied = [];
        },
        copyPart: (buffer, start, end) => copied.push(Buffer.from(buffer.subarray(start, end))),
        copyEnd: () => got.push({ type: 'd', body: Buffer.concat(copied) }),
      });
      const bytes = Buffer.concat(messages.map(({ type, body }) => frame(type, body)));
      // One buffer that every read overwrites, as the socket's is.
      const reused = Buffer.alloc(pieceBytes);

      for (let at = 0; at < bytes.length; at += pieceBytes) {
        const taken = bytes.copy(reused, 0, at, at + pieceBytes);
        reader.feed(reused, taken);
      }

      expect(got).toEqual(messages);
    }),
  );
});

test('refuses a length that no message of PostgreSQL has', () => {
  const reader = new MessageReader({
    message: () => undefined,
    copyBegin: () => undefined,
    copyPart: () => undefined,
    copyEnd: () => undefined,
  });
  const bytes = Buffer.from('HTTP/1.1 400 Bad Request');

  expect(() => reader.feed(bytes, bytes.length)).toThrow('is not PostgreSQL speaking');
});
