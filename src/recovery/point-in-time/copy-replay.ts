/**
 * Starts a restored data directory and replays it until it stands at a position, paused; and again, to a
 * later one. Each start has a feed and a log of its own, so that nothing an earlier start said is
 * taken for the word of this one.
 */
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

import { PLACE_FILES, type ScratchPlace } from '../../clusters/place.ts';
import {
  DEFAULT_REPLAY_SETTINGS,
  largerSettings,
  readControlSettings,
} from '../../clusters/replay-settings.ts';
import { type ScratchCluster, startScratchCluster } from '../../clusters/scratch-cluster.ts';
import { stopScratch } from '../../clusters/teardown.ts';
import type { BackupSummary } from '../../engines/engine.ts';
import type { Step } from '../../gate/operation.ts';
import type { ServerName } from '../../kernel/ids.ts';
import { type Lsn, lsnBytes, toLsn } from '../../kernel/lsn.ts';
import { isProblem, Problem } from '../../kernel/problem.ts';
import type { WalPath } from '../coverage.ts';
import type { RecoveryDeps } from '../deps.ts';
import { RECOVERY_FAILED, SERVER_UNKNOWN } from '../problems.ts';
import { namesInUrl } from '../server-url.ts';
import type { Target } from '../target.ts';
import type { ReadWal } from '../wal-sources.ts';
import { cutLog } from './cut-log.ts';
import { EndWatch } from './end-watch.ts';
import { neverReadable } from './not-readable.ts';
import { type ReplayTarget, recoverySettings } from './recovery-settings.ts';
import {
  endedByItself,
  followReplay,
  type Reached,
  type ReplayRequest,
  refuseEnd,
} from './replay.ts';
import { type CopyAccess, findCopyAccess } from './restored-copy.ts';
import { openWalFeed, type WalFeed } from './wal-feed.ts';

/** The primary can raise its settings this often within the replayed log. */
const STARTS_MAX = 6;
/** The major version that brought `recovery_prefetch`. */
const LOOKS_AHEAD_SINCE = 15;

export interface CopyToReplay {
  readonly server: ServerName;
  readonly base: BackupSummary;
  readonly path: WalPath;
  /** The database whose URL is answered; default: the one in the server's URL. */
  readonly database?: string | undefined;
  readonly place: ScratchPlace;
  readonly readWal: ReadWal;
  /** See `WalFeedRequest`. */
  readonly troubleOf: (name: string) => Problem | undefined;
  /** Its writes are made durable. */
  readonly durable: boolean;
}

/** A cluster that stands paused at a position. */
export interface Standing {
  readonly cluster: ScratchCluster;
  readonly access: CopyAccess;
  readonly reached: Reached;
  /** `end of log`: nothing was committed between there and the target, as far as the log is stored. */
  readonly how: 'target' | 'end of log';
}

type Following = Pick<ReplayRequest, 'cluster' | 'feed' | 'target' | 'signal' | 'onProgress'>;

/** Of sessions that could not be opened, or were lost. */
const OF_CONNECTION = /^POSTGRES_|^RECOVERY_COPY_UNUSABLE$/;

export class CopyReplay {
  readonly #deps: RecoveryDeps;
  readonly #copy: CopyToReplay;
  #starts = 0;
  /** PostgreSQL reads ahead of what it replays, and asks for log that lies behind the target. */
  #looksAhead: boolean;

  constructor(deps: RecoveryDeps, copy: CopyToReplay) {
    this.#deps = deps;
    this.#copy = copy;
    this.#looksAhead = !copy.path.broken && copy.base.major >= LOOKS_AHEAD_SINCE;
  }

