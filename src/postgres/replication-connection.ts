/**
 * Our client of PostgreSQL's replication protocol. The driver authenticates (SCRAM, TLS); then we take
 * over the socket and read it ourselves, so that copied data is handed on in place.
 *
 * A part of a CopyData message is a view of a buffer that is overwritten by the next read: whoever
 * wants to keep it copies it before returning. One command runs at a time.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import { Problem } from '../kernel/problem.ts';
import { describePlace, openClient } from './connection-url.ts';
import { driverSocket } from './driver-socket.ts';
import { MessageReader } from './message-reader.ts';
import { CONNECTION_LOST, PROTOCOL_UNEXPECTED } from './problems.ts';
import { connectProblem, queryProblem, type ServerMessage } from './server-problems.ts';

/** One answer row in text form. */
export type Row = readonly (string | null)[];

/** Who listens while a command runs. Everything is called synchronously; throwing ends the connection. */
export interface Conversation {
  /** A CopyData message begins; its payload has `lengthBytes`. */
  copyBegin?(lengthBytes: number): void;
  /** Part of its payload: valid only until this returns. */
  copyPart?(buffer: Buffer, start: number, end: number): void;
  /** The whole message has been given. */
  copyEnd?(): void;
  /** The server has ended its side of the copying. */
  copyDone?(): void;
  /** A new result set begins. */
  rowsBegin?(): void;
  row?(row: Row): void;
  notice?(notice: ServerMessage): void;
  /** After each read of the socket: the moment to ask for a pause. */
  readEnd?(): void;
}

export interface ReplicationOptions {
  /** Aborting it ends the connection at once. */
  readonly signal: AbortSignal;
  readonly applicationName?: string;
}

const READ_BYTES = 256 * 1024;
const CONNECT_MS = 15_000;
const KEEPALIVE_MS = 30_000;

/** @throws Problem POSTGRES_* that says what is missing. */
export async function openReplication(
  url: string,
  options: ReplicationOptions,
): Promise<ReplicationConnection> {
  options.signal.throwIfAborted();
  const input = new RawInput();
  const client = openClient(url, options, {
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    replication: 'true',
    stream: () => input.socket,
  });
  const context = { place: describePlace(client), user: client.user ?? '', replication: true };
  // After the takeover the driver still sees the socket end; whoever waits is told by us.
  client.on('error', ignore);
  function abort(): void {
    input.socket.destroy();
  }
  options.signal.addEventListener('abort', abort, { once: true });
  try {
    await client.connect();
  } catch (error) {
    input.socket.destroy();
    options.signal.throwIfAborted();
    throw connectProblem(error, context);
  } finally {
    options.signal.removeEventListener('abort', abort);
  }
  return new ReplicationConnection(driverSocket(client), input, options.signal);
}

/** The socket below, with one buffer that every read reuses; with TLS on top it is read as usual. */
class RawInput {
  readonly socket: Socket;
  /** Undefined until the takeover: bytes then go to the driver, as copies because it keeps slices. */
  take: ((buffer: Buffer, end: number) => boolean) | undefined;

  constructor() {
    const options = {
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (bytes: number, buffer: Uint8Array): boolean => this.#read(bytes, buffer),
      },
    };
    this.socket = new Socket(options);
  }

  #read(bytes: number, array: Uint8Array): boolean {
    const buffer = Buffer.from(array.buffer, array.byteOffset, bytes);
    if (this.take !== undefined) return this.take(buffer, bytes);
    this.socket.emit('data', Buffer.from(buffer));
    return true;
  }
}

interface Pending {
  readonly conversation: Conversation;
  readonly action: string;
  readonly end: (error: ServerMessage | undefined) => void;
  readonly fail: (error: unknown) => void;
}

export class ReplicationConnection implements AsyncDisposable {
  readonly #stream: Duplex;
  readonly #signal: AbortSignal;
  readonly #reader: MessageReader;
  readonly #abort: () => void;
  #pending: Pending | undefined;
  #serverError: ServerMessage | undefined;
  #paused = false;
  #dead: unknown;

