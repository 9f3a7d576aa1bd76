/**
 * Where stored WAL lies in a store, version 1, and what is in it. Below the cluster's folder
 * `<server>/<major>-<system identifier>/`:
 *
 * ```
 * wal/<timeline>/<segment>-<content name>   one whole segment
 * wal/<timeline>.history                    a timeline's history file, as PostgreSQL writes it
 * tail/<timeline>/<segment>/<from>-<to>     bytes [from, to) of a segment that was not whole yet
 * thinned/<timeline>-<position>             a mark: on that timeline and earlier ones, log before that
 *                                           position was removed on purpose; its content says nothing
 * ```
 *
 * `<timeline>` is 8 hexadecimal digits, `<segment>` PostgreSQL's file name (24), `<content name>` the key
 * ring's keyed hash of the segment's plain bytes (32), `<from>` and `<to>` log positions of 16 digits, so
 * that names sort the way positions do. Every object is an encrypted object (`encryption/format.ts`)
 * whose plain content is one zstd frame of the bytes named above; nothing stands before or behind it.
 * Nothing is ever overwritten; tails of a segment may go once the whole segment is stored.
 */
import type { ObjectIdentity } from '../../encryption/format.ts';
import { type Lsn, lsnFromBytes, sortableLsn } from '../../kernel/lsn.ts';
import { isSegmentName, type SegmentName } from '../../kernel/wal-name.ts';
import { isObjectKey, type ObjectKey } from '../../storage/object-store.ts';
import type { ClusterFolder } from '../engine.ts';
import type { WalThinned } from '../wal-archive.ts';

/** `shop/15-7341…/`: every object of one cluster begins with it. */
export function clusterPrefix({ server, major, systemId }: ClusterFolder): string {
  return `${server}/${major}-${systemId}/`;
}

export function segmentKey(
  folder: ClusterFolder,
  name: SegmentName,
  contentName: string,
): ObjectKey {
  return toKey(`${segmentPrefix(folder, name)}${contentName}`);
}

/** Every stored content of one segment; more than one is a sign of trouble. */
export function segmentPrefix(folder: ClusterFolder, name: SegmentName): string {
  return `${clusterPrefix(folder)}wal/${name.slice(0, 8)}/${name}-`;
}

export function historyKey(folder: ClusterFolder, name: string): ObjectKey {
  return toKey(`${clusterPrefix(folder)}wal/${name}`);
}

export function tailPrefix(folder: ClusterFolder, segment: SegmentName): string {
  return `${clusterPrefix(folder)}tail/${segment.slice(0, 8)}/${segment}/`;
}

export function thinnedPrefix(folder: ClusterFolder): string {
  return `${clusterPrefix(folder)}thinned/`;
}

export function thinnedKey(folder: ClusterFolder, { timeline, lsn }: WalThinned): ObjectKey {
  const digits = timeline.toString(16).toUpperCase().padStart(8, '0');
  return toKey(`${thinnedPrefix(folder)}${digits}-${sortableLsn(lsn)}`);
}

/** Undefined: it is no mark. */
export function readThinnedKey(key: string): WalThinned | undefined {
  const [, timeline = '', position = ''] = THINNED.exec(key) ?? [];
  if (timeline === '') return undefined;
  return { timeline: Number.parseInt(timeline, 16), lsn: readPosition(position) };
}

const THINNED = /\/thinned\/([0-9A-F]{8})-([0-9A-F]{16})$/;

export interface TailPlace {
  readonly segment: SegmentName;
  readonly from: Lsn;
  readonly to: Lsn;
}

export function tailKey(folder: ClusterFolder, { segment, from, to }: TailPlace): ObjectKey {
  return toKey(`${tailPrefix(folder, segment)}${sortableLsn(from)}-${sortableLsn(to)}`);
}

export type WalObject =
  | { readonly kind: 'segment'; readonly name: SegmentName; readonly contentName: string }
  | { readonly kind: 'history'; readonly name: string }
  | ({ readonly kind: 'tail' } & TailPlace);

/** What an object below the cluster's folder is; undefined: not WAL. */
export function readWalKey(folder: ClusterFolder, key: string): WalObject | undefined {
  const prefix = clusterPrefix(folder);
  if (!key.startsWith(prefix)) return undefined;
  const rest = key.slice(prefix.length);
  const history = /^wal\/([0-9A-F]{8}\.history)$/.exec(rest)?.[1];
  if (history !== undefined) return { kind: 'history', name: history };
  const [, name = '', contentName = ''] = SEGMENT.exec(rest) ?? [];
  if (isSegmentName(name)) return { kind: 'segment', name, contentName };
  return readTailPath(rest);
}

function readTailPath(rest: string): WalObject | undefined {
  const [, segment = '', from = '', to = ''] = TAIL.exec(rest) ?? [];
  if (!isSegmentName(segment)) return undefined;
  return { kind: 'tail', segment, from: readPosition(from), to: readPosition(to) };
}

const SEGMENT = /^wal\/[0-9A-F]{8}\/([0-9A-F]{24})-([0-9a-f]{32})$/;
const TAIL = /^tail\/[0-9A-F]{8}\/([0-9A-F]{24})\/([0-9A-F]{16})-([0-9A-F]{16})$/;

function readPosition(digits: string): Lsn {
  return lsnFromBytes(BigInt(`0x${digits}`));
}

/** What binds an object's encryption to its place. */
export function walIdentity(folder: ClusterFolder, key: ObjectKey): ObjectIdentity {
  return { systemId: folder.systemId, name: key };
}

function toKey(text: string): ObjectKey {
  if (!isObjectKey(text)) throw new TypeError(`Not an object key: "${text}"`);
  return text;
}
