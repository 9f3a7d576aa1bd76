/** What can go wrong between us and Slack. */
import type { ProblemKind } from '../kernel/problem.ts';

export const SLACK_UNREACHABLE: ProblemKind = {
  code: 'SLACK_UNREACHABLE',
  retry: 'later',
  hint: 'Work at a terminal with `npx dbdr` meanwhile: every operation is there too.',
  fault: 'world',
};

export const SLACK_REFUSED: ProblemKind = {
  code: 'SLACK_REFUSED',
  retry: 'never',
  hint: 'Compare the app with `manifest.yml`: scopes, channels it is in, and the token.',
  fault: 'world',
};

export const SLACK_PORT_TAKEN: ProblemKind = {
  code: 'SLACK_PORT_TAKEN',
  retry: 'never',
  hint: 'Stop what listens there, or set another `slack.port`.',
  fault: 'world',
};

export const SLACK_PERSON_UNKNOWN: ProblemKind = {
  code: 'SLACK_PERSON_UNKNOWN',
  retry: 'later',
  hint: 'Try again in a minute; at a terminal, `--yes --reason` lets the same thing happen.',
  fault: 'refused',
};

export const SLACK_CHANNEL_CLOSED: ProblemKind = {
  code: 'SLACK_CHANNEL_CLOSED',
  retry: 'never',
  hint: 'Invite the app to the channel with `/invite`, or ask in the operations channel.',
  fault: 'request',
};

export const SLACK_WORDS_WRONG: ProblemKind = {
  code: 'SLACK_WORDS_WRONG',
  retry: 'never',
  hint: 'Type `help` for what can be asked.',
  fault: 'request',
};

export const SLACK_NOT_ALLOWED: ProblemKind = {
  code: 'SLACK_NOT_ALLOWED',
  retry: 'never',
  hint: 'Ask an operator named in the config to do it.',
  fault: 'refused',
};
