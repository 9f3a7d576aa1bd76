/** Bytes that are read as objects of a store are, and that count what was asked for. */
import { Readable } from 'node:stream';

import type { ObjectSource } from '../../src/encryption/object.ts';

export interface ByteSource extends ObjectSource<string> {
  readBytes: number;
}

export function byteSource(bytes: Buffer, pieceBytes = 50_000): ByteSource {
  const source: ByteSource = {
    readBytes: 0,
    stat: async () => ({ sizeBytes: bytes.length }),
    open: async (_key, { startByte = 0, lengthBytes = bytes.length }) => {
      const range = bytes.subarray(startByte, startByte + lengthBytes);
      source.readBytes += range.length;
      return Readable.from(pieces(range, pieceBytes));
    },
  };
  return source;
}

export function* pieces(bytes: Buffer, pieceBytes: number): Generator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
