/** The catalogue: everything the bot remembers, behind one door. Implementation: `sqlite.ts`. */

import type { JournalRecords } from './journal-records.ts';
import type {
  AcknowledgementRecords,
  BackupRecords,
  CursorRecords,
  FindingRecords,
  IncidentRecords,
  InstallationRecords,
  InstanceRecords,
  LeaseRecords,
  MessageRecords,
  OutboxRecords,
  ResourceRecords,
  ScheduleRecords,
  WalProgressRecords,
} from './records.ts';
import type { RunVerbs } from './run-verbs.ts';

export interface Catalog extends AsyncDisposable {
  readonly runs: RunVerbs;
  readonly journal: JournalRecords;
  readonly backups: BackupRecords;
  readonly walProgress: WalProgressRecords;
  readonly instances: InstanceRecords;
  readonly resources: ResourceRecords;
  readonly incidents: IncidentRecords;
  readonly messages: MessageRecords;
  readonly cursors: CursorRecords;
  readonly schedules: ScheduleRecords;
  readonly findings: FindingRecords;
  readonly acknowledgements: AcknowledgementRecords;
  readonly leases: LeaseRecords;
  readonly outbox: OutboxRecords;
  readonly installation: InstallationRecords;
}
