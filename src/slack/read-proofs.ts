/** Proofs as the catalogue has them, for whoever may look: the tables of one, and the last of a server. */
import type { RunRecord } from '../catalog/runs.ts';
import type { Actor } from '../gate/people.ts';
import type { RunId } from '../kernel/ids.ts';
import { Problem } from '../kernel/problem.ts';
import type { SlackDeps } from './deps.ts';
import { runLink } from './links.ts';
import type { Message } from './messages/blocks.ts';
import { historyMessage, tablesMessage } from './messages/proofs.ts';
import { SLACK_NOT_ALLOWED, SLACK_WORDS_WRONG } from './problems.ts';

/** More than a fortnight of daily ones. */
const HISTORY_MAX = 20;

type Needed = Pick<SlackDeps, 'catalog' | 'chat' | 'people'>;

interface Asking {
  readonly runId: RunId;
  readonly actor: Actor;
  readonly signal: AbortSignal;
}

/** @throws Problem SLACK_NOT_ALLOWED, SLACK_WORDS_WRONG */
export async function tablesOf(deps: Needed, asking: Asking, page: number): Promise<Message> {
  const run = await requireProof(deps, asking);
  return tablesMessage(run, page, await linkOf(deps, run));
}

/** @throws Problem SLACK_NOT_ALLOWED, SLACK_WORDS_WRONG */
export async function historyOf(deps: Needed, asking: Asking): Promise<Message> {
  const { server } = await requireProof(deps, asking);
  const runs = await deps.catalog.runs.list({
    operation: 'verify',
    states: ['done', 'failed', 'interrupted'],
    limit: HISTORY_MAX,
    ...(server === null ? {} : { server }),
  });
  const proofs = await Promise.all(
    runs.map(async (run) => ({ run, link: await linkOf(deps, run) })),
  );
  return historyMessage(server ?? 'the server', proofs);
}

/** The proof that a button names. @throws Problem SLACK_NOT_ALLOWED, SLACK_WORDS_WRONG */
export async function requireProof(
  { catalog, people }: Needed,
  { runId, actor, signal }: Asking,
): Promise<RunRecord> {
  // As with every operation that only looks: whoever has a role here.
  const roles = await people.rolesOf(actor, { signal });
  if (roles.length === 0)
    throw new Problem(SLACK_NOT_ALLOWED, `Cannot show this to ${actor.name}: no role here`);
  const run = await catalog.runs.find(runId);
  if (run?.operation === 'verify') return run;
  throw new Problem(
    SLACK_WORDS_WRONG,
    `Cannot find the proof "${runId}": there is none of that name`,
  );
}

async function linkOf(
  { catalog, chat }: Needed,
  { runId }: RunRecord,
): Promise<string | undefined> {
  return runLink({ chat, messages: catalog.messages }, runId);
}
