/** `config check`, `config explain`, `config example`: they open nothing and work on a broken config. */
import { EXAMPLE_CONFIG } from '../config/example.ts';
import { explainConfig } from '../config/explain.ts';
import { askManaged, type ConfigRequest, invalidConfig, readConfig } from '../config/load.ts';
import { problemJson } from '../gate/problem-json.ts';
import { nearestWord } from '../kernel/nearest.ts';
import { Problem } from '../kernel/problem.ts';
import type { Answer } from './answer.ts';
import { COMMAND_UNREADABLE } from './problems.ts';
import { tableText } from './table.ts';

const VERBS = ['check', 'explain', 'example'] as const;

/** @throws Problem CLI_COMMAND_UNREADABLE, CONFIG_MISSING */
export async function configCommand(
  words: readonly string[],
  request: ConfigRequest,
  options: { readonly signal: AbortSignal },
): Promise<Answer> {
  const [verb = 'check', extra] = words;
  const known = VERBS.find((one) => one === verb);
  if (known === undefined || extra !== undefined) throw unreadable(extra ?? verb);
  if (known === 'example')
    return { json: { example: EXAMPLE_CONFIG }, text: EXAMPLE_CONFIG, exitCode: 0 };
  const asked = await askManaged(request, options);
  return known === 'check' ? check(asked) : explain(asked);
}

function unreadable(word: string): Problem {
  const near = nearestWord(word, VERBS);
  const hint = near === undefined ? `Say one of ${VERBS.join(', ')}.` : `Did you mean \`${near}\`?`;
  return new Problem(COMMAND_UNREADABLE, `Cannot read "config ${word}": no such word`, { hint });
}

function check(request: ConfigRequest): Answer {
  const { file, issues, config } = readConfig(request);
  const problems = issues.map((issue) => ({ suggestion: null, ...issue }));
  if (config !== undefined)
    return { json: { file, valid: true, problems }, text: `${file} is good`, exitCode: 0 };
  const { fault: _fault, ...problem } = problemJson(invalidConfig(file, issues));
  return { json: { file, valid: false, problems, problem }, text: '', problem, exitCode: 2 };
}

/** Shows what can be shown of a broken one too, and then what is wrong with it. */
function explain(request: ConfigRequest): Answer {
  const reading = readConfig(request);
  const { file, issues, config } = reading;
  const values = explainConfig(reading);
  const text = tableText(
    ['Setting', 'Value', 'From'],
    values.map(({ path, value, from }) => [path, String(value), from]),
  );
  const json = { file, values: values.map((value) => ({ ...value })) };
  if (config !== undefined) return { json, text, exitCode: 0 };
  const { fault: _fault, ...problem } = problemJson(invalidConfig(file, issues));
  return { json: { ...json, problem }, text, problem, exitCode: 2 };
}
