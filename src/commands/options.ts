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
};

const TARGET = 'Target (one kind; none means all Linux nodes):';
const WHAT = 'What is captured:';
const END = 'What ends the capture (the first that happens):';
const WHERE = 'Where it goes:';
const RUN = 'How it runs:';
const CONNECTION = 'Connection (as in kubectl):';

export const DEFAULT_DURATION = '1m';
export const DEFAULT_MAX_SIZE = '100';
export const DEFAULT_HOST_PATH = '/mnt/retina/captures';
export const DEFAULT_HOST_PATH_BASE = '/var/log/retina/captures';
export const DEFAULT_NODE_SELECTOR = 'kubernetes.io/os=linux';

const captureRows: readonly OptionRow[] = [
  {
    group: WHAT,
    flags: '--pcap-filter <expression>',
    description: 'only packets that match this BPF expression (pcap-filter(7))',
  },
  {
    group: WHAT,
    flags: '--interfaces <names>',
    description: 'network interfaces, separated by commas; each is captured',
    default: 'any, which is all',
  },
  {
    group: WHAT,
    flags: '--packet-size <bytes>',
    description: 'snap length: bytes kept of each packet',
    default: '0, which is all',
  },
  {
    group: WHAT,
    flags: '--include-metadata',
    description: 'add the network state of the node, before and after',
    default: 'true',
  },
  {
    group: END,
    flags: '--duration <duration>',
    description: 'such as 30s, 5m, 1h30m; 0 captures until stopped',
    default: DEFAULT_DURATION,
  },
  {
    group: END,
    flags: '--max-size <MB>',
    description: 'megabytes of packets on a node; 0 for no limit',
    default: DEFAULT_MAX_SIZE,
  },
];

const imageRows: readonly OptionRow[] = [
  {
    group: RUN,
    flags: '--image <name>',
    description: 'the capture image',
    default: 'RETINA_AGENT_IMAGE, else the one of this version',
  },
  {
    group: RUN,
    flags: '--image-pull-policy <policy>',
    description: 'Always, IfNotPresent or Never',
    default: 'IfNotPresent',
  },
];

const timeoutRow: OptionRow = { group: RUN, flags: '--timeout <duration>', description: 'how long to wait' };

export const connectionRows: readonly OptionRow[] = [
  { group: CONNECTION, flags: '-n, --namespace <name>', description: 'the namespace', default: "the context's" },
  {
    group: CONNECTION,
    flags: '--kubeconfig <file>',
    description: 'the configuration file',
    default: 'KUBECONFIG, else ~/.kube/config',
  },
  { group: CONNECTION, flags: '--context <name>', description: 'the context of the configuration' },
  { group: CONNECTION, flags: '--cluster <name>', description: 'the cluster of the configuration' },
  { group: CONNECTION, flags: '--user <name>', description: 'the user of the configuration' },
  { group: CONNECTION, flags: '-s, --server <url>', description: 'address of the API server' },
  { group: CONNECTION, flags: '--token <token>', description: 'bearer token' },
  { group: CONNECTION, flags: '--as <user>', description: 'act as this user' },
  { group: CONNECTION, flags: '--as-group <group>', description: 'act as a member of this group', repeatable: true },
  { group: CONNECTION, flags: '--as-uid <uid>', description: 'act with this UID' },
  {
    group: CONNECTION,
    flags: '--as-user-extra <key=value>',
    description: 'act with this extra field',
    repeatable: true,
  },
  {
    group: CONNECTION,
    flags: '--certificate-authority <file>',
    description: 'certificate of the authority of the API server',
  },
  { group: CONNECTION, flags: '--client-certificate <file>', description: 'client certificate' },
  { group: CONNECTION, flags: '--client-key <file>', description: 'key of the client certificate' },
  { group: CONNECTION, flags: '--insecure-skip-tls-verify', description: "do not check the API server's certificate" },
  {
    group: CONNECTION,
    flags: '--tls-server-name <name>',
    description: "name to check the API server's certificate for",
  },
  {
    group: CONNECTION,
    flags: '--request-timeout <duration>',
    description: 'limit for one request',
    default: '1m; 0 for none',
  },
];

