/** A problem as a person reads it: what happened, what to do next, its code, its runbook. Pure. */
import { z } from 'zod';

import type { Json } from '../../kernel/codecs.ts';
import { isProblem } from '../../kernel/problem.ts';
import { clip, escapeText, type Message, message, section } from './blocks.ts';

const ProblemData = z.looseObject({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  runbook: z.string().nullish(),
});
export type ProblemData = z.infer<typeof ProblemData>;

const MESSAGE_MAX = 1500;
const HINT_MAX = 800;

export function readProblem(json: Json): ProblemData | undefined {
  const read = ProblemData.safeParse(json);
  return read.success ? read.data : undefined;
}

/** What a thrown value says to the person who caused it. A bug says only that it is one. */
export function problemOf(error: unknown): ProblemData {
  if (isProblem(error))
    return {
      code: error.kind.code,
      message: error.message,
      hint: error.hint,
      ...(error.kind.runbook === undefined ? {} : { runbook: error.kind.runbook }),
    };
  return {
    code: 'SLACK_BUG',
    message: 'Something went wrong inside dbdr',
    hint: 'Look for this moment in the log of `dbdr serve`, or ask at a terminal with `npx dbdr`.',
  };
}

/** Hints name operations bare; here they are typed behind `/dbdr`. */
export function problemLines(problem: ProblemData): readonly string[] {
  return [
    `*${escapeText(clip(problem.message, MESSAGE_MAX))}*`,
    escapeText(clip(problem.hint, HINT_MAX)),
    [
      `\`${escapeText(problem.code)}\``,
      ...(problem.runbook === undefined || problem.runbook === null
        ? []
        : [`steps in \`runbooks/${escapeText(problem.runbook)}\``]),
    ].join(' · '),
  ];
}

export function problemMessage(problem: ProblemData): Message {
  return message(`${problem.message}. ${problem.hint} (${problem.code})`, [
    section(problemLines(problem).join('\n')),
  ]);
}
