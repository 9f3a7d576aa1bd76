/** Open forms: at most three on top of each other before one person. Refusals are values with Slack's codes. */

import { withIds } from './limits/block-ids.ts';
import { VIEW_STACK_MAX } from './limits/limits.ts';
import { checkView } from './limits/views.ts';
import { listAt, textAt } from './shared/json.ts';
import type { Entered, View } from './shared/model.ts';
import type { WorkspaceState } from './state.ts';

export type ViewOutcome =
  | { readonly outcome: 'good'; readonly view: View }
  | { readonly outcome: 'bad'; readonly error: string; readonly messages: readonly string[] };

/** Opens a form: alone, or with `onTop` above those that are open. */
export function openView(
  state: WorkspaceState,
  userId: string,
  content: unknown,
  onTop: boolean,
): ViewOutcome {
  const checked = checkView(content);
  if (checked.outcome === 'bad') return checked;
  const below = onTop ? state.views(userId) : [];
  if (onTop && below.length === 0) return bad('not_found');
  if (below.length >= VIEW_STACK_MAX) return bad('push_limit_reached');
  const externalId = textAt(checked.view, 'external_id');
  if (externalId !== '' && state.findViewByExternalId(externalId) !== undefined)
    return bad('duplicate_external_id');
  const id = state.newId('V');
  const view: View = {
    id,
    user: userId,
    hash: newHash(state),
    content: completed(state, checked.view),
    rootId: below[0]?.id ?? id,
    previousId: below.at(-1)?.id ?? null,
    entered: {},
  };
  state.putViews(userId, [...below, view]);
  return { outcome: 'good', view };
}

/** Replaces what a form shows; what was entered stays where block and action ids stay. */
export function updateView(state: WorkspaceState, view: View, content: unknown): ViewOutcome {
  const checked = checkView(content);
  if (checked.outcome === 'bad') return checked;
  const changed: View = {
    ...view,
    hash: newHash(state),
    content: completed(state, checked.view),
  };
  putView(state, changed);
  return { outcome: 'good', view: changed };
}

export function keepEntered(state: WorkspaceState, view: View, entered: Entered): View {
  const changed = { ...view, entered };
  putView(state, changed);
  return changed;
}

/** Takes the form away, and what was opened on top of it. */
export function closeView(state: WorkspaceState, view: View): void {
  const stack = state.views(view.user);
  const place = stack.findIndex(({ id }) => id === view.id);
  if (place >= 0) state.putViews(view.user, stack.slice(0, place));
}

function putView(state: WorkspaceState, changed: View): void {
  const stack = state.views(changed.user);
  state.putViews(
    changed.user,
    stack.map((each) => (each.id === changed.id ? changed : each)),
  );
}

function completed(state: WorkspaceState, view: View['content']): View['content'] {
  return { ...view, blocks: withIds(listAt(view, 'blocks'), () => state.newId('b')) };
}

function newHash(state: WorkspaceState): string {
  return state.newId('h');
}

function bad(error: string): ViewOutcome {
  return { outcome: 'bad', error, messages: [] };
}
