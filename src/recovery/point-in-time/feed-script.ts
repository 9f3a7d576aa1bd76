/**
 * The restore command: a small shell script that takes a WAL file out of a spool folder, and where it
 * does not lie there yet asks this process for it. It ends with 0 (here it is), 1 (the true end of the
 * log: nothing more is stored) or more than 125 (everything else: PostgreSQL then stops instead of
 * ending recovery early and quietly). Pure.
 */

/** Files of the spool are called `<WAL file>.<word>`, what is asked and told `<WAL file>.<who>.<word>`. */
export const SPOOL = {
  wanted: 'wanted',
  /** It was there and PostgreSQL has it. */
  taken: 'taken',
  ready: 'ready',
  absent: 'absent',
  failed: 'failed',
} as const;

/** Its being there says: recovery is where it should be, and nothing more will come. */
export const FINISHED = 'finished';

export interface FeedScript {
  readonly spool: string;
  /** The process that feeds; when it or the spool is gone, waiting is over. */
  readonly feederPid: number;
}

export function renderFeedScript({ spool, feederPid }: FeedScript): string {
  return `#!/bin/sh
# $1: the WAL file PostgreSQL wants; $2: where it wants it.
spool=${quoteShell(spool)}
feeder=${feederPid}
file="$spool/$1"
asked=
while :; do
  [ -e "$spool/${FINISHED}" ] && exit 1
  if [ -e "$file.${SPOOL.ready}" ]; then
    mv -f "$file.${SPOOL.ready}" "$2" && : > "$file.$$.${SPOOL.taken}" && exit 0
    exit 201
  fi
  if [ -e "$file.${SPOOL.absent}" ]; then
    rm -f "$file.${SPOOL.absent}"
    exit 1
  fi
  [ -e "$file.${SPOOL.failed}" ] && exit 202
  if [ -z "$asked" ]; then
    : > "$file.$$.${SPOOL.wanted}" || exit 200
    asked=yes
  fi
  # Whoever waited for us may have been killed, and the copy removed.
  [ -d "$spool" ] || exit 204
  # Another user's process cannot be signalled, but it can be seen.
  kill -0 "$feeder" 2>/dev/null || [ -d "/proc/$feeder" ] || exit 203
  sleep 0.01
done
`;
}

/** The value of `restore_command`. */
export function restoreCommand(script: string): string {
  return `/bin/sh ${quoteShell(script).replaceAll('%', '%%')} %f %p`;
}

export function quoteShell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
