/** A decision from Slack: first the gate, then at once the message, so that its buttons are gone. */
import type { Decision } from '../../gate/gate.ts';
import type { Actor } from '../../gate/people.ts';
import type { RunId } from '../../kernel/ids.ts';
import type { Desk } from '../desk.ts';
import type { Message } from '../messages/blocks.ts';
import { refusalMessage } from '../messages/refusal.ts';

export interface Deciding {
  readonly runId: RunId;
  readonly decision: Decision;
  readonly actor: Actor;
  readonly planHash?: string;
}

/** Answers undefined where the run's own message says it; else why not, for the person who clicked. */
export async function decideOn(desk: Desk, deciding: Deciding): Promise<Message | undefined> {
  const decided = await desk.deps.gate.decide({ ...deciding, signal: desk.signal });
  const root = await desk.runs.rootOf(deciding.runId);
  if (root !== undefined) await desk.runs.show(root).catch((error: unknown) => later(desk, error));
  if (decided.outcome === 'decided') return undefined;
  const around = await desk.runs.surroundings(desk.signal);
  return refusalMessage(decided, around, deciding.actor.id);
}

export async function cancelRun(
  desk: Desk,
  runId: RunId,
  actor: Actor,
): Promise<Message | undefined> {
  return decideOn(desk, { runId, decision: 'cancel', actor });
}

/** The decision stands; the follower brings the message up to date. */
function later(desk: Desk, error: unknown): void {
  desk.deps.log.warn('A decided run is not shown yet', {
    error: error instanceof Error ? error.message : String(error),
  });
}
