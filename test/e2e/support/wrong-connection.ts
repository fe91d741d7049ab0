import { join } from 'node:path';
import { STATE } from './cluster.ts';
import type { WrongCase } from './wrong-flags.ts';
import { EXPIRED, type Lab, NS, TAKEN } from './wrong-lab.ts';

/** Words in braces stand for what the lab has made: a URL, or the path of a file. */
type Row = readonly [what: string, args: readonly string[], told: readonly [RegExp, RegExp?]];

const LIST = ['capture', 'list', '-n', NS];
const CREATE = ['capture', 'create', '-n', NS, '--node-names', 'node1'];
const VIEWER = ['--kubeconfig', join(STATE, 'kubeconfig-viewer')];
const CAPTURER = ['--kubeconfig', join(STATE, 'kubeconfig-capturer')];

const from = (file: string): readonly string[] => [...LIST, '--kubeconfig', `{${file}}`];
const server = (url: string, ...more: readonly string[]): readonly string[] => [...LIST, '--server', url, ...more];
const mayNot = (words: string): RegExp => new RegExp(`you may not ${words}`);

/** Who asks: credentials and rights. */
const identityRows: readonly Row[] = [
  ['a wrong token', [...LIST, '--token', 'wrong'], [/does not accept your token/, /Log in again/]],
  ['no credentials', from('nobody'), [/does not accept your credentials/, /Log in/]],
  ['an expired client certificate', from('expired'), [RegExp(`certificate expired at ${EXPIRED}`), /Get a new one/]],
  ['a key that is not there', from('no-key'), [/cannot be read: there is no file \/no\/such.key/, /Mend the kubecon/]],
  ['a key of another certificate', from('other-key'), [/cannot be used: .*key values mismatch/, /do they fit/]],
  [
    'a user who may only read',
    [...CREATE, ...VIEWER],
    [mayNot(`create jobs.batch in .*${NS}.*viewer`), /--print-rbac/],
  ],
  [
    'a user who may only read deletes',
    ['capture', 'delete', TAKEN, '-n', NS, ...VIEWER],
    [mayNot(`delete jobs.batch in .*${NS}.*viewer`)],
  ],
  [
    'a user of another namespace',
    [...CREATE, ...CAPTURER],
    [mayNot(`create, list jobs.batch in .*${NS}`), /--print-rbac/],
  ],
  ['a user of another namespace lists', [...LIST, ...CAPTURER], [mayNot(`list (jobs.batch|pods) in .*${NS}`)]],
  ['a list of all namespaces', ['capture', 'list', '-A', ...CAPTURER], [mayNot('list (jobs.batch|pods) cluster-wide')]],
  ['acting as another', [...LIST, '--as', 'nobody'], [mayNot(`list (jobs.batch|pods) in .*user nobody`)]],
  [
    'a credential plugin that is not installed',
    from('plugin-missing'),
    [/credential plugin no-such-plugin of user admin is not installed/, /See https:\/\/plugin.test/],
  ],
  [
    'a credential plugin that fails',
    from('plugin-fails'),
    [/credential plugin sh of user admin failed: session expired, run: login/, /Log in again/],
  ],
  ['a credential plugin that answers nonsense', from('plugin-nonsense'), [/it printed no ExecCredential/]],
  ['a credential plugin that gives nothing', from('plugin-empty'), [/printed neither a token nor a certificate/]],
  ['a credential plugin that fails silently', from('plugin-mute'), [/plugin false of user admin failed: exit code 1/]],
  [
    'a credential plugin by a wrong path',
    from('plugin-path'),
    [/retina-wrong-.*\/no-such-plugin of user admin is not/],
  ],
  [
    'a token file that is not there',
    from('lost-token'),
    [/cannot be read: there is no file .*lost-token-file/, /Mend/],
  ],
  [
    'acting as another, by a user who may not',
    [...LIST, ...VIEWER, '--as', 'admin'],
    [mayNot('act as another: user viewer lacks the right'), /auth can-i impersonate users/],
  ],
  [
    'acting as a group, by a user who may not',
    [...LIST, ...VIEWER, '--as', 'viewer', '--as-group', 'system:masters'],
    [mayNot('act as another')],
  ],
];

