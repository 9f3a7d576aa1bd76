/**
 * Feeds WAL to a recovering PostgreSQL: answers what `feed-script.ts` asks for from the archive, and
 * reads the next segments ahead. A segment that should be there and is not is a failure, never the
 * end of the log.
 */
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { giveOne } from '../../clusters/folders.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type Lsn, lsnBytes, lsnFromBytes } from '../../kernel/lsn.ts';
import { isProblem, Problem } from '../../kernel/problem.ts';
import {
  isSegmentName,
  type SegmentName,
  segmentBegin,
  segmentNameAt,
  segmentPlace,
} from '../../kernel/wal-name.ts';
import { moveTablespacesInside } from '../../postgres/wal-tablespaces.ts';
import type { ProgramUser } from '../../subprocess/run.ts';
import type { WalPath } from '../coverage.ts';
import { TABLESPACE_CUT, WAL_HOLE } from '../problems.ts';
import { FINISHED, renderFeedScript, restoreCommand, SPOOL } from './feed-script.ts';

const POLL_MS = 15;
/** Segments that are fetched before they are asked for. */
const AHEAD = 3;
const SCRIPT = 'fetch-wal.sh';

export type WalFileName = SegmentName | `${string}.history`;

export interface WalFeedRequest {
  /** A folder of this feed's own; it is made. */
  readonly spool: string;
  readonly user: ProgramUser | undefined;
  readonly path: WalPath;
  readonly segmentBytes: number;
  readonly fetch: (
    name: WalFileName,
    destination: string,
    signal: AbortSignal,
  ) => Promise<'written' | 'absent'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface WalFeed extends AsyncDisposable {
  readonly restoreCommand: string;
  /** Aborted with a Problem when what replay needs cannot be had. */
  readonly failed: AbortSignal;
  /** Up to where segments were handed over: progress, before PostgreSQL can be asked. */
  handedTo(): Lsn;
  /** How often each file was asked for: one that is asked for again and again holds the end of the log. */
  asked(): ReadonlyMap<string, number>;
  /** Recovery is where it should be: from now on the answer is that there is no more. */
  finish(): Promise<void>;
}

export async function openWalFeed(request: WalFeedRequest): Promise<WalFeed> {
  await mkdir(request.spool, { mode: 0o700 });
  const script = join(request.spool, SCRIPT);
  const text = renderFeedScript({ spool: request.spool, feederPid: process.pid });
  await writeFile(script, text, { mode: 0o500 });
  await giveOne(script, request.user);
  await giveOne(request.spool, request.user);
  const feeder = new Feeder(request);
  const served = feeder.serve();
  return {
    restoreCommand: restoreCommand(script),
    failed: feeder.failure.signal,
    handedTo: () => feeder.handedTo,
    asked: () => feeder.asked,
    finish: () => feeder.finish(),
    async [Symbol.asyncDispose]() {
      feeder.stopping.abort();
      await served;
    },
  };
}

class Feeder {
  readonly failure = new AbortController();
  readonly stopping = new AbortController();
  handedTo: Lsn;
  readonly asked = new Map<string, number>();
  readonly #request: WalFeedRequest;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #signal: AbortSignal;

  constructor(request: WalFeedRequest) {
    this.#request = request;
    this.handedTo = request.path.fromLsn;
    this.#signal = AbortSignal.any([request.signal, this.stopping.signal]);
  }

