/**
 * One restoring worker as the main thread sees it: packs are fed to it segment by segment, and never
 * more than a few segments ahead of what it has written.
 */
import { Worker } from 'node:worker_threads';

import { DECRYPTION_FAILED } from '../../encryption/problems.ts';
import { Problem, type ProblemKind } from '../../kernel/problem.ts';
import { BACKUP_DAMAGED, RESTORE_DISK_FULL, RESTORE_PLACE_UNUSABLE } from './problems.ts';
import { endWorker } from './worker-end.ts';
import {
  type RestoreAnswer,
  type RestoreOrder,
  standAlone,
  type WorkerFailure,
} from './worker-messages.ts';

/** Segments of 1 MiB under way: the store is read while the worker works. */
const SEGMENTS_AHEAD = 4;

export class RestoreLane implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #onWritten: (bytes: number) => void;
  #underWay = 0;
  #ended = false;
  #failure: Error | undefined;
  #changed: () => void = ignore;

  constructor(onWritten: (bytes: number) => void) {
    this.#onWritten = onWritten;
    this.#worker = new Worker(new URL('./restore-worker.ts', import.meta.url), {
      name: 'dbdr-restore',
    });
    this.#worker.on('message', (answer: RestoreAnswer) => this.#answered(answer));
    this.#worker.on('error', (error: Error) => this.#fail(error));
  }

  /** Resolves when every byte of the pack is written. @throws Problem */
  async restore(
    pack: RestoreOrder & { readonly kind: 'pack' },
    segments: AsyncIterable<Buffer>,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    const wake = (): void => this.#changed();
    signal.addEventListener('abort', wake);
    try {
      this.#ended = false;
      this.#send(pack);
      for await (const segment of segments) {
        await this.#until(() => this.#underWay < SEGMENTS_AHEAD, signal);
        this.#underWay++;
        const bytes = standAlone(segment);
        this.#send({ kind: 'segment', bytes }, [bytes.buffer]);
      }
      this.#send({ kind: 'end' });
      await this.#until(() => this.#ended, signal);
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endWorker(this.#worker);
  }

  #send(order: RestoreOrder, handed: ArrayBuffer[] = []): void {
    this.#worker.postMessage(order, handed);
  }

  async #until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure;
      if (condition()) return;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  #answered(answer: RestoreAnswer): void {
    if (answer.kind === 'failed') this.#fail(problemOf(answer.failure));
    if (answer.kind === 'end') this.#ended = true;
    if (answer.kind === 'segment') {
      this.#underWay--;
      this.#onWritten(answer.writtenBytes);
    }
    this.#changed();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#changed();
  }
}

const KINDS: ReadonlyMap<string, ProblemKind> = new Map([
  [DECRYPTION_FAILED.code, DECRYPTION_FAILED],
  [BACKUP_DAMAGED.code, BACKUP_DAMAGED],
]);

/** A problem lost its class on its way between threads. */
function problemOf({ code = '', message }: WorkerFailure): Error {
  const kind = KINDS.get(code);
  if (kind !== undefined) return new Problem(kind, message);
  return Object.assign(new Error(message), { code });
}

/** What the file system says about the place we restore into. */
export function placeProblem(error: unknown, directory: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (error instanceof Problem || typeof code !== 'string') return error;
  const facts = { directory };
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const message = `Cannot restore into "${directory}": its disk is full`;
    return new Problem(RESTORE_DISK_FULL, message, { facts, cause: error });
  }
  if (!PLACE_CODES.has(code)) return error;
  const message = `Cannot restore into "${directory}": ${code}`;
  return new Problem(RESTORE_PLACE_UNUSABLE, message, { facts, cause: error });
}

const PLACE_CODES: ReadonlySet<string> = new Set(
  'EACCES EPERM EROFS EIO ENOENT ENOTDIR EEXIST ELOOP EMFILE ENFILE'.split(' '),
);

function ignore(): void {
  // Nobody waits.
}
