/**
 * Receives and stores the log of one timeline, until that timeline ends or somebody asks to stop. Parts
 * are stored concurrently and out of order; what is reported as flushed is `DurableMark`'s contiguous
 * minimum, never more.
 */
import { utcText } from '../../kernel/codecs.ts';
import { lsnFromBytes, toLsn } from '../../kernel/lsn.ts';
import { segmentNameAt } from '../../kernel/wal-name.ts';
import type {
  Conversation,
  ReplicationConnection,
  Row,
} from '../../postgres/replication-connection.ts';
import type { ObjectKey } from '../../storage/object-store.ts';
import type { WalObjectStored } from '../wal-archive.ts';
import { type Beat, beat } from './wal-beat.ts';
import { WalCutter, type WholeSegment } from './wal-cutter.ts';
import { segmentKey } from './wal-format.ts';
import { DurableMark, StoredAge } from './wal-marks.ts';
import { statusMessage, WalMessages } from './wal-messages.ts';
import { otherContent, putWal, type WalPlace } from './wal-objects.ts';
import { receiveProblem, WAL_CONFLICT } from './wal-problems.ts';
import type { ReceiveWalRequest, TimelinePlace } from './wal-request.ts';
import { WalTails } from './wal-tails.ts';
import { WalTurns } from './wal-turns.ts';
import { WalWatchdog } from './wal-watchdog.ts';

export interface WalTimelineParts {
  readonly request: ReceiveWalRequest;
  readonly connection: ReplicationConnection;
  readonly ending: AbortController;
  readonly wal: WalPlace;
  readonly timeline: number;
  readonly segmentBytes: number;
  /** First byte of a segment. */
  readonly beginLsn: bigint;
}

/** PostgreSQL's `wal_sender_timeout` is a minute; we ask where its log ends just as often. */
const STATUS_MS = 5000;
/** What was received before the server was gone is given so long to be stored. */
const RESCUE_MS = 10_000;
/** Segments that wait for the store; with one that is being filled, all that is held in memory. */
const PENDING_MAX = 3;
/** Clusters with large segments have fewer of them in memory. */
const PENDING_BYTES_MAX = 64 * 1024 * 1024;

export class WalTimeline implements Conversation {
  readonly #parts: WalTimelineParts;
  readonly #cutter: WalCutter;
  readonly #mark: DurableMark;
  readonly #age = new StoredAge();
  readonly #watchdog: WalWatchdog;
  readonly #messages: WalMessages;
  readonly #tails: WalTails;
  readonly #pending = new Set<Promise<void>>();
  readonly #turns = new WalTurns();
  readonly #pendingMax: number;
  readonly #beganAt: string;
  #serverLsn = 0n;
  /** What we have said that the server may forget. */
  #flushed: bigint;
  #stopping = false;
  #ended = false;
  #ready = false;
  #reporting: Promise<void> | undefined;
  #reportAgain = false;
  #next: Row | undefined;

