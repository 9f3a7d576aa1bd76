/**
 * The messages inside a WAL stream: log bytes are handed on in place, keepalives are told, and our
 * status is written. Source: PostgreSQL docs, Streaming Replication Protocol. Pure.
 */

export interface WalListener {
  /** Log bytes that belong at `at`: `buffer[start, end)`, valid only until this returns. */
  data(at: bigint, buffer: Buffer, start: number, end: number): void;
  /** The server's log ends there now. */
  serverEnd(lsn: bigint): void;
  /** The server wants a status at once, else it hangs up. */
  statusAsked(): void;
}

/** `w`, where it begins, where the log ends, when it was sent. */
const DATA_HEAD_BYTES = 25;
/** `k`, where the log ends, when it was sent, whether a status is wanted. */
const KEEPALIVE_BYTES = 18;
const [DATA, KEEPALIVE, STATUS] = [0x77, 0x6b, 0x72];

export class WalMessages {
  readonly #listener: WalListener;
  readonly #head = Buffer.alloc(DATA_HEAD_BYTES);
  #headBytes = 0;
  #at = 0n;

  constructor(listener: WalListener) {
    this.#listener = listener;
  }

  begin(): void {
    this.#headBytes = 0;
  }

  part(buffer: Buffer, start: number, end: number): void {
    let from = start;
    if (this.#headBytes < DATA_HEAD_BYTES) {
      const taken = Math.min(DATA_HEAD_BYTES - this.#headBytes, end - from);
      buffer.copy(this.#head, this.#headBytes, from, from + taken);
      this.#headBytes += taken;
      from += taken;
      if (this.#headBytes < DATA_HEAD_BYTES || this.#head[0] !== DATA) return;
      this.#at = this.#head.readBigUInt64BE(1);
      this.#listener.serverEnd(this.#head.readBigUInt64BE(9));
    }
    if (from === end) return;
    this.#listener.data(this.#at, buffer, from, end);
    this.#at += BigInt(end - from);
  }

  end(): void {
    if (this.#head[0] !== KEEPALIVE || this.#headBytes < KEEPALIVE_BYTES) return;
    this.#listener.serverEnd(this.#head.readBigUInt64BE(1));
    if (this.#head[17] === 1) this.#listener.statusAsked();
  }
}

export interface WalStatus {
  /** Received. */
  readonly writtenLsn: bigint;
  /** Stored: the server may forget what lies before. 0: nothing to say yet. */
  readonly flushedLsn: bigint;
  readonly at: Temporal.Instant;
  /** Ask for a keepalive, which tells where the log ends. */
  readonly askReply: boolean;
}

const POSTGRES_EPOCH = Temporal.Instant.from('2000-01-01T00:00:00Z');

export function statusMessage({ writtenLsn, flushedLsn, at, askReply }: WalStatus): Buffer {
  const message = Buffer.alloc(34);
  message[0] = STATUS;
  message.writeBigUInt64BE(writtenLsn, 1);
  message.writeBigUInt64BE(flushedLsn, 9);
  // Nothing is applied here.
  message.writeBigUInt64BE(0n, 17);
  const sinceEpoch = at.epochNanoseconds - POSTGRES_EPOCH.epochNanoseconds;
  message.writeBigInt64BE(sinceEpoch / 1000n, 25);
  message[33] = askReply ? 1 : 0;
  return message;
}
