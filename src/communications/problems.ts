/** Why an update cannot be posted as asked. */
import type { ProblemKind } from '../kernel/problem.ts';

export const UPDATE_WORDS: ProblemKind = {
  code: 'UPDATE_WORDS_WRONG',
  retry: 'never',
  hint: 'Read how it is asked with `help update`.',
  fault: 'request',
};

export const UPDATE_NO_CHANNEL: ProblemKind = {
  code: 'UPDATE_NO_CHANNEL',
  retry: 'never',
  hint: 'Copy the text and send it yourself, or name the channel in the `slack` section of the config.',
  fault: 'world',
};
