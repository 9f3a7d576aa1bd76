/** Buttons of a proof's report: its tables, the proofs before it, and the walk for a damaged backup. */
import type { App } from '@slack/bolt';

import type { Actor } from '../../../gate/people.ts';
import { DAMAGED_BACKUP } from '../../../incidents/scenarios.ts';
import type { RunId } from '../../../kernel/ids.ts';
import type { Desk } from '../../desk.ts';
import { linkTo } from '../../links.ts';
import { linked, type Message } from '../../messages/blocks.ts';
import { EARLIER_TABLES, OPEN_WALK, SHOW_HISTORY, SHOW_TABLES } from '../../messages/proofs.ts';
import { whisper } from '../../messages/refusal.ts';
import { historyOf, requireProof, tablesOf } from '../../read-proofs.ts';
import { audienceOf } from '../../run-messages.ts';
import { readClick, readRunId } from '../clicks.ts';

export function listenToProofButtons(app: App, desk: Desk): void {
  listenToTables(app, desk, SHOW_TABLES);
  listenToTables(app, desk, EARLIER_TABLES);

  app.action(SHOW_HISTORY, async ({ ack, body, respond }) => {
    await ack();
    const { heard, value } = readClick(body, respond);
    await desk.answer(heard, async (actor) =>
      historyOf(desk.deps, { runId: readRunId(value), actor, signal: desk.signal }),
    );
  });

  app.action(OPEN_WALK, async ({ ack, body, respond }) => {
    await ack();
    const { heard, value } = readClick(body, respond);
    await desk.answer(heard, async (actor) => openWalk(desk, readRunId(value), actor));
  });
}

/** A page takes the place of the one that it was turned from. */
function listenToTables(app: App, desk: Desk, actionId: string): void {
  app.action(actionId, async ({ ack, body, respond }) => {
    await ack();
    const { heard, value, isEphemeral } = readClick(body, respond);
    const [id = '', page = '1'] = value.split(' ');
    await desk.answer({ ...heard, replaces: isEphemeral }, async (actor) =>
      tablesOf(desk.deps, { runId: readRunId(id), actor, signal: desk.signal }, Number(page) || 1),
    );
  });
}

/** However often it is clicked, by however many: one walk about this proof is open. */
async function openWalk(desk: Desk, runId: RunId, actor: Actor): Promise<Message> {
  const { chat, incidents, section } = desk.deps;
  const { signal } = desk;
  const { server } = await requireProof(desk.deps, { runId, actor, signal });
  const opened = await incidents.open({
    server: server ?? '',
    scenario: DAMAGED_BACKUP,
    at: undefined,
    tables: [],
    note: undefined,
    proof: runId,
    actor,
    audience: audienceOf(section.channels.ops),
    signal,
  });
  const posted = await desk.incidents.show(opened.id);
  const link = posted === undefined ? undefined : await linkTo(chat, posted);
  return whisper(
    `Incident ${linked(opened.id, link)} is open. Its steps are in <#${section.channels.ops}>.`,
  );
}
