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
  /** State folders of the test clusters that it uses: a file runs alone in the next that is free. */
  readonly clusters: readonly string[];
}

const quick = { prepare: [], runner: [], concurrency: undefined, timeoutSeconds: 60, clusters: [] } as const;

export const suites: readonly Suite[] = [
  { ...quick, name: 'lint', timeoutSeconds: 300 },
  { ...quick, name: 'unit' },
  { ...quick, name: 'contract' },
  { ...quick, name: 'build', prepare: ['build'] },
  {
    ...quick,
    name: 'release',
    prepare: ['release', 'release-tools'],
    concurrency: 1,
    timeoutSeconds: 1200,
  },
  { ...quick, name: 'local', prepare: ['build'], concurrency: 1, timeoutSeconds: 180 },
  {
    name: 'e2e',
    prepare: ['build', 'stores', 'image'],
    runner: ['test/cluster/exec'],
    concurrency: 1,
    timeoutSeconds: 600,
    // Two share two processors well: most tests wait for most of their time.
    clusters: ['/tmp/retina-testcluster', '/tmp/retina2-testcluster'],
  },
];
