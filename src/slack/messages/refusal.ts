/**
 * What only the person who clicked sees: why not, who decided and when. A lost race is no error: it
 * reads as the news it is. No click is ever ignored silently. Pure.
 */
import type { RunRecord } from '../../catalog/runs.ts';
import type { Decided } from '../../gate/gate.ts';
import { readAsker, type Surroundings } from '../run-view.ts';
import { escapeText, type Message, message, section } from './blocks.ts';
import { sayPeople } from './people.ts';

type NotDecided = Extract<Decided, { outcome: 'not decided' }>;

/** A short line only the asker sees. */
export function whisper(text: string): Message {
  return message(text, [section(text)]);
}

export function refusalMessage(
  decided: NotDecided,
  around: Surroundings,
  clicker: string,
): Message {
  const { run, why } = decided;
  const text = `${why}. ${stateNews(run.state)}`;
  const others = waitingFor(run, around, clicker);
  const lines = [
    `*${escapeText(why)}.*`,
    run.state === 'waiting' && others.length > 0
      ? `It waits for ${sayPeople(others)}.`
      : stateNews(run.state),
  ];
  return message(text, [section(lines.join(' '))]);
}

/** Everybody whose click would count. */
function waitingFor(run: RunRecord, around: Surroundings, clicker: string): readonly string[] {
  const asker = around.selfAllowed ? undefined : readAsker(run).id;
  return around.approvers.filter((id) => id !== clicker && id !== asker);
}

function stateNews(state: NotDecided['run']['state']): string {
  const news = {
    waiting: 'It still waits for approval.',
    approved: 'It is approved and about to start.',
    running: 'It is running.',
    done: 'It is done.',
    failed: 'It has failed.',
    cancelled: 'It was cancelled.',
    interrupted: 'It was interrupted.',
    refused: 'It was refused.',
    expired: 'It expired before anybody approved: ask again.',
  } as const;
  return news[state];
}
