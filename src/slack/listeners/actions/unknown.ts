/** A button that no listener knows, of a message that another version posted: no click goes unanswered. */
import type { App } from '@slack/bolt';

import type { Desk } from '../../desk.ts';
import { APPROVE, REFUSE } from '../../messages/approval.ts';
import { CLOSE_INCIDENT, OPEN_UPDATE, STEP_DO, STEP_SKIP } from '../../messages/incident.ts';
import { EARLIER_TABLES, OPEN_WALK, SHOW_HISTORY, SHOW_TABLES } from '../../messages/proofs.ts';
import { whisper } from '../../messages/refusal.ts';
import { KEEP_INSTANCE } from '../../messages/restore.ts';
import { CANCEL } from '../../messages/run.ts';
import { readClick } from '../clicks.ts';

const RUN_BUTTONS = [APPROVE, REFUSE, CANCEL, KEEP_INSTANCE];
const PROOF_BUTTONS = [SHOW_TABLES, EARLIER_TABLES, SHOW_HISTORY, OPEN_WALK];
const INCIDENT_BUTTONS = [STEP_DO, STEP_SKIP, OPEN_UPDATE, CLOSE_INCIDENT];
const KNOWN: ReadonlySet<string> = new Set([...RUN_BUTTONS, ...PROOF_BUTTONS, ...INCIDENT_BUTTONS]);

export function listenToUnknownButtons(app: App, desk: Desk): void {
  app.action(/.*/, async ({ ack, action, body, respond }) => {
    if ('action_id' in action && KNOWN.has(action.action_id)) return;
    await ack();
    const { heard } = readClick(body, respond);
    await desk.answer(heard, async () =>
      Promise.resolve(
        whisper('This button is of another version and does nothing. Ask again with `/dbdr`.'),
      ),
    );
  });
}
