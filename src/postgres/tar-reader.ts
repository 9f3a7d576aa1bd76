/**
 * Reads tar as PostgreSQL writes it (ustar headers, names of at most 100 bytes, files, folders and
 * links, base-256 sizes from 8 GiB on), fed in pieces of any size. File content is handed on in place.
 * A header whose checksum does not hold is refused. Pure.
 */
import { Problem } from '../kernel/problem.ts';
import { TAR_DAMAGED } from './problems.ts';

export interface TarEntry {
  readonly kind: 'file' | 'directory' | 'link';
  /** As in the archive: relative, a folder's without its final slash. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Permission bits. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly modifiedSeconds: number;
  /** Where a link leads; empty for others. */
  readonly target: string;
}

export interface TarListener {
  entryBegin(entry: TarEntry): void;
  /**
   * Content of the current file that belongs at `offsetBytes`: `buffer[start, end)` of `part`, valid
   * only until this returns; `part` itself is reused too.
   */
  entryData(part: TarPart): void;
  entryEnd(entry: TarEntry): void;
}

/** One object that is filled anew for each call, because there are millions of them. */
export interface TarPart {
  readonly entry: TarEntry;
  readonly offsetBytes: number;
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}

const BLOCK_BYTES = 512;
/** Where the checksum itself stands, counted as spaces. */
const [CHECKSUM_AT, CHECKSUM_END] = [148, 156];

export class TarReader {
  readonly #listener: TarListener;
  readonly #header = Buffer.alloc(BLOCK_BYTES);
  #headerBytes = 0;
  #padBytes = 0;
  #leftBytes = 0;
  #entry: TarEntry | undefined;
  #part: { -readonly [K in keyof TarPart]: TarPart[K] } | undefined;

  constructor(listener: TarListener) {
    this.#listener = listener;
  }

  feed(buffer: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      if (this.#leftBytes > 0) at += this.#content(buffer, at, end);
      else if (this.#padBytes > 0) at += this.#skip(end - at);
      else at += this.#head(buffer, at, end);
    }
  }

  /** To be called when an archive ends; another one may follow. @throws Problem POSTGRES_TAR_DAMAGED */
  finish(): void {
    if (this.#leftBytes > 0 || this.#padBytes > 0 || this.#headerBytes > 0)
      throw damaged(`it ends in the middle of "${this.#entry?.path ?? 'a header'}"`);
  }

  #content(buffer: Buffer, at: number, end: number): number {
    const taken = Math.min(this.#leftBytes, end - at);
    const part = this.#part;
    if (part !== undefined) {
      part.buffer = buffer;
      part.start = at;
      part.end = at + taken;
      this.#listener.entryData(part);
      part.offsetBytes += taken;
    }
    this.#leftBytes -= taken;
    if (this.#leftBytes === 0) this.#end();
    return taken;
  }

  #skip(availableBytes: number): number {
    const taken = Math.min(this.#padBytes, availableBytes);
    this.#padBytes -= taken;
    return taken;
  }

  #head(buffer: Buffer, at: number, end: number): number {
    const taken = Math.min(BLOCK_BYTES - this.#headerBytes, end - at);
    buffer.copy(this.#header, this.#headerBytes, at, at + taken);
    this.#headerBytes += taken;
    if (this.#headerBytes === BLOCK_BYTES) {
      this.#headerBytes = 0;
      // Two blocks of zeros end an archive; the server may leave them out.
      if (this.#header[0] !== 0) this.#begin(readHeader(this.#header));
    }
    return taken;
  }

  #begin(entry: TarEntry): void {
    this.#entry = entry;
    this.#leftBytes = entry.kind === 'file' ? entry.sizeBytes : 0;
    this.#padBytes = (BLOCK_BYTES - (this.#leftBytes % BLOCK_BYTES)) % BLOCK_BYTES;
    this.#part = { entry, offsetBytes: 0, buffer: this.#header, start: 0, end: 0 };
    this.#listener.entryBegin(entry);
    if (this.#leftBytes === 0) this.#end();
  }

  #end(): void {
    if (this.#entry !== undefined) this.#listener.entryEnd(this.#entry);
    this.#part = undefined;
  }
}

function readHeader(header: Buffer): TarEntry {
  const path = text(header, 0, 100);
  if (number(header, CHECKSUM_AT, CHECKSUM_END) !== checksum(header))
    throw damaged(`the header of "${path.slice(0, 100)}" has a wrong checksum`);
  return {
    kind: kindOf(header.toString('latin1', 156, 157), path),
    path: path.replace(/\/+$/, ''),
    sizeBytes: number(header, 124, 136),
    mode: number(header, 100, 108) & 0o7777,
    modifiedSeconds: number(header, 136, 148),
    target: text(header, 157, 257),
  };
}

function kindOf(flag: string, path: string): TarEntry['kind'] {
  if (flag === '0' || flag === '\0') return 'file';
  if (flag === '5') return 'directory';
  if (flag === '2') return 'link';
  throw damaged(`"${path}" is of an unknown kind "${flag}"`);
}

function text(header: Buffer, start: number, end: number): string {
  const zero = header.indexOf(0, start);
  return header.toString('utf8', start, zero < 0 ? end : Math.min(zero, end));
}

/** Octal digits, or base 256 when the first bit is set. */
function number(header: Buffer, start: number, end: number): number {
  if (((header[start] ?? 0) & 0x80) === 0)
    return Number.parseInt(
      header.toString('latin1', start, end).replaceAll('\0', ' ').trim() || '0',
      8,
    );
  let value = (header[start] ?? 0) & 0x7f;
  for (const byte of header.subarray(start + 1, end)) value = value * 256 + byte;
  return value;
}

function checksum(header: Buffer): number {
  let sum = 0;
  for (const [at, byte] of header.entries())
    sum += at >= CHECKSUM_AT && at < CHECKSUM_END ? 0x20 : byte;
  return sum;
}

function damaged(why: string): Problem {
  return new Problem(TAR_DAMAGED, `Cannot read the archive of a base backup: ${why}`);
}
