/**
 * Takes a base backup: receives it over the replication protocol, packs it, and puts the manifest
 * last. Nothing passes through a temporary file; memory does not grow with the database, but for the
 * list of its files and PostgreSQL's own manifest.
 */
import type { Clock } from '../../kernel/clock.ts';
import { utcText } from '../../kernel/codecs.ts';
import { isProblem } from '../../kernel/problem.ts';
import type { BaseBackupResult } from '../../postgres/base-backup.ts';
import { connect } from '../../postgres/connect.ts';
import { PERMISSION_MISSING } from '../../postgres/problems.ts';
import {
  openReplication,
  type ReplicationConnection,
} from '../../postgres/replication-connection.ts';
import {
  hasTablespacesInPlace,
  identifyServer,
  type ServerIdentity,
} from '../../postgres/server-facts.ts';
import type { ObjectKey, ObjectStore } from '../../storage/object-store.ts';
import type { BackupRequest, BackupSummary } from '../engine.ts';
import { BackupSink } from './backup-sink.ts';
import { damagedBlocks } from './damaged-files.ts';
import type { FileEntry } from './file-list.ts';
import { manifestKey, packKey } from './format.ts';
import { leftOut, PLACE_SETTINGS } from './left-out.ts';
import { type ManifestContent, type PackEntry, writeManifest } from './manifest.ts';
import { type Compression, damaged } from './pack-format.ts';
import { Packer } from './packer.ts';
import { askForProofPoint } from './proof-point.ts';

/** What replay needs at least as large as it was, and what tells the clusters apart. */
const SETTINGS = [
  'server_version',
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
  'wal_segment_size',
  'data_checksums',
  'data_directory_mode',
];
/** A server that writes out a large cache before the first byte needs minutes. */
const SILENCE_MS = 15 * 60_000;
const REMOVE_MS = 60_000;

export interface BackupSource {
  /** Of the server; holds a password maybe. */
  readonly url: string;
  readonly workers: number;
  readonly compression: Compression;
  readonly maxBytesPerSecond?: number | undefined;
  readonly clock: Clock;
  /** For tests: packs are ended sooner. */
  readonly packBytesMax?: number;
  /** For tests: a silent server is given up sooner. */
  readonly silenceMs?: number;
}

export async function takeBackup(
  source: BackupSource,
  request: BackupRequest,
): Promise<BackupSummary> {
  const beganAt = utcText(source.clock.now());
  const failure = new AbortController();
  const signal = AbortSignal.any([request.signal, failure.signal]);
  const { store, ring, server, backupId } = request;
  await using connection = await openReplication(source.url, { signal });
  const identity = await identifyServer(connection);
  const settings = await readSettings(connection, SETTINGS);
  const places = await readPlaces(connection);
  const sink = new BackupSink({ ...source, onProgress: request.onProgress });
  await using packer = new Packer({
    store,
    ring,
    folder: { server, ...identity },
    backupId,
    workers: source.workers,
    compression: source.compression,
    signal,
    onRoom: () => sink.resume(),
    onFailure: (error) => failure.abort(error),
    ...(source.packBytesMax === undefined ? {} : { packBytesMax: source.packBytesMax }),
  });
  const tablespaceMap = !(await losesTablespaces(source.url, identity, signal));
  const label = `dbdr ${backupId}`;
  const options = { label, tablespaceMap, signal };
  const silenceMs = source.silenceMs ?? SILENCE_MS;
  await using watches = new AsyncDisposableStack();
  watches.use(sink.watchSilence(silenceMs, (problem) => failure.abort(problem)));
  const result = await sink.receive(connection, packer, options);
  // The server gives only so many of them, and the archiver may need one now.
  await connection[Symbol.asyncDispose]();
  const packs = await packer.finish();
  signal.throwIfAborted();
  const { files: entries } = sink;
  const taken = { request, beganAt, identity, result, files: entries, packs, places };
  // Before the proof point: the copy is of this moment, however long counting takes.
  const ended = { ...summarise(taken), endedAt: utcText(source.clock.now()) };
  const proofPoint = await askForProofPoint(request, ended, signal);
  const summary = proofPoint === undefined ? ended : { ...ended, proofLsn: proofPoint.untilLsn };
  const { tablespaces, postgresManifest, files } = { ...result, ...sink.parts() };
  const content = {
    summary,
    settings,
    tablespaces: tablespaces.map(({ oid, path }) => ({ oid, path })),
    packs,
    files,
    postgresManifest,
    proofPoint,
  };
  await commit(request, { packer, content, signal });
  return summary;
}

