/**
 * What belongs to a server and is not in its base backup: configuration that lies outside of the data
 * directory, and links and other special files inside it, which PostgreSQL does not send. Whoever
 * rebuilds the machine needs them too. Pure.
 */
import type { ServerMessage } from '../../postgres/server-problems.ts';

/** Asked with SHOW; a member of pg_read_all_settings may see them. */
export const PLACE_SETTINGS: readonly string[] = [
  'data_directory',
  'config_file',
  'hba_file',
  'ident_file',
  'ssl',
  ...'ssl_cert_file ssl_key_file ssl_ca_file ssl_crl_file ssl_crl_dir ssl_dh_params_file'.split(
    ' ',
  ),
];
const ALWAYS: ReadonlySet<string> = new Set(['config_file', 'hba_file', 'ident_file']);
/** More would not tell a person more. */
const FILES_MAX = 200;

/** Undefined: our role may not see where they are. */
export function leftOut(
  places: Readonly<Record<string, string>> | undefined,
  notices: readonly ServerMessage[],
): readonly string[] | undefined {
  const special = specialFiles(notices);
  if (places === undefined) return special.length > 0 ? special : undefined;
  return [...new Set([...outside(places), ...special])].toSorted().slice(0, FILES_MAX);
}

function outside(places: Readonly<Record<string, string>>): readonly string[] {
  const { data_directory: directory = '', ssl } = places;
  return Object.entries(places).flatMap(([name, path]) => {
    const isUsed = ALWAYS.has(name) || (name.startsWith('ssl_') && ssl === 'on');
    // Relative ones are relative to the data directory.
    const isOutside = path.startsWith('/') && !path.startsWith(`${directory}/`);
    return isUsed && isOutside ? [path] : [];
  });
}

/** `skipping special file "./postgresql.conf"`; in other languages words and quotes differ. */
function specialFiles(notices: readonly ServerMessage[]): readonly string[] {
  return notices.flatMap(({ message }) => {
    const [, path] = /["«„»“]\s?\.\/([^"«„»“”]+?)\s?["»“«”]/.exec(message) ?? [];
    // Of relations the server tells of damage, in the same form.
    return path === undefined || /^(?:base|global|pg_tblspc)\//.test(path) ? [] : [path];
  });
}
