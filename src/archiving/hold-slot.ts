/**
 * Lets the slot wait for the other stores while archiving runs: reads from the catalogue how far each is,
 * looks at the slot's room when one is behind, and tells people when a store is no longer waited for.
 */

import type { WalProgressRecord } from '../catalog/records.ts';
import type { WalStored } from '../engines/wal-archive.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import { isProblem } from '../kernel/problem.ts';
import { connect } from '../postgres/connect.ts';
import { readSlot, slotName } from '../postgres/slots.ts';
import type { ArchivingDeps, ArchivingServer } from './deps.ts';
import { FlushLimit, type Why } from './flush-limit.ts';

/** The finding that the server may forget what one store lacks; another store then has it alone. */
const LEFT_OUT = 'MIRROR_LEFT_OUT';
const LOOK_MS = 1000;
/** A store that is so far behind makes us look at the server's disk, and no more often than that. */
const ASK_ABOUT_ROOM_MS = 30_000;
const ASK_LIMIT_MS = 10_000;
/** Half of what the slot may keep: people are called when a quarter is left. */
const ROOM_SHARE_MIN = 0.5;

export interface HeldSlot {
  readonly limit: (timeline: number) => bigint | undefined;
  readonly told: (stored: WalStored) => void;
  /** Looks at the others until `signal` aborts. */
  readonly watch: (options: { readonly signal: AbortSignal }) => Promise<void>;
}

/**
 * Undefined: there is only one store. Of what was told about other stores, only what may still hold stays
 * open: one that has become the first is a copy no longer, and one that counts is waited for.
 */
export async function holdSlot(
  server: ArchivingServer,
  deps: ArchivingDeps,
): Promise<HeldSlot | undefined> {
  const others = (server.otherStores ?? []).map(({ name }) => name);
  const { walProgress, findings } = deps.catalog;
  await findings.close(rowOf(server.storeName), server.name);
  if (others.length === 0) return undefined;
  const rows = new Map<string, WalProgressRecord | undefined>();
  for (const store of others) rows.set(store, await walProgress.find(server.name, store));
  const first = await walProgress.find(server.name, server.storeName);
  const limit = new FlushLimit({ first, others: rows, clock: deps.clock });
  for (const store of others)
    if (limit.counts(store)) await findings.close(rowOf(store), server.name);
  return {
    limit: (timeline) => limit.limit(timeline),
    told: (stored) => limit.told(stored),
    watch: async ({ signal }) => await watch(limit, { server, others, deps }, signal),
  };
}

interface Watching {
  readonly server: ArchivingServer;
  readonly others: readonly string[];
  readonly deps: ArchivingDeps;
}

async function watch(limit: FlushLimit, watching: Watching, signal: AbortSignal): Promise<void> {
  const { server, others, deps } = watching;
  let askedMs = deps.clock.elapsedMs();
  let hasLittleRoom = false;
  while (!signal.aborted) {
    const nowMs = deps.clock.elapsedMs();
    if (limit.longestMs() < ASK_ABOUT_ROOM_MS) hasLittleRoom = false;
    else if (nowMs - askedMs >= ASK_ABOUT_ROOM_MS) {
      hasLittleRoom = await askAboutRoom(server, signal);
      askedMs = nowMs;
    }
    for (const store of others) {
      const row = await deps.catalog.walProgress.find(server.name, store);
      const change = limit.seen(store, row, { hasLittleRoom });
      if (change === 'counts again') await close(watching, store);
      else if (change !== undefined) await open(watching, store, change);
    }
    await deps.clock.sleep(LOOK_MS, { signal }).catch(() => undefined);
  }
}

/** A server that does not answer, or a slot without a limit, says nothing of its room. */
async function askAboutRoom(server: ArchivingServer, stop: AbortSignal): Promise<boolean> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(ASK_LIMIT_MS)]);
  try {
    await using session = await connect(server.url, { signal });
    const slot = await readSlot(session, slotName(server.name));
    const { keptBytes, safeBytes } = slot ?? {};
    if (keptBytes === undefined || safeBytes === undefined) return false;
    return safeBytes < (keptBytes + safeBytes) * ROOM_SHARE_MIN;
  } catch (error) {
    if (isProblem(error) || signal.aborted) return false;
    throw error;
  }
}

async function open({ server, deps }: Watching, store: string, why: Why): Promise<void> {
  const at = utcText(deps.clock.now());
  const because =
    why === 'too long'
      ? 'it has lacked a part for 15 minutes'
      : 'it is behind, and less than half of what the slot may keep is left';
  const finding: Finding & { readonly store: string } = {
    code: LEFT_OUT,
    server: server.name,
    store,
    severity: 'page',
    summary: `${server.name} no longer keeps its log for the store "${store}": ${because}. What "${store}" lacks is in "${server.storeName}" alone`,
    hint: `See with \`wal ${server.name}\` and \`status ${server.name}\` why "${store}" is late. It is waited for again once it is level.`,
    since: at,
  };
  const row = { code: rowOf(store), server: server.name, finding: { ...finding }, at };
  await deps.catalog.findings.open(row);
  deps.log.warn('A store is no longer waited for', { server: server.name, store, why });
}

async function close({ server, deps }: Watching, store: string): Promise<void> {
  await deps.catalog.findings.close(rowOf(store), server.name);
  deps.log.info('A store is level and is waited for', { server: server.name, store });
}

/** Findings are one a code and server: each store has its own. */
function rowOf(store: string): string {
  return `${LEFT_OUT}:${store}`;
}