interface Committing {
  readonly packer: Packer;
  readonly content: ManifestContent;
  readonly signal: AbortSignal;
}

async function commit(request: BackupRequest, committing: Committing): Promise<void> {
  const { packer, content, signal } = committing;
  const { store, ring, backupId, log } = request;
  const { summary, packs } = content;
  log.info('Putting the manifest last: from here on the backup exists', { backupId });
  try {
    await requirePacks(request, summary, packs, signal);
    await writeManifest({ store, ring }, content, { signal });
    // Again: whoever took us for dead may have swept them in between.
    await requirePacks(request, summary, packs, signal);
  } catch (error) {
    if (!(await isGone(store, manifestKey(summary, backupId)))) packer.keep();
    throw error;
  }
  packer.keep();
}

/**
 * A process that stood still for a while is taken for dead, and its packs are swept. A manifest must not
 * speak of packs that are gone.
 *
 * @throws Problem BACKUP_DAMAGED
 */
async function requirePacks(
  { store, backupId }: BackupRequest,
  summary: BackupSummary,
  packs: readonly PackEntry[],
  signal: AbortSignal,
): Promise<void> {
  for (const { name, sizeBytes } of packs) {
    const key = packKey(summary, backupId, name);
    const info = await store.stat(key, { signal });
    if (info?.sizeBytes !== sizeBytes)
      throw damaged(key, 'it went away before the backup was whole');
  }
}

/**
 * A put that failed may have left the manifest all the same. Packs go only when it is gone for sure: a
 * manifest without packs would be a backup that cannot be restored.
 */
async function isGone(store: ObjectStore, key: ObjectKey): Promise<boolean> {
  try {
    await store.remove(key, { signal: AbortSignal.timeout(REMOVE_MS) });
    return true;
  } catch {
    return false;
  }
}

interface Taken {
  readonly request: BackupRequest;
  readonly beganAt: string;
  readonly identity: ServerIdentity;
  readonly result: BaseBackupResult;
  readonly files: readonly FileEntry[];
  readonly packs: readonly PackEntry[];
  readonly places: Readonly<Record<string, string>> | undefined;
}

function summarise(taken: Taken): Omit<BackupSummary, 'endedAt'> {
  const { request, beganAt, identity, result, files, packs, places } = taken;
  const blocks = result.damaged ? damagedBlocks(result.notices) : {};
  const left = leftOut(places, result.notices);
  return {
    backupId: request.backupId,
    server: request.server,
    major: identity.major,
    systemId: identity.systemId,
    timeline: result.timeline,
    segmentBytes: identity.segmentBytes,
    beginLsn: result.beginLsn,
    endLsn: result.endLsn,
    beganAt,
    sourceBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    storedBytes: packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    files: files.filter(({ kind }) => kind === 'file').length,
    packs: packs.length,
    keyId: request.ring.currentKeyId,
    damagedFiles: Object.keys(blocks),
    ...(result.damaged ? { damagedBlocks: blocks } : {}),
    ...(left === undefined ? {} : { leftOut: left }),
  };
}

/** PostgreSQL 15 sends no tablespace that stands inside the data directory along with a map. */
async function losesTablespaces(
  url: string,
  { major }: ServerIdentity,
  signal: AbortSignal,
): Promise<boolean> {
  if (major > 15) return false;
  await using session = await connect(url, { signal });
  return await hasTablespacesInPlace(session);
}

/** Undefined: our role may not see where they are. */
async function readPlaces(
  connection: ReplicationConnection,
): Promise<Record<string, string> | undefined> {
  try {
    return await readSettings(connection, PLACE_SETTINGS);
  } catch (error) {
    if (isProblem(error, PERMISSION_MISSING)) return undefined;
    throw error;
  }
}

async function readSettings(
  connection: ReplicationConnection,
  names: readonly string[],
): Promise<Record<string, string>> {
  const settings: Record<string, string> = {};
  for (const name of names) {
    const [row] = await connection.rows(`SHOW ${name}`);
    settings[name] = row?.[0] ?? '';
  }
  return settings;
}
