/**
 * Shows on standard error what a run does, as its events say: one line for each step that ends, and
 * on a screen one line that is drawn again while a step works. It only follows; a run does not notice.
 */
import type { RunEvent } from '../catalog/runs.ts';
import type { Gate } from '../gate/gate.ts';
import type { Json } from '../kernel/codecs.ts';
import type { RunId } from '../kernel/ids.ts';
import { formatSeconds } from '../kernel/moment.ts';
import { type ProgressPoint, paceOf, recentPoints, sayPace } from '../kernel/pace.ts';
import { formatBytes } from '../kernel/size.ts';
import type { Terminal } from './terminal.ts';
import { isObject } from './text.ts';

const EVENTS_AT_ONCE = 200;
const LINE_START = '\r\u001b[2K';

export interface ProgressOptions {
  readonly gate: Pick<Gate, 'eventsAfter' | 'waitForEvents'>;
  readonly terminal: Pick<Terminal, 'err' | 'isScreen'>;
  readonly runIds: readonly RunId[];
  /** Events up to here are old news. */
  readonly cursor: number;
}

/** Follows until disposed; what happened before that is still shown. */
export function followProgress(options: ProgressOptions): AsyncDisposable {
  const stopped = new AbortController();
  const painter = createPainter(options.terminal);
  let { cursor } = options;

  async function readOn(): Promise<void> {
    for (;;) {
      const events = await options.gate.eventsAfter(cursor, EVENTS_AT_ONCE);
      for (const event of events) {
        cursor = event.seq;
        if (options.runIds.includes(event.runId)) painter.paint(event);
      }
      if (events.length < EVENTS_AT_ONCE) return;
    }
  }

  async function follow(): Promise<void> {
    while (!stopped.signal.aborted) {
      await options.gate.waitForEvents(cursor, { signal: stopped.signal });
      await readOn();
    }
  }

  // Progress is only shown: when it cannot be read, the run goes on without.
  const following = follow().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await following;
      await readOn().catch(() => undefined);
      painter.end();
    },
  };
}

interface Painter {
  paint(event: RunEvent): void;
  end(): void;
}

function createPainter({ err, isScreen }: ProgressOptions['terminal']): Painter {
  let isDrawn = false;
  const points = new Map<string, readonly ProgressPoint[]>();
  function pace({ runId, at, data }: RunEvent): string {
    const point = pointOf(at, data);
    if (point === undefined) return '';
    const step = `${runId} ${member(data, 'title')}`;
    const recent = recentPoints(points.get(step) ?? [], point);
    points.set(step, recent);
    return sayPace(paceOf(recent));
  }
  function line(text: string): void {
    err(`${isDrawn ? LINE_START : ''}${text}\n`);
    isDrawn = false;
  }
  function draw(text: string): void {
    if (!isScreen) return;
    err(`${LINE_START}${text}`);
    isDrawn = true;
  }
  return {
    paint(event) {
      const { kind, data } = event;
      if (kind === 'step began') draw(`▸ ${member(data, 'title')}`);
      if (kind === 'progress') {
        const words = [progressWords(data), pace(event)].filter((part) => part !== '');
        draw(`▸ ${member(data, 'title')} — ${words.join(', ')}`);
      }
      if (kind === 'step ended') line(endWords(data));
      if (kind === 'cancel asked') line('Asked to stop; cleaning up');
    },
    end() {
      if (isDrawn) err(LINE_START);
      isDrawn = false;
    },
  };
}

function endWords(data: Json): string {
  const seconds = isObject(data) && typeof data['seconds'] === 'number' ? data['seconds'] : 0;
  const mark = member(data, 'outcome') === 'done' ? '✓' : '✗';
  return `${mark} ${member(data, 'title')} — ${formatSeconds(seconds)}`;
}

export function progressWords(data: Json): string {
  if (!isObject(data)) return '';
  const { doneBytes, totalBytes, note } = data;
  const words: string[] = [];
  if (typeof doneBytes === 'number' && typeof totalBytes === 'number' && totalBytes > 0) {
    const percent = Math.min(100, Math.floor((doneBytes / totalBytes) * 100));
    words.push(`${percent} %, ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`);
  } else if (typeof doneBytes === 'number') words.push(formatBytes(doneBytes));
  if (typeof note === 'string') words.push(note);
  return words.join(', ');
}

function pointOf(at: string, data: Json): ProgressPoint | undefined {
  if (!isObject(data)) return undefined;
  const { doneBytes, totalBytes } = data;
  if (typeof doneBytes !== 'number') return undefined;
  const { epochMilliseconds: atMs } = Temporal.Instant.from(at);
  return { atMs, doneBytes, totalBytes: typeof totalBytes === 'number' ? totalBytes : undefined };
}

function member(data: Json, name: string): string {
  const value = isObject(data) ? data[name] : undefined;
  return typeof value === 'string' ? value : '';
}
