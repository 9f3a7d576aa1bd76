/** Does what the app answers to a sent form: close it, show errors, change it, or put one on top. */
import { recordAt, recordsAt, textAt, valueAt } from './shared/json.ts';
import type { ActOutcome, View } from './shared/model.ts';
import type { WorkspaceState } from './state.ts';
import { closeView, openView, updateView, type ViewOutcome } from './view-stack.ts';

export function applySubmission(state: WorkspaceState, view: View, body: unknown): ActOutcome {
  // The app may have changed the form by views.update while it answered.
  const current = state.findView(view.id) ?? view;
  switch (textAt(body, 'response_action')) {
    case 'errors':
      return fieldErrors(current, body);
    case 'update':
      return shown(updateView(state, current, valueAt(body, 'view')));
    case 'push':
      return shown(openView(state, view.user, valueAt(body, 'view'), true));
    case 'clear':
      state.putViews(view.user, []);
      return { outcome: 'done' };
    case '':
      closeView(state, current);
      return { outcome: 'done' };
    default:
      return { outcome: 'failed', reason: 'dbdr answered something unreadable. Try again.' };
  }
}

/** Slack shows nothing but trouble when an error names a block that is no input of the form. */
function fieldErrors(view: View, body: unknown): ActOutcome {
  const errors = Object.entries(recordAt(body, 'errors') ?? {});
  const inputs = recordsAt(view.content, 'blocks')
    .filter((block) => textAt(block, 'type') === 'input')
    .map((block) => textAt(block, 'block_id'));
  const stray = errors.filter(([blockId]) => !inputs.includes(blockId));
  if (errors.length === 0 || stray.length > 0)
    return {
      outcome: 'failed',
      reason: `dbdr answered with an error for a field that is not there (${stray.map(([id]) => id).join(', ')}).`,
    };
  return {
    outcome: 'errors',
    errors: Object.fromEntries(errors.map(([blockId, text]) => [blockId, String(text)])),
  };
}

function shown(outcome: ViewOutcome): ActOutcome {
  if (outcome.outcome === 'good') return { outcome: 'done' };
  return {
    outcome: 'failed',
    reason: `dbdr answered with a form that was refused: ${[outcome.error, ...outcome.messages].join(' ')}`,
  };
}
