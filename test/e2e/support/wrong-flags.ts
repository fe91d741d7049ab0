import { destinationRows } from './wrong-destinations.ts';
import { NS } from './wrong-lab.ts';

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

/** What is wrong, the arguments, and what is told; exit code 2. */
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
  ['an interface with a slash', ['--interfaces', 'eth0,../x'], /--interfaces: "..\/x" cannot be the name/],
  ['an interface that is too long', ['--interfaces', 'a234567890123456'], /more than 15 characters/],
  ['all interfaces and one of them', ['--interfaces', 'any,eth0'], /any stands for all interfaces/],
  ['an interface that is a flag', ['--interfaces=-w'], /--interfaces: "-w" cannot be the name/],
  ['a filter that is a flag', ['--pcap-filter', '-w /etc/passwd'], /--pcap-filter: .*is a flag of tcpdump, not a BPF/],
  ['a filter on two lines', ['--pcap-filter', 'tcp\nudp'], /--pcap-filter: .*control character/],
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
  ['a stray argument', ['web', 'db'], /too many arguments.*web, db/, /capture create --help/],
  ['a flag without its value', ['--name'], /--name: its value is missing/, /capture create --help/],
  ['a flag whose value is the next flag', ['--name', '--wait'], /--name: its value is missing: --wait is a flag/],
  ['a boolean that is none', ['--wait=maybe'], /--wait: "maybe" is not true or false/],
  ['a server that is no URL', ['-s', '10.240.0.1:6443'], /--server: "10.240.0.1:6443" is not a URL such as/],
  ['a kubeconfig that is not there', ['--kubeconfig', '/no/such'], /--kubeconfig: there is no file \/no\/such/],
  [
    'four problems at once',
    ['--duration', '5', '--name', 'A', '--host-path', '/', '--pod-selectors', '(('],
    /4 problems, nothing was created/,
    /--duration: .*--name: .*--host-path: /s,
  ],
];

/** Other commands: the whole command line. */
const otherRows: readonly Row[] = [
  ['an unknown command', ['captrue', 'create'], /unknown command 'captrue'/, /Did you mean capture\?/],
  ['an unknown command of captures', ['capture', 'creat'], /unknown command 'creat'/, /Did you mean create\?/],
  ['a command without its group', ['list'], /unknown command 'list'/, /Did you mean: kubectl retina capture list/],
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
  ['a format that is none', ['capture', 'list', '-o', 'bogus'], /--output: "bogus" is not a format/],
  ['a timeout that is none', ['capture', 'delete', 'a', '--timeout', 'x'], /--timeout: "x" is not a duration/],
  [
    'two problems of a download',
    ['capture', 'download', 'a', '--host-path', '..', '--node-names', 'A'],
    /2 problems, nothing was downloaded/,
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
    ...[...createRows, ...destinationRows].map(([what, flags, ...told]) =>
      toCase([what, ['capture', 'create', '-n', NS, ...flags], ...told]),
    ),
    ...otherRows.map(toCase),
  ];
}
