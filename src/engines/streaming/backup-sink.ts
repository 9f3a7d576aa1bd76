/**
 * Takes the stream of a base backup apart: tar archives into the list of files, their content to the
 * packer, PostgreSQL's own manifest beside. Notices a server that has gone without a word.
 */
import type { Clock } from '../../kernel/clock.ts';
import { formatSeconds } from '../../kernel/moment.ts';
import { Problem } from '../../kernel/problem.ts';
import {
  type BaseBackupOptions,
  type BaseBackupResult,
  type BaseBackupSink,
  streamBaseBackup,
} from '../../postgres/base-backup.ts';
import { CONNECTION_LOST } from '../../postgres/problems.ts';
import type { ReplicationConnection } from '../../postgres/replication-connection.ts';
import { type TarEntry, TarReader } from '../../postgres/tar-reader.ts';
import type { Progress } from '../engine.ts';
import type { FileEntry } from './file-list.ts';
import type { Packer } from './packer.ts';
import { Throttle } from './throttle.ts';

export interface BackupSinkOptions {
  readonly clock: Clock;
  readonly onProgress: (progress: Progress) => void;
  /** What the server is asked for at most. Default: as fast as it goes. */
  readonly maxBytesPerSecond?: number | undefined;
}

/** PostgreSQL's own manifest: about 200 bytes for each file. */
const POSTGRES_MANIFEST_BYTES_MAX = 512 << 20;

export class BackupSink implements BaseBackupSink {
  readonly files: FileEntry[] = [];
  readonly #onProgress: (progress: Progress) => void;
  readonly #manifest: Buffer[] = [];
  readonly #tar: TarReader;
  #manifestBytes = 0;
  #totalBytes = 0;
  #prefix = '';
  #packer: Packer | undefined;
  #resume: () => void = ignore;
  readonly #clock: Clock;
  #heardMs: number;
  readonly #throttle: Throttle | undefined;
  #isThrottled = false;
  /** Ends what waits for the throttle. */
  readonly #ended = new AbortController();
  /** The store is all that is waited for. */
  #isDone = false;

  constructor({ clock, onProgress, maxBytesPerSecond }: BackupSinkOptions) {
    this.#onProgress = onProgress;
    this.#throttle = maxBytesPerSecond === undefined ? undefined : new Throttle(maxBytesPerSecond);
    this.#clock = clock;
    this.#heardMs = clock.elapsedMs();
    this.#tar = new TarReader({
      entryBegin: (entry) => this.#entry(entry),
      entryData: ({ offsetBytes, buffer, start, end }) =>
        this.#packer?.add(this.files.length - 1, offsetBytes, buffer, [start, end]),
      entryEnd: ignore,
    });
  }

  async receive(
    connection: ReplicationConnection,
    packer: Packer,
    {
      signal,
      ...more
    }: Omit<BaseBackupOptions, 'fastCheckpoint'> & { readonly signal: AbortSignal },
  ): Promise<BaseBackupResult> {
    this.#packer = packer;
    using atEnd = new DisposableStack();
    atEnd.defer(() => this.#ended.abort());
    const options = { ...more, fastCheckpoint: true };
    const result = await streamBaseBackup(connection, options, this, {
      signal,
      onStart: ({ totalBytes }) => {
        this.#totalBytes = totalBytes;
      },
    });
    this.#isDone = true;
    this.#tar.finish();
    return result;
  }

  parts(): { readonly files: readonly FileEntry[]; readonly postgresManifest: Buffer } {
    return { files: this.files, postgresManifest: Buffer.concat(this.#manifest) };
  }

  archive(name: string, path: string): void {
    this.#tar.finish();
    this.#prefix = path === '' ? '' : `pg_tblspc/${name.replace(/\.tar$/, '')}/`;
  }

  data(buffer: Buffer, start: number, end: number): void {
    this.#throttle?.take(end - start, this.#clock.elapsedMs());
    this.#tar.feed(buffer, start, end);
  }

  manifest(buffer: Buffer, start: number, end: number): void {
    this.#manifestBytes += end - start;
    if (this.#manifestBytes > POSTGRES_MANIFEST_BYTES_MAX)
      throw new RangeError('The manifest of PostgreSQL is far too large');
    this.#manifest.push(Buffer.from(buffer.subarray(start, end)));
  }

  progress(doneBytes: number): void {
    // The total is an estimate: a growing database may pass it.
    this.#onProgress({ doneBytes, totalBytes: Math.max(doneBytes, this.#totalBytes) });
  }

  paused(): boolean {
    this.#heardMs = this.#clock.elapsedMs();
    this.#startThrottling();
    return this.#isThrottled || this.#packer?.full === true;
  }

  #startThrottling(): void {
    const waitMs = this.#throttle?.waitMs(this.#clock.elapsedMs()) ?? 0;
    if (waitMs === 0 || this.#isThrottled) return;
    this.#isThrottled = true;
    // It fails only when the backup has ended.
    this.#rest(waitMs).catch(ignore);
  }

  async #rest(waitMs: number): Promise<void> {
    await this.#clock.sleep(waitMs, { signal: this.#ended.signal });
    this.#isThrottled = false;
    // Else the packer tells when it has room.
    if (this.#packer?.full !== true) this.#resume();
  }

  /**
   * A connection that is cut without a word never fails by itself where something in between keeps it
   * open. While we listen, so much silence means that it is dead; a slow store has its own limits.
   */
  watchSilence(silenceMs: number, onSilent: (problem: Problem) => void): AsyncDisposable {
    const stopped = new AbortController();
    const { signal } = stopped;
    const watching = this.#watch(silenceMs, onSilent, signal).catch(ignore);
    return {
      async [Symbol.asyncDispose]() {
        stopped.abort();
        await watching;
      },
    };
  }

  async #watch(
    silenceMs: number,
    onSilent: (problem: Problem) => void,
    signal: AbortSignal,
  ): Promise<void> {
    for (;;) {
      await this.#clock.sleep(silenceMs / 4, { signal });
      if (this.#isDone) return;
      if (this.#isThrottled || this.#packer?.full === true) this.#heardMs = this.#clock.elapsedMs();
      if (this.#clock.elapsedMs() - this.#heardMs < silenceMs) continue;
      const message = `Cannot take a base backup: the server has been silent for ${formatSeconds(silenceMs / 1000)}`;
      onSilent(new Problem(CONNECTION_LOST, message));
      return;
    }
  }

  onResume(resume: () => void): void {
    this.#resume = resume;
  }

  resume(): void {
    if (!this.#isThrottled) this.#resume();
  }

  #entry({ path, kind, sizeBytes, mode, modifiedSeconds }: TarEntry): void {
    const content = kind === 'file' ? sizeBytes : 0;
    this.files.push({
      // The server sends some folders as `./pg_wal/archive_status`.
      path: this.#prefix + path.replace(/^(?:\.\/)+/, ''),
      kind,
      sizeBytes: content,
      mode,
      modifiedSeconds,
    });
  }
}

function ignore(): void {
  // Nothing to do.
}
