/** A folder of tests and how they are run. */
export interface Suite {
  readonly name: string;
  /** Make targets that must succeed first, besides the dependencies. */
  readonly prepare: readonly string[];
  /** Words before `node`. */
  readonly runner: readonly string[];
  /** Files at once; undefined: as many as Node thinks fit. */
  readonly concurrency: number | undefined;
  /** For one test. */
  readonly timeoutSeconds: number;
  /** Uses the test cluster. */
  readonly cluster: boolean;
}

const quick = { prepare: [], runner: [], concurrency: undefined, timeoutSeconds: 60, cluster: false } as const;

export const suites: readonly Suite[] = [
  { ...quick, name: 'lint', timeoutSeconds: 300 },
  { ...quick, name: 'unit' },
  { ...quick, name: 'contract' },
  { ...quick, name: 'build', prepare: ['build'] },
  {
    ...quick,
    name: 'release',
    prepare: ['release', 'image-archive', 'release-tools'],
    concurrency: 1,
    timeoutSeconds: 1200,
  },
  { ...quick, name: 'local', prepare: ['build'], concurrency: 1, timeoutSeconds: 180 },
  {
    name: 'e2e',
    prepare: ['build', 'stores', 'image-load'],
    runner: ['test/cluster/exec'],
    concurrency: 1,
    timeoutSeconds: 600,
    cluster: true,
  },
];
