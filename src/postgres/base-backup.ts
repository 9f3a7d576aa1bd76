/**
 * Receives one base backup over a replication connection and hands its parts on in place.
 *
 * Order as the server sends it: tablespaces first, the archive `base.tar` last, then PostgreSQL's own
 * manifest. A page checksum failure is told only after everything has arrived, so the backup is whole
 * and resolves as `damaged`; any other error rejects.
 */
import { type Lsn, toLsn } from '../kernel/lsn.ts';
import { Problem } from '../kernel/problem.ts';
import { PROTOCOL_UNEXPECTED } from './problems.ts';
import type { Conversation, ReplicationConnection, Row } from './replication-connection.ts';
import { queryProblem, type ServerMessage } from './server-problems.ts';

/**
 * Takes the parts, synchronously. `buffer` is overwritten when a call returns: copy what is kept.
 * Throwing ends the connection and rejects.
 */
export interface BaseBackupSink {
  /** A new tar archive: `base.tar`, or `16401.tar` with the tablespace's `path` on the server. */
  archive(name: string, path: string): void;
  /** Tar bytes of the current archive: `buffer[start, end)`. */
  data(buffer: Buffer, start: number, end: number): void;
  /** Bytes of the `backup_manifest`, after all archives. */
  manifest(buffer: Buffer, start: number, end: number): void;
  /** How many bytes the server says it has read. */
  progress(doneBytes: number): void;
  /** Asked after each read of the socket: true stops reading until `resume` is called. */
  paused(): boolean;
  /** Called once before anything else: gives the sink what it calls when it can take more. */
  onResume(resume: () => void): void;
}

export interface BaseBackupOptions {
  readonly label: string;
  /** True: the checkpoint happens at once. False: it is spread, and the backup waits for it. */
  readonly fastCheckpoint: boolean;
  /**
   * False: the links to tablespaces come as links, whose target may have 99 bytes at most. PostgreSQL 15
   * leaves tablespaces that stand inside the data directory out when it is true.
   */
  readonly tablespaceMap: boolean;
}

export interface Tablespace {
  readonly oid: number;
  /** The folder on the server. */
  readonly path: string;
  readonly sizeBytes: number;
}

export interface BaseBackupStart {
  /** Where replay must begin. */
  readonly beginLsn: Lsn;
  readonly timeline: number;
  readonly tablespaces: readonly Tablespace[];
  /** The server's estimate of everything it is going to send. */
  readonly totalBytes: number;
}

export interface BaseBackupResult extends BaseBackupStart {
  /** Replay must pass it, else the copy is not consistent. */
  readonly endLsn: Lsn;
  /** A promotion during the backup changes it. */
  readonly endTimeline: number;
  /** Page checksums did not hold; `notices` say in which files. */
  readonly damaged: boolean;
  readonly notices: readonly ServerMessage[];
}

export interface StreamBaseBackupContext {
  /** Ends the connection. */
  readonly signal: AbortSignal;
  /** What is known once the first archive begins. */
  readonly onStart?: (start: BaseBackupStart) => void;
}

/** `ERROR: checksum verification failure during base backup`. */
const DATA_CORRUPTED = 'XX001';

/** The connection is used up afterwards when it rejects. @throws Problem POSTGRES_* */
export async function streamBaseBackup(
  connection: ReplicationConnection,
  { label, fastCheckpoint, tablespaceMap }: BaseBackupOptions,
  sink: BaseBackupSink,
  { signal, onStart }: StreamBaseBackupContext,
): Promise<BaseBackupResult> {
  signal.throwIfAborted();
  const receiver = new Receiver(connection, sink, onStart);
  sink.onResume(() => connection.resume());
  const options = [
    `LABEL '${label.replaceAll("'", "''")}'`,
    'PROGRESS',
    `CHECKPOINT '${fastCheckpoint ? 'fast' : 'spread'}'`,
    ...(tablespaceMap ? ['TABLESPACE_MAP'] : []),
    "MANIFEST 'yes'",
    // With it, the server would wait for its own archive_command, which may never succeed.
    'WAIT false',
  ];
  const error = await connection.converse(`BASE_BACKUP (${options.join(', ')})`, receiver);
  return receiver.result(error);
}

