import { captureRows, targetRows } from './capture-rows.ts';
import { connectionRows } from './connection-rows.ts';
import { GROUPS, type OptionRow } from './option-row.ts';
import {
  captureNameRow,
  DEFAULT_HOST_PATH,
  DEFAULT_UPLOAD_TIMEOUT,
  destinationRows,
  imageRows,
  runRows,
  s3Rows,
  startRows,
  timeoutRow,
} from './run-rows.ts';

export const DEFAULT_OLDER_THAN = '24h';

const verboseRows: readonly OptionRow[] = [
  {
    group: GROUPS.output,
    flags: '-v, --verbose',
    description: 'tell more: the whole filter of each node, each request to the API server, where a fault arose',
    default: 'false',
  },
  {
    group: GROUPS.output,
    flags: '--debug',
    description: 'the name of --verbose in scripts of the Retina CLI',
    default: 'false',
  },
  { group: GROUPS.output, flags: '--no-color', description: 'no colours, as with NO_COLOR', default: 'false' },
];

/** What every command takes that talks to a cluster. */
const sharedRows: readonly OptionRow[] = [...verboseRows, ...connectionRows];

/** What orders a capture, for creating it and for checking whether that would work. */
const orderRows: readonly OptionRow[] = [
  ...targetRows,
  ...captureRows,
  ...startRows,
  ...destinationRows,
  ...runRows,
  {
    group: GROUPS.run,
    flags: '-f, --filename <file>',
    description: 'a Capture manifest (retina.sh/v1alpha1), - for stdin; flags given beside it override it',
  },
];

export const createRows: readonly OptionRow[] = [
  ...orderRows,
  {
    group: GROUPS.output,
    flags: '--dry-run <where>',
    description: 'create nothing: client prints what would be, server asks the server as well',
    default: 'none',
    values: ['client', 'server', 'none'],
  },
  {
    group: GROUPS.output,
    flags: '-o, --output <format>',
    description: 'name, json or yaml: the Jobs; capture: the manifest that this command line amounts to; wide',
    values: ['name', 'json', 'yaml', 'capture', 'wide'],
  },
  ...sharedRows,
];

/** Flags of `capture check` that `capture create` has not. */
export const checkOwnRows: readonly OptionRow[] = [
  {
    group: GROUPS.output,
    flags: '--print-rbac',
    description:
      'print the smallest Role (and ClusterRole) with which you may do all this, as kubectl apply -f - takes it',
    default: 'false',
  },
  { group: GROUPS.output, flags: '-o, --output <format>', description: 'json or yaml', values: ['json', 'yaml'] },
];

export const checkRows: readonly OptionRow[] = [...orderRows, ...checkOwnRows, ...sharedRows];

export const localRows: readonly OptionRow[] = [
  ...captureRows,
  {
    group: GROUPS.where,
    flags: '-o, --output <directory>',
    description: 'where the tarball goes',
    default: 'the current directory',
  },
  captureNameRow,
  ...verboseRows,
];

const nameRow: OptionRow = {
  group: GROUPS.which,
  flags: '--name <name>',
  description: 'the capture, in place of the argument',
};
const allNamespacesRow: OptionRow = {
  group: GROUPS.which,
  flags: '-A, --all-namespaces',
  description: 'captures of all namespaces',
};

const blobUrlRow: OptionRow = {
  group: GROUPS.where,
  flags: '--blob-url <url>',
  description: 'fetch from this Azure Blob container (a SAS URL; without SAS, by your own identity), without a cluster',
};

/** Where listings and downloads look instead of in the cluster. Their keys go into no Secret. */
const storeRows: readonly OptionRow[] = s3Rows.map((row) =>
  row.flags.startsWith('--s3-access-key-id') ? { ...row, description: 'access key' } : row,
);

