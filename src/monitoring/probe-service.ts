/** The service that looks at every server each minute, opens what is new and closes what is over. */
import { utcText } from '../kernel/codecs.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import { connect } from '../postgres/connect.ts';
import { readPreparedTransactions } from '../postgres/prepared-transactions.ts';
import type { Session } from '../postgres/session.ts';
import { readSlot, slotName } from '../postgres/slots.ts';
import type { MonitoringDeps, WatchedServer } from './deps.ts';
import { JUDGED_CODES, type JudgedFacts, judge } from './judge.ts';
import { readProofs } from './proofs.ts';
import { dueBackup, readStanding } from './standing.ts';

const LOOK_EVERY_MS = 60_000;
/** A server that does not answer must not hold up the others. */
const ASK_LIMIT_MS = 10_000;

export function probeService(deps: MonitoringDeps): Service {
  return {
    name: 'monitoring',
    lease: 'monitoring',
    async run({ signal, ready }) {
      while (!signal.aborted) {
        for (const server of deps.servers) await probe(server, deps, signal);
        ready();
        await deps.clock.sleep(LOOK_EVERY_MS, { signal }).catch(() => undefined);
      }
    },
  };
}

async function probe(
  server: WatchedServer,
  deps: MonitoringDeps,
  signal: AbortSignal,
): Promise<void> {
  const { catalog, clock, log } = deps;
  const standing = await readStanding(server, deps);
  const asked = await askServer(server, deps, signal);
  const proofs = await readProofs(server, deps);
  const findings = judge({
    server,
    standing,
    proofs,
    ...asked,
    backupDueAt: dueBackup(server, deps),
    now: clock.now(),
  });
  const at = utcText(clock.now());
  for (const code of JUDGED_CODES) {
    // Not asked, not over.
    if (code === 'SLOT_HEADROOM_LOW' && asked.slot === undefined) continue;
    if (code === 'CLOCK_DIFFERS' && asked.clockAheadSeconds === undefined) continue;
    if (code === 'PREPARED_TRANSACTION_LEFT' && asked.prepared === undefined) continue;
    const finding = findings.find((one) => one.code === code);
    if (finding === undefined) await catalog.findings.close(code, server.name);
    else if (
      await catalog.findings.open({ code, server: server.name, finding: { ...finding }, at })
    )
      log.warn('Noticed something', { server: server.name, finding: code });
  }
}

/** Empty: it does not answer; the log's lag is judged without it. */
async function askServer(
  server: WatchedServer,
  { clock }: MonitoringDeps,
  stop: AbortSignal,
): Promise<Pick<JudgedFacts, 'slot' | 'clockAheadSeconds' | 'prepared'>> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(ASK_LIMIT_MS)]);
  try {
    await using session = await connect(server.url, { signal });
    const clockAheadSeconds = await compareClocks(session, clock);
    const { keptBytes, safeBytes } = (await readSlot(session, slotName(server.name))) ?? {};
    // Whoever may not read them is told of the slot and the clock all the same.
    const prepared = await readPreparedTransactions(session).catch((error: unknown) => {
      if (isProblem(error)) return undefined;
      throw error;
    });
    return keptBytes === undefined || safeBytes === undefined
      ? { clockAheadSeconds, prepared }
      : { clockAheadSeconds, prepared, slot: { keptBytes, safeBytes } };
  } catch (error) {
    if (isProblem(error) || signal.aborted) return {};
    throw error;
  }
}

/** A slow answer counts for the clocks: between asking and being told, they may agree. */
async function compareClocks(session: Session, clock: MonitoringDeps['clock']): Promise<number> {
  const before = clock.now();
  const [row] = await session.query<{ now: Temporal.Instant }>('SELECT clock_timestamp() AS now');
  const after = clock.now();
  const server = row?.now ?? after;
  if (Temporal.Instant.compare(server, before) < 0) return before.since(server).total('seconds');
  if (Temporal.Instant.compare(server, after) > 0) return -server.since(after).total('seconds');
  return 0;
}
