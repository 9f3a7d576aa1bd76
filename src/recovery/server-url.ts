/** What a server's connection URL names, without its secrets. Pure. */

export interface UrlNames {
  readonly role: string;
  readonly database: string;
}

export function namesInUrl(url: string): UrlNames {
  // The parser wants a host, which a URL over a socket folder does not have.
  const parsed = new URL(
    url.replace(/^postgres(ql)?:\/\/((?:[^@/?]*@)?)\//, 'postgres://$2socket/'),
  );
  const query = parsed.searchParams;
  const role = query.get('user') ?? decodeURIComponent(parsed.username);
  const path = decodeURIComponent(parsed.pathname.slice(1));
  return {
    role: role === '' ? 'postgres' : role,
    database: query.get('dbname') ?? (path === '' ? role : path),
  };
}
