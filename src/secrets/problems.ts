/** What goes wrong with secrets that AWS keeps, and what to do next. */
import type { ProblemKind } from '../kernel/problem.ts';

export const SECRET_MISSING: ProblemKind = {
  code: 'SECRET_MISSING',
  retry: 'never',
  hint: 'Compare the name and the regions in the config with what the AWS console lists.',
  fault: 'world',
};

export const SECRET_DELETED: ProblemKind = {
  code: 'SECRET_DELETED',
  retry: 'never',
  hint: 'Take the deletion back now, while it can be: `aws secretsmanager restore-secret`.',
  runbook: 'lost-key.md',
  fault: 'world',
};

export const SECRET_DENIED: ProblemKind = {
  code: 'SECRET_DENIED',
  retry: 'never',
  hint: 'Give this role the right on the secret, and on the KMS key that encrypts it.',
  fault: 'world',
};

export const SECRET_TOKEN_EXPIRED: ProblemKind = {
  code: 'SECRET_TOKEN_EXPIRED',
  retry: 'later',
  hint: 'Renew the AWS session (`aws sso login`, a new role session), then ask again.',
  fault: 'world',
};

export const SECRET_CREDENTIALS: ProblemKind = {
  code: 'SECRET_CREDENTIALS',
  retry: 'never',
  hint: 'Give the process AWS credentials that are valid in this region: a role, a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
  fault: 'world',
};

export const SECRET_CLOCK_WRONG: ProblemKind = {
  code: 'SECRET_CLOCK_WRONG',
  retry: 'later',
  hint: 'Set the clock of this machine right: AWS refuses what is signed more than five minutes off.',
  fault: 'world',
};

export const SECRET_REGION_UNKNOWN: ProblemKind = {
  code: 'SECRET_REGION_UNKNOWN',
  retry: 'later',
  hint: 'Read the name of the region again; if it is right, look at this machine’s name service.',
  fault: 'world',
};

export const SECRET_UNREACHABLE: ProblemKind = {
  code: 'SECRET_UNREACHABLE',
  retry: 'later',
  hint: 'See whether the region is up and this machine may reach it, then ask again.',
  fault: 'world',
};

export const SECRET_EXISTS: ProblemKind = {
  code: 'SECRET_EXISTS',
  retry: 'never',
  hint: 'Keep it: it may be all that can read your backups. Name another one in the config for a new ring.',
  fault: 'refused',
};

export const SECRET_CHANGED: ProblemKind = {
  code: 'SECRET_CHANGED',
  retry: 'now',
  hint: 'Ask again: somebody else changed the secret at the same moment.',
  fault: 'world',
};

export const SECRET_REFUSED: ProblemKind = {
  code: 'SECRET_REFUSED',
  retry: 'never',
  hint: 'Read what AWS says, and compare the section `keys` of the config with it.',
  fault: 'world',
};
