/** What can be asked of this room. */
import type { AnyOperation } from '../gate/operation.ts';
import { backupOperation } from './backup-operation.ts';
import { backupsOperation } from './backups-operation.ts';
import type { BackupDeps } from './deps.ts';
import { rebuildOperation } from './rebuild-operation.ts';

export function backupOperations(deps: BackupDeps): readonly AnyOperation[] {
  return [backupOperation(deps), backupsOperation(deps), rebuildOperation(deps)];
}
