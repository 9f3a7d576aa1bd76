/** The forms: a bad day's first questions, an update for stakeholders and its preview. Pure; what they ask for is read back in `form-values.ts`. */
import type { InputBlock, ModalView, PlainTextOption } from '@slack/types';

import type { ComposedUpdate, IncidentView, Scenario, UpdateWords } from '../deps.ts';
import { OPTION_TEXT_MAX, OPTIONS_MAX } from '../limits.ts';
import { clip, context, escapeText, factBlocks, section } from './blocks.ts';

export const INCIDENT_FORM = 'incident_form';
export const UPDATE_FORM = 'update_form';
export const UPDATE_PREVIEW = 'update_preview';

/** Minutes until the next update that the form offers. */
const NEXT_MINUTES = [15, 20, 30, 60, 120, 240] as const;

/** Servers whose reach is said; `status` says all. */
const REACHABLE_MAX = 8;

export interface IncidentFormWords {
  readonly scenarios: readonly Scenario[];
  readonly servers: readonly string[];
  readonly now: Temporal.Instant;
  /** Where the asker typed: goes back with the answers. */
  readonly channel: string;
  /** From when to when each server can be restored. */
  readonly reachable: readonly string[];
}

export function incidentForm(words: IncidentFormWords): ModalView {
  const { scenarios, servers, now, channel, reachable } = words;
  return {
    type: 'modal',
    callback_id: INCIDENT_FORM,
    private_metadata: JSON.stringify({ channel }),
    title: plain('Something is wrong'),
    submit: plain('Open incident'),
    close: plain('Not now'),
    blocks: [
      {
        type: 'input',
        block_id: 'scenario',
        label: plain('What happened?'),
        element: {
          type: 'radio_buttons',
          action_id: 'value',
          options: scenarios.slice(0, 10).map(({ id, title }) => option(title, id)),
        },
      },
      {
        type: 'input',
        block_id: 'server',
        label: plain('Which server?'),
        element: {
          type: 'static_select',
          action_id: 'value',
          options: servers.slice(0, OPTIONS_MAX).map((name) => option(name, name)),
          ...(servers.length === 1 && servers[0] !== undefined
            ? { initial_option: option(servers[0], servers[0]) }
            : {}),
        },
      },
      {
        type: 'input',
        block_id: 'at',
        optional: true,
        label: plain('Roughly when?'),
        hint: plain('The last moment when all was well. Slack shows it in your own zone.'),
        element: {
          type: 'datetimepicker',
          action_id: 'value',
          initial_date_time: Math.floor(now.epochMilliseconds / 1000),
        },
      },
      ...(reachable.length === 0
        ? []
        : [
            context(`Can be restored: ${escapeText(reachable.slice(0, REACHABLE_MAX).join('; '))}`),
          ]),
      textInput({
        id: 'tables',
        label: 'Which tables, if you know?',
        placeholder: 'orders, public.users',
      }),
      textInput({ id: 'note', label: 'Anything else?', multiline: true }),
      context('Nothing is changed by opening an incident: it leads you through the steps.'),
    ],
  };
}

export interface UpdateFormWords {
  readonly incidents: readonly Pick<IncidentView, 'id' | 'title'>[];
  readonly draft: UpdateWords;
  readonly channel: string;
}

export function updateForm({ incidents, draft, channel }: UpdateFormWords): ModalView {
  const options = incidents.slice(0, OPTIONS_MAX).map(({ id, title }) => option(title, id));
  const chosen = options.find(({ value }) => value === draft.incidentId);
  const minutes = [
    ...NEXT_MINUTES.map((count) => option(`in ${count} minutes`, String(count))),
    option('not any more: this is the last update', '0'),
  ];
  const next = minutes.find(({ value }) => value === String(draft.nextInMinutes)) ?? minutes[2];
  return {
    type: 'modal',
    callback_id: UPDATE_FORM,
    private_metadata: JSON.stringify({ channel }),
    title: plain('Update stakeholders'),
    submit: plain('Preview'),
    close: plain('Not now'),
    blocks: [
      {
        type: 'input',
        block_id: 'incident',
        label: plain('About which incident?'),
        element: {
          type: 'static_select',
          action_id: 'value',
          options,
          ...(chosen === undefined ? {} : { initial_option: chosen }),
        },
      },
      textInput({ id: 'what', label: 'What, and since when?', initial: draft.what, needed: true }),
      textInput({
        id: 'impact',
        label: 'What it means for them',
        initial: draft.impact,
        needed: true,
      }),
      textInput({ id: 'doing', label: 'What we do', initial: draft.doing, needed: true }),
      {
        type: 'input',
        block_id: 'next',
        label: plain('They hear from us again'),
        element: {
          type: 'static_select',
          action_id: 'value',
          options: minutes,
          ...(next === undefined ? {} : { initial_option: next }),
        },
      },
    ],
  };
}

export interface PreviewWords {
  readonly update: ComposedUpdate;
  /** Where it will be posted. */
  readonly stakeholders: string;
  /** Opaque: where the words wait to be confirmed. */
  readonly metadata: string;
}

export function updatePreview({ update, stakeholders, metadata }: PreviewWords): ModalView {
  return {
    type: 'modal',
    callback_id: UPDATE_PREVIEW,
    private_metadata: metadata,
    title: plain('This will be posted'),
    submit: plain('Post it'),
    close: plain('Not yet'),
    blocks: [
      context(`In <#${stakeholders}>, for everybody there to read:`),
      section(`*${escapeText(update.title)}*`),
      ...factBlocks(update.parts),
      context(`— ${escapeText(update.signature)}`),
    ],
  };
}

/** A form that only says something: nothing to send. */
export function noteView(title: string, text: string): ModalView {
  return {
    type: 'modal',
    title: plain(title),
    close: plain('Close'),
    blocks: [section(text)],
  };
}

interface TextInputWords {
  readonly id: string;
  readonly label: string;
  readonly placeholder?: string;
  readonly initial?: string;
  readonly multiline?: boolean;
  readonly needed?: boolean;
}

/** Three of them must fit into a form's private metadata, quoted. */
const INPUT_MAX = 400;

function textInput(words: TextInputWords): InputBlock {
  return {
    type: 'input',
    block_id: words.id,
    optional: words.needed !== true,
    label: plain(words.label),
    element: {
      type: 'plain_text_input',
      action_id: 'value',
      multiline: words.multiline === true || words.needed === true,
      max_length: INPUT_MAX,
      ...(words.placeholder === undefined ? {} : { placeholder: plain(words.placeholder) }),
      ...(words.initial === undefined || words.initial === ''
        ? {}
        : { initial_value: clip(words.initial, INPUT_MAX) }),
    },
  };
}

function option(text: string, value: string): PlainTextOption & { value: string } {
  return { text: plain(clip(text, OPTION_TEXT_MAX)), value };
}

function plain(text: string): { readonly type: 'plain_text'; readonly text: string } {
  return { type: 'plain_text', text };
}
