import { join } from 'node:path';
import type { LocalPath } from '../capture/part-file.ts';
import { listNames } from '../capture/suggest.ts';
import type { Deps } from '../deps.ts';
import { CaptureError } from '../errors.ts';
import type { Store } from '../upload/store.ts';
import { fetchTarball } from './fetch-tarball.ts';
import { Problems, parseNames } from './flags.ts';
import { captureNames } from './name-argument.ts';
import { count, plural, size } from './render.ts';
import { openStore, type StoreFlags } from './store-flags.ts';
import { findTarballs } from './store-tarballs.ts';

type Flags = StoreFlags & {
  name?: string;
  all?: boolean;
  output?: string;
  nodeNames?: string;
  hostPath?: string;
  allNamespaces?: boolean;
};

/** `capture download` from Azure Blob or S3: fetches the tarballs and verifies them. Exit code 1 when one is missing. */
export async function downloadFromStore(deps: Deps, args: readonly string[], flags: Flags): Promise<number> {
  const wanted = flags.all === true ? undefined : captureNames(args, flags.name);
  const problems = new Problems();
  const named = [...args, ...(flags.name === undefined ? [] : [flags.name])];
  if (flags.all === true && named.length > 0) {
    problems.found.push(`--all is every capture of the store: name none beside it (${named.join(', ')})`);
  }
  if (flags.hostPath !== undefined) problems.found.push('--host-path and a store are two places: give one of them');
  if (flags.allNamespaces === true) problems.found.push('-A is of a cluster: a store has no namespaces');
  const nodes = problems.parse('--node-names', flags.nodeNames, parseNames);
  const store = await openStore(deps, flags, problems, 'downloaded');
  const failures: string[] = [];
  const rows: string[][] = [];
  for (const name of wanted ?? [undefined]) {
    const { found: all, unknown } = await findTarballs(store, name, deps.signal);
    const found = all.filter(({ result }) => nodes?.includes(result.node) ?? true);
    if (found.length === 0) failures.push(nothingOf(name, store, unknown));
    for (const { result } of found) {
      const directory = join(flags.output ?? '.', result.capture) as LocalPath;
      try {
        const path = await fetchTarball(deps, store, { node: result.node, file: result.tarball, directory });
        rows.push([result.node, path, size(result.tarball.bytes)]);
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
        failures.push(error.hint === undefined ? error.message : `${error.message}\n    ${error.hint}`);
      }
    }
  }
  if (rows.length > 0) await deps.ui.printTable(rows);
  const rest = failures.length === 0 ? '' : `, ${count(failures.length)} not`;
  deps.ui.outcome(failures.length === 0, `${plural(rows.length, 'tarball')} downloaded and verified${rest}`);
  for (const failure of failures) deps.ui.note(`  ${failure}`);
  return failures.length === 0 ? 0 : 1;
}

function nothingOf(capture: string | undefined, store: Store, unknown: readonly string[]): string {
  const what = capture === undefined ? 'any capture' : `capture ${capture}`;
  const there =
    unknown.length === 0 ? '' : `; without a result beside them, these cannot be verified: ${listNames(unknown)}`;
  return `no tarball of ${what} is in ${store.place}${there}`;
}
