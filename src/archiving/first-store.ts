/**
 * The finding that the first store does not take the log. The server keeps it meanwhile: it never goes
 * to another store instead (`decisions/0012-second-region.md`).
 */
import type { Catalog } from '../catalog/catalog.ts';
import type { Clock } from '../kernel/clock.ts';
import { utcText } from '../kernel/codecs.ts';
import type { Finding } from '../kernel/finding.ts';
import type { Problem } from '../kernel/problem.ts';
import type { ArchivingServer } from './deps.ts';

const STORE_FAILING = 'ARCHIVING_STORE_FAILING';

interface FirstStore extends Pick<ArchivingServer, 'name' | 'storeName'> {
  readonly otherStores?: readonly { readonly name: string }[] | undefined;
}

interface Deps {
  readonly catalog: Pick<Catalog, 'findings'>;
  readonly clock: Clock;
}

/** Only what a store says; a server that does not answer is another matter. */
export async function noteStore(
  problem: Problem,
  server: FirstStore,
  { catalog, clock }: Deps,
): Promise<void> {
  const { code } = problem.kind;
  if (!/^(?:STORAGE_|WAL_STORE_)/.test(code)) return;
  const { name, storeName, otherStores = [] } = server;
  const [other] = otherStores;
  const instead =
    other === undefined
      ? ''
      : ` If it is gone for good, name "${other.name}" first in \`servers.${name}.stores\`, start the bot again and take a backup.`;
  const at = utcText(clock.now());
  const finding: Finding = {
    code: STORE_FAILING,
    server: name,
    severity: 'page',
    summary: `The store "${storeName}" does not take the log of ${name}, which stays on the server's disk meanwhile: ${problem.message}`,
    hint: `${problem.hint}${instead}`,
    since: at,
  };
  await catalog.findings.open({ code: STORE_FAILING, server: name, finding: { ...finding }, at });
}

/** It takes the log again. */
export async function storeAnswers(
  { name }: Pick<FirstStore, 'name'>,
  { catalog }: Pick<Deps, 'catalog'>,
): Promise<void> {
  await catalog.findings.close(STORE_FAILING, name);
}
