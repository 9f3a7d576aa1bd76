/** Names of WAL segments: 24 hexadecimal digits made of timeline, high part and segment number. */
import { type Lsn, lsnBytes, lsnFromBytes } from './lsn.ts';

/** A segment's file name, such as `000000010000000000000003`. */
export type SegmentName = string & { readonly __brand: 'SegmentName' };

export interface SegmentPlace {
  readonly timeline: number;
  /** Position of the segment's first byte. */
  readonly beginLsn: Lsn;
}

export function isSegmentName(text: string): text is SegmentName {
  return /^[0-9A-F]{24}$/.test(text);
}

function hex8(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}

/** The segment that holds the byte at `lsn`. `segmentBytes` is the cluster's `wal_segment_size`. */
export function segmentNameAt(timeline: number, lsn: Lsn, segmentBytes: number): SegmentName {
  const number = lsnBytes(lsn) / BigInt(segmentBytes);
  const perHigh = 0x1_00_00_00_00n / BigInt(segmentBytes);
  const name = hex8(BigInt(timeline)) + hex8(number / perHigh) + hex8(number % perHigh);
  if (!isSegmentName(name)) throw new TypeError(`Not a segment name: "${name}"`);
  return name;
}

export function segmentPlace(name: SegmentName, segmentBytes: number): SegmentPlace {
  const high = BigInt(`0x${name.slice(8, 16)}`);
  const low = BigInt(`0x${name.slice(16, 24)}`);
  const perHigh = 0x1_00_00_00_00n / BigInt(segmentBytes);
  const beginLsn = lsnFromBytes((high * perHigh + low) * BigInt(segmentBytes));
  return { timeline: Number.parseInt(name.slice(0, 8), 16), beginLsn };
}

/** `00000002.history`. */
export function historyName(timeline: number): string {
  return `${hex8(BigInt(timeline))}.history`;
}

/** The first byte of the segment that holds `lsn`. */
export function segmentBegin(lsn: Lsn, segmentBytes: number): Lsn {
  const size = BigInt(segmentBytes);
  return lsnFromBytes((lsnBytes(lsn) / size) * size);
}