  /** Whatever ran before in the place has ended. Failing, it may leave its cluster running. */
  async standAt(asked: Target, step: Step): Promise<Standing> {
    let target: ReplayTarget = asked;
    let stood: Reached | undefined;
    for (let attempt = 1; attempt <= STARTS_MAX; attempt += 1) {
      const standing = await this.#replayOnce(target, step);
      if (standing === undefined) continue;
      if (stood !== undefined) return standAgain(standing, stood);
      if (standing.how === 'target' || target.kind === 'latest') return standing;
      // PostgreSQL never opens where its target was not met, even if nothing can lie before it. The
      // stored log may have grown until it was paused: it must stand where it stands and go no further.
      await standing.cluster.stop();
      stood = standing.reached;
      const { dataDirectory } = this.#copy.place;
      await cutLog({ dataDirectory, lsn: stood.lsn, segmentBytes: this.#copy.base.segmentBytes });
      target = { kind: 'where it stood', lsn: stood.lsn };
    }
    throw new Problem(
      RECOVERY_FAILED,
      'Cannot replay: the settings that replay needs were raised again and again',
    );
  }

  /** Undefined: start again, with what was learned. */
  async #replayOnce(target: ReplayTarget, step: Step): Promise<Standing | undefined> {
    const { clock, scratch } = this.#deps;
    const { base, path, place, readWal, troubleOf } = this.#copy;
    const isOwn = target.kind === 'where it stood';
    await this.#setLogAside();
    this.#starts += 1;
    await using feed = await openWalFeed({
      spool: join(place.folder, `spool-${this.#starts}`),
      user: scratch.user,
      // Up to there the log lies in the copy's own folder: it may ask, and is told that there is no more.
      path: isOwn ? { ...path, runs: [] } : path,
      segmentBytes: base.segmentBytes,
      readWal: isOwn ? nothing : readWal,
      troubleOf,
      firstLsn: this.#starts === 1 ? path.fromLsn : undefined,
      targetLsn: target.kind === 'lsn' ? toLsn(target.lsn) : undefined,
      clock,
      signal: step.signal,
    });
    try {
      return await this.#follow(feed, target, step);
    } catch (error) {
      if (!feed.failed.aborted || step.signal.aborted) throw error;
      if (!this.#looksAhead) throw feed.failed.reason;
      // It may be that nobody needs what cannot be had: the copy has to say so without looking ahead.
      this.#looksAhead = false;
      await stopScratch(place);
      return undefined;
    }
  }

  /** Undefined: the primary raised a setting; the control file now says so. */
  async #follow(feed: WalFeed, target: ReplayTarget, step: Step): Promise<Standing | undefined> {
    const { clock } = this.#deps;
    const signal = AbortSignal.any([step.signal, feed.failed]);
    const cluster = await this.#start(target, feed.restoreCommand, signal);
    const { base, path } = this.#copy;
    const progress = progressOf(path, step);
    const watch = new EndWatch({ feed, target, path, segmentBytes: base.segmentBytes });
    await cluster.waitReady({
      signal,
      onWait: async () => {
        progress(feed.handedTo());
        if (watch.seesUnasked()) await this.#refuseUnreadable(feed, target);
      },
    });
    try {
      return await this.#stand({ cluster, feed, target, signal, onProgress: progress });
    } catch (error) {
      signal.throwIfAborted();
      if (!(isProblem(error) && OF_CONNECTION.test(error.kind.code))) throw error;
      // What ended it stands in its log; that we lost it says nothing.
      throw (await endedByItself(cluster, { clock, signal })) ?? error;
    }
  }

  /** The copy has read its log to the end, and nobody can ask it anything. */
  async #refuseUnreadable(feed: WalFeed, target: ReplayTarget): Promise<void> {
    const { path, place } = this.#copy;
    // What is not there to be read explains more than what cannot be looked at.
    refuseEnd({ feed, target }, path);
    // All of it: what tells may stand in front of thousands of segments.
    const log = await readFile(join(place.folder, PLACE_FILES.log), 'utf8');
    const problem = neverReadable(log, target);
    if (problem !== undefined) throw problem;
  }

  async #stand(following: Following): Promise<Standing | undefined> {
    const { clock, connect } = this.#deps;
    const { base, path } = this.#copy;
    const { cluster, signal } = following;
    const access = await this.#enter(cluster, signal);
    await using session = await connect(access.url, { signal });
    const { segmentBytes } = base;
    const end = await followReplay({ ...following, session, path, clock, segmentBytes });
    if (end.outcome === 'settings too small') {
      await cluster.stop();
      return undefined;
    }
    return { cluster, access, reached: end.state, how: end.how };
  }

  async #start(
    target: ReplayTarget,
    restoreCommand: string,
    signal: AbortSignal,
  ): Promise<ScratchCluster> {
    const { clock, programsFor, scratch } = this.#deps;
    const { base, path, place, durable } = this.#copy;
    const control = await readControlSettings(place.dataDirectory);
    return startScratchCluster({
      place,
      programs: await programsFor(base.major, { signal }),
      user: scratch.user,
      settings: largerSettings(DEFAULT_REPLAY_SETTINGS, control ?? DEFAULT_REPLAY_SETTINGS),
      recovery: recoverySettings({
        target,
        restoreCommand,
        major: base.major,
        looksAhead: this.#looksAhead,
        timeline: path.timeline === base.timeline ? 'current' : path.timeline,
      }),
      mode: 'replay',
      durable,
      clock,
    });
  }

  /** What an earlier start wrote must not be read as what the next one did. */
  async #setLogAside(): Promise<void> {
    const log = join(this.#copy.place.folder, PLACE_FILES.log);
    if (this.#starts > 0) await rename(log, `${log}.${this.#starts}`);
  }

  async #enter(cluster: ScratchCluster, signal: AbortSignal): Promise<CopyAccess> {
    const { servers, connect } = this.#deps;
    const { server, database } = this.#copy;
    const known = servers.get(server);
    if (known === undefined)
      throw new Problem(SERVER_UNKNOWN, `Cannot restore "${server}": the config does not name it`);
    const names = namesInUrl(known.url);
    return findCopyAccess({
      cluster,
      connect,
      signal,
      role: names.role,
      database: database ?? names.database,
    });
  }
}

async function nothing(): Promise<undefined> {}

function progressOf(path: WalPath, step: Step): (lsn: Lsn) => void {
  const begin = lsnBytes(path.fromLsn);
  const totalBytes = Number(lsnBytes(path.toLsn) - begin);
  return (lsn) => {
    const doneBytes = Number(lsnBytes(lsn) - begin);
    step.progress({ doneBytes: Math.max(0, Math.min(doneBytes, totalBytes)), totalBytes });
  };
}

/** @throws Problem RECOVERY_FAILED when it went further than it had stood. */
function standAgain(standing: Standing, stood: Reached): Standing {
  const { lsn } = standing.reached;
  if (lsn === stood.lsn) return { ...standing, reached: stood };
  throw new Problem(
    RECOVERY_FAILED,
    `Cannot hold the copy at ${stood.lsn}: it went on to ${lsn} when it was started again`,
  );
}
