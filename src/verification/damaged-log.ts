/**
 * Which kept segments were found damaged in a store, remembered from proof to proof: one finding for each store,
 * which a segment leaves only when it reads whole there or is stored there no more. What was found in a store that
 * the server has no longer goes with it: no proof reads there again.
 */
import { z } from 'zod';

import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { VerificationDeps } from './deps.ts';

const ARCHIVED_LOG_DAMAGED = 'ARCHIVED_LOG_DAMAGED';
/** Each is read again by every proof. */
const REMEMBERED_MAX = 100;
const NAMED_MAX = 3;

const DamagedLog = z.object({
  code: z.literal(ARCHIVED_LOG_DAMAGED),
  store: z.string(),
  segments: z.array(z.string()),
});

interface Place {
  readonly findings: VerificationDeps['catalog']['findings'];
  readonly server: ServerName;
  readonly store: string;
}

export async function damagedBefore({ findings, server, store }: Place): Promise<Set<string>> {
  const open = await openOf({ findings, server });
  return new Set(open.filter((one) => one.store === store).flatMap(({ segments }) => segments));
}

/** `stores`: the names of those that the server has by the config. */
export async function forgetOtherStores(
  { findings, server }: Omit<Place, 'store'>,
  stores: ReadonlySet<string>,
): Promise<void> {
  for (const { store } of await openOf({ findings, server }))
    if (!stores.has(store)) await findings?.close(codeOf(store), server);
}

export async function rememberDamaged(
  { findings, server, store }: Place,
  damaged: ReadonlySet<string>,
  now: Temporal.Instant,
): Promise<void> {
  const code = codeOf(store);
  if (damaged.size === 0) {
    await findings?.close(code, server);
    return;
  }
  const segments = [...damaged].slice(0, REMEMBERED_MAX);
  const named = segments.slice(0, NAMED_MAX).join(', ');
  const more = segments.length > NAMED_MAX ? ` and ${segments.length - NAMED_MAX} more` : '';
  const at = utcText(now);
  const finding: Finding & { readonly store: string; readonly segments: string[] } = {
    code: ARCHIVED_LOG_DAMAGED,
    server,
    severity: 'page',
    summary: `Of ${server}: WAL ${named}${more} is damaged in "${store}"; moments behind it cannot be reached from there`,
    hint: `Take a backup now with \`backup ${server}\`; for moments before it another store may have the log.`,
    since: at,
    store,
    segments,
  };
  await findings?.open({ code, server, finding: { ...finding }, at });
}

async function openOf({
  findings,
  server,
}: Omit<Place, 'store'>): Promise<readonly z.infer<typeof DamagedLog>[]> {
  const open = (await findings?.list(server)) ?? [];
  return open.flatMap((finding) => DamagedLog.safeParse(finding).data ?? []);
}

/** One row for each store. */
function codeOf(store: string): string {
  return `${ARCHIVED_LOG_DAMAGED}:${store}`;
}
