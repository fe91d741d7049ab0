import { GROUPS, type OptionRow } from './option-row.ts';

export const connectionRows: readonly OptionRow[] = [
  { group: GROUPS.connection, flags: '-n, --namespace <name>', description: 'the namespace', default: "the context's" },
  {
    group: GROUPS.connection,
    flags: '--kubeconfig <file>',
    description: 'the configuration file',
    default: 'KUBECONFIG, else ~/.kube/config',
  },
  { group: GROUPS.connection, flags: '--context <name>', description: 'the context of the configuration' },
  { group: GROUPS.connection, flags: '--cluster <name>', description: 'the cluster of the configuration' },
  { group: GROUPS.connection, flags: '--user <name>', description: 'the user of the configuration' },
  { group: GROUPS.connection, flags: '-s, --server <url>', description: 'address of the API server' },
  { group: GROUPS.connection, flags: '--token <token>', description: 'bearer token' },
  { group: GROUPS.connection, flags: '--as <user>', description: 'act as this user' },
  {
    group: GROUPS.connection,
    flags: '--as-group <group>',
    description: 'act as a member of this group',
    repeatable: true,
  },
  { group: GROUPS.connection, flags: '--as-uid <uid>', description: 'act with this UID' },
  {
    group: GROUPS.connection,
    flags: '--as-user-extra <key=value>',
    description: 'act with this extra field',
    repeatable: true,
  },
  {
    group: GROUPS.connection,
    flags: '--certificate-authority <file>',
    description: 'certificate of the authority of the API server',
  },
  { group: GROUPS.connection, flags: '--client-certificate <file>', description: 'client certificate' },
  { group: GROUPS.connection, flags: '--client-key <file>', description: 'key of the client certificate' },
  {
    group: GROUPS.connection,
    flags: '--insecure-skip-tls-verify',
    description: "do not check the API server's certificate",
  },
  {
    group: GROUPS.connection,
    flags: '--tls-server-name <name>',
    description: "name to check the API server's certificate for",
  },
  {
    group: GROUPS.connection,
    flags: '--cache-dir <directory>',
    description: 'accepted for the sake of scripts; nothing is cached',
  },
  {
    group: GROUPS.connection,
    flags: '--disable-compression',
    description: 'do not ask the server to compress its answers',
  },
  {
    group: GROUPS.connection,
    flags: '--request-timeout <duration>',
    description: 'limit for one request, with all its tries',
    default: '1m; 0 for none',
  },
];
