/**
 * The service that reads the ring again now and then, so that a rotation by another process is used
 * without a restart, and that tells when the place keys are kept in does not answer: what is known is
 * used on, but a bot that starts anew would have no key.
 */

import type { LivingRing } from '../encryption/living-ring.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import { isProblem, type Problem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import type { KeysDeps } from './deps.ts';

const CODE = 'KEY_PLACE_SILENT';

export interface KeysServiceDeps extends Omit<KeysDeps, 'ring'> {
  readonly ring: Pick<LivingRing, 'reload' | 'generations' | 'keyIds'>;
}

export function keysService(deps: KeysServiceDeps): Service {
  const { keeper, clock } = deps;
  return {
    name: 'keys',
    async run({ signal, ready }) {
      let wasWell = false;
      while (!signal.aborted) {
        wasWell = await lookAgain(deps, { signal, wasWell });
        ready();
        await clock.sleep(keeper.refreshEveryMs, { signal }).catch(() => undefined);
      }
    },
  };
}

/** True: all is well, and was told so. */
async function lookAgain(
  deps: KeysServiceDeps,
  { signal, wasWell }: { readonly signal: AbortSignal; readonly wasWell: boolean },
): Promise<boolean> {
  const { ring, log } = deps;
  const before = ring.keyIds.at(-1);
  const problem = await reload(deps, signal);
  const after = ring.keyIds.at(-1);
  if (before !== after) log.info('A new key is used from now on', { key_id: after });
  const { warnings, unreadable } = ring.generations;
  const told = problem ?? warnings[0] ?? [...unreadable.values()][0];
  if (told !== undefined || !wasWell) await keepFinding(deps, told);
  return told === undefined;
}

/** What kept it from being read; undefined: nothing. */
async function reload(
  { ring }: KeysServiceDeps,
  signal: AbortSignal,
): Promise<Problem | undefined> {
  try {
    await ring.reload({ signal });
    return undefined;
  } catch (error) {
    if (signal.aborted || !isProblem(error)) throw error;
    return error;
  }
}

async function keepFinding(
  { catalog, servers, clock, log }: KeysServiceDeps,
  problem: Problem | undefined,
): Promise<void> {
  const at = utcText(clock.now());
  for (const server of servers) {
    if (problem === undefined) {
      await catalog.findings.close(CODE, server);
      continue;
    }
    const finding: Finding = {
      code: CODE,
      server,
      severity: 'warn',
      summary: `The keys cannot all be read again, and should be: ${problem.message}`,
      hint: problem.hint,
      since: at,
    };
    const row = { code: CODE, server, finding: { ...finding }, at };
    if (await catalog.findings.open(row))
      log.warn('Noticed something', { server, finding: CODE, code: problem.kind.code });
  }
}
