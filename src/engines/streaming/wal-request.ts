/** What the WAL receiver is asked for, and what its parts tell each other. */
import type { Bell } from '../../kernel/bell.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ServerName } from '../../kernel/ids.ts';
import type { Log } from '../../kernel/log.ts';
import type { Lsn } from '../../kernel/lsn.ts';
import type { SegmentName } from '../../kernel/wal-name.ts';
import type { StoreAndKeys } from '../engine.ts';
import type { WalObjectStored, WalStored } from '../wal-archive.ts';

export interface ReceiveWalRequest extends StoreAndKeys {
  readonly url: string;
  readonly server: ServerName;
  readonly slot: string;
  /** How long new bytes of the unfinished segment may wait. */
  readonly tailSeconds: number;
  /** Rung when somebody waits for them: they are stored at once. */
  readonly tailWanted?: Pick<Bell, 'next'> | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborting it stores what has been received, then resolves. */
  readonly signal: AbortSignal;
  /** After each store, and when the server confirms that there is nothing new. One call at a time. */
  readonly onStored: (stored: WalStored) => Promise<void>;
  /** After each object that is durable, before `onStored` counts it in. Must not throw. */
  readonly onObject?: ((object: WalObjectStored) => void) | undefined;
  /**
   * Up to where others have the log of a timeline, who must have it before the server may forget it.
   * Undefined: nobody is waited for. What is stored goes on without them; only the slot waits.
   */
  readonly flushLimit?: ((timeline: number) => bigint | undefined) | undefined;
  /** Called once: what is received is being stored. */
  readonly ready: () => void;
  /**
   * Where the stored log ends, when that lies before what the slot keeps: the server may still have what
   * lies between. Default: the slot says where to begin.
   */
  readonly resume?: TimelinePlace | undefined;
  /** Which cluster must answer; default: whichever does. */
  readonly systemId?: string | undefined;
  /** A segment is stored with two contents; both stay. */
  readonly onConflict?: ((conflict: WalConflict) => Promise<void>) | undefined;
  /** How many tails become one. Default: 30. */
  readonly joinedCount?: number | undefined;
  /** Of which moment the stored log was known to be complete, RFC 3339; default: when we connect. */
  readonly completeAt?: string | undefined;
}

export interface TimelinePlace {
  readonly timeline: number;
  readonly lsn: Lsn;
}

export interface WalConflict {
  readonly segment: SegmentName;
  readonly timeline: number;
  readonly fromLsn: Lsn;
  readonly toLsn: Lsn;
}
