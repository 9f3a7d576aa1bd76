/** For lists of backups: which periods each stands for, by the same rules as the plan. Pure. */
import { utcText } from '../kernel/codecs.ts';
import { backupName, type RetentionRules } from './facts.ts';
import { dayOf, standingsOf, type Tier } from './periods.ts';
import { stateOf } from './view.ts';

export interface ListedBackup {
  readonly summary: {
    readonly systemId: string;
    readonly backupId: string;
    readonly beganAt: string;
    readonly damagedFiles: readonly string[];
  };
  readonly copies: readonly { readonly verified: { readonly verdict: string } | null }[];
}

/** By `backupName()`; all backups of one server must be among them. */
export function tiersOfListed(
  backups: readonly ListedBackup[],
  rules: Pick<RetentionRules, Tier>,
  zone: string,
): ReadonlyMap<string, readonly Tier[]> {
  const candidates = backups.flatMap(({ summary, copies }) => {
    const state = stateOf(
      summary,
      copies.map(({ verified }) => verified?.verdict ?? null),
    );
    if (state === 'damaged') return [];
    const beganAt = utcText(Temporal.Instant.from(summary.beganAt));
    const day = dayOf(beganAt, zone);
    return [{ name: backupName(summary), beganAt, day, isProved: state === 'proved' }];
  });
  return new Map(
    [...standingsOf(candidates, rules)].map(([name, standings]) => [
      name,
      standings.map(({ tier }) => tier),
    ]),
  );
}
