import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { apply, kubectl, STATE } from './cluster.ts';

type Kind = { mode?: string; spec?: object };

/** The path from here of a volume's files: all nodes share them. */
export function inVolume(namespace: string, name: string): string {
  return join(STATE, 'shared', namespace, name);
}

/** Makes volumes that all nodes share, ReadWriteMany unless told otherwise, and a claim of the same name for each. */
export async function makeVolumes(namespace: string, volumes: Record<string, Kind>): Promise<void> {
  const names = Object.keys(volumes);
  await apply(
    ...Object.entries(volumes).flatMap(([name, { mode = 'ReadWriteMany', spec = {} }]) => [
      volume(namespace, name, mode, spec),
      claim(namespace, name, mode),
    ]),
  );
  const bound = names.map((name) => `pvc/${name}`);
  await kubectl('wait', '-n', namespace, '--for=jsonpath={.status.phase}=Bound', ...bound, '--timeout=60s');
}

/** Removes the volumes of a namespace and what is on them. */
export async function removeVolumes(namespace: string): Promise<void> {
  await kubectl('delete', 'pv', '-l', `e2e=${namespace}`, '--wait=false');
  rmSync(inVolume(namespace, ''), { recursive: true, force: true });
}

/** A claim for a volume of this namespace. */
export function claim(namespace: string, name: string, mode: string, storageClassName = namespace): object {
  const spec = { accessModes: [mode], resources: { requests: { storage: '1Mi' } }, storageClassName };
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace }, spec };
}

function volume(namespace: string, name: string, mode: string, extra: object): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `${namespace}-${name}`, labels: { e2e: namespace } },
    spec: {
      storageClassName: namespace,
      capacity: { storage: '1Mi' },
      accessModes: [mode],
      claimRef: { namespace, name },
      hostPath: { path: `/srv/shared/${namespace}/${name}`, type: 'DirectoryOrCreate' },
      ...extra,
    },
  };
}

/** Makes Secrets from their keys and values. */
export async function makeSecrets(namespace: string, secrets: Record<string, Record<string, string>>): Promise<void> {
  const make = ([name, stringData]: [string, Record<string, string>]): object => ({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } },
    stringData,
  });
  await apply(...Object.entries(secrets).map(make));
}
