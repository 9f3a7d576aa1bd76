/** Which roles may ask for what, and which may decide. Pure: roles come in, an answer goes out. */
import type { Danger } from './operation.ts';
import type { Actor, Role } from './people.ts';

export type Permission =
  | { readonly outcome: 'allowed' }
  | { readonly outcome: 'not allowed'; readonly why: string };

const ALLOWED: Permission = { outcome: 'allowed' };

export function mayAsk(actor: Actor, roles: readonly Role[], danger: Danger): Permission {
  if (roles.length === 0) return notAllowed(`${actor.name} has no role here`);
  if (danger === 'none') return ALLOWED;
  // The clock cannot be asked why: what needs a colleague's approval needs a person to ask for it.
  if (actor.kind === 'schedule' && danger === 'high')
    return notAllowed('A schedule may not ask for what has an effect on production');
  if (roles.includes('operator') || roles.includes('approver')) return ALLOWED;
  return notAllowed(`${actor.name} is neither operator nor approver`);
}

export function mayDecide(actor: Actor, roles: readonly Role[]): Permission {
  if (roles.includes('approver')) return ALLOWED;
  return notAllowed(`${actor.name} is not an approver`);
}

/** Stopping harms less than going on: whoever may ask may also stop. */
export function mayCancel(actor: Actor, roles: readonly Role[], isAsker: boolean): Permission {
  if (isAsker || roles.includes('operator') || roles.includes('approver')) return ALLOWED;
  return notAllowed(`${actor.name} did not ask for it and is neither operator nor approver`);
}

function notAllowed(why: string): Permission {
  return { outcome: 'not allowed', why };
}
