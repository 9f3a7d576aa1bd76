/**
 * Feeds WAL to a recovering PostgreSQL: reads the segments of the path ahead of it, several at once, and
 * lays them where `feed-script.ts` takes them, so that PostgreSQL waits for none. How far ahead is
 * bounded in bytes. A segment that should be there and is not is a failure, never the end of the log.
 */
import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { giveOne } from '../../clusters/folders.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type Lsn, lsnBytes, lsnFromBytes } from '../../kernel/lsn.ts';
import { isProblem, Problem } from '../../kernel/problem.ts';
import { isSegmentName, type SegmentName, segmentPlace } from '../../kernel/wal-name.ts';
import type { ProgramUser } from '../../subprocess/run.ts';
import { WAL_HOLE } from '../problems.ts';
import { FINISHED, renderFeedScript, restoreCommand, SPOOL } from './feed-script.ts';
import { mustExist, segmentsFrom } from './wal-order.ts';
import { type WalFileName, type WalWrite, WalWriter } from './wal-writer.ts';

/** Changes are told by the system; where it does not tell, we look. */
const LOOK_MS = 100;
/** What lies ready in the spool at most, and what is held in memory of what is being fetched. */
const AHEAD_BYTES = 128 * 1024 * 1024;
const FETCHED_BYTES = 64 * 1024 * 1024;
/** Requests to a store at once, where segments are small. */
const FETCHES_MAX = 8;
const SCRIPT = 'fetch-wal.sh';
/** Within the spool: what is not whole yet. */
const COMING = 'coming';

export interface WalFeedRequest extends WalWrite {
  /** A folder of this feed's own; it is made. */
  readonly spool: string;
  readonly user: ProgramUser | undefined;
  /** Where PostgreSQL is going to begin, where that is known: read ahead while it starts. */
  readonly firstLsn?: Lsn | undefined;
  /** Behind the segment that holds it nothing is read ahead. Default: the end of the path. */
  readonly targetLsn?: Lsn | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface WalFeed extends AsyncDisposable {
  readonly restoreCommand: string;
  /** Aborted with a Problem when what replay needs cannot be had. */
  readonly failed: AbortSignal;
  /** Up to where segments were handed over: progress, before PostgreSQL can be asked. */
  handedTo(): Lsn;
  /**
   * Why the log that was handed over ended before the path does, which then is not its end; undefined: it
   * did not, so far.
   */
  cutShort(): Problem | undefined;
  /** How often each file was asked for: one that is asked for again and again holds the end of the log. */
  asked(): ReadonlyMap<string, number>;
  /** Recovery is where it should be: from now on the answer is that there is no more. */
  finish(): Promise<void>;
}

export async function openWalFeed(request: WalFeedRequest): Promise<WalFeed> {
  await mkdir(request.spool, { mode: 0o700 });
  await mkdir(join(request.spool, COMING), { mode: 0o700 });
  const script = join(request.spool, SCRIPT);
  const text = renderFeedScript({ spool: request.spool, feederPid: process.pid });
  await writeFile(script, text, { mode: 0o500 });
  await giveOne(script, request.user);
  await giveOne(request.spool, request.user);
  const writer = new WalWriter(request);
  const feeder = new Feeder(request, writer);
  const served = feeder.serve();
  return {
    restoreCommand: restoreCommand(script),
    failed: feeder.failure.signal,
    handedTo: () => feeder.handedTo,
    asked: () => feeder.asked,
    cutShort: () => writer.cutShort(),
    finish: () => feeder.finish(),
    async [Symbol.asyncDispose]() {
      feeder.stopping.abort();
      await served;
      await feeder.clear();
    },
  };
}

class Feeder {
  readonly failure = new AbortController();
  readonly stopping = new AbortController();
  handedTo: Lsn;
  readonly asked = new Map<string, number>();
  readonly #request: WalFeedRequest;
  readonly #writer: WalWriter;
  readonly #signal: AbortSignal;
  readonly #underWay = new Map<string, Promise<Fetched>>();
  readonly #answering = new Map<string, Promise<void>>();
  /** A look that began before may still see them. */
  readonly #answered = new Set<string>();
  /** Lies in the spool. */
  readonly #ready = new Set<string>();
  /** What could not be read ahead is left until it is asked for: it may never be. */
  readonly #leftAlone = new Set<string>();
  /** From there on it is read ahead; undefined: nothing was asked for yet. */
  #nextByte: bigint | undefined;
  #changed: () => void = () => undefined;

