/** A problem as a terminal shows it: code and message, then what to do next. Pure. */

export interface ToldProblem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly runbook: string | null;
}

const LABEL = 'Problem  ';

/** Hints name operations bare; at a terminal they get their prefix. */
const BARE_COMMAND = /`([a-z][a-z-]*(?: [^`]*)?)`/g;

export function problemText(problem: ToldProblem, commands: readonly string[]): string {
  const { code, message, hint, runbook } = problem;
  const under = ' '.repeat(LABEL.length);
  const lines = [
    `${LABEL}${code}: ${message.replaceAll('\n', `\n${under}`)}`,
    `${under}${withPrefix(hint, commands)}`,
    ...(runbook === null ? [] : [`${under}Runbook: runbooks/${runbook}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function withPrefix(hint: string, commands: readonly string[]): string {
  return hint.replaceAll(BARE_COMMAND, (whole, words: string) => {
    const [name = ''] = words.split(' ');
    return commands.includes(name) ? `\`npx dbdr ${words}\`` : whole;
  });
}
