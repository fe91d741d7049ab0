import { dirname, posix } from 'node:path';

/** Who may import what. Patterns are globs of paths below the project, or `npm:` and `node:` names. */
interface Row {
  readonly files: readonly string[];
  /** May be imported as values; and as types too. */
  readonly values: readonly string[];
  /** May only be imported as types. */
  readonly types: readonly string[];
}

const anything = ['**', 'npm:*', 'npm:*/**', 'node:*', 'node:*/**'];
const node = ['node:*', 'node:*/**'];
/** Node's modules that neither look at nor touch the world. */
const pureNode = ['node:crypto', 'node:net', 'node:path', 'node:util'];
const clientNode = ['npm:@kubernetes/client-node', 'npm:@kubernetes/client-node/**'];
const cloud = ['npm:@aws-sdk/**', 'npm:@smithy/**', 'npm:@azure/**'];
const data = ['npm:zod', 'npm:zod/**', 'npm:@icholy/duration', 'npm:damerau-levenshtein', 'npm:pretty-bytes'];

/** Files of src/capture that read or change a cluster; all others there are pure. */
const effects = [
  ...[
    'access',
    'admission',
    'apply',
    'create-jobs',
    'delete',
    'download',
    'download-pod',
    'dry-run',
    'held-up',
    'inquire',
    'observe',
    'part-file',
    'part-lock',
    'prune',
    'read-lacks',
    'read-objects',
    'remove',
    'start',
  ],
  ...['preflight', 'snapshot', 'stop', 'storage', 'undo', 'upload', 'wait'],
].map((name) => `src/capture/${name}.ts`);

/** The first row that names a file holds for it. A file that no row names may import nothing. */
export const importTable: readonly Row[] = [
  { files: ['src/main.ts'], values: anything, types: [] },
  { files: ['src/cli.ts'], values: ['src/commands/**', 'src/deps.ts', 'src/errors.ts', 'npm:commander'], types: [] },
  { files: ['src/errors.ts'], values: [], types: [] },
  { files: ['src/deps.ts'], values: ['src/errors.ts'], types: ['src/**', ...node] },
  {
    files: ['src/commands/**'],
    values: [
      ...['commands', 'capture', 'bpf', 'workload', 'upload'].map((folder) => `src/${folder}/**`),
      ...['src/deps.ts', 'src/errors.ts', 'package.json', 'npm:commander', 'npm:p-map', 'npm:js-yaml'],
      ...['npm:jsonpath-plus', ...data, ...node],
    ],
    types: anything,
  },
  {
    files: effects,
    values: ['src/capture/**', 'src/errors.ts', 'npm:p-map', ...data, ...node],
    types: ['src/kube/cluster.ts', 'src/deps.ts', ...clientNode],
  },
  {
    files: ['src/capture/**'],
    values: ['src/capture/**', 'src/errors.ts', ...data, ...pureNode],
    types: ['src/kube/cluster.ts', 'src/deps.ts', ...clientNode],
  },
  {
    files: ['src/workload/**'],
    values: [
      ...['src/workload/**', 'src/upload/**', 'src/errors.ts'],
      ...['names', 'pktmon-filters', 'upload-spec', 'workload-spec'].map((name) => `src/capture/${name}.ts`),
      ...['npm:execa', 'npm:p-map', 'npm:tar', ...data, ...node],
    ],
    types: [],
  },
  {
    files: ['src/upload/**'],
    values: [
      'src/upload/**',
      ...['names', 'places', 'plain-text', 'sas'].map((name) => `src/capture/${name}.ts`),
      'src/errors.ts',
      ...cloud,
      ...node,
    ],
    types: ['src/capture/workload-spec.ts'],
  },
  {
    files: ['src/kube/**'],
    values: ['src/kube/**', 'src/errors.ts', 'npm:js-yaml', 'npm:p-retry', ...clientNode, ...data, ...node],
    types: [],
  },
  {
    files: ['src/bpf/**'],
    values: ['src/bpf/**', 'node:worker_threads'],
    types: [],
  },
  {
    files: ['src/ui/**'],
    values: ['src/ui/**', 'src/errors.ts', 'npm:ora', 'npm:chalk', ...data, ...node],
    types: ['src/deps.ts'],
  },
];

/** An import statement: what it names, and whether only types. */
export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const statement = /^\s*(?:import|export)\s+(type\s+)?([\w\s{},*$]*?)\s*from\s*['"]([^'"]+)['"]/gmu;
const bareOrDynamic = /(?:^\s*import\s*|\bimport\(\s*|\brequire\(\s*)['"]([^'"]+)['"]/gmu;

/** The imports of a file's source. */
export function parseImports(source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//gu, '').replace(/^\s*\/\/.*$/gmu, '');
  const named = [...code.matchAll(statement)].map(([, type, names = '', specifier = '']) => ({
    specifier,
    typeOnly: type !== undefined || /^\{(\s*type\s+\w[\w\s]*,?)+\s*\}$/u.test(names),
  }));
  const others = [...code.matchAll(bareOrDynamic)].map(([, specifier = '']) => ({ specifier, typeOnly: false }));
  return [...named, ...others];
}

/** What an import names, in the form of the table's patterns. */
function toPattern(file: string, specifier: string): string {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(dirname(file), specifier));
  return specifier.startsWith('node:') ? specifier : `npm:${specifier}`;
}

/** One line for each import of a file that the table does not allow. */
export function importProblems(file: string, source: string): string[] {
  const row = importTable.find(({ files }) => files.some((pattern) => posix.matchesGlob(file, pattern)));
  if (!row) return [`${file}: no row of the import table names it`];
  return parseImports(source)
    .filter(({ specifier, typeOnly }) => {
      const allowed = typeOnly ? [...row.values, ...row.types] : row.values;
      const target = toPattern(file, specifier);
      return !allowed.some((pattern) => posix.matchesGlob(target, pattern));
    })
    .map(({ specifier, typeOnly }) => `${file} must not import ${typeOnly ? 'types from ' : ''}${specifier}`);
}

/** One line for each package that only one folder may import, wherever the table is wide (src/main.ts, types). */
export function ownerProblems(file: string, source: string): string[] {
  const owners: readonly (readonly [owner: string, packages: readonly string[]])[] = [
    ['src/ui/**', ['npm:ora', 'npm:chalk']],
    ['src/kube/**', clientNode],
    ['src/upload/**', cloud],
  ];
  return parseImports(source)
    .filter(({ typeOnly }) => !typeOnly)
    .flatMap(({ specifier }) => {
      const target = toPattern(file, specifier);
      const owned = owners.find(([, packages]) => packages.some((pattern) => posix.matchesGlob(target, pattern)));
      return owned && !posix.matchesGlob(file, owned[0]) ? [`${file}: only ${owned[0]} imports ${specifier}`] : [];
    });
}
