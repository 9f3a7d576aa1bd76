/** Fills `${NAME}` in a setting from where secrets come from. Pure but for the sources it is given. */
import type { SecretSources } from './sources.ts';

export type Filled =
  | { readonly outcome: 'filled'; readonly text: string; readonly from: readonly string[] }
  | { readonly outcome: 'refused'; readonly why: string; readonly hint: string };

const NAMED = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;
const MANAGED = /^secretsmanager:/;

/** Every `secretsmanager:NAME#field` in a config, wherever it stands, each once. Pure. */
export function managedReferences(data: unknown): readonly string[] {
  const found = new Set<string>();
  function look(value: unknown): void {
    if (typeof value === 'string' && MANAGED.test(value)) found.add(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(look);
  }
  look(data);
  return [...found];
}

/** True when `text` takes its value from elsewhere. */
export function namesSecret(text: string): boolean {
  return text.search(NAMED) !== -1 || MANAGED.test(text);
}

export function fillSecrets(text: string, sources: SecretSources): Filled {
  if (MANAGED.test(text)) {
    const found = sources.findManaged(text);
    if (found.outcome === 'found')
      return { outcome: 'filled', text: found.value, from: [found.from] };
    return {
      outcome: 'refused',
      why: found.why,
      hint: 'compare it with the AWS console, or take the value from the environment with ${NAME}',
    };
  }
  const missing: string[] = [];
  const from: string[] = [];
  const filled = text.replaceAll(NAMED, (_all, name: string) => {
    const found = sources.find(name);
    if (found.outcome === 'missing') missing.push(found.why);
    else from.push(found.from);
    return found.outcome === 'found' ? found.value : '';
  });
  if (missing.length > 0) {
    return {
      outcome: 'refused',
      why: missing.join(', '),
      hint: 'set it, or set the same name with _FILE to the path of a file that holds the value',
    };
  }
  return { outcome: 'filled', text: filled, from };
}
