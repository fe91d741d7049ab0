import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { HERE, list, listed, refused } from './support/access.ts';
import { CA, NS, SERVER, startAccessLab, startFront } from './support/access-lab.ts';
import { retina } from './support/cli.ts';

const DIRECT = ['--server', SERVER, '--certificate-authority', CA];

const lab = await startAccessLab();
after(() => lab.end());

describe('credentials of the command line', () => {
  const rest = ['-n', NS, ...DIRECT];

  test('--token, without any configuration', async () => {
    listed(await list([...rest, '--token', lab.token]));
    refused(await list([...rest]), /does not accept your credentials|user system:anonymous/);
  });

  test('--token counts more than the credentials of the context', async () => {
    const admin = process.env.KUBECONFIG ?? '';
    refused(
      await retina(['capture', 'list', '-A', '--token', lab.token], { env: { KUBECONFIG: admin } }),
      new RegExp(`cluster-wide \\(user system:serviceaccount:${NS}:reader\\)`),
    );
  });

  test('--client-certificate and --client-key', async () => {
    const pair = ['--client-certificate', lab.certificate, '--client-key', lab.key];
    listed(await list([...rest, ...pair]));
    refused(await list(['-A', ...DIRECT, ...pair]), /cluster-wide \(user anna\)/);
  });

  test('--insecure-skip-tls-verify, where the authority is unknown', async () => {
    const unknown = ['-n', NS, '--server', SERVER, '--token', lab.token];
    refused(await list(unknown), /signed by an unknown authority/);
    listed(await list([...unknown, '--insecure-skip-tls-verify']));
    listed(await list([...unknown, '--insecure-skip-tls-verify=true']));
    refused(await list([...unknown, '--insecure-skip-tls-verify=false']), /signed by an unknown authority/);
  });

  test('--tls-server-name is the name that the certificate is checked for', async () => {
    const [server, ...authority] = [`${SERVER.replace('10.240.0.1', 'host.test')}`, '--certificate-authority', CA];
    const by = ['-n', NS, '--server', server, ...authority, '--token', lab.token, '--tls-server-name'];
    // No resolver here knows host.test: the address stands for a name that the certificate lacks.
    listed(await list([...by.with(3, SERVER), 'kubernetes.default']));
    refused(await list([...by.with(3, SERVER), 'other.test']), /is not for the name other\.test/);
  });

  test('--server without a scheme is plain HTTP, as in kubectl', async () => {
    const front = await startFront();
    try {
      listed(await list(['-n', NS, '--server', front.url.replace('http://', '')]));
      listed(await list(['-n', NS, '-s', `${front.url}/`]));
    } finally {
      front.close();
    }
  });
});

describe('acting as another', () => {
  const by = (...flags: readonly string[]) => list(['-n', NS, ...DIRECT, '--token', lab.token, ...flags]);

  test('the groups count: --as alone may not, --as-group may', async () => {
    refused(await by('--as', 'bob'), /you may not list .* \(user bob\)/);
    refused(await by('--as', 'bob', '--as-group', 'others'), /you may not list .* \(user bob\)/);
    listed(await by('--as', 'bob', '--as-group', 'others', '--as-group', 'access-team'));
  });

  test('UID and extra fields reach the API server, which asks for the right to each', async () => {
    const group = ['--as', 'bob', '--as-group', 'access-team'];
    listed(await by(...group, '--as-uid', '42', '--as-user-extra', 'scopes=view', '--as-user-extra', 'scopes=edit'));
    refused(await by(...group, '--as-uid', '43'), /you may not impersonate uids/);
    refused(await by(...group, '--as-user-extra', 'scopes=all'), /you may not impersonate userextras\/scopes/);
    refused(await by(...group, '--as-user-extra', 'other=view'), /you may not impersonate userextras\/other/);
  });

  test('whoever may not act as another is told', async () => {
    refused(await by('--as', 'admin'), /you may not impersonate users .*reader/);
    refused(await by('--as', 'bob', '--as-group', 'system:masters'), /you may not impersonate groups/);
  });

  test('as, as-groups, as-uid and as-user-extra of a kubeconfig', async () => {
    const acting = { token: lab.token, as: 'bob', 'as-groups': ['access-team'], 'as-uid': '42' };
    listed(
      await list([
        '--kubeconfig',
        lab.config('acting', { user: { ...acting, 'as-user-extra': { scopes: ['view'] } } }),
      ]),
    );
    const wrong = lab.config('acting-wrong', { user: { ...acting, 'as-uid': '43' } });
    refused(await list(['--kubeconfig', wrong]), /you may not impersonate uids/);
    listed(await list(['--kubeconfig', wrong, '--as-uid', '42']));
  });
});

describe('credential plugins', () => {
  /** A plugin that notes each call and what it was told, and answers with a token that lives for some seconds. */
  function plugin(name: string, lifetime: number | undefined, extra: object = {}) {
    const log = join(lab.directory, `${name}.log`);
    const expiry =
      lifetime === undefined ? '' : `,"expirationTimestamp":"'$(date -u -d "${lifetime} seconds" +%FT%TZ)'"`;
    const status = `{"token":"${lab.token}"${expiry}}`;
    const answer = `{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":${status}}`;
    const script = lab.write(
      `${name}.sh`,
      `#!/bin/sh\necho "$KUBERNETES_EXEC_INFO $1 $EXTRA" >>${log}\necho '${answer}'\n`,
      0o700,
    );
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      interactiveMode: 'IfAvailable',
      command: script,
      args: ['argument'],
      env: [{ name: 'EXTRA', value: 'variable' }],
      ...extra,
    };
    const calls = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);
    return { config: lab.config(name, { user: { exec } }), calls };
  }

  test('it is called once for all requests of a command, as kubectl calls it', async () => {
    const { config, calls } = plugin('once', undefined, { provideClusterInfo: true, command: './once.sh' });
    listed(await list(['--kubeconfig', config]));
    assert.equal(calls().length, 1, 'jobs and pods are listed with one token');
    const [call = ''] = calls();
    assert.match(call, / argument variable$/);
    const info = JSON.parse(call.replace(/ argument variable$/, ''));
    assert.equal(info.kind, 'ExecCredential');
    assert.equal(info.apiVersion, 'client.authentication.k8s.io/v1');
    assert.equal(info.spec.interactive, false);
    assert.equal(info.spec.cluster.server, SERVER);
    assert.ok(info.spec.cluster['certificate-authority-data']?.length > 100, 'the authority, as data');
  });

  test('when its token has expired, it is called again', async () => {
    const { config, calls } = plugin('short', -1);
    // A watch of captures that are not there ends at once, after several requests.
    const ran = await retina(['capture', 'status', 'none', '--kubeconfig', config], { env: HERE });
    refused(ran, /no capture none|none/);
    assert.ok(calls().length >= 2, `called ${calls().length} times`);
    const long = plugin('long', 3600);
    refused(await retina(['capture', 'status', 'none', '--kubeconfig', long.config], { env: HERE }), /none/);
    assert.equal(long.calls().length, 1);
  });

  test('a client certificate from a plugin', async () => {
    const pem = {
      clientCertificateData: readFileSync(lab.certificate, 'utf8'),
      clientKeyData: readFileSync(lab.key, 'utf8'),
    };
    const answer = lab.write('pair.json', JSON.stringify({ kind: 'ExecCredential', status: pem }));
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'cat', args: [answer] };
    listed(await list(['--kubeconfig', lab.config('pair', { user: { exec } })]));
  });
});
