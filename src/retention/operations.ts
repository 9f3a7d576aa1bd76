/** What can be asked of this room. */
import type { AnyOperation } from '../gate/operation.ts';
import type { RetentionDeps } from './deps.ts';
import { holdOperation } from './hold-operation.ts';
import { retentionOperation } from './retention-operation.ts';

export function retentionOperations(deps: RetentionDeps): readonly AnyOperation[] {
  return [retentionOperation(deps), holdOperation(deps)];
}
