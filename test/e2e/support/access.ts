import assert from 'node:assert/strict';
import { NS } from './access-lab.ts';
import { type Ran, retina } from './cli.ts';

/** No configuration but the test's own. */
export const HERE = { KUBECONFIG: '/nonexistent', HOME: '/nonexistent' };

/** Runs `capture list` with a configuration of the test's own, and no other. */
export function list(args: readonly string[], env: Record<string, string> = HERE): Promise<Ran> {
  return retina(['capture', 'list', ...args], { env });
}

/** The API server was reached, and let the namespace be listed. */
export function listed(ran: Ran): void {
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stderr, new RegExp(`There are no captures in namespace ${NS}\\.`));
}

export function refused(ran: Ran, words: RegExp, code = 1): void {
  assert.match(ran.stderr, words);
  assert.equal(ran.code, code, ran.stderr);
}
