/**
 * Which kept segments were found damaged in a store, remembered from proof to proof: one finding for each store,
 * which a segment leaves only when it reads whole there or is stored there no more.
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
  const open = (await findings?.list(server)) ?? [];
  const segments = open.flatMap((finding) => {
    const read = DamagedLog.safeParse(finding).data;
    return read?.store === store ? read.segments : [];
  });
  return new Set(segments);
}

export async function rememberDamaged(
  { findings, server, store }: Place,
  damaged: ReadonlySet<string>,
  now: Temporal.Instant,
): Promise<void> {
  const code = `${ARCHIVED_LOG_DAMAGED}:${store}`;
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
