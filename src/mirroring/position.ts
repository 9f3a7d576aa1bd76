/** Up to where the other store has the log of the cluster that is being received. Pure. */
import type { WalProgressRecord } from '../catalog/records.ts';
import { DurableMark, StoredAge } from '../engines/streaming/wal-marks.ts';
import type { WalObjectStored, WalStored } from '../engines/wal-archive.ts';
import { utcText } from '../kernel/codecs.ts';
import { isLsn, lsnBytes, lsnFromBytes } from '../kernel/lsn.ts';

interface Log {
  readonly systemId: string;
  readonly timeline: number;
}

export class MirrorPosition {
  #log: Log | undefined;
  #mark = new DurableMark(0n);
  #age = new StoredAge();
  #serverLsn = '0/0';

  /** A catch-up has passed, and this is where the first store was when it began. */
  begin(row: WalProgressRecord | undefined): void {
    const lsn = row !== undefined && isLsn(row.storedLsn) ? lsnBytes(row.storedLsn) : 0n;
    // A first store that says 0/0 has begun a new log: what is received first says where.
    if (row === undefined || lsn === 0n) {
      this.#log = undefined;
      return;
    }
    this.#begin(row, lsn);
    this.#age.told(lsn, Temporal.Instant.from(row.at));
    this.#serverLsn = row.serverLsn;
  }

  /** Whether the object belongs to the log that was begun; one that does not begins another. */
  follows({ systemId, timeline }: Log): boolean {
    return this.#log?.systemId === systemId && this.#log.timeline === timeline;
  }

  /** Everything that was copied before is durable. */
  copied(object: WalObjectStored): void {
    if (object.range === undefined) return;
    const [from, to] = [lsnBytes(object.range.from), lsnBytes(object.range.to)];
    if (!this.follows(object)) this.#begin(object, from);
    this.#mark.add(from, to);
  }

  /** How far the first store is. */
  told(stored: WalStored): void {
    if (this.#log !== undefined && !this.follows(stored)) return;
    this.#age.told(lsnBytes(stored.storedLsn), Temporal.Instant.from(stored.at));
    this.#serverLsn = stored.serverLsn;
  }

  /** Whether everything that the first store has according to its row is here. */
  reaches(row: WalProgressRecord): boolean {
    if (!isLsn(row.storedLsn)) return true;
    const lsn = lsnBytes(row.storedLsn);
    return lsn === 0n || (this.follows(row) && lsn <= this.#mark.value);
  }

  /** Undefined: nothing can be said yet. */
  row(server: string, store: string): WalProgressRecord | undefined {
    const at = this.#age.completeAt(this.#mark.value);
    if (this.#log === undefined || at === undefined) return undefined;
    const storedLsn = lsnFromBytes(this.#mark.value);
    const { systemId, timeline } = this.#log;
    const serverLsn = this.#serverLsn;
    return { server, store, systemId, timeline, storedLsn, serverLsn, at: utcText(at) };
  }

  #begin({ systemId, timeline }: Log, lsn: bigint): void {
    this.#log = { systemId, timeline };
    this.#mark = new DurableMark(lsn);
    this.#age = new StoredAge();
  }
}
