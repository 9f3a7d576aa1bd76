/** That the pager is silent is said where it can still be read. */
import { expect, onTestFinished, test } from 'vitest';

import type { Json } from '../../../src/kernel/codecs.ts';
import { silentLog } from '../../../src/kernel/log.ts';
import { undeliveredService } from '../../../src/slack/undelivered.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { recordingChat } from '../../support/recording-chat.ts';
import { slackMemory } from '../../support/slack-memory.ts';

function finding(
  since: string,
  summary = 'A page about shop has NOT been accepted',
  code = 'ALERT_UNDELIVERED',
): Json {
  const words = { summary, hint: 'Tell whoever is on call.', since };
  return { code, server: 'shop', severity: 'page', ...words };
}

function openStage() {
  const [chat, clock] = [recordingChat(), fakeClock('2026-11-22T04:20:00Z')];
  const findings: Json[] = [];
  const service = undeliveredService({
    chat,
    catalog: {
      messages: slackMemory().catalog.messages,
      findings: { list: async () => Promise.resolve(findings) },
    },
    opsChannel: 'C0OPS',
    clock,
    log: silentLog,
  });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  service.run({ signal: stop.signal, ready: () => undefined }).catch(() => undefined);
  return {
    chat,
    findings,
    look: () => clock.advance(5000),
    standing: () => chat.standing().map(({ message }) => message.text),
  };
}

test('says it once, edits it as it goes on, and says when it is over', async () => {
  const { chat, findings, look, standing } = openStage();
  await look();
  expect(standing()).toEqual([]);

  findings.push(finding('2026-11-22T04:09:00Z'));
  await look();
  await look();
  expect(chat.said).toHaveLength(1);
  findings.splice(0, 1, finding('2026-11-22T04:09:00Z', '2 pages have NOT been accepted'));
  await look();
  expect(standing()).toEqual(['2 pages have NOT been accepted. Tell whoever is on call.']);
  findings.splice(0);
  await look();

  expect(standing()).toHaveLength(1);
  expect(standing()[0]).toMatch(/^Over since .*: every page was taken\. It was: 2 pages/);
});

test('makes a new message of the next time, for an edit makes no sound', async () => {
  const { findings, look, standing } = openStage();
  findings.push(finding('2026-11-22T04:09:00Z'));
  await look();
  findings.splice(0, 1, finding('2026-11-22T05:00:00Z'));
  await look();

  expect(standing()).toHaveLength(2);
});

test('says it when Slack is back, and nothing else that was noticed', async () => {
  const { chat, findings, look, standing } = openStage();
  chat.isDown = true;
  findings.push(finding('2026-11-22T04:09:00Z'), finding('2026-11-22T04:08:00Z', 'No', 'SLOT'));
  await look();
  chat.isDown = false;
  await look();

  expect(standing()).toHaveLength(1);
});
