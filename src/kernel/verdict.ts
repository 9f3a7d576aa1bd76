/** The four things a proof can say. Could-not-tell is never PASS, and SKIPPED never counts as one. */

/**
 * `PASS`: proved good. `FAIL`: the backup is bad. `ERROR`: we could not tell. `SKIPPED`: not looked
 * at, with the reason beside it.
 */
export const VERDICTS = ['PASS', 'FAIL', 'ERROR', 'SKIPPED'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** One verdict for many: any FAIL is FAIL, else any ERROR is ERROR, else PASS if anything passed. */
export function combineVerdicts(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('FAIL')) return 'FAIL';
  if (verdicts.includes('ERROR')) return 'ERROR';
  return verdicts.includes('PASS') ? 'PASS' : 'SKIPPED';
}
