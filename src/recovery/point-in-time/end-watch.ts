/**
 * Notices that PostgreSQL reads one file again and again: that is where the readable log ends. It comes
 * back to it every half second (`wal_retrieve_retry_interval`), and to no other once it is there. What
 * ends too early is told, never taken for an end.
 */
import { compareLsn, type Lsn, lsnBytes } from '../../kernel/lsn.ts';
import { Problem } from '../../kernel/problem.ts';
import { isSegmentName, type SegmentName, segmentPlace } from '../../kernel/wal-name.ts';
import type { WalPath } from '../coverage.ts';
import { RECOVERY_FAILED, TARGET_NOT_REACHED } from '../problems.ts';
import type { ReplayTarget } from './recovery-settings.ts';
import type { WalFeed } from './wal-feed.ts';

/** A file that was asked for this often while nothing was replayed holds the end of what can be read. */
const SAME_FILE_MAX = 2;
/**
 * Where the position cannot be asked: at its start PostgreSQL reads the first file two or three times
 * (the checkpoint, redo, what is ahead). Some three seconds at the end of the log.
 */
const UNASKED_SAME_FILE_MAX = 6;

export interface EndWatchRequest {
  readonly feed: Pick<WalFeed, 'asked'>;
  readonly target: ReplayTarget;
  readonly path: WalPath;
  readonly segmentBytes: number;
}

export class EndWatch {
  readonly #request: EndWatchRequest;
  #state: string | undefined;
  #asked: ReadonlyMap<string, number> = new Map();

  constructor(request: EndWatchRequest) {
    this.#request = request;
  }

  /**
   * With the position it stands at.
   *
   * @throws Problem TARGET_NOT_REACHED when it ends before the stored log does: that is damage;
   * RECOVERY_FAILED when it ends before the position where the copy had stood.
   */
  sees(lsn: Lsn): boolean {
    const name = this.#askedAgain(lsn, SAME_FILE_MAX);
    if (name === undefined) return false;
    const { target } = this.#request;
    if (target.kind === 'where it stood' && compareLsn(lsn, target.lsn) < 0)
      throw fellShort(target.lsn, `it goes no further than ${lsn}`);
    this.#assertLast(name, lsn);
    return true;
  }

  /** Before the copy can be asked where it stands. @throws as `sees()` does. */
  seesUnasked(): boolean {
    const name = this.#askedAgain(
      `${this.#request.feed.asked().size} files`,
      UNASKED_SAME_FILE_MAX,
    );
    if (name === undefined) return false;
    this.#assertLast(name, undefined);
    return true;
  }

  /** The file that was asked for so often since the state changed. */
  #askedAgain(state: string, times: number): SegmentName | undefined {
    const { feed } = this.#request;
    if (state !== this.#state) {
      this.#state = state;
      this.#asked = new Map(feed.asked());
      return undefined;
    }
    for (const [name, asked] of feed.asked())
      if (asked - (this.#asked.get(name) ?? 0) >= times && isSegmentName(name)) return name;
    return undefined;
  }

  #assertLast(name: SegmentName, lsn: Lsn | undefined): void {
    const { path, segmentBytes, target } = this.#request;
    const end = lsnBytes(segmentPlace(name, segmentBytes).beginLsn) + BigInt(segmentBytes);
    const last = target.kind === 'where it stood' ? target.lsn : path.toLsn;
    if (end >= lsnBytes(last)) return;
    const why = `PostgreSQL cannot read on in WAL segment "${name}"`;
    if (target.kind === 'where it stood') throw fellShort(target.lsn, why);
    throw new Problem(
      TARGET_NOT_REACHED,
      `Cannot replay${lsn === undefined ? '' : ` past ${lsn}`}: ${why}, and the stored log goes on to ${path.toLsn}`,
      { facts: { segment: name, ...(lsn === undefined ? {} : { lsn }) } },
    );
  }
}

/** A copy that had stood at a position, and does not come back to it from its own log. */
export function fellShort(stood: Lsn, why: string): Problem {
  return new Problem(
    RECOVERY_FAILED,
    `Cannot bring the copy back to ${stood}, where it had stood: ${why}`,
    { facts: { stood } },
  );
}