export const listRows: readonly OptionRow[] = [
  allNamespacesRow,
  {
    ...blobUrlRow,
    group: GROUPS.store,
    description:
      'what this Azure Blob container holds (a SAS URL that may list and read; without SAS, by your own identity)',
  },
  ...storeRows.map((row) => ({ ...row, group: GROUPS.store })),
  {
    group: GROUPS.output,
    flags: '-o, --output <format>',
    description: 'wide (every node), json, yaml, name, custom-columns=NAME:.path,… or jsonpath=…',
    values: ['wide', 'json', 'yaml', 'name', 'custom-columns=', 'jsonpath='],
  },
  { group: GROUPS.output, flags: '-w, --watch', description: 'go on and print each change', default: 'false' },
  { group: GROUPS.output, flags: '--no-headers', description: 'without the line of headings', default: 'false' },
  { group: GROUPS.output, flags: '--show-labels', description: 'with the labels', default: 'false' },
  {
    group: GROUPS.output,
    flags: '--sort-by <field>',
    description: 'name, age (the youngest first), state (failures first), or a path such as .packets',
    default: 'name',
    values: ['name', 'age', 'state'],
  },
  ...sharedRows,
];
export const statusRows: readonly OptionRow[] = [
  nameRow,
  {
    group: GROUPS.output,
    flags: '-o, --output <format>',
    description: 'json, yaml or jsonpath=…',
    values: ['json', 'yaml', 'jsonpath='],
  },
  { group: GROUPS.output, flags: '-w, --watch', description: 'until it has ended', default: 'false' },
  ...sharedRows,
];
export const stopRows: readonly OptionRow[] = [nameRow, { ...timeoutRow, default: '1m' }, ...sharedRows];
export const deleteRows: readonly OptionRow[] = [
  nameRow,
  { group: GROUPS.which, flags: '--all', description: 'all captures of the namespace' },
  { ...timeoutRow, default: '2m' },
  ...sharedRows,
];
export const pruneRows: readonly OptionRow[] = [
  {
    group: GROUPS.which,
    flags: '--older-than <duration>',
    description: 'what ended longer ago than this, such as 30m, 12h, 7d; 0 for all that has ended',
    default: DEFAULT_OLDER_THAN,
  },
  { ...allNamespacesRow, description: 'in all namespaces', default: 'false' },
  {
    group: GROUPS.which,
    flags: '--running',
    description:
      'also what still runs and began longer ago than that; captures bundle and deliver what they have first',
    default: 'false',
  },
  { group: GROUPS.run, flags: '-y, --yes', description: 'do not ask', default: 'false' },
  { ...timeoutRow, default: '2m' },
  {
    group: GROUPS.output,
    flags: '--dry-run <where>',
    description: 'remove nothing: client prints what would be removed, server asks the server as well',
    default: 'none',
    values: ['client', 'server', 'none'],
  },
  ...sharedRows,
];
export const downloadRows: readonly OptionRow[] = [
  nameRow,
  { group: GROUPS.which, flags: '--all', description: 'all captures of the namespace' },
  { ...allNamespacesRow, description: 'with --all, captures of all namespaces' },
  {
    group: GROUPS.which,
    flags: '--node-names <names>',
    description: 'only from these nodes; for a capture that was deleted, where to look',
    default: 'all Linux nodes',
  },
  {
    group: GROUPS.where,
    flags: '-o, --output <directory>',
    description: 'the tarballs go to <directory>/<capture>/; with -A to <directory>/<namespace>/<capture>/',
    default: 'the current directory',
  },
  {
    group: GROUPS.where,
    flags: '--host-path <directory>',
    description: 'for a capture that was deleted, the directory on the nodes',
    default: DEFAULT_HOST_PATH,
  },
  {
    group: GROUPS.which,
    flags: '--partial',
    description: 'where there is no tarball, what a capture has left on its node that was killed; exit code 1',
    default: 'false',
  },
  blobUrlRow,
  ...storeRows,
  ...imageRows,
  ...sharedRows,
];
/** Flags of `create` that say the same here; the tarballs come from the nodes, so a host path is no destination. */
const againRows = destinationRows.filter(({ flags }) => !/^--(host-path|upload-timeout|cleanup)/.test(flags));

export const uploadRows: readonly OptionRow[] = [
  nameRow,
  {
    group: GROUPS.which,
    flags: '--node-names <names>',
    description: 'only from these nodes',
    default: 'all of the capture',
  },
  ...againRows.map((row) => ({ ...row, group: GROUPS.again })),
  {
    group: GROUPS.run,
    flags: '--upload-timeout <duration>',
    description: 'how long each upload may take, with all its tries',
    default: DEFAULT_UPLOAD_TIMEOUT,
  },
  {
    group: GROUPS.run,
    flags: '--cleanup-after-upload',
    description: 'remove the copy from the node once every destination has confirmed its size and checksum',
    default: 'false',
  },
  ...imageRows,
  ...sharedRows,
];
export const versionRows: readonly OptionRow[] = [
  { group: GROUPS.output, flags: '--client', description: 'do not ask the server' },
  { group: GROUPS.output, flags: '-o, --output <format>', description: 'json or yaml' },
  ...imageRows.slice(0, 1),
  ...sharedRows,
];