  constructor(parts: WalTimelineParts) {
    this.#parts = parts;
    this.#mark = new DurableMark(parts.beginLsn);
    this.#flushed = parts.beginLsn;
    this.#watchdog = new WalWatchdog(parts.request.clock);
    this.#beganAt = utcText(parts.request.clock.now());
    this.#pendingMax = Math.max(
      1,
      Math.min(PENDING_MAX, Math.floor(PENDING_BYTES_MAX / parts.segmentBytes)),
    );
    this.#cutter = new WalCutter(parts.beginLsn, parts.segmentBytes, (segment) =>
      this.#inBackground(() => this.#storeSegment(segment)),
    );
    this.#tails = new WalTails({
      ...parts,
      log: parts.request.log,
      cutter: this.#cutter,
      put: (key, bytes) => this.#turns.take((before) => this.#put(key, bytes, before)),
      stored: (tail, from, to) => this.#stored(tail, from, to),
      asking: (work) => this.#watchdog.store(work),
      joinedCount: parts.request.joinedCount,
    });
    this.#messages = new WalMessages({
      data: (at, buffer, start, end) => {
        if (!this.#stopping) this.#cutter.append(at, buffer, start, end);
      },
      serverEnd: (lsn) => this.#serverEnd(lsn),
      statusAsked: () => this.#status(false),
    });
  }

  async run(): Promise<TimelinePlace | undefined> {
    const { request, ending } = this.#parts;
    if (request.signal.aborted) return undefined;
    const stop = (): void => void this.#stop().catch((error: unknown) => ending.abort(error));
    request.signal.addEventListener('abort', stop, { once: true });
    const timers = new AbortController();
    const { signal } = timers;
    const { tailSeconds, tailWanted } = request;
    const beats = [
      this.#every({ signal, waitMs: STATUS_MS }, async () => this.#watch()),
      this.#every({ signal, waitMs: tailSeconds * 1000, wanted: tailWanted }, () =>
        this.#tails.store(),
      ),
    ];
    // A tail that was being stored is waited for, so that the next one does not overlap it.
    const storeRest = async (): Promise<void> => {
      await Promise.all(beats);
      await this.#storeRest();
    };
    try {
      await this.#receive(timers);
      await storeRest();
      // What failed meanwhile has ended the connection: it must not look like a good end.
      if (ending.signal.aborted && !request.signal.aborted) ending.signal.throwIfAborted();
    } catch (error) {
      if (!ending.signal.aborted) await this.#rescue(storeRest, error);
      throw error;
    } finally {
      request.signal.removeEventListener('abort', stop);
    }
    const [nextTimeline, switchLsn] = this.#next ?? [];
    if (typeof nextTimeline !== 'string' || typeof switchLsn !== 'string') return undefined;
    return { timeline: Number(nextTimeline), lsn: toLsn(switchLsn) };
  }

  /** Resolves when the timeline has ended or we have stopped. */
  async #receive(timers: AbortController): Promise<void> {
    const { request, connection, timeline, beginLsn } = this.#parts;
    try {
      const error = await connection.converse(
        `START_REPLICATION SLOT ${request.slot} PHYSICAL ${lsnFromBytes(beginLsn)} TIMELINE ${timeline}`,
        this,
      );
      if (error !== undefined) throw receiveProblem(error);
    } finally {
      this.#ended = true;
      timers.abort();
    }
  }

  /** What a server had sent before it was gone may be all that is left of it. */
  async #rescue(storeRest: () => Promise<void>, failure: unknown): Promise<void> {
    const { request, ending } = this.#parts;
    const done = new AbortController();
    const late = request.clock
      .sleep(RESCUE_MS, { signal: done.signal })
      .then(() => ending.abort(failure))
      .catch(() => undefined);
    const rest = storeRest().catch((error: unknown) =>
      request.log.warn('Could not store what was received last', { error }),
    );
    await Promise.race([rest, late]);
    done.abort();
  }

  copyBegin(): void {
    this.#messages.begin();
  }

  copyPart(buffer: Buffer, start: number, end: number): void {
    this.#messages.part(buffer, start, end);
  }

  copyEnd(): void {
    this.#messages.end();
  }

  /** The timeline has ended, or the server answers that we have stopped. */
  copyDone(): void {
    if (!this.#stopping) this.#parts.connection.send('c', Buffer.alloc(0));
  }

  row(row: Row): void {
    this.#next = row;
  }

  readEnd(): void {
    if (this.#pending.size >= this.#pendingMax && !this.#stopping) this.#parts.connection.pause();
  }

  /** Stores and reports what has been received, then ends the copying. */
  async #stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await this.#storeRest();
    if (this.#ended) return;
    this.#status(false);
    this.#parts.connection.send('c', Buffer.alloc(0));
    this.#parts.connection.resume();
  }

  async #storeRest(): Promise<void> {
    await this.#tails.store();
    await Promise.all(this.#pending);
    await this.#reporting;
  }

  #watch(): void {
    // While reading is paused the server cannot be heard.
    if (this.#pending.size >= this.#pendingMax) this.#watchdog.heard();
    this.#watchdog.check();
    this.#status(true);
  }

  #serverEnd(lsn: bigint): void {
    this.#watchdog.heard();
    if (lsn > this.#serverLsn) this.#serverLsn = lsn;
    this.#age.told(lsn, this.#parts.request.clock.now());
    // Nothing new: the stored log is complete as of now, which is worth telling.
    if (lsn <= this.#mark.value) this.#report();
  }

  /** Whatever fails in the background ends the connection, and with it `run()`, by its own reason. */
  #inBackground(work: () => Promise<void>): void {
    const working = work()
      .catch((error: unknown) => this.#parts.ending.abort(error))
      .finally(() => {
        this.#pending.delete(working);
        if (this.#pending.size < this.#pendingMax) this.#parts.connection.resume();
      });
    this.#pending.add(working);
  }

  async #storeSegment({ beginLsn, bytes }: WholeSegment): Promise<void> {
    const { wal, timeline, segmentBytes, request } = this.#parts;
    const name = segmentNameAt(timeline, lsnFromBytes(beginLsn), segmentBytes);
    const key = segmentKey(wal.folder, name, wal.ring.contentName(bytes));
    // Before anything is waited for: the turn is that of the segment's end.
    const other = await this.#turns.take(async (before) => {
      const found = await this.#watchdog.store(() => otherContent(wal, name, key));
      await this.#put(key, bytes, before);
      return found;
    });
    if (other !== undefined) {
      const { code } = WAL_CONFLICT;
      request.log.error('A segment is stored with other content', { code, segment: name, other });
      await request.onConflict?.({
        segment: name,
        timeline,
        fromLsn: lsnFromBytes(beginLsn),
        toLsn: lsnFromBytes(beginLsn + BigInt(segmentBytes)),
      });
    }
    this.#cutter.giveBack(bytes);
    this.#stored({ key, kind: 'segment' }, beginLsn, beginLsn + BigInt(segmentBytes));
    await this.#tails.segmentStored(name);
  }

  async #put(key: ObjectKey, bytes: Buffer, before: Promise<void>): Promise<void> {
    const { wal } = this.#parts;
    await this.#watchdog.store((idle) => putWal(wal, key, bytes, () => idle(before)));
  }

  #stored(
    object: Pick<WalObjectStored, 'key' | 'kind' | 'supersedes'>,
    from: bigint,
    to: bigint,
  ): void {
    const { request, wal, timeline } = this.#parts;
    const range = { from: lsnFromBytes(from), to: lsnFromBytes(to) };
    const { server, systemId } = wal.folder;
    request.onObject?.({ ...object, server, systemId, timeline, range });
    this.#mark.add(from, to);
    this.#status(false);
    this.#report();
  }

  #status(askReply: boolean): void {
    if (this.#ended) return;
    const stored = this.#mark.value;
    const limit = this.#parts.request.flushLimit?.(this.#parts.timeline) ?? stored;
    if (limit >= stored) {
      this.#say({ written: this.#cutter.position, flushed: stored }, askReply);
      return;
    }
    // The slot goes as far as every store that counts, never back.
    if (limit > this.#flushed) this.#say({ written: stored, flushed: limit }, false);
    // PostgreSQL, walsender.c, WalSndDone(): a server that shuts down waits for what is flushed, and
    // where nothing is said of that for what is written. It shall wait for the first store only.
    this.#say({ written: stored, flushed: 0n }, askReply);
  }

  #say(
    { written, flushed }: { readonly written: bigint; readonly flushed: bigint },
    askReply: boolean,
  ): void {
    const { connection, request, beginLsn } = this.#parts;
    if (flushed > this.#flushed) this.#flushed = flushed;
    const message = statusMessage({
      writtenLsn: written,
      // Nothing is said about what lies before our begin: the slot knows better.
      flushedLsn: flushed <= beginLsn ? 0n : flushed,
      at: request.clock.now(),
      askReply,
    });
    connection.send('d', message);
  }

  /** One report at a time; what changes meanwhile is told by one more. */
  #report(): void {
    this.#reportAgain = true;
    this.#reporting ??= this.#tell()
      .catch((error: unknown) => this.#parts.ending.abort(error))
      .finally(() => {
        this.#reporting = undefined;
        if (this.#reportAgain && !this.#ended) this.#report();
      });
  }

  async #tell(): Promise<void> {
    const { request, wal, timeline } = this.#parts;
    while (this.#reportAgain) {
      this.#reportAgain = false;
      const storedLsn = this.#mark.value;
      const complete = this.#age.completeAt(storedLsn);
      const at = complete === undefined ? request.completeAt : utcText(complete);
      await request.onStored({
        server: request.server,
        systemId: wal.folder.systemId,
        timeline,
        storedLsn: lsnFromBytes(storedLsn),
        serverLsn: lsnFromBytes(this.#serverLsn > storedLsn ? this.#serverLsn : storedLsn),
        at: at ?? this.#beganAt,
      });
      if (!this.#ready) request.ready();
      this.#ready = true;
    }
  }

  async #every(timing: Omit<Beat, 'clock'>, work: () => Promise<void>): Promise<void> {
    const { clock } = this.#parts.request;
    try {
      await beat({ ...timing, clock }, async () => {
        if (!this.#stopping) await work();
      });
    } catch (error) {
      this.#parts.ending.abort(error);
    }
  }
}
