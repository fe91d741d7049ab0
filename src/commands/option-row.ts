/** One flag as a row of a table: the parser, the help and the README are made from it. */
export type OptionRow = {
  /** As commander takes it: `-n, --namespace <name>`; a boolean flag has no value. */
  flags: string;
  description: string;
  group: string;
  /** What holds when the flag is not given, for the help; the value itself is set in the conversion to a request. */
  default?: string;
  /** May be given several times. */
  repeatable?: true;
  /** The words that it takes, for completion; the conversion to a request checks them. */
  values?: readonly string[];
};

/** Headings of the help, in its order. */
export const GROUPS = {
  which: 'Which:',
  target: 'Target (one kind; none means all Linux nodes):',
  filter: 'Filters (all narrow):',
  what: 'What is captured:',
  listing: 'A decoded listing in the bundle, packets.txt (any of these adds it):',
  begin: 'When it begins:',
  end: 'What ends the capture (the first that happens):',
  where: 'Where it goes (one or more; each gets the same tarball):',
  again:
    'Where it goes (none means the destinations that did not take it; without --s3-bucket, S3 flags mean that bucket):',
  store: 'What a store holds, in place of the cluster:',
  run: 'How it runs:',
  output: 'Output:',
  connection: 'Connection (as in kubectl):',
} as const;
