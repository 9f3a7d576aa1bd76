/** What happened in the demo and when: printed as it goes, and as one table at the end. */
import type { Clock } from '../kernel/clock.ts';
import { formatSeconds } from '../kernel/moment.ts';

interface Entry {
  readonly at: Temporal.Instant;
  readonly text: string;
}

export interface Timeline {
  /** Notes one thing that has happened, and prints it. */
  note(text: string): void;
  /** The whole story, a line each, with the seconds since the first entry that holds `from`. */
  told(from: string): string;
}

export function openTimeline(clock: Clock, print: (line: string) => void): Timeline {
  const entries: Entry[] = [];
  return {
    note(text) {
      const entry = { at: clock.now(), text };
      entries.push(entry);
      print(`${utcTime(entry.at)}  ${text}`);
    },
    told(from) {
      const zero = entries.find(({ text }) => text.includes(from))?.at;
      return entries.map((entry) => line(entry, zero)).join('\n');
    },
  };
}

function line({ at, text }: Entry, zero: Temporal.Instant | undefined): string {
  const after = zero === undefined ? -1 : (at.epochMilliseconds - zero.epochMilliseconds) / 1000;
  const offset = after < 0 ? '' : `+${formatSeconds(after)}`;
  return `  ${utcTime(at)}  ${offset.padStart(12)}  ${text}`;
}

function utcTime(at: Temporal.Instant): string {
  return at.toString({ smallestUnit: 'second' }).slice(11, 19);
}
