/** views.*: forms, opened by a trigger that lives three seconds and works once. */
import { viewJson } from '../payloads.ts';
import { type JsonRecord, textAt } from '../shared/json.ts';
import type { View } from '../shared/model.ts';
import { openView, updateView, type ViewOutcome } from '../view-stack.ts';
import { type ApiContext, jsonArg, type Method, ok, refused } from './answer.ts';

export const VIEW_METHODS: Readonly<Record<string, Method>> = {
  'views.open': (args, context) => opened(args, context, false),
  'views.push': (args, context) => opened(args, context, true),
  'views.update': updated,
};

function opened(args: JsonRecord, context: ApiContext, onTop: boolean): JsonRecord {
  const trigger = context.handles.useTrigger(textAt(args, 'trigger_id'));
  if (trigger.outcome === 'bad') return refused(trigger.error);
  return answer(openView(context.state, trigger.userId, jsonArg(args, 'view'), onTop));
}

function updated(args: JsonRecord, context: ApiContext): JsonRecord {
  const view = findView(args, context);
  if (view === undefined) return refused('not_found');
  const hash = textAt(args, 'hash');
  if (hash !== '' && hash !== view.hash) return refused('hash_conflict');
  return answer(updateView(context.state, view, jsonArg(args, 'view')));
}

function findView(args: JsonRecord, { state }: ApiContext): View | undefined {
  const externalId = textAt(args, 'external_id');
  return externalId === ''
    ? state.findView(textAt(args, 'view_id'))
    : state.findViewByExternalId(externalId);
}

function answer(outcome: ViewOutcome): JsonRecord {
  return outcome.outcome === 'good'
    ? ok({ view: viewJson(outcome.view) })
    : refused(outcome.error, outcome.messages);
}
