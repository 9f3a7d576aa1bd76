/** The stored log of a cluster, object by object, with the answer whether a rule keeps each. */
import type { ClusterFolder } from '../engines/engine.ts';
import { clusterPrefix, readWalKey, type WalObject } from '../engines/streaming/wal-format.ts';
import type { ServerName } from '../kernel/ids.ts';
import { lsnBytes } from '../kernel/lsn.ts';
import { type SegmentName, segmentPlace } from '../kernel/wal-name.ts';
import type { ObjectKey, ObjectStore } from '../storage/object-store.ts';
import { askRule, type WalPiece, type WalRule } from './wal-rule.ts';

export interface LogObject {
  readonly key: ObjectKey;
  readonly sizeBytes: number;
  readonly kind: WalObject['kind'];
  readonly piece: WalPiece;
  readonly isKept: boolean;
  /** A tail whose segment is stored whole: nobody needs it. */
  readonly isOver: boolean;
}

// Oldest first on each timeline, segments before tails. A tail goes, too, once its segment is whole.
export async function* storedLog(
  store: ObjectStore,
  { server, rules }: { readonly server: ServerName; readonly rules: readonly WalRule[] },
  { signal }: { readonly signal: AbortSignal },
): AsyncGenerator<LogObject, void, undefined> {
  const [rule] = rules;
  if (rule === undefined) return;
  const { major, systemId, segmentBytes } = rule;
  const folder: ClusterFolder = { server, major, systemId };
  const questions = rules.map(askRule);
  const whole = new Map<SegmentName, number>();
  for (const part of ['wal/', 'tail/'])
    for await (const { key, sizeBytes } of store.list(clusterPrefix(folder) + part, { signal })) {
      const object = readWalKey(folder, key);
      if (object === undefined) continue;
      if (object.kind === 'segment') whole.set(object.name, (whole.get(object.name) ?? 0) + 1);
      const piece = pieceOf(object, segmentBytes);
      // Of two contents nobody knows which is true: the tails may tell.
      const isOver = object.kind === 'tail' && whole.get(object.segment) === 1;
      const isKept = questions.some((question) => question.keeps(piece)) && !isOver;
      yield { key, sizeBytes, kind: object.kind, piece, isKept, isOver };
    }
}

/** A tail is judged by its segment: joined ones are read from the segment's beginning. */
function pieceOf(object: WalObject, segmentBytes: number): WalPiece {
  const { kind } = object;
  if (kind === 'history') return { kind };
  const name = kind === 'segment' ? object.name : object.segment;
  const { timeline, beginLsn } = segmentPlace(name, segmentBytes);
  const from = lsnBytes(beginLsn);
  return { kind, timeline, from, to: from + BigInt(segmentBytes) };
}