export const createRows: readonly OptionRow[] = [
  {
    group: TARGET,
    flags: '--node-selectors <selector>',
    description: 'nodes with these labels',
    default: DEFAULT_NODE_SELECTOR,
  },
  { group: TARGET, flags: '--node-names <names>', description: 'nodes by name, separated by commas' },
  { group: TARGET, flags: '--pod-selectors <selector>', description: 'pods with these labels' },
  {
    group: TARGET,
    flags: '--namespace-selectors <selector>',
    description: 'look for the pods in the namespaces with these labels',
    default: "the command's namespace",
  },
  { group: TARGET, flags: '--pod-names <names>', description: "pods of the command's namespace, separated by commas" },
  ...captureRows,
  {
    group: WHERE,
    flags: '--host-path <directory>',
    description: 'a directory on each node',
    default: DEFAULT_HOST_PATH,
  },
  {
    group: WHERE,
    flags: '--host-path-base-dir <directory>',
    description: 'what a relative --host-path is joined to',
    default: DEFAULT_HOST_PATH_BASE,
  },
  {
    group: RUN,
    flags: '--name <name>',
    description: 'name of the capture',
    default: 'retina-capture- and five random characters',
  },
  { group: RUN, flags: '--wait', description: 'wait until the last tarball is saved', default: 'false' },
  { group: RUN, flags: '--no-wait', description: 'return when the Jobs are created', default: 'true' },
  { ...timeoutRow, description: 'how long to --wait', default: 'the duration and 5 minutes' },
  ...imageRows,
  {
    group: RUN,
    flags: '--cpu-limit <quantity>',
    description: 'CPU limit of each capture; a low one loses packets',
    default: 'none',
  },
  { group: RUN, flags: '--memory-limit <quantity>', description: 'memory limit of each capture', default: 'none' },
  ...connectionRows,
];

export const localRows: readonly OptionRow[] = [
  ...captureRows,
  {
    group: WHERE,
    flags: '-o, --output <directory>',
    description: 'where the tarball goes',
    default: 'the current directory',
  },
  {
    group: RUN,
    flags: '--name <name>',
    description: 'name of the capture',
    default: 'retina-capture- and five random characters',
  },
];

const nameRow: OptionRow = {
  group: 'Which:',
  flags: '--name <name>',
  description: 'the capture, in place of the argument',
};

export const listRows: readonly OptionRow[] = [
  { group: 'Which:', flags: '-A, --all-namespaces', description: 'captures of all namespaces' },
  { group: 'Output:', flags: '-o, --output <format>', description: 'wide shows every node' },
  ...connectionRows,
];
export const statusRows: readonly OptionRow[] = [nameRow, ...connectionRows];
export const stopRows: readonly OptionRow[] = [nameRow, { ...timeoutRow, default: '1m' }, ...connectionRows];
export const deleteRows: readonly OptionRow[] = [
  nameRow,
  { group: 'Which:', flags: '--all', description: 'all captures of the namespace' },
  { ...timeoutRow, default: '2m' },
  ...connectionRows,
];
export const downloadRows: readonly OptionRow[] = [
  nameRow,
  {
    group: 'Which:',
    flags: '--node-names <names>',
    description: 'only from these nodes; for a capture that was deleted, where to look',
    default: 'all Linux nodes',
  },
  {
    group: WHERE,
    flags: '-o, --output <directory>',
    description: 'the tarballs go to <directory>/<capture>/',
    default: 'the current directory',
  },
  {
    group: WHERE,
    flags: '--host-path <directory>',
    description: 'for a capture that was deleted, the directory on the nodes',
    default: DEFAULT_HOST_PATH,
  },
  ...imageRows,
  ...connectionRows,
];
export const versionRows: readonly OptionRow[] = [
  { group: 'Output:', flags: '--client', description: 'do not ask the server' },
  ...imageRows.slice(0, 1),
  ...connectionRows,
];
