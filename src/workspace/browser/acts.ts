/** What the person does, sent to the server; what became of it goes back into the store. */
import { isRecord, parseJson, recordAt, textAt } from '../shared/json.ts';
import type { ActOutcome, EnteredValue, Message, View } from '../shared/model.ts';
import { enteredIn, keyOf, redraw, store } from './store.ts';

export async function say(text: string, threadTs?: string): Promise<void> {
  const outcome = await post('/act/say', {
    user: store.me,
    channel: store.channel,
    text,
    ...(threadTs === undefined ? {} : { threadTs }),
  });
  if (outcome.outcome === 'failed') showToast(outcome.reason);
}

export interface ClickOf {
  /** The message or form it stands in. */
  readonly owner: { readonly message: Message } | { readonly view: View };
  readonly blockId: string;
  readonly actionId: string;
  readonly value: EnteredValue;
}

export function ownerKey(owner: ClickOf['owner']): string {
  return 'view' in owner ? owner.view.id : keyOf(owner.message);
}

export async function click({ owner, blockId, actionId, value }: ClickOf): Promise<void> {
  const key = ownerKey(owner);
  const place =
    'view' in owner
      ? { viewId: owner.view.id }
      : { channel: owner.message.channel, ts: owner.message.ts };
  await whileBusy(`${key} ${blockId} ${actionId}`, async () => {
    const outcome = await post('/act/click', {
      user: store.me,
      ...place,
      blockId,
      actionId,
      value,
      entered: enteredIn(key),
    });
    note(key, outcome);
  });
}

export async function submit(view: View): Promise<void> {
  await whileBusy(view.id, async () => {
    const entered = enteredIn(view.id);
    const outcome = await post('/act/submit', { user: store.me, viewId: view.id, entered });
    store.errors = outcome.outcome === 'errors' ? outcome.errors : {};
    note(view.id, outcome);
  });
}

export async function closeForm(view: View): Promise<void> {
  await post('/act/close', { user: store.me, viewId: view.id });
}

export async function dismiss(message: Message): Promise<void> {
  await post('/act/dismiss', { user: store.me, channel: message.channel, ts: message.ts });
}

export async function runAction(id: string, label: string): Promise<void> {
  await whileBusy(`action ${id}`, async () => {
    const outcome = await post(`/demo/actions/${encodeURIComponent(id)}`, {});
    showToast(outcome.outcome === 'failed' ? outcome.reason : `Done: ${label}`);
  });
}

function note(key: string, outcome: ActOutcome): void {
  if (outcome.outcome === 'failed') store.troubles.set(key, outcome.reason);
  else store.troubles.delete(key);
}

async function whileBusy(id: string, work: () => Promise<void>): Promise<void> {
  if (store.busy.has(id)) return;
  store.busy.add(id);
  redraw();
  await work();
  store.busy.delete(id);
  redraw();
}

const TOAST_MS = 5000;

function showToast(text: string): void {
  store.toast = text;
  redraw();
  setTimeout(() => {
    if (store.toast === text) store.toast = '';
    redraw();
  }, TOAST_MS);
}

async function post(path: string, body: object): Promise<ActOutcome> {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return readOutcome(parseJson(await response.text()));
  } catch {
    return { outcome: 'failed', reason: 'The workspace cannot be reached. Is it still running?' };
  }
}

function readOutcome(answer: unknown): ActOutcome {
  const errors = recordAt(answer, 'errors');
  if (isRecord(answer) && answer['outcome'] === 'done') return { outcome: 'done' };
  if (errors === undefined)
    return { outcome: 'failed', reason: textAt(answer, 'reason') || 'Something went wrong.' };
  return {
    outcome: 'errors',
    errors: Object.fromEntries(Object.entries(errors).map(([id, text]) => [id, String(text)])),
  };
}
