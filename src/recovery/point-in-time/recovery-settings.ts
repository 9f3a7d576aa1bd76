/** The settings that make PostgreSQL replay to a target and stay there. Pure. */
import type { Lsn } from '../../kernel/lsn.ts';
import type { Target } from '../target.ts';

/** `where it stood`: up to the position it had reached, from what lies in its own folder. */
export type ReplayTarget = Target | { readonly kind: 'where it stood'; readonly lsn: Lsn };

export interface RecoveryRequest {
  readonly target: ReplayTarget;
  /** Value of `restore_command`. */
  readonly restoreCommand: string;
  /** The timeline of the backup itself is `current`; another one is named. */
  readonly timeline: number | 'current';
  readonly major: number;
  /** Whether it may ask for log that it may not need. */
  readonly looksAhead: boolean;
}

export function recoverySettings(request: RecoveryRequest): Record<string, string> {
  return {
    restore_command: request.restoreCommand,
    recovery_target_timeline: String(request.timeline),
    recovery_target_action: 'pause',
    // `on` goes one record too far.
    recovery_target_inclusive: 'off',
    // How soon the end of the log is noticed.
    wal_retrieve_retry_interval: '500ms',
    // Else it runs into a hole or damage behind the target before the target is reached.
    ...(!request.looksAhead && request.major >= 15 ? { recovery_prefetch: 'off' } : {}),
    ...targetSetting(request.target),
  };
}

function targetSetting(target: ReplayTarget): Record<string, string> {
  switch (target.kind) {
    case 'time':
      // The setting's own reader does not know the letters of RFC 3339.
      return { recovery_target_time: target.at.replace('T', ' ').replace(/Z$/, '+00') };
    case 'lsn':
      return { recovery_target_lsn: target.lsn };
    case 'xid':
      return { recovery_target_xid: target.xid };
    case 'latest':
    case 'where it stood':
      return {};
    default:
      throw new TypeError(`Unreachable target: ${JSON.stringify(target satisfies never)}`);
  }
}
