/** The service that looks at every server each minute, opens what is new and closes what is over. */
import { utcText } from '../kernel/codecs.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import { connect } from '../postgres/connect.ts';
import { readSlot, slotName } from '../postgres/slots.ts';
import type { MonitoringDeps, WatchedServer } from './deps.ts';
import { JUDGED_CODES, judge, type SlotRoom } from './judge.ts';
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
  const slot = await readRoom(server, signal);
  const findings = judge({
    server,
    standing,
    slot,
    backupDueAt: dueBackup(server, deps),
    now: clock.now(),
  });
  const at = utcText(clock.now());
  for (const code of JUDGED_CODES) {
    // Not asked, not over.
    if (code === 'SLOT_HEADROOM_LOW' && slot === undefined) continue;
    const finding = findings.find((one) => one.code === code);
    if (finding === undefined) await catalog.findings.close(code, server.name);
    else if (
      await catalog.findings.open({ code, server: server.name, finding: { ...finding }, at })
    )
      log.warn('Noticed something', { server: server.name, finding: code });
  }
}

/** Undefined: nobody can tell; the log's lag is judged without it. */
async function readRoom(server: WatchedServer, stop: AbortSignal): Promise<SlotRoom | undefined> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(ASK_LIMIT_MS)]);
  try {
    await using session = await connect(server.url, { signal });
    const { keptBytes, safeBytes } = (await readSlot(session, slotName(server.name))) ?? {};
    return keptBytes === undefined || safeBytes === undefined
      ? undefined
      : { keptBytes, safeBytes };
  } catch (error) {
    if (isProblem(error) || signal.aborted) return undefined;
    throw error;
  }
}
