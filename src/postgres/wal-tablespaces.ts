/**
 * Changes log bytes so that a tablespace that was made in them comes to stand inside the data directory
 * of whoever replays them. PostgreSQL's log says where it stood on production, and replay on the same
 * machine would write into production's own files. Pure, but for the bytes it is given.
 *
 * The record of CREATE TABLESPACE holds the path; an empty one means "inside" (PostgreSQL's
 * commands/tablespace.c, since 15). The record keeps its length: the path's first byte becomes its end,
 * and the checksum is made anew. A record is believed only when its checksum held before.
 *
 * Sources: access/xlogrecord.h (records), access/xlog_internal.h (pages), commands/tablespace.h.
 */
const PAGE_BYTES = 8192;
const [SHORT_HEADER_BYTES, LONG_HEADER_BYTES] = [24, 40];
/** Of a record: length 0, transaction 4, previous 8, info 16, resource manager 17, checksum 20. */
const HEADER_BYTES = 24;
const [PREVIOUS_AT, INFO_AT, CHECKSUM_AT] = [8, 16, 20];
/** The resource manager of tablespaces. */
const TABLESPACES = 5;
/** One block of main data of at most 255 bytes, its length, the identifier. */
const [SHORT_DATA, DATA_AT] = [0xff, HEADER_BYTES + 2];
const PATH_AT = DATA_AT + 4;
/** A path of at most 1024 bytes (MAXPGPATH), and what stands before it. */
const RECORD_BYTES_MAX = 1100;
const LONG_DATA = 0xfe;
/** A record has at most 1 GiB, and the rest of a segment may have been left empty. */
const BEFORE_BYTES_MAX = 3n << 30n;

export interface MovedTablespace {
  readonly oid: number;
  /** Where production has it. */
  readonly path: string;
}

export interface MovedTablespaces {
  readonly moved: readonly MovedTablespace[];
  /** Such a record is cut by the end of the bytes, or by their begin: it could not be changed. */
  readonly cut: boolean;
}

/** `bytes`: a whole segment. `beginByte`: its position in the log. */
export function moveTablespacesInside(bytes: Buffer, beginByte: bigint): MovedTablespaces {
  const moved: MovedTablespace[] = [];
  let cut = false;
  // Records begin at multiples of eight. Looking at each place costs the same whatever the bytes are.
  for (const at of createsIn(bytes)) {
    const begin = recordBegin(at);
    if (begin < 0) cut ||= isCutBegin(bytes, at);
    else {
      const record = readRecord(bytes, begin, beginByte);
      if (record === 'cut') cut = true;
      else if (record !== undefined) moved.push(change(bytes, record));
    }
  }
  return { moved, cut };
}

/** Info says "create", the resource manager stands behind it, and then two bytes that are always zero. */
const CREATE = new Uint32Array(Uint8Array.of(0, TABLESPACES, 0, 0).buffer)[0] ?? 0;

/** Where that stands, among much else. Four bytes at a time: a segment is looked through in 3 ms. */
function createsIn(bytes: Buffer): readonly number[] {
  const words = wordsOf(bytes);
  const found: number[] = [];
  for (let word = 0; word < words.length; word += 2)
    if (words[word] === CREATE) found.push(word * 4);
  return found;
}

function wordsOf(bytes: Buffer): Uint32Array {
  const length = Math.floor(bytes.length / 4);
  if (bytes.byteOffset % 4 === 0) return new Uint32Array(bytes.buffer, bytes.byteOffset, length);
  return new Uint32Array(Uint8Array.from(bytes.subarray(0, length * 4)).buffer);
}

/** Where the record begins whose info byte stands at `at`; the header may be split between pages. */
function recordBegin(at: number): number {
  const page = at - (at % PAGE_BYTES);
  const within = at - page - headerBytes(page);
  if (within >= INFO_AT) return at - INFO_AT;
  return within >= 0 ? page - (INFO_AT - within) : -1;
}

function headerBytes(page: number): number {
  return page === 0 ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES;
}

interface Found {
  readonly bytes: Buffer;
  /** Where in the segment each of them stands. */
  readonly places: readonly number[];
  readonly pathAt: number;
}

function readRecord(segment: Buffer, begin: number, beginByte: bigint): Found | 'cut' | undefined {
  const lengthBytes = segment.readUInt32LE(begin);
  if (lengthBytes <= PATH_AT || lengthBytes > RECORD_BYTES_MAX) return undefined;
  const header = bytesAt(segment, recordPlaces(begin, HEADER_BYTES));
  if (!isAfter(header, beginByte + BigInt(begin))) return undefined;
  const places = recordPlaces(begin, lengthBytes);
  const bytes = bytesAt(segment, places);
  if (bytes.length < lengthBytes) return 'cut';
  if (bytes.readUInt32LE(CHECKSUM_AT) !== recordChecksum(bytes)) return undefined;
  const pathAt = bytes[HEADER_BYTES] === SHORT_DATA ? PATH_AT : PATH_AT + 3;
  const isPlain = bytes[HEADER_BYTES] === SHORT_DATA || bytes[HEADER_BYTES] === LONG_DATA;
  return isPlain && bytes[pathAt] !== 0 ? { bytes, places, pathAt } : undefined;
}

/** As many as there are. */
function bytesAt(segment: Buffer, places: readonly number[]): Buffer {
  const inside = places.filter((place) => place < segment.length);
  return Buffer.from(inside.map((place) => segment[place] ?? 0));
}

/** Places of `lengthBytes` bytes from `begin` on, with the headers of pages left out. */
function recordPlaces(begin: number, lengthBytes: number): readonly number[] {
  const places: number[] = [];
  for (let place = begin; places.length < lengthBytes; place++) {
    if (place % PAGE_BYTES === 0) place += SHORT_HEADER_BYTES;
    places.push(place);
  }
  return places;
}

function change(segment: Buffer, { bytes, places, pathAt }: Found): MovedTablespace {
  const moved = {
    oid: bytes.readUInt32LE(pathAt - 4),
    path: bytes.toString('utf8', pathAt, bytes.indexOf(0, pathAt)),
  };
  bytes[pathAt] = 0;
  bytes.writeUInt32LE(recordChecksum(bytes), CHECKSUM_AT);
  for (const [index, place] of places.entries()) segment[place] = bytes[index] ?? 0;
  return moved;
}

/** Whether the position of the record before it makes sense: rules out almost everything, at little cost. */
function isAfter(header: Buffer, begin: bigint): boolean {
  if (header.length < HEADER_BYTES) return false;
  const previous = header.readBigUInt64LE(PREVIOUS_AT);
  return previous < begin && begin - previous < BEFORE_BYTES_MAX;
}

/** The rest of a record that began in the segment before: a block of data with an absolute path. */
function isCutBegin(segment: Buffer, at: number): boolean {
  const data = at + HEADER_BYTES - INFO_AT;
  return segment[data] === SHORT_DATA && segment[data + 6] === 0x2f;
}

/** CRC-32C of what follows the header, then of the header up to the checksum. */
function recordChecksum(record: Buffer): number {
  let crc = 0xff_ff_ff_ff;
  for (const byte of record.subarray(HEADER_BYTES)) crc = step(crc, byte);
  for (const byte of record.subarray(0, CHECKSUM_AT)) crc = step(crc, byte);
  return (crc ^ 0xff_ff_ff_ff) >>> 0;
}

function step(crc: number, byte: number): number {
  return (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
}

const TABLE = Uint32Array.from({ length: 256 }, (_each, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82_f6_3b_78;
  return crc;
});