  /** Resolves when stopped. Never rejects: failures go to `failure`. */
  async serve(): Promise<void> {
    try {
      while (!this.#signal.aborted) {
        const names = await readdir(this.#request.spool);
        for (const name of namesWith(names, SPOOL.wanted)) this.#answer(name);
        for (const name of namesWith(names, SPOOL.taken)) await this.#noteTaken(name);
        await this.#request.clock.sleep(POLL_MS, { signal: this.#signal });
      }
    } catch (error) {
      if (!this.#signal.aborted) this.failure.abort(error);
    }
    await Promise.all(this.#underWay.values());
  }

  async finish(): Promise<void> {
    await writeFile(join(this.#request.spool, FINISHED), '', { mode: 0o644 });
  }

  async #noteTaken(name: string): Promise<void> {
    await rm(this.#file(name, SPOOL.taken), { force: true });
    if (isSegmentName(name)) this.#readAhead(name);
  }

  #answer(name: string): void {
    if (this.#underWay.has(`answer ${name}`)) return;
    this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
    this.#track(`answer ${name}`, async () => {
      // First: a later wish for the same file is a new one.
      await rm(this.#file(name, SPOOL.wanted), { force: true });
      if (!isWalFile(name)) return this.#put(name, SPOOL.absent);
      await this.#underWay.get(name);
      const have = (await readdir(this.#request.spool)).includes(`${name}.${SPOOL.ready}`);
      const outcome = have ? 'written' : await this.#fetch(name);
      if (outcome === 'absent') await this.#judgeAbsence(name);
      else if (isSegmentName(name)) this.#readAhead(name);
    });
  }

  async #judgeAbsence(name: WalFileName): Promise<void> {
    if (isSegmentName(name) && this.#mustExist(name)) {
      await this.#put(name, SPOOL.failed);
      throw new Problem(WAL_HOLE, `Cannot replay: WAL segment "${name}" is missing in the store`, {
        facts: { segment: name },
      });
    }
    await this.#put(name, SPOOL.absent);
  }

  /** Inside the path, or behind it when more is stored behind a hole. */
  #mustExist(name: SegmentName): boolean {
    const { path, segmentBytes } = this.#request;
    const { timeline, beginLsn } = segmentPlace(name, segmentBytes);
    const begin = lsnBytes(beginLsn);
    const inside = path.runs.some(
      (run) =>
        run.timeline === timeline &&
        begin >= lsnBytes(segmentBegin(run.fromLsn, segmentBytes)) &&
        begin < lsnBytes(run.toLsn),
    );
    return inside || (path.broken && timeline === path.timeline && begin >= lsnBytes(path.toLsn));
  }

  #readAhead(name: SegmentName): void {
    const { path, segmentBytes } = this.#request;
    const { timeline, beginLsn } = segmentPlace(name, segmentBytes);
    const end = lsnBytes(beginLsn) + BigInt(segmentBytes);
    this.handedTo = lsnFromBytes(maxOf(lsnBytes(this.handedTo), end));
    for (let index = 0n; index < BigInt(AHEAD); index += 1n) {
      const begin = end + index * BigInt(segmentBytes);
      // The last one may still grow: it is read when it is asked for.
      if (begin + BigInt(segmentBytes) >= lsnBytes(path.toLsn)) return;
      const next = segmentNameAt(timeline, lsnFromBytes(begin), segmentBytes);
      if (!this.#underWay.has(next) && this.#mustExist(next))
        this.#track(next, async () => void (await this.#fetch(next)));
    }
  }

  async #fetch(name: WalFileName): Promise<'written' | 'absent'> {
    const { fetch, user } = this.#request;
    const ready = this.#file(name, SPOOL.ready);
    const unfinished = this.#file(name, 'unfinished');
    try {
      if ((await fetch(name, unfinished, this.#signal)) === 'absent') return 'absent';
      if (isSegmentName(name)) await keepInside(unfinished, name, this.#request);
      await chmod(unfinished, 0o600);
      await giveOne(unfinished, user);
      await rename(unfinished, ready);
      return 'written';
    } catch (error) {
      await rm(unfinished, { force: true });
      if (!this.#signal.aborted) await this.#put(name, SPOOL.failed);
      throw error;
    }
  }

  #track(key: string, work: () => Promise<void>): void {
    const done = work()
      .catch((error: unknown) => {
        if (!this.#signal.aborted && !this.failure.signal.aborted)
          this.failure.abort(asReason(error));
      })
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, done);
  }

  async #put(name: string, word: string): Promise<void> {
    await writeFile(this.#file(name, word), '', { mode: 0o644 });
  }

  #file(name: string, word: string): string {
    return join(this.#request.spool, `${name}.${word}`);
  }
}

/**
 * A tablespace that was made since the backup stands where production has it, as the log says: replay
 * must never write there.
 *
 * @throws Problem RECOVERY_TABLESPACE_CUT
 */
async function keepInside(
  file: string,
  name: SegmentName,
  { segmentBytes }: WalFeedRequest,
): Promise<void> {
  const bytes = await readFile(file);
  const { beginLsn } = segmentPlace(name, segmentBytes);
  const { moved, cut } = moveTablespacesInside(bytes, lsnBytes(beginLsn));
  if (cut)
    throw new Problem(
      TABLESPACE_CUT,
      `Cannot replay: a tablespace was made at the very edge of WAL segment "${name}", and replay would write where production has it`,
      { facts: { segment: name } },
    );
  if (moved.length > 0) await writeFile(file, bytes);
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
