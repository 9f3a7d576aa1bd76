/** The config section `verification` of a server, as small as tests want it. */
import type { VerifiedServer } from '../../src/verification/deps.ts';

export function verificationSection(
  changes: Partial<VerifiedServer['verification']> = {},
): VerifiedServer['verification'] {
  return {
    tables: 10,
    max_age: 'PT24H',
    hash: 'part',
    snapshot_seconds: 300,
    lock_seconds: 2,
    parallel: 2,
    proof_point_seconds: 60,
    ...changes,
  };
}
