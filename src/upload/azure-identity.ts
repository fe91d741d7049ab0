import type { AggregateAuthenticationError, TokenCredential } from '@azure/identity';
import { messageOf } from '../errors.ts';

/**
 * Who this process is for Azure, found as Azure's own tools find it: by the environment, the token of a workload
 * identity, the managed identity of the machine, or whoever logged in here (`az login`).
 */
export async function findIdentity(): Promise<TokenCredential> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  // The authority is the environment's word either way: to ask a second host whether it is one of Azure's own adds a
  // host that a node must reach, and no trust.
  return new DefaultAzureCredential({ disableInstanceDiscovery: true });
}

/** Tools that the chain also asks, and that nobody needs to hear of who has none of them. */
const UNLIKELY = /Visual Studio|PowerShell|Developer CLI/;
/** How Microsoft Entra ID numbers its refusals. */
const AUTHORITY = /AADSTS\d+/;

/** Why no identity could be used, in one line; undefined where something else has failed. */
export function explainIdentity(error: unknown): string | undefined {
  const { name } = error as Error;
  if (name === 'AuthenticationError') return `the identity was refused: ${shortened(messageOf(error))}`;
  if (name !== 'CredentialUnavailableError' && name !== 'AggregateAuthenticationError') return undefined;
  const all = (error as AggregateAuthenticationError).errors ?? [error];
  const texts = all.map(messageOf).filter((text) => !UNLIKELY.test(text));
  // One of the chain that the authority answered is the one meant; the others are only not set up here.
  const refused = texts.filter((text) => AUTHORITY.test(text));
  if (refused.length > 0) return `the identity was refused: ${listed(refused)}`;
  return `no identity was found, and the URL has no SAS: ${listed(texts)}`;
}

function listed(texts: readonly string[]): string {
  return [...new Set(texts.map(shortened))].join('; ');
}

/** The first sentence of what the SDK says, and what the service itself has told. */
function shortened(text: string): string {
  const [sentence = ''] = text.split(/\.(?: (?=[A-Z])|\n|$)|:? Error\(s\):/);
  const told = /Description: (.+?)(?: Http status code| - Correlation ID)/.exec(text)?.[1];
  return (told === undefined ? sentence : `${sentence}: ${told}`).slice(0, 300);
}
