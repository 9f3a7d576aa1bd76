/** One proof under way: what its parts hand each other. */
import type { Run } from '../gate/operation.ts';
import { Problem } from '../kernel/problem.ts';
import type { NamedStore } from '../recovery/deps.ts';
import type { CatalogueWatch } from './catalogue-production.ts';
import type { CheckBook } from './checks.ts';
import type { VerificationDeps } from './deps.ts';
import type { VerifyPlan } from './plan.ts';
import { PLAN_OUTDATED } from './problems.ts';

export interface Proving {
  readonly deps: VerificationDeps;
  readonly plan: VerifyPlan;
  readonly run: Run;
  readonly book: CheckBook;
  readonly store: NamedStore;
  /** Production's. */
  readonly catalogue: CatalogueWatch;
}

/** @throws Problem VERIFY_PLAN_OUTDATED */
export function requireStore({ recovery }: VerificationDeps, plan: VerifyPlan): NamedStore {
  const store = recovery.storesOf(plan.server).find(({ name }) => name === plan.store);
  if (store !== undefined) return store;
  const message = `Cannot prove "${plan.server}": it has no store "${plan.store}" any more`;
  throw new Problem(PLAN_OUTDATED, message);
}

/** Three digits are all that anybody reads. */
export function roundSeconds(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
