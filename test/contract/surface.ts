/** One line of the product's surface: flags of a command, spelled as users type them. */
export type SurfaceRow = { command: string; flags: string };

/** kubectl's connection flags, which every command that talks to a cluster takes. */
const CONNECTION = [
  '--as --as-group --as-uid --as-user-extra --cache-dir --certificate-authority --client-certificate --client-key',
  '--cluster --context --disable-compression --insecure-skip-tls-verify --kubeconfig -n --namespace --request-timeout',
  '-s --server --tls-server-name --token --user',
].join(' ');

/** What is captured and what ends it: of a capture in a cluster and of one on this machine. */
const CAPTURE = [
  '--duration --max-size --packet-count --file-count --include-filter --exclude-filter --pcap-filter --tcpdump-filter',
  '--source-ips --destination-ips --interfaces --packet-size --no-promiscuous --packet-buffered --immediate-mode',
  '--no-resolve-dns --no-resolve-port --verbosity --timestamp-format --print-data --print-link-header --quiet-output',
  '--absolute-seq --dont-verify-checksum --include-metadata --name --min-free',
].join(' ');

const S3 =
  '--s3-bucket --s3-region --s3-endpoint --s3-path --s3-access-key-id --s3-secret-access-key --s3-session-token --s3-ca-file --s3-request-checksum-calculation';

/** What orders a capture in a cluster. */
const ORDER = [
  '--node-selectors --node-names --pod-selectors --namespace-selectors --pod-names -A --all-namespaces',
  CAPTURE,
  `--host-path --host-path-base-dir --pvc --blob-upload --blob-secret --s3-secret --upload-timeout ${S3}`,
  '--job-num-limit --no-wait --wait --timeout --cleanup-after-upload --debug --image --image-pull-policy',
  '--start-at --sync --sync-timeout',
  '--image-pull-secret --service-account --priority-class --cpu-limit --memory-limit --ttl -f --filename',
].join(' ');

/** Every flag that scripts and people may rely on. */
export const surface: readonly SurfaceRow[] = [
  { command: 'capture create', flags: `${ORDER} --dry-run -o --output` },
  { command: 'capture check', flags: `${ORDER} --print-rbac -o --output` },
  { command: 'capture list', flags: `--blob-url ${S3}` },
  { command: 'capture list', flags: '-A --all-namespaces -o --output --watch --no-headers --show-labels --sort-by' },
  { command: 'capture status', flags: '--name -o --output' },
  { command: 'capture stop', flags: '--name --timeout' },
  { command: 'capture delete', flags: '--name --all --timeout' },
  { command: 'capture prune', flags: '--older-than -A --all-namespaces --running -y --yes --timeout --dry-run' },
  { command: 'capture download', flags: `--name --all -A -o --output --partial --blob-url ${S3}` },
  {
    command: 'capture upload',
    flags: `--name --node-names --pvc --blob-upload --blob-secret --s3-secret --upload-timeout --cleanup-after-upload ${S3}`,
  },
  { command: 'capture local', flags: `${CAPTURE} -o --output` },
  { command: 'version', flags: '--client -o --output' },
  ...['create', 'check', 'list', 'status', 'stop', 'delete', 'prune', 'download', 'upload'].map((verb) => ({
    command: `capture ${verb}`,
    flags: CONNECTION,
  })),
  { command: 'version', flags: CONNECTION },
];
