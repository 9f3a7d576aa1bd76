/**
 * Gives the ends of transactions in log files other times, as a server would have written them whose clock
 * was wrong: the time in the record, and the record's checksum over it. Nobody may set this machine's clock.
 *
 * Sources: PostgreSQL's access/xlogrecord.h, access/xact.h, port/pg_crc32c_sb8.c.
 */
import { readFile, writeFile } from 'node:fs/promises';

import { lsnBytes } from '../../src/kernel/lsn.ts';
import { isSegmentName, segmentPlace } from '../../src/kernel/wal-name.ts';
import { readTransactionEnds, type TransactionEnd } from '../../src/postgres/wal-records.ts';

const PAGE_BYTES = 8192;
const [SHORT_HEADER_BYTES, LONG_HEADER_BYTES] = [24, 40];
const [RECORD_HEADER_BYTES, CHECKSUM_AT] = [24, 20];
const POSTGRES_EPOCH = Temporal.Instant.from('2000-01-01T00:00:00Z');

/** Undefined: it keeps its time. */
export type NewTime = (end: TransactionEnd) => Temporal.Instant | undefined;

/** Answers how many records it changed. Of a segment file that may be unfinished. */
export async function restampSegment(
  path: string,
  segmentBytes: number,
  newTime: NewTime,
): Promise<number> {
  const name = path.split('/').at(-1)?.slice(0, 24) ?? '';
  if (!isSegmentName(name)) throw new TypeError(`Not a segment: "${path}"`);
  const { beginLsn } = segmentPlace(name, segmentBytes);
  const bytes = await readFile(path);
  let changed = 0;
  for (const end of readTransactionEnds(bytes, { beginLsn, segmentBytes })) {
    const at = newTime(end);
    if (at === undefined) continue;
    restampRecord(bytes, Number(lsnBytes(end.lsn) - lsnBytes(beginLsn)), at);
    changed += 1;
  }
  await writeFile(path, bytes);
  return changed;
}

function restampRecord(file: Buffer, offset: number, at: Temporal.Instant): void {
  const places = placesOf(file, offset);
  const record = Buffer.from(places.map((place) => file[place] ?? 0));
  record.writeBigInt64LE(microseconds(at), timeAt(record));
  record.writeUInt32LE(checksum(record), CHECKSUM_AT);
  for (const [index, place] of places.entries()) file[place] = record[index] ?? 0;
}

function microseconds(at: Temporal.Instant): bigint {
  return (at.epochNanoseconds - POSTGRES_EPOCH.epochNanoseconds) / 1000n;
}

/** Where in the file each byte of the record stands: a page that it crosses has a header. */
function placesOf(file: Buffer, offset: number): readonly number[] {
  const total = file.readUInt32LE(offset);
  const places: number[] = [];
  for (let at = offset; places.length < total; at += 1) {
    if (at % PAGE_BYTES === 0) at += at === 0 ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES;
    places.push(at);
  }
  return places;
}

/** Behind the headers of the record's main data, which may follow an origin and a transaction above. */
function timeAt(record: Buffer): number {
  for (let at = RECORD_HEADER_BYTES; at < record.length; ) {
    const id = record[at];
    if (id === 255) return at + 2;
    if (id === 254) return at + 5;
    if (id === 253) at += 3;
    else if (id === 252) at += 5;
    else break;
  }
  throw new TypeError('The record of a transaction has no main data');
}

/** First what follows the header, then the header up to the checksum itself. */
function checksum(record: Buffer): number {
  return crc32c([record.subarray(RECORD_HEADER_BYTES), record.subarray(0, CHECKSUM_AT)]);
}

const CASTAGNOLI = 0x82_f6_3b_78;

function crc32c(parts: readonly Buffer[]): number {
  let crc = 0xff_ff_ff_ff;
  for (const part of parts) {
    for (const byte of part) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit += 1)
        crc = (crc & 1) === 1 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1;
    }
  }
  return (crc ^ 0xff_ff_ff_ff) >>> 0;
}
