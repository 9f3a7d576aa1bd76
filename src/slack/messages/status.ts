/** How each server stands: what it can be restored to, how much is at risk, what was noticed. Pure. */
import type { KnownBlock } from '@slack/types';
import { z } from 'zod';

import type { Json } from '../../kernel/codecs.ts';
import { formatSeconds, formatUtc } from '../../kernel/moment.ts';
import { copyFacts } from '../../monitoring/copy-words.ts';
import { escapeText, type Message, message, sections } from './blocks.ts';
import { readInstant, sayMoment } from './when.ts';

const Finding = z.looseObject({
  severity: z.string().optional().catch(undefined),
  summary: z.string(),
  hint: z.string().optional().catch(undefined),
});

const Server = z.looseObject({
  server: z.string(),
  lastBackupAt: z.string().nullish().catch(undefined),
  lastVerifiedAt: z.string().nullish().catch(undefined),
  hoursSinceLastPass: z.number().nullish().catch(undefined),
  recoverableFrom: z.string().nullish().catch(undefined),
  recoverableTo: z.string().nullish().catch(undefined),
  rpoSeconds: z.number().nullish().catch(undefined),
  rtoSeconds: z.number().nullish().catch(undefined),
  stores: z.json().optional().catch(undefined),
  findings: z.array(Finding).optional().catch(undefined),
});
type Server = z.infer<typeof Server>;

const Status = z.looseObject({
  servers: z.array(Server),
  findings: z.array(Finding).optional().catch(undefined),
});

export interface Reader {
  readonly zone: string;
  readonly now: Temporal.Instant;
}

/** Undefined: it is not a status. */
export function statusMessage(result: Json, reader: Reader): Message | undefined {
  const read = Status.safeParse(result);
  if (!read.success) return undefined;
  const { servers, findings = [] } = read.data;
  const blocks = [
    ...servers.flatMap((server) => serverBlocks(server, reader)),
    ...sections(findings.map(findingLine)),
  ];
  const text = [
    ...servers.map((server) => openingOf(server, reader)),
    ...findings.map(({ summary }) => summary),
  ].join('\n');
  return blocks.length === 0 ? undefined : message(text, blocks);
}

/** `shop: from 2026-11-08 02:11:04 UTC to 2026-11-22 14:51:58 UTC`, a line a server. */
export function reachableLines(result: Json): readonly string[] {
  const read = Status.safeParse(result);
  if (!read.success) return [];
  return read.data.servers.flatMap(({ server, recoverableFrom, recoverableTo }) => {
    const [from, to] = [readInstant(recoverableFrom), readInstant(recoverableTo)];
    if (from === undefined || to === undefined) return [];
    return [`${server}: from ${inside(from, 'ceil')} to ${inside(to, 'floor')}`];
  });
}

/** Rounded to the side on which there is something. */
function inside(at: Temporal.Instant, roundingMode: 'ceil' | 'floor'): string {
  return formatUtc(at.round({ smallestUnit: 'second', roundingMode }));
}

function serverBlocks(server: Server, reader: Reader): readonly KnownBlock[] {
  const facts: readonly (readonly [string, string])[] = [
    ['Back as far as', say(server.recoverableFrom, reader, 'nothing yet')],
    ['Last backup', say(server.lastBackupAt, reader, 'none yet')],
    ['Last proof', say(server.lastVerifiedAt, reader, 'none yet')],
    ['Since last PASS', sincePass(server.hoursSinceLastPass)],
    ['Data at risk now', seconds(server.rpoSeconds)],
    ['Time to restore', seconds(server.rtoSeconds)],
    ...copyFacts(server.stores),
  ];
  const findings = server.findings ?? [];
  return sections([
    `*${escapeText(openingOf(server, reader))}*`,
    ...facts.map(([label, value]) => `*${label}*  ${escapeText(value)}`),
    ...findings.map(findingLine),
    ...(findings.length === 0 ? ['Nothing was noticed.'] : []),
  ]);
}

function findingLine({ severity, summary, hint = '' }: z.infer<typeof Finding>): string {
  const when = severity === 'page' ? 'Now' : 'This week';
  return `*${when}:* ${escapeText(summary)} ${escapeText(hint)}`;
}

function openingOf(server: Server, reader: Reader): string {
  const to = readInstant(server.recoverableTo);
  return to === undefined
    ? `${server.server} is not restorable yet`
    : `${server.server} is restorable to ${sayMoment(to, reader)}`;
}

function say(text: string | null | undefined, reader: Reader, none: string): string {
  const at = readInstant(text);
  return at === undefined ? none : sayMoment(at, reader);
}

function sincePass(hours: number | null | undefined): string {
  return hours === undefined || hours === null ? 'there was none' : `${hours.toFixed(1)} hours`;
}

function seconds(value: number | null | undefined): string {
  return value === undefined || value === null ? 'unknown' : formatSeconds(value);
}
