/**
 * Splits the bytes of PostgreSQL's protocol into messages, wherever they are cut. CopyData payloads are
 * handed on in place, in pieces; all other messages are small and are collected. Pure.
 */

export interface MessageListener {
  /** A whole message that is not CopyData; `body` is a copy. */
  message(type: string, body: Buffer): void;
  copyBegin(lengthBytes: number): void;
  /** Valid only until it returns. */
  copyPart(buffer: Buffer, start: number, end: number): void;
  copyEnd(): void;
}

const HEAD_BYTES = 5;
const COPY_DATA = 0x64;
/** A message of rows or words is never larger; a larger one is not PostgreSQL speaking. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export class MessageReader {
  readonly #listener: MessageListener;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  #left = 0;
  /** Undefined while a CopyData message is being handed on. */
  #body: Buffer | undefined;
  #bodyBytes = 0;

  constructor(listener: MessageListener) {
    this.#listener = listener;
  }

  feed(buffer: Buffer, end: number): void {
    let at = 0;
    while (at < end) {
      if (this.#headBytes < HEAD_BYTES) {
        const taken = Math.min(HEAD_BYTES - this.#headBytes, end - at);
        buffer.copy(this.#head, this.#headBytes, at, at + taken);
        this.#headBytes += taken;
        at += taken;
        if (this.#headBytes < HEAD_BYTES) return;
        this.#begin();
      }
      const taken = Math.min(this.#left, end - at);
      if (taken > 0) this.#take(buffer, at, at + taken);
      at += taken;
      this.#left -= taken;
      if (this.#left === 0) this.#finish();
    }
  }

  #begin(): void {
    this.#left = this.#head.readUInt32BE(1) - 4;
    if (this.#left < 0 || this.#left > MESSAGE_BYTES_MAX)
      throw new RangeError(`a message of ${this.#left} bytes is not PostgreSQL speaking`);
    if (this.#head[0] === COPY_DATA) {
      this.#body = undefined;
      this.#listener.copyBegin(this.#left);
      return;
    }
    this.#body = Buffer.allocUnsafe(this.#left);
    this.#bodyBytes = 0;
  }

  #take(buffer: Buffer, start: number, end: number): void {
    if (this.#body === undefined) {
      this.#listener.copyPart(buffer, start, end);
      return;
    }
    buffer.copy(this.#body, this.#bodyBytes, start, end);
    this.#bodyBytes += end - start;
  }

  #finish(): void {
    this.#headBytes = 0;
    const body = this.#body;
    if (body === undefined) {
      this.#listener.copyEnd();
      return;
    }
    this.#body = undefined;
    this.#listener.message(this.#head.toString('latin1', 0, 1), body);
  }
}
