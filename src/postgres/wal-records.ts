/**
 * Reads ends of transactions out of log bytes: commits and aborts with their positions and times. Walks
 * pages and record headers as PostgreSQL 15 to 18 write them, little endian, and looks into nothing else.
 * Stops where the log ends: at zeros, and at a page that does not belong where it stands. Pure.
 *
 * Sources: PostgreSQL's access/xlog_internal.h (pages), xlogrecord.h (records), xact.h (transactions).
 */
import { type Lsn, lsnBytes, lsnFromBytes } from '../kernel/lsn.ts';

export interface TransactionEnd {
  readonly kind: 'commit' | 'abort';
  /** Where its record begins: recovering to it, exclusively, stops just before it. */
  readonly lsn: Lsn;
  /** Where the next record begins. */
  readonly endLsn: Lsn;
  /** Undefined: of a prepared transaction whose record does not give it away; see `KEPT_BYTES_MAX`. */
  readonly xid: number | undefined;
  /** By the server's clock; not monotonic. */
  readonly at: Temporal.Instant;
}

export interface LogPlace {
  /** First byte of a page; usually of a segment. */
  readonly beginLsn: Lsn;
  readonly segmentBytes: number;
}

const PAGE_BYTES = 8192;
const [SHORT_HEADER_BYTES, LONG_HEADER_BYTES, RECORD_HEADER_BYTES] = [24, 40, 24];
const [CONTINUES, LONG_HEADER] = [0x01, 0x02];
/** The resource manager of transactions. */
const TRANSACTIONS = 1;
const RECORD_BYTES_MAX = 0x3f_ff_fc_00;
/** A commit that lists very many files and sub-transactions is read only so far. */
const KEPT_BYTES_MAX = 1024 * 1024;

/** Everything that ends in one stretch of log. */
export function readTransactionEnds(bytes: Buffer, place: LogPlace): readonly TransactionEnd[] {
  const ends: TransactionEnd[] = [];
  const reader = new WalRecordReader(place, (end) => ends.push(end));
  reader.feed(bytes);
  reader.finish();
  return ends;
}

interface OpenRecord {
  readonly begin: bigint;
  /** Of the page it begins on: tells the version of PostgreSQL. */
  readonly magic: number;
  readonly totalBytes: number;
  gotBytes: number;
  /** Its first bytes; no more than the header where it is of no interest. */
  kept: Buffer[];
  keptBytes: number;
}

/** Takes the log in pieces of any size, in order; what stands on the last page is read once it is whole, or all. */
export class WalRecordReader {
  readonly #segmentBytes: bigint;
  readonly #onEnd: (end: TransactionEnd) => void;
  readonly #page = Buffer.alloc(PAGE_BYTES);
  #pageBytes = 0;
  /** Of the page that is read, what is there. */
  #readableBytes = PAGE_BYTES;
  /** Position of the page that is being filled. */
  #lsn: bigint;
  #record: OpenRecord | undefined;
  /** Nothing is looked at before it. */
  #skipTo = 0n;

  constructor({ beginLsn, segmentBytes }: LogPlace, onEnd: (end: TransactionEnd) => void) {
    this.#lsn = lsnBytes(beginLsn);
    this.#segmentBytes = BigInt(segmentBytes);
    this.#onEnd = onEnd;
  }

  feed(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const taken = Math.min(PAGE_BYTES - this.#pageBytes, bytes.length - at);
      bytes.copy(this.#page, this.#pageBytes, at, at + taken);
      this.#pageBytes += taken;
      at += taken;
      if (this.#pageBytes < PAGE_BYTES) return;
      if (this.#lsn >= this.#skipTo) this.#readPage();
      this.#lsn += BigInt(PAGE_BYTES);
      this.#pageBytes = 0;
    }
  }

  /** Nothing follows: reads what there is of the last page, up to a record that is cut. */
  finish(): void {
    this.#page.fill(0, this.#pageBytes);
    this.#readableBytes = this.#pageBytes;
    if (this.#pageBytes >= LONG_HEADER_BYTES && this.#lsn >= this.#skipTo) this.#readPage();
    this.#record = undefined;
  }

  #readPage(): void {
    const info = this.#page.readUInt16LE(2);
    const magic = this.#page.readUInt16LE(0);
    if (magic >> 8 !== 0xd1 || this.#page.readBigUInt64LE(8) !== this.#lsn) {
      this.#endOfSegment();
      return;
    }
    let at = (info & LONG_HEADER) === 0 ? SHORT_HEADER_BYTES : LONG_HEADER_BYTES;
    if ((info & CONTINUES) === 0) this.#record = undefined;
    else at = this.#continue(at, this.#page.readUInt32LE(16));
    while (at + 4 <= PAGE_BYTES) {
      const totalBytes = this.#page.readUInt32LE(at);
      if (totalBytes < RECORD_HEADER_BYTES || totalBytes > RECORD_BYTES_MAX) {
        this.#endOfSegment();
        return;
      }
      this.#record = {
        begin: this.#lsn + BigInt(at),
        magic,
        totalBytes,
        gotBytes: 0,
        kept: [],
        keptBytes: 0,
      };
      at = this.#take(at, totalBytes);
    }
  }

  /** What began on an earlier page. Where we came in too late to see it, it is passed over. */
  #continue(at: number, leftBytes: number): number {
    const record = this.#record;
    const expected = record !== undefined && record.totalBytes - record.gotBytes === leftBytes;
    if (expected) return this.#take(at, leftBytes);
    this.#record = undefined;
    return align(at + Math.min(leftBytes, PAGE_BYTES - at));
  }

  #take(at: number, wantedBytes: number): number {
    const record = this.#record;
    const end = Math.min(at + wantedBytes, PAGE_BYTES);
    if (record === undefined) return end;
    if (end > this.#readableBytes) return PAGE_BYTES;
    this.#keep(record, at, end);
    record.gotBytes += end - at;
    if (record.gotBytes === record.totalBytes) {
      this.#record = undefined;
      this.#tell(record, this.#lsn + BigInt(align(end)));
    }
    return align(end);
  }

  #keep(record: OpenRecord, start: number, end: number): void {
    const isHeader = record.keptBytes < RECORD_HEADER_BYTES;
    if (!isHeader && !isTransaction(record)) return;
    const room = (isHeader ? PAGE_BYTES : KEPT_BYTES_MAX) - record.keptBytes;
    const piece = Buffer.from(this.#page.subarray(start, Math.min(end, start + Math.max(0, room))));
    record.kept.push(piece);
    record.keptBytes += piece.length;
  }

  #tell(record: OpenRecord, endLsn: bigint): void {
    const bytes = Buffer.concat(record.kept);
    record.kept = [];
    if (bytes.length < RECORD_HEADER_BYTES || bytes[17] !== TRANSACTIONS) return;
    const end = readTransaction(bytes, record.magic);
    if (end === undefined) return;
    this.#onEnd({ ...end, lsn: lsnFromBytes(record.begin), endLsn: lsnFromBytes(endLsn) });
  }