  constructor(request: WalFeedRequest, writer: WalWriter) {
    this.#request = request;
    this.#writer = writer;
    this.handedTo = request.path.fromLsn;
    this.#nextByte = request.firstLsn === undefined ? undefined : lsnBytes(request.firstLsn);
    this.#signal = AbortSignal.any([request.signal, this.stopping.signal]);
  }

  /** Resolves when stopped. Never rejects: failures go to `failure`. */
  async serve(): Promise<void> {
    const watcher = watchFolder(this.#request.spool, (name) => {
      if (name === null || isWish(name)) this.#changed();
    });
    try {
      this.#readAhead();
      while (!this.#signal.aborted) {
        const changed = this.#nextChange();
        await this.#look();
        await changed;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      watcher?.close();
    }
    await Promise.all([...this.#answering.values(), ...this.#underWay.values()]);
  }

  async finish(): Promise<void> {
    await writeFile(join(this.#request.spool, FINISHED), '', { mode: 0o644 });
  }

  /** What was read ahead and is not needed any more; the script stays for as long as the cluster does. */
  async clear(): Promise<void> {
    for (const name of this.#ready) await rm(this.#file(name, SPOOL.ready), { force: true });
    await rm(join(this.#request.spool, COMING), { recursive: true, force: true });
  }

  #nextChange(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#changed = resolve;
    const looking = this.#request.clock.sleep(LOOK_MS, { signal: this.#signal });
    return Promise.race([promise, looking.catch(() => undefined)]);
  }

  async #look(): Promise<void> {
    const names = await readdir(this.#request.spool);
    const taken = namesWith(names, SPOOL.taken);
    for (const wish of taken) await this.#noteTaken(wish);
    const wanted = namesWith(names, SPOOL.wanted);
    for (const wish of this.#answered) if (!wanted.includes(wish)) this.#answered.delete(wish);
    for (const wish of wanted) {
      if (this.#answering.has(wish) || this.#answered.has(wish)) continue;
      const name = fileOf(wish);
      this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
      this.#answer(wish, taken.includes(wish));
    }
  }

  async #noteTaken(wish: string): Promise<void> {
    await rm(this.#file(wish, SPOOL.taken), { force: true });
    const name = fileOf(wish);
    this.#ready.delete(name);
    if (!isSegmentName(name)) return;
    const { segmentBytes } = this.#request;
    const end = lsnBytes(segmentPlace(name, segmentBytes).beginLsn) + BigInt(segmentBytes);
    this.handedTo = lsnFromBytes(maxOf(lsnBytes(this.handedTo), end));
    this.#nextByte = end;
    this.#readAhead();
  }

  /** Each wish once: the same file may be wanted again at once by another one. */
  #answer(wish: string, isMet: boolean): void {
    const answered = rm(this.#file(wish, SPOOL.wanted), { force: true })
      .then(async () => (isMet ? undefined : this.#give(fileOf(wish))))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#answered.add(wish);
        this.#answering.delete(wish);
      });
    this.#answering.set(wish, answered);
  }

  async #give(name: string): Promise<void> {
    if (!isWalFile(name)) return this.#put(name, SPOOL.absent);
    const before = await this.#underWay.get(name);
    if (before === 'written' || this.#ready.has(name)) return;
    const fetched = await this.#fetch(name);
    if (fetched === 'absent') return this.#judgeAbsence(name);
    if (fetched !== 'written') {
      if (!this.#signal.aborted) await this.#put(name, SPOOL.failed);
      throw fetched.failure;
    }
  }

  async #judgeAbsence(name: WalFileName): Promise<void> {
    const { path, segmentBytes } = this.#request;
    if (isSegmentName(name) && mustExist(path, segmentBytes, name)) {
      await this.#put(name, SPOOL.failed);
      throw new Problem(WAL_HOLE, `Cannot replay: WAL segment "${name}" is missing in the store`, {
        facts: { segment: name },
      });
    }
    await this.#put(name, SPOOL.absent);
  }

  /** Fills the spool as far as it may be filled. */
  #readAhead(): void {
    const { path, segmentBytes, targetLsn = path.toLsn } = this.#request;
    if (this.#nextByte === undefined || this.#signal.aborted) return;
    const ahead = {
      from: this.#nextByte,
      until: lsnBytes(targetLsn),
      count: timesIn(AHEAD_BYTES, segmentBytes),
    };
    const fetchesMax = Math.min(FETCHES_MAX, timesIn(FETCHED_BYTES, segmentBytes));
    for (const name of segmentsFrom(path, segmentBytes, ahead)) {
      if (this.#underWay.size >= fetchesMax) return;
      if (this.#ready.has(name) || this.#underWay.has(name) || this.#leftAlone.has(name)) continue;
      void this.#bringAhead(name);
    }
  }

  async #bringAhead(name: SegmentName): Promise<void> {
    if ((await this.#fetch(name)) !== 'written') this.#leftAlone.add(name);
    this.#readAhead();
  }

  #fetch(name: WalFileName): Promise<Fetched> {
    const fetched = this.#bring(name)
      .catch((error: unknown): Fetched => ({ failure: error }))
      .finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, fetched);
    return fetched;
  }

  async #bring(name: WalFileName): Promise<Fetched> {
    const coming = join(this.#request.spool, COMING, name);
    if ((await this.#writer.write(name, coming, this.#signal)) === 'absent') return 'absent';
    await giveOne(coming, this.#request.user);
    // Before it is there: it may be taken, and that be noted, before we hear that it is.
    this.#ready.add(name);
    try {
      await rename(coming, this.#file(name, SPOOL.ready));
    } catch (error) {
      this.#ready.delete(name);
      throw error;
    }
    return 'written';
  }

  #fail(error: unknown): void {
    if (this.#signal.aborted || this.failure.signal.aborted) return;
    this.failure.abort(asReason(error));
  }

  async #put(name: string, word: string): Promise<void> {
    await writeFile(this.#file(name, word), '', { mode: 0o644 });
  }

  #file(name: string, word: string): string {
    return join(this.#request.spool, `${name}.${word}`);
  }
}

/** Undefined: the system watches too much already; looking now and then does. */
function watchFolder(
  folder: string,
  changed: (name: string | null) => void,
): FSWatcher | undefined {
  try {
    return watch(folder, (_event, name) => changed(name)).on('error', () => undefined);
  } catch {
    return undefined;
  }
}

type Fetched = 'written' | 'absent' | { readonly failure: unknown };

/** A wish is called `<WAL file>.<process>`. */
function fileOf(wish: string): string {
  return wish.split('.').slice(0, -1).join('.');
}

function isWish(name: string): boolean {
  return name.endsWith(`.${SPOOL.wanted}`) || name.endsWith(`.${SPOOL.taken}`);
}

/** At least one. */
function timesIn(bytes: number, segmentBytes: number): number {
  return Math.max(1, Math.floor(bytes / segmentBytes));
}

function asReason(error: unknown): unknown {
  if (isProblem(error) || error instanceof Error) return error;
  return new Error('Cannot feed WAL', { cause: error });
}

function namesWith(names: readonly string[], word: string): readonly string[] {
  return names
    .filter((name) => name.endsWith(`.${word}`))
    .map((name) => name.slice(0, -word.length - 1));
}

function isWalFile(name: string): name is WalFileName {
  return isSegmentName(name) || /^[0-9A-F]{8}\.history$/.test(name);
}

function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
