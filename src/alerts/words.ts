/** The answer of `alerts` as people read it at a terminal and in a chat, a line each. Pure. */
import type { Json } from '../kernel/codecs.ts';
import { formatUtc } from '../kernel/moment.ts';
import { AlertsResult } from './operation.ts';

/** Whoever shows it may have added its own fields. */
const Shown = AlertsResult.strip();

/** Undefined: it is another operation's answer. */
export function alertLines(result: Json): readonly string[] | undefined {
  const read = Shown.safeParse(result).data;
  if (read === undefined) return undefined;
  const { open, waiting, test } = read;
  return [
    sayPager(read),
    ...(test === null
      ? []
      : [`The test page was taken (${test.trigger}) and taken back (${test.resolve})`]),
    ...(open.length === 0 ? ['No page is open'] : []),
    ...open.map(({ server, code, summary, acceptedAt }) => {
      const state =
        acceptedAt === null ? 'NOT accepted yet' : `accepted at ${sayMoment(acceptedAt)}`;
      return `Open, ${state}: ${summary} (${code}${of(server)})`;
    }),
    ...waiting.map(({ server, code, action, state, since, attempts, said }) => {
      const times = attempts === 1 ? 'tried once' : `tried ${attempts} times`;
      const why = said === null ? '' : `: ${said}`;
      return `${state === 'refused' ? 'Refused' : 'Waits'} since ${sayMoment(since)}: ${action} of ${code}${of(server)}, ${times}${why}`;
    }),
  ];
}

function sayPager({ pager, lastAcceptedAt }: AlertsResult): string {
  if (pager === null)
    return 'Nobody is paged: no pager is configured (`alerts.pagerduty` in the config)';
  const last =
    lastAcceptedAt === null
      ? 'which has taken none yet'
      : `which took the last one at ${sayMoment(lastAcceptedAt)}`;
  return `Pages go to ${pager}, ${last}`;
}

function of(server: string): string {
  return server === '' ? '' : ` of ${server}`;
}

function sayMoment(at: string): string {
  return formatUtc(Temporal.Instant.from(at).round('second'));
}
