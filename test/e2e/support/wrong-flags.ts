import { destinationRows, storeRows } from './wrong-destinations.ts';
import { filterRows } from './wrong-filters.ts';
import { NS } from './wrong-lab.ts';
import { outputRows } from './wrong-outputs.ts';

/** A command line or a situation that must fail, and what the user is told. */
export type WrongCase = {
  what: string;
  args: readonly string[];
  env?: Record<string, string>;
  code: 1 | 2;
  /** Of the line that begins with `error: `, without that. */
  message: RegExp;
  /** Of the lines below it. */
  hint?: RegExp;
  /** Seconds that it may take. */
  within?: number;
};

/** A case of `flagCases`: below the error may stand a hint. */
export type Row = readonly [what: string, flags: readonly string[], message: RegExp, hint?: RegExp];

const L64 = 'a'.repeat(64);

/** Flags of `capture create`. */
const createRows: readonly Row[] = [
  [
    'a target that is two',
    ['--node-names', 'node1', '--pod-names', 'x'],
    /only one kind of target.*--node-names and --pod-names/,
  ],
  ['a node name with a slash', ['--node-names', 'a/b'], /--node-names: "a\/b" cannot be a name/],
  ['an empty node name', ['--node-names', 'node1,,node2'], /--node-names: .*empty name/],
  ['a selector with =>', ['--pod-selectors', 'app=>x'], /--pod-selectors: in "app=>x"/],
  [
    'a selector with an open parenthesis',
    ['--pod-selectors', 'app in (a,b'],
    /--pod-selectors: .*unbalanced parentheses/,
  ],
  ['a selector with nested parentheses', ['--pod-selectors', 'app in ((a))'], /unbalanced parentheses/],
  ['a selector with an empty term', ['--node-selectors', 'a=b,,c=d'], /--node-selectors: .*empty term/],
  ['a selector with a comma at its end', ['--node-selectors', 'a=b,'], /empty term/],
  ['a selector with a quoted value', ['--pod-selectors', 'app="web"'], /"\\?"web\\?"" is not a label's value/],
  [
    'a selector with a key that is none',
    ['--namespace-selectors', '-a=b'],
    /--namespace-selectors: .*"-a" is not a label's key/,
  ],
  ['a selector with a long value', ['--pod-selectors', `app=${L64}`], /is not a label's value/],
  ['a selector of blanks', ['--pod-selectors', 'app in a b'], /is not a label's key.*write key=value/],
  ['a negative duration', ['--duration', '-5s'], /--duration: "-5s" is negative/],
  ['a duration that is none', ['--duration', 'abc'], /--duration: "abc" is not a duration: write it as 30s/],
  ['a duration without a unit', ['--duration', '10'], /--duration: "10" has no unit: write it as 30s/],
  ['a duration with rubbish around', ['--duration', 'x5s!'], /"x5s!" is not a duration/],
  ['an empty duration', ['--duration', ''], /"" is not a duration/],
  ['a duration of a year', ['--duration', '8760h'], /"8760h" is too long: at most 24 days/],
  ['a duration that rounds to "no limit"', ['--duration', '1us'], /"1us" is too short/],
  ['a timeout without a unit', ['--wait', '--timeout', '5'], /--timeout: "5" has no unit/],
  ['a host path that climbs', ['--host-path', '/mnt/../etc'], /--host-path: "\/mnt\/..\/etc" has ".."/],
  ['a host path that is empty', ['--host-path', ''], /--host-path: the directory is empty/],
  ['a host path that is the whole disk', ['--host-path', '/'], /--host-path: "\/" is the whole disk/],
  ['a host path of slashes', ['--host-path', '//./'], /"\/" is the whole disk/],
  ['a host path with a colon', ['--host-path', '/mnt/a:b'], /--host-path: "\/mnt\/a:b" has a colon/],
  ['a relative base directory', ['--host-path-base-dir', 'x'], /--host-path-base-dir: "x" is not an absolute path/],
  ['a name that is too long', ['--name', L64], /--name: "a+" is 64 characters long; a name has at most 63/],
  ['a name in upper case', ['--name', 'Web'], /--name: "Web" is not a DNS label/],
  ['a name with a dot', ['--name', 'a.b'], /--name: "a.b" is not a DNS label/],
  ['a name with a leading dash', ['--name=-a'], /--name: "-a" is not a DNS label/],
  ['an empty name', ['--name', ''], /--name: "" is empty/],
  ['a negative size', ['--max-size', '-1'], /--max-size: -1 is out of range/],
  ['a size with a unit', ['--max-size', '10MB'], /--max-size: "10MB" is not a whole number/],
  ['a size with a fraction', ['--max-size', '1.5'], /--max-size: "1.5" is not a whole number/],
  ['a packet size that is too large', ['--packet-size', '300000'], /--packet-size: 300000 is out of range/],
  ['a packet size that is negative', ['--packet-size=-1'], /--packet-size: -1 is out of range/],
  ['a size that no disk has', ['--max-size', '99999999'], /--max-size: 99999999 is out of range/],
  ['a packet count that is negative', ['--packet-count=-1'], /--packet-count: -1 is out of range/],
  ['a packet count that is none', ['--packet-count', 'few'], /--packet-count: "few" is not a whole number/],
  ['a packet count beyond what tcpdump counts', ['--packet-count', '3000000000'], /--packet-count: .* out of range/],
  ['a ring of no files', ['--file-count', '0'], /--file-count: 0 is out of range \(1 to 10000\)/],
  ['a ring of a negative number of files', ['--file-count=-1'], /--file-count: -1 is out of range/],
  [
    'a ring of files without a size',
    ['--file-count', '3', '--max-size', '0'],
    /--file-count: its files need a size, and --max-size 0 is none: give --max-size 1 or more/,
  ],
  [
    'a verbosity with a slip',
    ['--verbosity', 'verbos'],
    /--verbosity: "verbos" is not one of verbose, extra, max; did you mean verbose\?/,
  ],
  ['a time format that is none', ['--timestamp-format', 'iso'], /--timestamp-format: "iso" is not one of none, unfor/],
  ['a format of data with a slip', ['--print-data', 'HEX'], /--print-data: "HEX" is not one of .*did you mean hex\?/],
  ['a boolean of tcpdump that is none', ['--no-promiscuous=2'], /--no-promiscuous: "2" is not true or false/],
  ['a boolean of the listing that is none', ['--quiet-output=yes'], /--quiet-output: "yes" is not true or false/],
  ['an interface with a slash', ['--interfaces', 'eth0,../x'], /--interfaces: "..\/x" cannot be the name/],
  ['an interface that is too long', ['--interfaces', 'a234567890123456'], /more than 15 characters/],
  ['all interfaces and one of them', ['--interfaces', 'any,eth0'], /any stands for all interfaces/],
  ['an interface that is a flag', ['--interfaces=-w'], /--interfaces: "-w" cannot be the name/],
  ['a CPU limit that is none', ['--cpu-limit', 'lots'], /--cpu-limit: "lots" is not a quantity such as/],
  ['a CPU limit that no capture can live on', ['--cpu-limit', '5m'], /--cpu-limit: "5m" is too little: .*10m/],
  ['a memory limit with a wrong unit', ['--memory-limit', '64MB'], /--memory-limit: "64MB" is not a quantity/],
  ['a memory limit that kills', ['--memory-limit', '1Mi'], /--memory-limit: "1Mi" is too little/],
  [
    'a pull policy that is none',
    ['--image-pull-policy', 'always'],
    /"always" is not one of Always, IfNotPresent, Never/,
  ],
  ['an image with a blank', ['--image', 'a b'], /--image: "a b" is not the name of an image such as/],
  ['an image in upper case', ['--image', 'Retina:1'], /--image: "Retina:1" is not the name of an image/],
  [
    'an unknown flag',
    ['--durration', '5s'],
    /unknown option '--durration'/,
    /Did you mean --duration\?.*capture create --help/s,
  ],
  ['an unknown short flag', ['-Q'], /unknown option '-Q'/, /capture create --help/],
  ['a target without a kind', ['web', 'db'], /^web: "web" is not a kind of target: .*such as deploy\/web$/],
  ['a mistyped kind', ['deplyo/web'], /^deplyo\/web: "deplyo" is not a kind of target: did you mean deploy\?$/],
  ['a mistyped kind before a name', ['statefullset', 'db'], /did you mean statefulset\?/],
  ['a kind that has no pods', ['configmap/x'], /the kinds are pod, deploy, sts, ds, rs, job, cronjob, svc, node/],
  ['a kind without a name', ['svc'], /^svc: its name is missing: svc\/NAME$/],
  ['a target with two slashes', ['shop/deploy/web'], /a target has one slash: KIND\/NAME/],
  ['a target whose name is none', ['pod/Web'], /^pod\/Web: "Web" cannot be a name in Kubernetes$/],
  [
    'a target by argument and one by flag',
    ['deploy/web', '--pod-names', 'a'],
    /only one kind.*deploy\/web and --pod-n/,
  ],
  ['all namespaces, and names of pods', ['-A', '--pod-names', 'a'], /-A goes with --pod-selectors, .*--pod-names/],
  ['all namespaces, and nodes', ['-A', '--node-names', 'node1'], /-A goes with --pod-selectors.*not with --node-names/],
  ['all namespaces, and a target', ['-A', 'deploy/web'], /-A goes with --pod-selectors.*not with deploy\/web/],
  ['all namespaces, and some', ['-A', '--namespace-selectors', 'a=b'], /-A means all namespaces.*give one of them/],
  ['a negative number of Jobs', ['--job-num-limit', '-1'], /--job-num-limit: -1 is out of range/],
  ['a number of Jobs that is none', ['--job-num-limit', 'few'], /--job-num-limit: "few" is not a whole number/],
  ['a service account in upper case', ['--service-account', 'Bob'], /--service-account: "Bob" cannot be a name/],
  ['a priority class with a blank', ['--priority-class', 'a b'], /--priority-class: "a b" cannot be a name/],
  ['two pull secrets in one', ['--image-pull-secret', 'a,b'], /--image-pull-secret: "a,b" cannot be a name/],
  ['a time to live of nothing', ['--ttl', '1ms'], /--ttl: "1ms" is too short: at least 1s/],
  ['a time to live without a unit', ['--ttl', '90'], /--ttl: "90" has no unit/],
  ['a flag without its value', ['--name'], /--name: its value is missing/, /capture create --help/],
  ['a flag whose value is the next flag', ['--name', '--wait'], /--name: its value is missing: --wait is a flag/],
  ['a boolean that is none', ['--wait=maybe'], /--wait: "maybe" is not true or false/],
  ['a server that is no URL', ['-s', 'tcp://10.240.0.1'], /--server: "tcp:\/\/10.240.0.1" is not a URL such as/],
  [
    'a long flag with one dash',
    ['-duration', '5s'],
    /-duration: a long flag begins with two/,
    /Did you mean --duration/,
  ],
  ['-namespace, not the namespace "amespace"', ['-namespace', NS], /-namespace: a long flag/, /mean --namespace\?/],
  ['a slip in a flag with one dash', ['-duraton=5s'], /-duraton: a long flag/, /Did you mean --duration/],
  ['a flag that is cut short', ['--dura', '5s'], /unknown option '--dura'/, /Did you mean --duration\?/],
  ['a flag in the singular', ['--pod-selector', 'a=b'], /unknown option '--pod-selector'/, /mean --pod-selectors\?/],
  ['a flag by its name in kubectl', ['-l', 'app=web'], /unknown option '-l'/, /Did you mean --pod-selectors\?/],
  ['a flag by another name', ['--nodes', 'node1'], /unknown option '--nodes'/, /Did you mean --node-names\?/],
  ['a kubeconfig that is not there', ['--kubeconfig', '/no/such'], /--kubeconfig: there is no file \/no\/such/],
  ['a manifest that is not there', ['-f', '/no/such.yaml'], /--filename: there is no file \/no\/such\.yaml/],
  ['a manifest that is a directory', ['-f', '/tmp'], /--filename: \/tmp is a directory/],
  ['a manifest with nothing in it', ['-f', '/dev/null'], /\/dev\/null: there is no Capture in it/],
  ['a manifest of another kind', ['-f', 'package.json'], /package\.json:1: only a Capture of retina\.sh\/v1alpha1/],
  ['a manifest that is not YAML', ['-f', 'Makefile'], /Makefile:\d+: this is not YAML: /],
  ['a dry run nowhere', ['--dry-run', 'cleint'], /"cleint" is not one of none, client, server; did you mean client\?/],
  ['a dry run of before', ['--dry-run=true'], /--dry-run: "true" is not one of none, client, server/],
  [
    'a format that is none',
    ['-o', 'jsn'],
    /--output: "jsn" is not one of wide, name, json, yaml, capture; did you mean json\?/,
  ],
  ['a manifest of what is created', ['-o', 'capture'], /--output: capture goes with --dry-run=client/],
  [
    'a manifest of what the server thinks',
    ['-o', 'capture', '--dry-run=server'],
    /--output: capture goes with --dry-run=client/,
  ],
  [
    'four problems at once',
    ['--duration', '5', '--name', 'A', '--host-path', '/', '--pod-selectors', '(('],
    /4 problems, nothing was created/,
    /--name: .*--duration: .*--host-path: /s,
  ],
];

/** Other commands: the whole command line. */
const otherRows: readonly Row[] = [
  ['an unknown command', ['captrue', 'create'], /unknown command 'captrue'/, /Did you mean capture\?/],
  ['an unknown command of captures', ['capture', 'creat'], /unknown command 'creat'/, /Did you mean create\?/],
  ['a command without its group', ['list'], /unknown command 'list'/, /Did you mean: kubectl retina capture list/],
  ['a command by its name in kubectl', ['capture', 'get'], /unknown command 'get'/, /Did you mean list\?/],
  ['the version as a flag', ['--version'], /unknown option '--version'/, /Did you mean: kubectl retina version/],
  ['an unknown flag before the command', ['--kontext=x', 'version'], /unknown option '--kontext'/, /mean --context\?/],
  ['status of nothing', ['capture', 'status'], /no capture is named/, /kubectl retina capture list/],
  ['stop of nothing', ['capture', 'stop'], /no capture is named/, /kubectl retina capture list/],
  ['delete of nothing', ['capture', 'delete'], /no capture is named/, /kubectl retina capture list/],
  ['download of nothing', ['capture', 'download'], /no capture is named/, /kubectl retina capture list/],
  ['two names for one', ['capture', 'status', 'a', '--name', 'b'], /one capture can be named, not a and b/],
  ['stop of two', ['capture', 'stop', 'a', 'b'], /too many arguments for 'stop'/],
  ['a name that none can have', ['capture', 'delete', 'ok', '../x'], /"..\/x" cannot be the name of a capture/],
  [
    'all, and one by name',
    ['capture', 'delete', '--all', 'a'],
    /--all is every capture of the namespace/,
    /capture list/,
  ],
  ['a timeout that is none', ['capture', 'delete', 'a', '--timeout', 'x'], /--timeout: "x" is not a duration/],
  [
    'two problems of a download',
    ['capture', 'download', 'a', '--host-path', '..', '--node-names', 'A'],
    /2 problems, nothing was downloaded/,
  ],
  [
    'local: a ring of files without a size',
    ['capture', 'local', '--file-count', '2', '--max-size', '0'],
    /--file-count: its files need a size/,
  ],
  ['local: a duration that is none', ['capture', 'local', '--duration', 'x'], /--duration: "x" is not a duration/],
  ['an argument of version', ['version', 'x'], /too many arguments for 'version'/],
];

/** Wrong command lines. There is no kubeconfig while they run: what they tell comes before any contact. */
export function flagCases(): WrongCase[] {
  const env = { KUBECONFIG: '/nonexistent', HOME: '/nonexistent' };
  const toCase = ([what, args, message, hint]: Row): WrongCase => ({
    ...{ what, args, env, code: 2, message },
    ...(hint === undefined ? {} : { hint }),
  });
  return [
    ...[...createRows, ...filterRows, ...destinationRows].map(([what, flags, ...told]) =>
      toCase([what, ['capture', 'create', '-n', NS, ...flags], ...told]),
    ),
    ...[...otherRows, ...outputRows, ...storeRows].map(toCase),
  ];
}
