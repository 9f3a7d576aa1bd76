/**
 * What only the person who clicked sees: why not, who decided and when. A lost race is no error: it
 * reads as the news it is. No click is ever ignored silently. Pure.
 */
import type { Decided, Decision } from '../../gate/gate.ts';
import { readDeciders, type Surroundings } from '../run-view.ts';
import { sayDecider } from './approval.ts';
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
  const { run } = decided;
  const last = readDeciders(run).at(-1);
  const lines = [`*${escapeText(decided.why)}*`];
  if (run.state === 'waiting') {
    const others = around.approvers.filter((id) => id !== clicker);
    if (others.length > 0) lines.push(`It waits for ${sayPeople(others)}.`);
  } else if (last !== undefined) {
    lines.push(`${stateNews(run.state)} ${sayDecider(last)} decided.`);
  } else {
    lines.push(stateNews(run.state));
  }
  return message(`${decided.why} ${stateNews(run.state)}`, [section(lines.join('\n'))]);
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

/** What the person who clicked is told when the click did something. */
export function decidedMessage(decision: Decision, title: string): Message {
  const words = {
    approve: 'You approved',
    refuse: 'You refused',
    withdraw: 'You withdrew',
    cancel: 'You asked to stop',
  } as const;
  return whisper(`${words[decision]}: ${escapeText(title)}`);
}