/** Which cluster: configuration files and connections. */
const connectionRows: readonly Row[] = [
  ['a kubeconfig that is not YAML', from('broken'), [/broken cannot be read: it is not YAML.*\(line \d+, col/, /FILE/]],
  ['a kubeconfig without clusters', from('other'), [/kubeconfig has no context, so no cluster/, /--kubeconfig FILE/]],
  ['a kubeconfig that is a directory', from('directory'), [/cannot be read: it is a directory/]],
  ['a kubeconfig that is empty', from('empty'), [/kubeconfig has no context/]],
  ['a kubeconfig without a current context', from('no-current'), [/no current context/, /--context NAME: c/]],
  [
    'a context of a missing cluster',
    from('dangling'),
    [/no cluster gone, which its context c names/, /--cluster NAME/],
  ],
  ['a server in the kubeconfig that is no URL', from('bad-server'), [/"nonsense" is not a URL/, /--server URL/]],
  ['a proxy that does not listen', from('dead-proxy'), [/the proxy 127.0.0.1:1 refused the connection/, /HTTPS_PROXY/]],
  ['a proxy of a wrong kind', from('bad-proxy'), [/wrong proxy-url: "ftp:\/\/x"/, /socks5:\/\/HOST:PORT/]],
  ['a port where nothing listens', server('https://10.240.0.1:1'), [/10.240.0.1:1 refused the conn/, /cluster-info/]],
  ['an unknown server', server('https://no-such.test:6443'), [/no-such.test:6443 cannot be resolved/, /cluster-info/]],
  [
    'a server that hangs',
    server('{silent}', '--request-timeout', '1s'),
    [/did not answer in time/, /--request-timeout/],
  ],
  ['a server that is a web page', server('{page}'), [/did not answer in JSON as an API server/, /--server URL/]],
  ['http instead of https', server('http://10.240.0.1:6443'), [/answered 400: .*HTTP request/, /http or https/]],
  ['https instead of http', server('{page-tls}'), [/does not speak TLS/, /http or https/]],
  [
    'an unknown authority',
    [...LIST, '--certificate-authority', '{stranger}'],
    [/unknown authority/, /--certificate-a/],
  ],
  ['a certificate for another name', [...LIST, '--tls-server-name', 'x.y'], [/not for the name x.y/, /--tls-server-n/]],
];

/** Flags that name what the configuration or this machine does not have: the command line is wrong. */
const namedRows: readonly Row[] = [
  [
    'an unknown context',
    [...LIST, '--context', 'x'],
    [/--context: there is no context x/, /contexts there: testcluster/],
  ],
  [
    'an unknown cluster',
    [...LIST, '--cluster', 'x'],
    [/--cluster: there is no cluster x/, /clusters there: testcluster/],
  ],
  ['an unknown user', [...LIST, '--user', 'x'], [/--user: there is no user x/, /users there: admin/]],
  ['groups without a user', [...LIST, '--as-group', 'x'], [/--as-group: whom to act as is missing: --as USER/]],
  ['an extra field of nobody', [...LIST, '--as-user-extra', 'k=v'], [/--as-user-extra: whom to act as is missing/]],
  [
    'an extra field without a value',
    [...LIST, '--as', 'x', '--as-user-extra', 'k'],
    [/--as-user-extra: "k" is not KEY=VALUE/],
  ],
  [
    'a certificate that is no file',
    [...LIST, '--client-certificate', '/no/x'],
    [/--client-certificate: there is no file/],
  ],
  ['a key that is no file', [...LIST, '--client-key', '/no/x'], [/--client-key: there is no file \/no\/x/]],
  [
    'a certificate without its key',
    [...LIST, '--client-certificate', '{stranger}'],
    [/--client-certificate: its key is missing: --client-key FILE/],
  ],
  [
    'an authority that is not to be heeded',
    [...LIST, '--certificate-authority', '{stranger}', '--insecure-skip-tls-verify'],
    [/--certificate-authority and --insecure-skip-tls-verify exclude each other/],
  ],
  ['an authority that is no file', [...LIST, '--certificate-authority', '/no/ca'], [/there is no file \/no\/ca/]],
  [
    'a timeout of requests that is none',
    [...LIST, '--request-timeout', '-5s'],
    [/--request-timeout: "-5s" is not a du/],
  ],
];

/** Cases of configuration, connection and credentials. */
export function connectionCases(lab: Lab): WrongCase[] {
  const fill = (word: string): string => word.replace(/^\{(.*)\}$/, (_, name: string) => lab.made.get(name) ?? '');
  const toCase = (code: 1 | 2, [what, args, [message, hint]]: Row): WrongCase => ({
    ...{ what, args: args.map(fill), code, message },
    ...(hint === undefined ? {} : { hint }),
  });
  return [
    ...identityRows.map((row) => toCase(1, row)),
    ...connectionRows.map((row) => toCase(1, row)),
    ...namedRows.map((row) => toCase(2, row)),
    {
      ...{ what: 'no kubeconfig at all', args: LIST, env: { KUBECONFIG: '', HOME: fill('{directory}') }, code: 1 },
      message: /no cluster is configured: there is no file .*\.kube\/config and KUBECONFIG is not set/,
      hint: /--kubeconfig FILE or the variable KUBECONFIG/,
    },
    {
      ...{ what: 'a proxy that refuses', args: LIST, env: { HTTPS_PROXY: fill('{refusing-proxy}') }, code: 1 },
      message: /the proxy 127\.0\.0\.1:\d+ answered 407 when asked for 10\.240\.0\.1:6443/,
      hint: /NO_PROXY/,
    },
    {
      ...{ what: 'KUBECONFIG names a missing file', args: LIST, env: { KUBECONFIG: '/no/config' }, code: 1 },
      message: /no cluster is configured: there is no file \/no\/config \(from KUBECONFIG\)/,
    },
  ];
}
