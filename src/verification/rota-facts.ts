/** What the rota decides on: as the stores list it, or as the catalogue remembers it. Pure. */
import { z } from 'zod';

import type { BackupRecord } from '../catalog/records.ts';
import type { BackupSummary } from '../engines/engine.ts';
import type { ServerName } from '../kernel/ids.ts';
import type { RotaBackup, RotaCopy } from './rota.ts';

/** What decides which period a backup stands for. */
export interface TieredBackup {
  readonly summary: RotaBackup['summary'];
  readonly copies: readonly { readonly verified: { readonly verdict: string } | null }[];
}

/** By `<systemId>/<backupId>`. */
export type TiersOf = (
  server: ServerName,
  backups: readonly TieredBackup[],
) => ReadonlyMap<string, readonly string[]>;

export interface Remembering {
  readonly server: ServerName;
  readonly rows: readonly BackupRecord[];
  /** Undefined: nobody removes anything, so all stay. */
  readonly tiersOf: TiersOf | undefined;
}

/** One entry for each backup, however many stores list it. */
export function listedBackups(
  listed: readonly { readonly store: string; readonly summary: BackupSummary }[],
  remembering: Remembering,
): readonly RotaBackup[] {
  return withTiers(
    listed.map(({ store, summary }) => {
      const row = remembering.rows.find(
        (one) => one.backupId === summary.backupId && one.store === store,
      );
      const { verdict = null, verifiedAt = null } = row ?? {};
      return { summary, copy: { store, verdict, verifiedAt } };
    }),
    remembering,
  );
}

const Remembered = z.object({
  backupId: z.custom<BackupSummary['backupId']>((value) => typeof value === 'string'),
  systemId: z.string(),
  beganAt: z.string(),
  endedAt: z.string(),
  keyId: z.string(),
  damagedFiles: z.array(z.string()),
});

/** The same without asking any store. */
export function rememberedBackups(remembering: Remembering): readonly RotaBackup[] {
  return withTiers(
    remembering.rows.flatMap(({ store, verdict, verifiedAt, summary }) => {
      const read = Remembered.safeParse(summary);
      return read.success ? [{ summary: read.data, copy: { store, verdict, verifiedAt } }] : [];
    }),
    remembering,
  );
}

function withTiers(
  found: readonly { readonly summary: RotaBackup['summary']; readonly copy: RotaCopy }[],
  { server, tiersOf }: Remembering,
): readonly RotaBackup[] {
  const byName = Map.groupBy(found, ({ summary }) => nameOf(summary));
  const merged = [...byName.values()].flatMap(([first, ...rest]) =>
    first === undefined
      ? []
      : [{ summary: first.summary, copies: [first, ...rest].map(({ copy }) => copy) }],
  );
  const tiers = tiersOf?.(
    server,
    merged.map(({ summary, copies }) => ({
      summary,
      copies: copies.map(({ verdict }) => ({ verified: verdict === null ? null : { verdict } })),
    })),
  );
  return merged.map((backup) => ({
    ...backup,
    tiers: tiers === undefined ? ['daily'] : (tiers.get(nameOf(backup.summary)) ?? []),
  }));
}

function nameOf({ systemId, backupId }: RotaBackup['summary']): string {
  return `${systemId}/${backupId}`;
}
