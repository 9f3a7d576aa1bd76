/** The plan of a restore as sentences for whoever asks. Pure. */
import type { Explanation } from '../../gate/operation.ts';
import { formatSeconds } from '../../kernel/moment.ts';
import { formatBytes } from '../../kernel/size.ts';
import type { RestoreOutlook, RestorePlan } from './plan.ts';

export function explainRestore(plan: RestorePlan, outlook?: RestoreOutlook): Explanation {
  const { base, server } = plan;
  const what = plan.tables.length === 0 ? server : `${plan.tables.join(', ')} of ${server}`;
  const facts: [string, string][] = [
    ['Target', targetWords(plan, outlook)],
    ['Base', `${base.backupId} in ${plan.store}${elsewhere(plan)}`],
    ['WAL', walWords(plan)],
    ['Reads', `${formatBytes(base.storedBytes)} from ${plan.store}`],
    ['Writes', writesWords(plan, outlook)],
  ];
  if (outlook !== undefined) facts.push(['Forecast', forecastWords(outlook)]);
  facts.push(['Danger', dangerWords(plan)]);
  return {
    title: `Restore ${what} to ${shortTarget(plan)}`,
    facts,
    warnings: [...plan.warnings],
    approveLabel: `Approve restore of ${server}`,
    command: commandOf(plan),
  };
}

function elsewhere({ store, copies }: RestorePlan): string {
  const others = copies.filter((name) => name !== store);
  return others.length === 0 ? '' : `, and should that fail from ${others.join(' or ')}`;
}

function shortTarget({ target, targetUtc }: RestorePlan): string {
  if (target.kind === 'time') return targetUtc ?? target.at;
  if (target.kind === 'lsn') return target.lsn;
  return target.kind === 'xid' ? `just before transaction ${target.xid}` : 'the newest moment';
}

function targetWords(plan: RestorePlan, outlook?: RestoreOutlook): string {
  const notes = [plan.targetLocal, outlook?.age].filter(
    (note) => note !== null && note !== undefined,
  );
  const short = shortTarget(plan);
  return notes.length === 0 ? short : `${short} (${notes.join(', ')})`;
}

function walWords({ segments, walFrom, walTo, path }: RestorePlan): string {
  const count = segments === 1 ? '1 segment' : `${segments} segments`;
  return `${count} from ${walFrom} to ${walTo}, ${sayEnd(path)}`;
}

function sayEnd({ broken, thinned }: RestorePlan['path']): string {
  if (thinned) return 'what came after was thinned out';
  return broken ? 'a hole behind them' : 'no holes';
}

function writesWords({ base, into }: RestorePlan, outlook?: RestoreOutlook): string {
  const place = into === null ? 'a scratch cluster' : `"${into}"`;
  const free = outlook === undefined ? '' : ` (${formatBytes(outlook.freeBytes)} free)`;
  return `${formatBytes(base.sourceBytes)} to ${place}${free}`;
}

function forecastWords(outlook: RestoreOutlook): string {
  const [middle, from, to] = [
    outlook.forecastSeconds,
    outlook.forecastFromSeconds,
    outlook.forecastToSeconds,
  ].map((seconds) => formatSeconds(seconds));
  return `${middle ?? ''} (${from ?? ''} to ${to ?? ''}; ${outlook.forecastBasis})`;
}

function dangerWords({ tables }: RestorePlan): string {
  const low = 'low: goes to a scratch place';
  if (tables.length === 0) return low;
  return `${low}. Bringing it back into production will need an approval, or --yes --reason at a terminal`;
}

function commandOf({ server, target, tables, into, database }: RestorePlan): string {
  const to = target.kind === 'time' ? target.at : target.asked;
  return restoreCommand({ server, to, tables, into, database });
}

/** What a person types to ask for it. */
export function restoreCommand({
  server,
  to,
  tables,
  into,
  database,
}: Pick<RestorePlan, 'server' | 'tables' | 'into' | 'database'> & { readonly to: string }): string {
  const parts = ['npx dbdr restore', server, `--to ${to}`];
  if (tables.length > 0) parts.push(`--tables ${tables.join(',')}`, `--database ${database}`);
  if (into !== null) parts.push(`--into '${into}'`);
  return parts.join(' ');
}
