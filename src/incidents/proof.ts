/**
 * Which copy a walk about a damaged backup is about. Refuses a run that is no failed proof of that server, and
 * a server of which no failed proof stands: nobody could say what the walk is about, or when it is over.
 */
import { z } from 'zod';

import { Problem } from '../kernel/problem.ts';
import type { IncidentDeps, OpenIncident } from './incidents.ts';
import { NO_PROOF_FAILED, PROOF_NOT_FAILED } from './problems.ts';
import { FailedProof } from './walk.ts';

const Failed = z.looseObject({
  verdict: z.literal('FAIL'),
  backupId: z.string(),
  store: z.string(),
});

/** `alerts/` keeps it for as long as somebody could restore from such a copy. */
const Standing = FailedProof.extend({ code: z.literal('PROOF_FAILED') });

type Needed = Pick<IncidentDeps, 'gate' | 'catalog'>;

/** @throws Problem INCIDENT_PROOF_NOT_FAILED, INCIDENT_NO_PROOF_FAILED */
export async function proofOf(
  { gate, catalog }: Needed,
  { proof: runId, server }: Pick<OpenIncident, 'proof' | 'server'>,
): Promise<FailedProof> {
  if (runId === undefined) {
    const findings = await catalog.findings.list(server);
    const [standing] = findings.flatMap((one) => Standing.safeParse(one).data ?? []);
    if (standing !== undefined) return plain(standing);
    throw new Problem(
      NO_PROOF_FAILED,
      `Cannot lead through a damaged backup of ${server}: no proof of it has failed and stands`,
      {
        hint: `Prove the backup that you suspect with \`verify ${server}\`, and its store with \`--store\`; if it fails, open the walk again.`,
      },
    );
  }
  const run = await gate().find(runId);
  const failed = Failed.safeParse(run?.result).data;
  if (run?.server === server && run.operation === 'verify' && failed !== undefined)
    return plain({ runId, ...failed });
  throw new Problem(
    PROOF_NOT_FAILED,
    `Cannot lead through "${runId}": it is no failed proof of ${server}`,
  );
}

function plain({ runId, backupId, store }: FailedProof): FailedProof {
  return { runId, backupId, store };
}
