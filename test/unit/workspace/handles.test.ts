/** Trigger ids live three seconds and work once; response URLs five times in half an hour. */
import { describe, expect, test } from 'vitest';

import { createHandles } from '../../../src/workspace/handles.ts';
import { fakeClock } from '../../support/fake-clock.ts';

const PLACE = { userId: 'U1', channel: 'C1' };

describe('a trigger id', () => {
  test('opens for the person it was made for', () => {
    const handles = createHandles(fakeClock());

    expect(handles.useTrigger(handles.newTrigger('U1'))).toEqual({ outcome: 'good', userId: 'U1' });
  });

  test('works at three seconds and is expired a moment later', async () => {
    const clock = fakeClock();
    const handles = createHandles(clock);
    const [first, second] = [handles.newTrigger('U1'), handles.newTrigger('U1')];

    await clock.advance(3000);
    expect(handles.useTrigger(first)).toMatchObject({ outcome: 'good' });
    await clock.advance(1);
    expect(handles.useTrigger(second)).toEqual({ outcome: 'bad', error: 'expired_trigger_id' });
  });

  test('works once', () => {
    const handles = createHandles(fakeClock());
    const trigger = handles.newTrigger('U1');

    handles.useTrigger(trigger);

    expect(handles.useTrigger(trigger)).toEqual({ outcome: 'bad', error: 'exchanged_trigger_id' });
  });
});

describe('a response URL', () => {
  test('answers five times, not six', () => {
    const handles = createHandles(fakeClock());
    const id = handles.newResponse(PLACE);

    const outcomes = Array.from({ length: 6 }, () => handles.useResponse(id).outcome);

    expect(outcomes).toEqual(['good', 'good', 'good', 'good', 'good', 'bad']);
  });

  test('answers for half an hour, not longer', async () => {
    const clock = fakeClock();
    const handles = createHandles(clock);
    const id = handles.newResponse(PLACE);

    await clock.advance(30 * 60_000);
    expect(handles.useResponse(id)).toEqual({ outcome: 'good', place: PLACE });
    await clock.advance(1);
    expect(handles.useResponse(id)).toEqual({ outcome: 'bad', error: 'expired_url' });
  });
});
