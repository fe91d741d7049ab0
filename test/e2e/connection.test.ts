import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { execa } from 'execa';
import { HERE, list, listed, refused } from './support/access.ts';
import { CA, NS, SERVER, startAccessLab, startFront, startProxy } from './support/access-lab.ts';
import { CLI, IMAGE, retinaOk } from './support/cli.ts';
import { apply, kubectl, until } from './support/cluster.ts';

const DIRECT = ['--server', SERVER, '--certificate-authority', CA];
const LIST = ['capture', 'list', '-n', NS];

const lab = await startAccessLab();
after(() => lab.end());

describe('configuration files', () => {
  test('KUBECONFIG is a list: the first that has a name counts, missing files are left out', async () => {
    const good = lab.config('good', { user: { token: lab.token } });
    const bad = lab.write('bad', readFileSync(good, 'utf8').replace(lab.token, 'wrong'));
    const other = lab.config('other', { user: { token: 'wrong' } });
    const with_ = (...files: string[]) => list([], { ...HERE, KUBECONFIG: files.join(':') });
    listed(await with_('/no/such', good, bad, other));
    refused(await with_(bad, good), /does not accept your token/);
    refused(await with_(other, good), /does not accept your token/);
    listed(await list(['--context', 'good'], { ...HERE, KUBECONFIG: `${other}::${good}` }));
    listed(await list(['--user', 'good'], { ...HERE, KUBECONFIG: `${other}:${good}` }));
    listed(await list(['--kubeconfig', good], { ...HERE, KUBECONFIG: other }));
  });

  test('--cluster takes another cluster with the credentials of the context', async () => {
    const here = lab.config('here', { user: { token: lab.token }, cluster: { server: 'https://127.0.0.1:1' } });
    const there = lab.config('there', { user: {} });
    const env = { ...HERE, KUBECONFIG: `${here}:${there}` };
    refused(await list([], env), /127\.0\.0\.1:1 refused the connection/);
    listed(await list(['--cluster', 'there'], env));
    listed(await list(['--cluster', 'there', '--context', '', '--token='], env));
  });

  test("the namespace is the flag's, else the context's, else default", async () => {
    const config = lab.config('elsewhere', { user: { token: lab.token }, namespace: 'kube-public' });
    refused(await list(['--kubeconfig', config]), /in namespace kube-public/);
    listed(await list(['--kubeconfig', config, '-n', NS]));
    listed(await list(['--kubeconfig', config, `-n=${NS}`]));
    const none = lab.write('none', readFileSync(config, 'utf8').replace(',"namespace":"kube-public"', ''));
    refused(await list(['--kubeconfig', none]), /in namespace default/);
  });

  test('data counts more than files, and files are found from the kubeconfig', async () => {
    const data = Buffer.from(readFileSync(CA)).toString('base64');
    const cluster = { 'certificate-authority': 'no-such.crt', 'certificate-authority-data': data };
    listed(await list(['--kubeconfig', lab.config('data', { user: { token: lab.token }, cluster })]));
    const user = { 'client-certificate': 'anna.crt', 'client-key': 'anna.key' };
    listed(await list(['--kubeconfig', lab.config('relative', { user })]));
  });

  test('tokenFile, relative to the kubeconfig, with the line break that editors add', async () => {
    lab.write('token', `${lab.token}\n`);
    listed(await list(['--kubeconfig', lab.config('file', { user: { tokenFile: 'token', token: 'wrong' } })]));
    const lost = lab.config('lost', { user: { tokenFile: 'lost-token' } });
    refused(await list(['--kubeconfig', lost]), /cannot be read: there is no file .*lost-token/);
  });

  test('user name and password are sent', async () => {
    const front = await startFront();
    const user = { username: 'anna', password: 'se:cret' };
    listed(await list(['--kubeconfig', lab.config('basic', { user, cluster: { server: front.url } })]));
    front.close();
    const sent = front.seen[0]?.headers.authorization ?? '';
    assert.equal(Buffer.from(sent.replace('Basic ', ''), 'base64').toString(), 'anna:se:cret');
  });
});

