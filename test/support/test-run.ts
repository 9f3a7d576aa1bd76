/** A run as an operation sees it, for tests: remembers steps, progress and claims. */
import type { ResourceClaim, Run, Step } from '../../src/gate/operation.ts';
import { newRunId } from '../../src/kernel/ids.ts';
import { silentLog } from '../../src/kernel/log.ts';

export interface TestRun extends Run {
  readonly controller: AbortController;
  readonly steps: string[];
  /** What is claimed and not released. */
  readonly claims: ReadonlyMap<string, ResourceClaim>;
  /** Called with each step's title when it begins, and with its progress. */
  onStep?: (title: string) => void;
}

export function testRun(): TestRun {
  const controller = new AbortController();
  const claims = new Map<string, ResourceClaim>();
  const steps: string[] = [];
  const run: TestRun = {
    id: newRunId(Temporal.Now.instant()),
    actor: { kind: 'terminal', id: 'ana', name: 'ana', zone: 'UTC' },
    signal: controller.signal,
    log: silentLog,
    controller,
    steps,
    claims,
    async step<T>(title: string, work: (step: Step) => Promise<T>): Promise<T> {
      steps.push(title);
      run.onStep?.(title);
      return work({ signal: controller.signal, progress: () => undefined });
    },
    async claim(resource) {
      const id = `claim-${claims.size + 1}`;
      claims.set(id, resource);
      return id;
    },
    async release(claimId) {
      claims.delete(claimId);
    },
  };
  return run;
}
