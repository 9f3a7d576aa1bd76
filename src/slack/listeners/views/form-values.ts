/**
 * Reads what a person filled in. Whatever is wrong is said beside its field. Pure: what was sent comes
 * in, values or errors go out.
 */
import { z } from 'zod';

import type { UpdateWords } from '../../deps.ts';

const Value = z.looseObject({
  value: z.string().nullish(),
  selected_option: z.looseObject({ value: z.string() }).nullish(),
  selected_date_time: z.number().nullish(),
});

const View = z.looseObject({
  private_metadata: z.string().default(''),
  state: z.looseObject({
    values: z.record(z.string(), z.record(z.string(), Value)).default({}),
  }),
});

export type FormReading<T> =
  | { readonly outcome: 'filled in'; readonly values: T }
  /** Field to sentence, as Slack shows it under the field. */
  | { readonly outcome: 'wrong'; readonly errors: Readonly<Record<string, string>> };

export interface IncidentValues {
  readonly scenario: string;
  readonly server: string;
  readonly at: Temporal.Instant | undefined;
  readonly tables: readonly string[];
  readonly note: string | undefined;
  readonly channel: string;
}

const TABLE = /^(?:[A-Za-z_][\w$]*\.)?[A-Za-z_][\w$]*$/;
const TABLES_MAX = 20;

export function readIncidentForm(
  view: unknown,
  now: Temporal.Instant,
): FormReading<IncidentValues> {
  const form = View.parse(view);
  const at = readDateTime(form, 'at');
  const tables = (readText(form, 'tables') ?? '').split(/[\s,]+/).filter((name) => name !== '');
  const wrongTable = tables.find((name) => !TABLE.test(name));
  const [scenario, server] = [readText(form, 'scenario'), readText(form, 'server')];
  const errors: Record<string, string> = {};
  if (scenario === undefined) errors['scenario'] = 'Choose what comes closest.';
  if (server === undefined) errors['server'] = 'Choose the server.';
  if (at !== undefined && Temporal.Instant.compare(at, now) > 0)
    errors['at'] = 'That is in the future: say when it happened.';
  if (wrongTable !== undefined)
    errors['tables'] =
      `"${wrongTable}" is not the name of a table: write orders or public.orders, with commas between.`;
  if (tables.length > TABLES_MAX) errors['tables'] = `At most ${TABLES_MAX} tables.`;
  if (Object.keys(errors).length > 0 || scenario === undefined || server === undefined)
    return { outcome: 'wrong', errors };
  const values = { scenario, server, at, tables, note: readText(form, 'note') };
  return { outcome: 'filled in', values: { ...values, channel: readChannel(form) } };
}

const MINUTES_MAX = 24 * 60;

export function readUpdateForm(
  view: unknown,
): FormReading<UpdateWords & { readonly channel: string }> {
  const form = View.parse(view);
  const errors: Record<string, string> = {};
  function text(id: string, error: string): string {
    const said = readText(form, id);
    if (said === undefined) errors[id] = error;
    return said ?? '';
  }
  const words = {
    incidentId: text('incident', 'Choose the incident.'),
    what: text('what', 'Say what happened, in one or two sentences.'),
    impact: text('impact', 'Say what it means for the people who read this.'),
    doing: text('doing', 'Say what is being done.'),
  };
  const nextInMinutes = Number(text('next', 'Choose when they hear from us again.'));
  if (!(nextInMinutes >= 0 && nextInMinutes <= MINUTES_MAX))
    errors['next'] = 'Choose when they hear from us again.';
  if (Object.keys(errors).length > 0) return { outcome: 'wrong', errors };
  return {
    outcome: 'filled in',
    values: { ...words, nextInMinutes, channel: readChannel(form) },
  };
}

const PreviewMetadata = z.object({
  incidentId: z.string(),
  what: z.string(),
  impact: z.string(),
  doing: z.string(),
  nextInMinutes: z.number(),
  channel: z.string(),
});
export type PreviewMetadata = z.infer<typeof PreviewMetadata>;

/** The preview carries its words; it is nobody's secret and it is read again with this schema. */
export function readPreview(view: unknown): PreviewMetadata {
  return PreviewMetadata.parse(JSON.parse(View.parse(view).private_metadata));
}

type Form = z.infer<typeof View>;

function valueOf(form: Form, blockId: string): z.infer<typeof Value> | undefined {
  return Object.values(form.state.values[blockId] ?? {})[0];
}

function readText(form: Form, blockId: string): string | undefined {
  const value = valueOf(form, blockId);
  const text = value?.selected_option?.value ?? value?.value ?? '';
  return text.trim() === '' ? undefined : text.trim();
}

function readDateTime(form: Form, blockId: string): Temporal.Instant | undefined {
  const seconds = valueOf(form, blockId)?.selected_date_time;
  return seconds === undefined || seconds === null
    ? undefined
    : Temporal.Instant.fromEpochMilliseconds(seconds * 1000);
}

function readChannel(form: Form): string {
  const read = z.looseObject({ channel: z.string() }).safeParse(safeJson(form.private_metadata));
  return read.success ? read.data.channel : '';
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