class Receiver implements Conversation {
  readonly #connection: ReplicationConnection;
  readonly #sink: BaseBackupSink;
  readonly #onStart: StreamBaseBackupContext['onStart'];
  readonly #sets: Row[][] = [];
  readonly #notices: ServerMessage[] = [];
  #start: BaseBackupStart | undefined;
  /** First byte of the current message; undefined until it has come. */
  #kind: number | undefined;
  #inManifest = false;
  /** `n` and `p` messages are small and collected. */
  #small: Buffer[] = [];

  constructor(
    connection: ReplicationConnection,
    sink: BaseBackupSink,
    onStart: StreamBaseBackupContext['onStart'],
  ) {
    this.#connection = connection;
    this.#sink = sink;
    this.#onStart = onStart;
  }

  rowsBegin(): void {
    this.#sets.push([]);
  }

  row(row: Row): void {
    this.#sets.at(-1)?.push(row);
  }

  notice(notice: ServerMessage): void {
    this.#notices.push(notice);
  }

  copyBegin(): void {
    this.#kind = undefined;
    this.#small = [];
  }

  copyPart(buffer: Buffer, start: number, end: number): void {
    let from = start;
    if (this.#kind === undefined) {
      this.#kind = buffer[from];
      from++;
      if (this.#kind === KIND.manifest) this.#inManifest = true;
    }
    if (from === end) return;
    if (this.#kind === KIND.data) {
      if (this.#inManifest) this.#sink.manifest(buffer, from, end);
      else this.#sink.data(buffer, from, end);
      return;
    }
    this.#small.push(Buffer.from(buffer.subarray(from, end)));
  }

  copyEnd(): void {
    if (this.#kind === KIND.archive) {
      this.#begin();
      const [name = '', path = ''] = Buffer.concat(this.#small).toString('utf8').split('\0');
      this.#sink.archive(name, path);
    }
    if (this.#kind === KIND.progress)
      this.#sink.progress(Number(Buffer.concat(this.#small).readBigInt64BE(0)));
  }

  readEnd(): void {
    if (this.#sink.paused()) this.#connection.pause();
  }

  result(error: ServerMessage | undefined): BaseBackupResult {
    const damaged = error?.code === DATA_CORRUPTED && this.#sets.length >= 3;
    if (error !== undefined && !damaged) throw queryProblem(error, 'take a base backup');
    const { lsn, timeline } = position(this.#sets[2]);
    return {
      ...this.#begin(),
      endLsn: lsn,
      endTimeline: timeline,
      damaged,
      notices: this.#notices,
    };
  }

  /** Reads the two result sets that come before the archives, once. */
  #begin(): BaseBackupStart {
    if (this.#start !== undefined) return this.#start;
    const { lsn, timeline } = position(this.#sets[0]);
    const all = (this.#sets[1] ?? []).map(([oid, path, kilobytes]) => ({
      oid: Number(oid ?? 0),
      path: path ?? '',
      sizeBytes: Number(kilobytes ?? 0) * 1024,
    }));
    this.#start = {
      beginLsn: lsn,
      timeline,
      // The row without an identifier is the data directory itself.
      tablespaces: all.filter(({ oid }) => oid !== 0),
      totalBytes: all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    };
    this.#onStart?.(this.#start);
    return this.#start;
  }
}

/** First bytes of the copied messages. Source: PostgreSQL docs, BASE_BACKUP, server 15 and newer. */
const KIND = { archive: 0x6e, manifest: 0x6d, data: 0x64, progress: 0x70 } as const;

function position(rows: readonly Row[] | undefined): { lsn: Lsn; timeline: number } {
  const [lsn, timeline] = rows?.[0] ?? [];
  if (typeof lsn !== 'string' || typeof timeline !== 'string') {
    throw new Problem(
      PROTOCOL_UNEXPECTED,
      'Cannot take a base backup: the server did not tell the position',
    );
  }
  return { lsn: toLsn(lsn), timeline: Number(timeline) };
}
