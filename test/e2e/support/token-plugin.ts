import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kubectl } from './cluster.ts';

/** Two tokens of a service account that may do all in a namespace. */
export async function adminTokens(namespace: string): Promise<string[]> {
  const binding = ['create', 'rolebinding', 'admin', '-n', namespace, '--clusterrole=cluster-admin'];
  await kubectl('create', 'serviceaccount', 'admin', '-n', namespace).catch(() => undefined);
  await kubectl(...binding, `--serviceaccount=${namespace}:admin`).catch(() => undefined);
  const token = (seconds: number) => kubectl('create', 'token', 'admin', '-n', namespace, `--duration=${seconds}s`);
  return [await token(1000), await token(2000)];
}

/** A credential plugin that gives one token after the other, without telling when they expire. */
export function pluginOf(parent: string, tokens: readonly string[]) {
  const directory = mkdtempSync(join(parent, 'plugin-'));
  const log = join(directory, 'log');
  writeFileSync(log, '');
  for (const [index, token] of tokens.entries()) {
    const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token } };
    writeFileSync(join(directory, `${index + 1}`), JSON.stringify(credential), { mode: 0o600 });
  }
  const script = join(directory, 'plugin');
  const last = tokens.length;
  writeFileSync(
    script,
    `#!/bin/sh\ncd '${directory}'; echo call >>log; n=$(wc -l <log); [ "$n" -le ${last} ] || n=${last}; cat "$n"\n`,
    { mode: 0o700 },
  );
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: script, interactiveMode: 'Never' };
  return { user: { exec }, calls: () => readFileSync(log, 'utf8').split('\n').length - 1 };
}
