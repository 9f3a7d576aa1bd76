/** A form, a message with buttons and a table: what tests of the workspace send. */
import type { JsonRecord } from '../../src/workspace/shared/json.ts';

export function plain(text: string): JsonRecord {
  return { type: 'plain_text', text };
}

export function section(text: string): JsonRecord {
  return { type: 'section', text: { type: 'mrkdwn', text } };
}

export function option(text: string, value: string): JsonRecord {
  return { text: plain(text), value };
}

/** What happened?, which server?, roughly when?, which tables? */
export function incidentForm(): JsonRecord {
  return {
    type: 'modal',
    callback_id: 'incident',
    title: plain('Something is wrong'),
    submit: plain('Open incident'),
    close: plain('Not now'),
    notify_on_close: true,
    blocks: [
      {
        type: 'input',
        block_id: 'scenario',
        label: plain('What happened?'),
        element: {
          type: 'radio_buttons',
          action_id: 'value',
          options: [
            option('Rows or a table are gone', 'gone'),
            option('A migration or deploy did damage', 'change'),
          ],
        },
      },
      {
        type: 'input',
        block_id: 'server',
        label: plain('Which server?'),
        element: {
          type: 'static_select',
          action_id: 'value',
          options: [option('shop', 'shop'), option('ledger', 'ledger')],
          initial_option: option('shop', 'shop'),
        },
      },
      {
        type: 'input',
        block_id: 'at',
        optional: true,
        label: plain('Roughly when?'),
        hint: plain('The last moment when all was well, in your own zone.'),
        element: {
          type: 'datetimepicker',
          action_id: 'value',
          initial_date_time: 1_795_531_351,
        },
      },
      {
        type: 'input',
        block_id: 'tables',
        optional: true,
        label: plain('Which tables, if you know?'),
        element: {
          type: 'plain_text_input',
          action_id: 'value',
          placeholder: plain('orders, public.users'),
        },
      },
    ],
  };
}

export function approvalBlocks(): readonly JsonRecord[] {
  return [
    section('*Needs approval*\n<@U0ANA> asks to *restore orders of shop*.'),
    {
      type: 'actions',
      elements: [
        {
          type: 'button',
          action_id: 'approve_run',
          style: 'primary',
          text: plain('Approve restore of shop'),
          value: 'r-1 7f3a',
          confirm: {
            title: plain('Approve restore of shop'),
            text: plain(
              'Restore orders of shop to 14:42:31 UTC. This has an effect on production.',
            ),
            confirm: plain('Approve'),
            deny: plain('Not now'),
          },
        },
        { type: 'button', action_id: 'refuse_run', text: plain('Refuse'), value: 'r-1 7f3a' },
      ],
    },
  ];
}
