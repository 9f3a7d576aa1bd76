/** What a person reads before a proof begins: what is proved, from where, and what production pays. Pure. */
import type { Explanation } from '../gate/operation.ts';
import { formatSeconds } from '../kernel/moment.ts';
import { formatBytes } from '../kernel/size.ts';
import type { VerifyPlan } from './plan.ts';

export function explainProof(plan: VerifyPlan): Explanation {
  const { server, store, why, which, base, databases, tables, maxAgeSeconds, hash, cost } = plan;
  const size = `${formatBytes(base.storedBytes)} read, ${formatBytes(base.sourceBytes)} written`;
  return {
    title: `Prove that backup ${base.backupId} of ${server} can be restored`,
    facts: [
      ['Backup', `${base.backupId} (${which})`],
      ['Store', `${store} (${why})`],
      ['Restores', `${size}, into a scratch cluster that is removed afterwards`],
      ['Compares', `${sayHash(hash)} of the ${tables} largest tables of ${databases.join(', ')}`],
      ['At', cost === null ? 'the position of its own proof point' : AT_ONE_POSITION],
      ['Production pays', sayCost(cost)],
      ['Latest transaction', `at most ${formatSeconds(maxAgeSeconds)} old`],
      ['Danger', cost === null ? 'low: production is not asked' : 'low: production is only read'],
    ],
    warnings: [
      ...plan.passedOver.map(({ store: name, reason }) => `Store ${name} is not proved: ${reason}`),
      ...plan.unreadable.map(({ key, reason }) => `Manifest "${key}": ${reason}`),
    ],
    approveLabel: `Verify ${server}`,
    command: `npx dbdr verify ${server} --backup ${base.backupId} --store ${store}`,
  };
}

const AT_ONE_POSITION = 'one exact log position, where everything must be equal';

function sayHash(hash: VerifyPlan['hash']): string {
  switch (hash) {
    case 'none':
      return 'row counts';
    case 'part':
      return 'row counts and contents (of large tables a seventh a day)';
    case 'all':
      return 'row counts and contents';
    default:
      throw new TypeError(`Unreachable mode: ${JSON.stringify(hash satisfies never)}`);
  }
}

function sayCost(cost: VerifyPlan['cost']): string {
  if (cost === null) return 'nothing: it is not asked';
  const { snapshotSeconds, lockSeconds, parallel, fromStandby } = cost;
  const longest = formatSeconds(snapshotSeconds);
  const sessions = parallel === 1 ? '1 session reads' : `${parallel} sessions read`;
  const locks = `waiting ${lockSeconds} s for a locked table at most`;
  if (fromStandby)
    return `a message in its log; a standby stands still for ${longest} at most while ${sessions}, ${locks}`;
  return `a message in its log; ${sessions} in one snapshot of each database, ${longest} old at most, ${locks}`;
}