describe('proxies', () => {
  test('proxy-url of the kubeconfig carries requests and the download, over few connections', async () => {
    const proxy = await startProxy();
    const name = 'through-proxy';
    const admin = JSON.parse(await kubectl('config', 'view', '--raw', '--flatten', '-o', 'json'));
    const [{ cluster }, { user }] = [admin.clusters[0], admin.users[0]];
    const withUser = proxy.url.replace('//', '//me:p%40ss@');
    const config = lab.config('proxied', {
      user,
      cluster: { ...cluster, 'certificate-authority': undefined, 'proxy-url': withUser },
    });
    const args = ['--kubeconfig', config, '--image', IMAGE];
    const env = { ...HERE, NO_PROXY: '*' };
    await retinaOk(
      ['capture', 'create', '--name', name, '--node-names', 'node1', '--duration', '1s', '--wait', ...args],
      { env },
    );
    const created = proxy.asked.length;
    const output = join(lab.directory, 'downloads');
    mkdirSync(output);
    await retinaOk(['capture', 'download', name, '-o', output, ...args], { env });
    await retinaOk(['capture', 'delete', name, '--kubeconfig', config], { env });
    proxy.close();
    // The rights are asked for all at once.
    assert.ok(created >= 1 && created <= 12, `create --wait: ${created} connections`);
    assert.deepEqual([...new Set(proxy.asked)], ['10.240.0.1:6443']);
    assert.equal(Buffer.from(proxy.authorization[0]?.replace('Basic ', '') ?? '', 'base64').toString(), 'me:p@ss');
  });

  test('HTTPS_PROXY and NO_PROXY of the environment', async () => {
    const proxy = await startProxy();
    const args = ['--kubeconfig', lab.config('environment', { user: { token: lab.token } })];
    const asked = async (env: Record<string, string>): Promise<number> => {
      const before = proxy.asked.length;
      listed(await list(args, { ...HERE, ...env }));
      return proxy.asked.length - before;
    };
    assert.ok((await asked({ HTTPS_PROXY: proxy.url })) > 0);
    assert.ok((await asked({ https_proxy: proxy.url.replace('http://', '') })) > 0, 'lower case, no scheme');
    assert.ok((await asked({ HTTPS_PROXY: proxy.url, NO_PROXY: 'other.test,10.240.0.2' })) > 0);
    assert.equal(await asked({ HTTPS_PROXY: proxy.url, NO_PROXY: 'x,10.240.0.0/16' }), 0);
    assert.equal(await asked({ HTTPS_PROXY: proxy.url, no_proxy: '10.240.0.1' }), 0);
    assert.equal(await asked({ HTTP_PROXY: proxy.url }), 0);
    proxy.close();
    refused(await list(args, { ...HERE, HTTPS_PROXY: proxy.url }), /the proxy 127\.0\.0\.1:\d+ refused the connection/);
  });
});

describe('answers', () => {
  test('large ones are compressed on the way, unless --disable-compression', async () => {
    const front = await startFront();
    const labels = { 'retina.sh/app': 'capture', 'capture-name': 'large' };
    const pod = { restartPolicy: 'Never', containers: [{ name: 'capture', image: 'localhost/debian:test' }] };
    const jobs = Array.from({ length: 20 }, (_, index) => ({
      ...{ apiVersion: 'batch/v1', kind: 'Job' },
      metadata: { name: `large-${index}`, namespace: NS, labels, annotations: { filler: `${index} `.repeat(5000) } },
      spec: { suspend: true, template: { metadata: { labels }, spec: pod } },
    }));
    await apply(...jobs);
    const server = ['--server', front.url];
    const bytes = async (...more: string[]) => {
      front.seen.length = 0;
      const ran = await retinaOk([...LIST, ...server, ...more], { env: HERE });
      assert.match(ran.stdout, /^large /m);
      const answer = front.seen.find((one) => one.path.includes('/jobs'));
      return { encoding: answer?.encoding, bytes: answer?.bytes ?? 0 };
    };
    const [packed, plain] = [await bytes(), await bytes('--disable-compression')];
    const configured = await bytes(
      '--kubeconfig',
      lab.config('plain', { cluster: { server: front.url, 'disable-compression': true } }),
    );
    front.close();
    await kubectl('delete', 'jobs', '-n', NS, '-l', 'capture-name=large', '--wait=false');
    assert.equal(packed.encoding, 'gzip');
    assert.deepEqual([plain.encoding, configured.encoding], [undefined, undefined]);
    assert.ok(packed.bytes * 3 < plain.bytes, `${packed.bytes} and ${plain.bytes} bytes`);
  });

  test('--request-timeout: seconds, durations, and 0 for no limit', async () => {
    const args = ['-n', NS, ...DIRECT, '--token', lab.token, '--request-timeout'];
    for (const limit of ['5', '5s', '1m30s', '0', '']) listed(await list([...args, limit]));
    refused(await list([...args, '1ms']), /did not answer in time/);
  });
});

test('in a pod, without a kubeconfig: its service account and its namespace', async () => {
  const container = { name: 'c', image: IMAGE, imagePullPolicy: 'Never', args: ['capture', 'list'] };
  await apply({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'inside', namespace: NS } },
    spec: { serviceAccountName: 'reader', restartPolicy: 'Never', containers: [container] },
  });
  const phase = () => kubectl('get', 'pod', 'inside', '-n', NS, '-o', 'jsonpath={.status.phase}');
  await until('the pod has ended', async () => /Succeeded|Failed/.test(await phase()), 60);
  const log = await kubectl('logs', 'inside', '-n', NS);
  assert.equal(await phase(), 'Succeeded', log);
  assert.match(log, new RegExp(`There are no captures in namespace ${NS}\\.|^NAME`));
});

test('kubectl runs the program as its plugin, with the flags after its name', async () => {
  const env = { PATH: `${join(CLI, '..')}:${process.env.PATH}` };
  const { stderr, exitCode } = await execa('kubectl', ['retina', ...LIST], { env, reject: false });
  assert.equal(exitCode, 0, stderr);
});
