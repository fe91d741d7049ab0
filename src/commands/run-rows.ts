import { GROUPS, type OptionRow } from './option-row.ts';

export const DEFAULT_HOST_PATH = '/mnt/retina/captures';
export const DEFAULT_HOST_PATH_BASE = '/var/log/retina/captures';
export const DEFAULT_S3_PATH = 'retina/captures';
export const DEFAULT_UPLOAD_TIMEOUT = '10m';

/** Where a store is and how to reach it: for delivery and for download. */
export const s3Rows: readonly OptionRow[] = [
  { group: GROUPS.where, flags: '--s3-bucket <bucket>', description: 'a bucket of S3 or of a store that speaks it' },
  { group: GROUPS.where, flags: '--s3-region <region>', description: 'region of the bucket' },
  { group: GROUPS.where, flags: '--s3-endpoint <url>', description: 'address of a store that is not AWS' },
  {
    group: GROUPS.where,
    flags: '--s3-path <prefix>',
    description: 'what the names of the objects begin with',
    default: DEFAULT_S3_PATH,
  },
  {
    group: GROUPS.where,
    flags: '--s3-access-key-id <id>',
    description: 'access key; goes into a Secret, as do the next two',
    default: 'AWS_ACCESS_KEY_ID',
  },
  {
    group: GROUPS.where,
    flags: '--s3-secret-access-key <key>',
    description: 'its secret',
    default: 'AWS_SECRET_ACCESS_KEY',
  },
  {
    group: GROUPS.where,
    flags: '--s3-session-token <token>',
    description: 'its session token',
    default: 'AWS_SESSION_TOKEN',
  },
  {
    group: GROUPS.where,
    flags: '--s3-ca-file <file>',
    description: 'certificates (PEM) of authorities that the store is trusted by, besides the well-known ones',
    default: 'AWS_CA_BUNDLE',
  },
  {
    group: GROUPS.where,
    flags: '--s3-request-checksum-calculation <when>',
    description: 'when_supported, or when_required for a store that refuses checksums: it gets Content-MD5',
    default: 'when_supported',
    values: ['when_supported', 'when_required'],
  },
];

export const destinationRows: readonly OptionRow[] = [
  {
    group: GROUPS.where,
    flags: '--host-path <directory>',
    description: 'a directory on each node',
    default: `${DEFAULT_HOST_PATH}, if no other destination is given`,
  },
  {
    group: GROUPS.where,
    flags: '--host-path-base-dir <directory>',
    description: 'what a relative --host-path is joined to',
    default: DEFAULT_HOST_PATH_BASE,
  },
  { group: GROUPS.where, flags: '--pvc <name>', description: 'a PersistentVolumeClaim of the namespace' },
  {
    group: GROUPS.where,
    flags: '--blob-upload <url>',
    description:
      'SAS URL of an Azure Blob container; goes into a Secret. Its URL alone where RETINA_BLOB_SAS_URL has the SAS, or for workload or managed identity',
  },
  {
    group: GROUPS.where,
    flags: '--blob-secret <name>',
    description: 'a Secret that holds the SAS URL, in place of --blob-upload',
  },
  ...s3Rows,
  {
    group: GROUPS.where,
    flags: '--s3-secret <name>',
    description: 'a Secret that holds the keys, in place of the three above',
  },
  {
    group: GROUPS.where,
    flags: '--upload-timeout <duration>',
    description: 'how long uploads to Blob and S3 may take, with all their tries, after the capture has ended',
    default: DEFAULT_UPLOAD_TIMEOUT,
  },
  {
    group: GROUPS.where,
    flags: '--cleanup-after-upload',
    description:
      'remove the Jobs and Secrets once every tarball is in a PVC, Blob or S3, and the copy in a --host-path once these have confirmed it',
    default: 'false',
  },
];

export const imageRows: readonly OptionRow[] = [
  {
    group: GROUPS.run,
    flags: '--image <name>',
    description: 'the capture image',
    default: 'RETINA_AGENT_IMAGE, else the one of this version',
  },
  {
    group: GROUPS.run,
    flags: '--image-pull-policy <policy>',
    description: 'Always, IfNotPresent or Never',
    default: 'IfNotPresent',
    values: ['Always', 'IfNotPresent', 'Never'],
  },
  { group: GROUPS.run, flags: '--image-pull-secret <name>', description: 'a Secret to pull the image with' },
];

export const timeoutRow: OptionRow = {
  group: GROUPS.run,
  flags: '--timeout <duration>',
  description: 'how long to wait',
};

export const captureNameRow: OptionRow = {
  group: GROUPS.run,
  flags: '--name <name>',
  description: 'name of the capture',
  default: 'retina-capture- and five random characters',
};

export const DEFAULT_SYNC_TIMEOUT = '1m';

/** When a capture begins. */
export const startRows: readonly OptionRow[] = [
  {
    group: GROUPS.begin,
    flags: '--start-at <time>',
    description:
      'all nodes begin at this instant, each by its own clock: 21:30 or 21:30:05 here today, 2026-11-21T21:30:00Z, or +30s',
    default: 'at once',
  },
  {
    group: GROUPS.begin,
    flags: '--sync',
    description: 'all nodes begin at one instant, when every one of them is ready; if one is not, none begins',
    default: 'false',
  },
  {
    group: GROUPS.begin,
    flags: '--sync-timeout <duration>',
    description: 'how long the nodes have to get ready',
    default: DEFAULT_SYNC_TIMEOUT,
  },
];

export const runRows: readonly OptionRow[] = [
  captureNameRow,
  { group: GROUPS.run, flags: '--wait', description: 'wait until the last tarball is saved', default: 'false' },
  { group: GROUPS.run, flags: '--no-wait', description: 'return when the Jobs are created', default: 'true' },
  {
    ...timeoutRow,
    description: 'how long to --wait',
    default: 'the duration, --upload-timeout where something is uploaded, and 5 minutes',
  },
  {
    group: GROUPS.run,
    flags: '--job-num-limit <number>',
    description: 'refuse, before anything is created, when more Jobs would be needed',
    default: '0, which is no limit',
  },
  ...imageRows,
  {
    group: GROUPS.run,
    flags: '--service-account <name>',
    description: 'service account of the pods',
    default: "the namespace's",
  },
  { group: GROUPS.run, flags: '--priority-class <name>', description: 'priority class of the pods' },
  {
    group: GROUPS.run,
    flags: '--cpu-limit <quantity>',
    description: 'CPU limit of each capture; a low one loses packets',
    default: 'none',
  },
  {
    group: GROUPS.run,
    flags: '--memory-limit <quantity>',
    description: 'memory limit of each capture',
    default: 'none',
  },
  {
    group: GROUPS.run,
    flags: '--ttl <duration>',
    description: 'let the cluster remove the Jobs so long after they have ended; 0 for never',
    default: '7d',
  },
];