  constructor(stream: Duplex, input: RawInput, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    this.#reader = new MessageReader({
      message: (type, body) => this.#message(type, body),
      copyBegin: (lengthBytes) => this.#pending?.conversation.copyBegin?.(lengthBytes),
      copyPart: (buffer, start, end) => this.#pending?.conversation.copyPart?.(buffer, start, end),
      copyEnd: () => this.#pending?.conversation.copyEnd?.(),
    });
    stream.removeAllListeners('data');
    if (stream === input.socket) {
      input.take = (buffer, end) => this.#feed(buffer, end);
      // Without a listener the stream would never tell that it has ended.
      stream.on('data', ignore);
    } else {
      stream.on('data', (chunk: Buffer) => this.#feed(chunk, chunk.length));
    }
    stream.once('error', (error) => this.#die(error));
    stream.once('close', () => this.#die(new Error('the server has closed the connection')));
    this.#abort = () => this.#stream.destroy();
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  /** Runs a command that answers rows only, such as `IDENTIFY_SYSTEM`. @throws Problem POSTGRES_* */
  async rows(command: string): Promise<readonly Row[]> {
    const rows: Row[] = [];
    const error = await this.converse(command, { row: (row) => rows.push(row) });
    if (error !== undefined) throw queryProblem(error, `run "${firstWords(command)}"`);
    return rows;
  }

  /**
   * Runs a command and tells `conversation` what comes back. Resolves when the server is ready for the
   * next command: with the error it told, if any. Rejects when the connection or a listener fails.
   */
  async converse(command: string, conversation: Conversation): Promise<ServerMessage | undefined> {
    this.#signal.throwIfAborted();
    const action = `run "${firstWords(command)}"`;
    if (this.#pending !== undefined) throw new TypeError('A command is already running');
    if (this.#dead !== undefined) throw this.#lost(this.#dead, action);
    try {
      return await new Promise<ServerMessage | undefined>((end, fail) => {
        this.#pending = { conversation, action, end, fail };
        this.#serverError = undefined;
        this.send('Q', Buffer.from(`${command}\0`));
      });
    } finally {
      this.#pending = undefined;
    }
  }

  /** Sends one message of the protocol. */
  send(type: string, body: Buffer): void {
    const head = Buffer.alloc(5);
    head.write(type, 0, 'latin1');
    head.writeInt32BE(body.length + 4, 1);
    if (this.#stream.writable) this.#stream.write(Buffer.concat([head, body]));
  }

  /** Stops reading: the server waits. What was read already may still arrive. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#stream.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener('abort', this.#abort);
    if (this.#stream.destroyed) return;
    const closed = new Promise<void>((resolve) => this.#stream.once('close', () => resolve()));
    this.send('X', Buffer.alloc(0));
    if (this.#pending === undefined) this.#stream.end();
    // A server that does not hang up by itself is not waited for.
    const late = setTimeout(() => this.#stream.destroy(), 200);
    this.resume();
    await closed;
    clearTimeout(late);
  }

  #feed(buffer: Buffer, end: number): boolean {
    try {
      this.#reader.feed(buffer, end);
      this.#pending?.conversation.readEnd?.();
    } catch (error) {
      this.#die(error);
      this.#stream.destroy();
    }
    return !this.#paused;
  }

  #message(type: string, body: Buffer): void {
    const pending = this.#pending;
    if (type === 'E') {
      this.#serverError = readMessage(body);
      return;
    }
    if (pending === undefined) return;
    if (type === 'Z') pending.end(this.#serverError);
    else if (!tell(pending.conversation, type, body))
      throw new Problem(PROTOCOL_UNEXPECTED, `Cannot ${pending.action}: unexpected "${type}"`);
  }

  #die(error: unknown): void {
    this.#dead ??= error;
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    pending.fail(this.#lost(error, pending.action));
  }

  #lost(error: unknown, action: string): unknown {
    if (this.#signal.aborted) return this.#signal.reason;
    if (error instanceof Problem) return error;
    if (this.#serverError !== undefined) return queryProblem(this.#serverError, action);
    const why = error instanceof Error ? error.message : String(error);
    return new Problem(CONNECTION_LOST, `Cannot ${action}: ${why}`, { cause: error });
  }
}

/** Ends of commands, starts of copying, changed settings, notifications: nothing for a listener. */
const UNTOLD_TYPES = new Set('CSAKHWGI');

/** False: a message of a kind that has no business here. */
function tell(conversation: Conversation, type: string, body: Buffer): boolean {
  if (type === 'D') conversation.row?.(readRow(body));
  else if (type === 'T') conversation.rowsBegin?.();
  else if (type === 'N') conversation.notice?.(readMessage(body));
  else if (type === 'c') conversation.copyDone?.();
  else return UNTOLD_TYPES.has(type);
  return true;
}

function readRow(body: Buffer): Row {
  const row: (string | null)[] = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(0, length);
  }
  return row;
}

function readMessage(body: Buffer): ServerMessage {
  const fields = new Map<string, string>();
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const end = body.indexOf(0, at + 1);
    fields.set(body.toString('latin1', at, at + 1), body.toString('utf8', at + 1, end));
    at = end + 1;
  }
  const detail = fields.get('D');
  return {
    severity: fields.get('V') ?? fields.get('S') ?? 'ERROR',
    code: fields.get('C') ?? '',
    message: fields.get('M') ?? '',
    ...(detail === undefined ? {} : { detail }),
  };
}

/** Enough to recognise a command by; never a long text. */
function firstWords(command: string): string {
  return command.split(/[\s(]+/, 2).join(' ');
}

function ignore(): void {
  // Nothing to do: the reason stands where it is registered.
}
