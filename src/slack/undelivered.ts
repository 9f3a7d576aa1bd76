/**
 * The service that says in the operations channel that the pager does not take pages: then this channel is
 * all there is. One message for each time it happens, edited as it goes on and when it is over.
 */
import { ALERT_UNDELIVERED, type PagedFinding, readFindings } from '../alerts/route.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { isProblem } from '../kernel/problem.ts';
import type { Service } from '../kernel/service.ts';
import type { Chat } from './chat.ts';
import { livingMessages } from './living.ts';
import { escapeText, type Message, message, section } from './messages/blocks.ts';
import { sayTime } from './messages/when.ts';

const LOOK_EVERY_MS = 5000;

export interface UndeliveredDeps {
  readonly chat: Chat;
  readonly catalog: Pick<Catalog, 'messages'> & {
    readonly findings: Pick<Catalog['findings'], 'list'>;
  };
  readonly opsChannel: string;
  readonly clock: Clock;
  readonly log: Log;
}

export function undeliveredService(deps: UndeliveredDeps): Service {
  const { catalog, chat, clock, opsChannel: channel } = deps;
  const living = livingMessages({ chat, messages: catalog.messages, opsChannel: channel });
  /** What stands in the channel as open, by subject. */
  const shown = new Map<string, PagedFinding>();

  async function look(): Promise<void> {
    const findings = readFindings(await catalog.findings.list());
    const open = findings.filter(({ code }) => code === ALERT_UNDELIVERED);
    for (const finding of open) {
      await living.show(subjectOf(finding), { channel, render: async () => openMessage(finding) });
      shown.set(subjectOf(finding), finding);
    }
    const subjects = new Set(open.map(subjectOf));
    for (const [subject, finding] of shown) {
      if (subjects.has(subject)) continue;
      await living.show(subject, {
        channel,
        render: async () => overMessage(finding, clock.now()),
      });
      shown.delete(subject);
    }
  }

  return {
    name: 'slack:undelivered',
    lease: 'slack:undelivered',
    async run({ signal, ready }) {
      while (!signal.aborted) {
        try {
          await look();
          ready();
        } catch (error) {
          if (!isProblem(error)) throw error;
          deps.log.warn('Slack did not take a message', { error: error.message });
        }
        await clock.sleep(LOOK_EVERY_MS, { signal }).catch(() => undefined);
      }
    },
  };
}

function subjectOf({ server, since }: PagedFinding): string {
  return `undelivered:${server}:${since}`;
}

function openMessage({ summary, hint }: PagedFinding): Message {
  return message(`${summary}. ${hint}`, [
    section(`*${escapeText(summary)}*\n${escapeText(hint)} How it stands now: \`/dbdr alerts\`.`),
  ]);
}

function overMessage({ summary }: PagedFinding, at: Temporal.Instant): Message {
  const over = `Over since ${sayTime(at)}: every page was taken`;
  return message(`${over}. It was: ${summary}`, [
    section(`*${escapeText(over)}*\nIt was: ${escapeText(summary)}`),
  ]);
}
