/** Buttons of a run's message: approve, refuse, cancel, keep the restored copy longer. */
import type { App } from '@slack/bolt';

import type { Desk } from '../../desk.ts';
import { APPROVE, REFUSE } from '../../messages/approval.ts';
import { whisper } from '../../messages/refusal.ts';
import { KEEP_INSTANCE } from '../../messages/restore.ts';
import { CANCEL } from '../../messages/run.ts';
import { readClick, readRunId } from '../clicks.ts';
import { askInWords } from '../commands/dbdr.ts';
import { cancelRun, decideOn } from '../decide.ts';

export function listenToRunButtons(app: App, desk: Desk): void {
  listenToDecision(app, desk, APPROVE, 'approve');
  listenToDecision(app, desk, REFUSE, 'refuse');

  app.action(CANCEL, async ({ ack, body, respond }) => {
    await ack();
    const { heard, value } = readClick(body, respond);
    await desk.answer(heard, async (actor) => cancelRun(desk, readRunId(value), actor));
  });

  app.action(KEEP_INSTANCE, async ({ ack, body, respond }) => {
    await ack();
    const { heard, value, channel, triggerId } = readClick(body, respond);
    await desk.answer(heard, async (actor) => {
      const asking = { actor, channel, onceKey: `slack:${triggerId}` };
      const answer = await askInWords(desk, `instances extend ${readRunId(value)}`, asking);
      return answer ?? whisper('Asked to keep the copy longer.');
    });
  });
}

function listenToDecision(
  app: App,
  desk: Desk,
  actionId: string,
  decision: 'approve' | 'refuse',
): void {
  app.action(actionId, async ({ ack, body, respond }) => {
    await ack();
    const { heard, value } = readClick(body, respond);
    const [id = '', planHash = ''] = value.split(' ');
    await desk.answer(heard, async (actor) =>
      decideOn(desk, { runId: readRunId(id), decision, actor, planHash }),
    );
  });
}
