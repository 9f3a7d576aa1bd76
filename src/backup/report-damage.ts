/**
 * What becomes of a backup that is not sound: its verdict is FAIL, so that nobody counts it among the
 * good ones, and a finding stays open until a sound backup of the same server is there. The backup
 * itself is kept: it is evidence, and perhaps all there is.
 */
import type { BackupSummary } from '../engines/engine.ts';
import type { Run } from '../gate/operation.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { BackupDeps } from './deps.ts';

const SOURCE_DAMAGED = 'BACKUP_SOURCE_DAMAGED';
const READ_BACK_FAILED = 'BACKUP_READ_BACK_FAILED';
/** More in a sentence, and nobody reads it. */
const NAMED_MAX = 5;

export interface TakenBackup {
  readonly summary: BackupSummary;
  readonly store: string;
  /** What reading back found wrong. */
  readonly damage: readonly string[];
}

export async function reportDamage(
  { catalog, clock }: Pick<BackupDeps, 'catalog' | 'clock'>,
  taken: TakenBackup,
  run: Pick<Run, 'id' | 'log'>,
): Promise<void> {
  const { summary, store } = taken;
  const { server, backupId } = summary;
  const at = utcText(clock.now());
  const findings = damageFindings(taken, at);
  for (const code of [SOURCE_DAMAGED, READ_BACK_FAILED])
    if (!findings.some((finding) => finding.code === code))
      await catalog.findings.close(code, server);
  for (const finding of findings) {
    run.log.error(finding.summary, { code: finding.code, backupId });
    await catalog.findings.open({ code: finding.code, server, finding: { ...finding }, at });
  }
  if (findings.length === 0) return;
  const verdict = { verdict: 'FAIL', at, runId: run.id };
  await catalog.backups.markVerified({ server, backupId, store, ...verdict });
}

/** Pure. */
export function damageFindings(
  { summary, store, damage }: TakenBackup,
  since: string,
): readonly Finding[] {
  const { server, backupId, damagedFiles } = summary;
  const common = { server, severity: 'page', since } as const;
  const findings: Finding[] = [];
  if (damagedFiles.length > 0)
    findings.push({
      ...common,
      code: SOURCE_DAMAGED,
      summary: `Pages of ${server} itself are damaged: page checksums did not hold in ${sayFew(damagedPlaces(summary))} while backup ${backupId} was taken`,
      hint: `Look at its disk now. Older backups hold these pages as they were: keep them, and see which are sound with \`backups ${server}\`.`,
    });
  if (damage.length > 0)
    findings.push({
      ...common,
      code: READ_BACK_FAILED,
      summary: `Backup ${backupId} of ${server} cannot be used: the store "${store}" gave back other bytes than were written: ${sayFew(damage)}`,
      hint: `Take another with \`backup ${server}\`, and look at the store.`,
    });
  return findings;
}

/** `base/5/2619 (block 3)`; the blocks as far as PostgreSQL named them. Pure. */
export function damagedPlaces({
  damagedFiles,
  damagedBlocks = {},
}: Pick<BackupSummary, 'damagedFiles' | 'damagedBlocks'>): readonly string[] {
  return damagedFiles.map((path) => {
    const blocks = damagedBlocks[path] ?? [];
    if (blocks.length === 0) return path;
    return `${path} (${blocks.length === 1 ? 'block' : 'blocks'} ${blocks.join(', ')})`;
  });
}

function sayFew(names: readonly string[]): string {
  const rest = names.length - NAMED_MAX;
  return `${names.slice(0, NAMED_MAX).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
