/** What goes wrong with clusters that we start ourselves, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const CLUSTER_NO_ROOM: ProblemKind = {
  code: 'CLUSTER_NO_ROOM',
  retry: 'later',
  hint: 'Make room on that disk, or point `scratch.path` in the config at a larger one.',
  fault: 'world',
};

export const CLUSTER_DISK_FULL: ProblemKind = {
  code: 'CLUSTER_DISK_FULL',
  retry: 'later',
  hint: 'Make room on that disk, or point `scratch.path` in the config at a larger one, and ask again.',
  fault: 'world',
};

export const CLUSTER_NO_MEMORY: ProblemKind = {
  code: 'CLUSTER_NO_MEMORY',
  retry: 'later',
  hint: 'Free memory on this machine or give it more, and ask again; the backup is not to blame.',
  fault: 'world',
};

export const CLUSTER_KILLED: ProblemKind = {
  code: 'CLUSTER_KILLED',
  retry: 'later',
  hint: "Find out what ended it (where memory ran out, the kernel's log names the process: `dmesg -T`), and ask again; the backup is not to blame.",
  fault: 'world',
};

export const CLUSTER_NOT_STARTED: ProblemKind = {
  code: 'CLUSTER_NOT_STARTED',
  retry: 'later',
  hint: 'Read the last lines PostgreSQL wrote, put it right, and ask again.',
  fault: 'world',
};

export const CLUSTER_PLACE_UNREACHABLE: ProblemKind = {
  code: 'CLUSTER_PLACE_UNREACHABLE',
  retry: 'never',
  hint: 'Point `scratch.path` in the config at a folder that `scratch.user` can enter.',
  fault: 'request',
};

export const CLUSTER_PLACE_TAKEN: ProblemKind = {
  code: 'CLUSTER_PLACE_TAKEN',
  retry: 'never',
  hint: 'Name an empty folder, or one that does not exist yet.',
  fault: 'request',
};

export const CLUSTER_NO_PROGRAM: ProblemKind = {
  code: 'CLUSTER_NO_PROGRAM',
  retry: 'never',
  hint: "Install PostgreSQL of the server's major version on this machine, or name its folder with DBDR_PG_BINDIR.",
  fault: 'world',
};