  /** After a log switch the rest of a segment is empty; at the true end nothing follows. */
  #endOfSegment(): void {
    this.#record = undefined;
    this.#skipTo = (this.#lsn / this.#segmentBytes + 1n) * this.#segmentBytes;
  }
}

function isTransaction({ kept, keptBytes }: OpenRecord): boolean {
  if (keptBytes < RECORD_HEADER_BYTES) return true;
  const [first] = kept;
  const head =
    first !== undefined && first.length >= RECORD_HEADER_BYTES ? first : Buffer.concat(kept);
  return head[17] === TRANSACTIONS;
}

function align(at: number): number {
  return (at + 7) & ~7;
}

/** Operations of a transaction's record, in the high bits of its info byte. */
const OPERATION: ReadonlyMap<number, { kind: 'commit' | 'abort'; prepared: boolean }> = new Map([
  [0x00, { kind: 'commit', prepared: false }],
  [0x20, { kind: 'abort', prepared: false }],
  [0x30, { kind: 'commit', prepared: true }],
  [0x40, { kind: 'abort', prepared: true }],
]);
const HAS_INFO = 0x80;

function readTransaction(
  bytes: Buffer,
  magic: number,
): Pick<TransactionEnd, 'kind' | 'xid' | 'at'> | undefined {
  const info = bytes[16] ?? 0;
  const operation = OPERATION.get(info & 0x70);
  const main = mainData(bytes);
  if (operation === undefined || main === undefined || main.length < 8) return undefined;
  const at = momentOf(main.readBigInt64LE(0));
  const { kind } = operation;
  if (!operation.prepared) return { kind, xid: bytes.readUInt32LE(4), at };
  // Who ends a prepared transaction has no number, or another one.
  const details = (info & HAS_INFO) === 0 ? undefined : main.subarray(8);
  return { kind, xid: details === undefined ? undefined : preparedXid(details, kind, magic), at };
}

/** What stands behind the headers of a record that refers to no block. */
function mainData(bytes: Buffer): Buffer | undefined {
  for (let at = RECORD_HEADER_BYTES; at + 2 <= bytes.length; ) {
    const id = bytes[at];
    if (id === 255) return bytes.subarray(at + 2, at + 2 + (bytes[at + 1] ?? 0));
    if (id === 254 && at + 5 <= bytes.length)
      return bytes.subarray(at + 5, at + 5 + bytes.readUInt32LE(at + 1));
    // An origin, or the transaction above a sub-transaction, may stand before it.
    if (id === 253) at += 3;
    else if (id === 252) at += 5;
    else return undefined;
  }
  return undefined;
}

/** The pages of PostgreSQL 18. There, what a dropped object leaves of statistics has a longer key. */
const MAGIC_18 = 0xd118;
const DROPPED_STATISTICS = 0x100;

/** Which lists stand before the prepared transaction's number: flag, and bytes of one item. */
const COMMIT_LISTS: readonly (readonly [flag: number, itemBytes: number])[] = [
  [0x02, 4],
  [0x04, 12],
  [DROPPED_STATISTICS, 12],
  [0x08, 16],
];

function preparedXid(details: Buffer, kind: 'commit' | 'abort', magic: number): number | undefined {
  if (details.length < 4) return undefined;
  const flags = details.readUInt32LE(0);
  let at = 4 + ((flags & 0x01) === 0 ? 0 : 8);
  for (const [flag, itemBytes] of COMMIT_LISTS) {
    // An abort names no invalidations.
    if ((flags & flag) === 0 || (kind === 'abort' && flag === 0x08)) continue;
    if (at + 4 > details.length) return undefined;
    const bytes = flag === DROPPED_STATISTICS && magic >= MAGIC_18 ? 16 : itemBytes;
    at += 4 + details.readInt32LE(at) * bytes;
  }
  const isThere = (flags & 0x10) !== 0 && at + 4 <= details.length;
  return isThere ? details.readUInt32LE(at) : undefined;
}

const POSTGRES_EPOCH = Temporal.Instant.from('2000-01-01T00:00:00Z').epochNanoseconds;

function momentOf(microseconds: bigint): Temporal.Instant {
  return Temporal.Instant.fromEpochNanoseconds(POSTGRES_EPOCH + microseconds * 1000n);
}
