/** How a Web API method answers: Slack's `{ ok, … }`. Methods are plain functions of their arguments. */
import type { Handles } from '../handles.ts';
import type { WorkspaceOptions } from '../options.ts';
import { type JsonRecord, parseJson } from '../shared/json.ts';
import type { Channel } from '../shared/model.ts';
import type { WorkspaceState } from '../state.ts';

export interface ApiContext {
  readonly state: WorkspaceState;
  readonly handles: Handles;
  readonly options: WorkspaceOptions;
  readonly url: () => string;
}

export type Method = (args: JsonRecord, context: ApiContext) => JsonRecord;

export function ok(fields: JsonRecord = {}): JsonRecord {
  return { ok: true, ...fields };
}

/** `messages` say why, in Slack's words with JSON pointers. */
export function refused(error: string, messages: readonly string[] = []): JsonRecord {
  if (messages.length === 0) return { ok: false, error };
  return { ok: false, error, errors: messages, response_metadata: { messages } };
}

/** A form field holds JSON as text; a JSON body holds it as it is. */
export function jsonArg(args: JsonRecord, key: string): unknown {
  const value = args[key];
  return typeof value === 'string' ? parseJson(value) : value;
}

/** `true`, `'true'` and `'1'`, as forms send them. */
export function flagArg(args: JsonRecord, key: string): boolean {
  return ['true', '1'].includes(String(args[key]));
}

/** By id, by `#name`, or for a person's id the direct conversation with them. */
export function findChannel(context: ApiContext, id: string): Channel | undefined {
  const { state } = context;
  const known = state.channel(id);
  if (known !== undefined) return known;
  const person = state.people.get(id);
  if (person !== undefined && person.isBot !== true) return state.directChannel(id);
  const name = id.replace(/^#/, '');
  return state.channels().find((each) => each.kind !== 'direct' && each.name === name);
}
