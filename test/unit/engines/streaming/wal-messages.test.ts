import { expect, test } from 'vitest';

import { statusMessage, WalMessages } from '../../../../src/engines/streaming/wal-messages.ts';

interface Heard {
  readonly data: { readonly at: bigint; readonly text: string }[];
  readonly ends: bigint[];
  asked: number;
}

function hear(messages: readonly Buffer[], pieceBytes: number): Heard {
  const heard: Heard = { data: [], ends: [], asked: 0 };
  const reader = new WalMessages({
    data: (at, buffer, start, end) =>
      heard.data.push({ at, text: buffer.toString('latin1', start, end) }),
    serverEnd: (lsn) => heard.ends.push(lsn),
    statusAsked: () => {
      heard.asked++;
    },
  });
  for (const message of messages) {
    reader.begin();
    for (let at = 0; at < message.length; at += pieceBytes)
      reader.part(message, at, Math.min(at + pieceBytes, message.length));
    reader.end();
  }
  return heard;
}

function walData(at: bigint, end: bigint, text: string): Buffer {
  const head = Buffer.alloc(25);
  head[0] = 0x77;
  head.writeBigUInt64BE(at, 1);
  head.writeBigUInt64BE(end, 9);
  return Buffer.concat([head, Buffer.from(text)]);
}

function keepalive(end: bigint, asks: boolean): Buffer {
  const message = Buffer.alloc(18);
  message[0] = 0x6b;
  message.writeBigUInt64BE(end, 1);
  message[17] = asks ? 1 : 0;
  return message;
}

test.each([1, 7, 24, 25, 1000])('reads messages that come in pieces of %i bytes', (pieceBytes) => {
  const heard = hear(
    [walData(100n, 500n, 'the log'), keepalive(600n, false), keepalive(700n, true)],
    pieceBytes,
  );

  expect(heard.data.map(({ text }) => text).join('')).toBe('the log');
  expect(heard.data[0]?.at).toBe(100n);
  expect(heard.ends).toEqual([500n, 600n, 700n]);
  expect(heard.asked).toBe(1);
});

test('statusMessage() writes the positions and the time since 2000', () => {
  const message = statusMessage({
    writtenLsn: 20n,
    flushedLsn: 10n,
    at: Temporal.Instant.from('2000-01-01T00:00:01.5Z'),
    askReply: true,
  });

  expect(message.length).toBe(34);
  expect(message.toString('latin1', 0, 1)).toBe('r');
  expect([1, 9, 17, 25].map((at) => message.readBigInt64BE(at))).toEqual([
    20n,
    10n,
    0n,
    1_500_000n,
  ]);
  expect(message[33]).toBe(1);
});
