/**
 * What a restore met on its way and got over: a copy or a segment that one store could not give and
 * another did. It is told in the result, and damage is kept as a finding: the next time there may be no
 * other store.
 */
import { utcText } from '../../kernel/codecs.ts';
import type { Finding } from '../../kernel/finding.ts';
import type { ServerName } from '../../kernel/ids.ts';
import type { Log } from '../../kernel/log.ts';
import type { Problem } from '../../kernel/problem.ts';
import type { RecoveryDeps } from '../deps.ts';

/** One finding for each server: a proof of that store that passes closes it. */
export const COPY_DAMAGED = 'COPY_DAMAGED';

export interface Trouble {
  /** `WAL segment 000000010000000000000007`, `Backup 20261122T010000Z`. */
  readonly what: string;
  readonly store: string;
  readonly servedBy: string;
  readonly problem: Problem;
}

export interface RestoreNotes {
  readonly warnings: readonly string[];
  note(trouble: Trouble): void;
  /** Writes down what was damaged, so that somebody mends it. */
  keep(): Promise<void>;
}

export function openRestoreNotes(
  { catalog, clock }: Pick<RecoveryDeps, 'catalog' | 'clock'>,
  { server, log }: { readonly server: ServerName; readonly log: Log },
): RestoreNotes {
  const warnings: string[] = [];
  let damaged: { readonly store: string; readonly summary: string } | undefined;
  return {
    warnings,
    note({ what, store, servedBy, problem }) {
      const isDamage = problem.kind.retry === 'never';
      const state = isDamage ? 'is damaged' : 'cannot be read';
      const summary = `${what} ${state} in ${store} and was read from ${servedBy}`;
      warnings.push(`${summary}: ${problem.message}.`);
      log.warn(summary, { code: problem.kind.code, store, servedBy });
      if (isDamage) damaged = { store, summary };
    },
    async keep() {
      if (damaged === undefined || catalog.findings === undefined) return;
      const { store, summary } = damaged;
      const at = utcText(clock.now());
      const finding: Finding & { readonly store: string } = {
        code: COPY_DAMAGED,
        server,
        store,
        severity: 'page',
        summary: `Of ${server}: ${summary.charAt(0).toLowerCase()}${summary.slice(1)}`,
        hint: `Take a backup with \`backup ${server}\`, find out what damaged ${store}, then prove it with \`verify ${server} --store ${store}\`.`,
        since: at,
      };
      await catalog.findings.open({ code: COPY_DAMAGED, server, finding: { ...finding }, at });
    },
  };
}
