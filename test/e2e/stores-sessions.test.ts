import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { apply, filesOn, kubectl, namespace, onNode, until } from './support/cluster.ts';
import { isTarball } from './support/leavings.ts';
import { changesPods, podPolicy, subjectOf } from './support/pod-policy.ts';
import { type Session, s3WithSessions } from './support/s3-sessions.ts';
import { HOST } from './support/stores.ts';
import { STREAM_PORT, startStream } from './support/traffic.ts';

const NS = 'e2e-sessions';
const ACCOUNT = 'capturer';
const RESCUED = '/var/lib/retina/rescued';
/** Whom the webhook of AWS asks the API server for tokens for. */
const AUDIENCE = 'sts.amazonaws.com';
const s3 = s3WithSessions(17500);
const STORE = ['--s3-bucket', 'evidence', '--s3-endpoint', s3.url, '--s3-path', ''];

const keysOf = ({ accessKeyId, secretAccessKey, sessionToken }: Session): Record<string, string> => ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_SESSION_TOKEN: sessionToken,
});

/** Keys for a while, with a token: typed, or found by whoever is who. */
describe('sessions of S3', () => {
  let clean: () => Promise<void>;
  const servers: Server[] = [];

  before(async () => {
    clean = await namespace(NS);
    await s3.start();
    await Promise.all([s3.makeBucket('evidence'), startStream(NS, 'node1')]);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    const policies = 'mutatingadmissionpolicy,mutatingadmissionpolicybinding';
    await kubectl('delete', policies, `${NS}-${ACCOUNT}`, '--ignore-not-found');
    for (const server of servers) server.close().closeAllConnections();
    await s3.end();
    for (const name of filesOn('node1', RESCUED).filter((file) => file.startsWith('session-')))
      rmSync(onNode('node1', join(RESCUED, name)));
  });

  /** Serves answers to requests that it has seen. */
  function serve(port: number, host: string, answer: (from: IncomingMessage) => Promise<string>): void {
    const server = createServer(async (from, to) => {
      to.end(await answer(from));
    });
    servers.push(server.listen(port, host));
  }
  function capture(name: string, flags: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
    const what = ['--node-names', 'node1', '--pcap-filter', `udp port ${STREAM_PORT}`, '--wait', ...flags];
    return retina(['capture', 'create', '-n', NS, '--name', name, ...what, ...STORE], { env, timeoutSeconds: 240 });
  }
  const tarballs = async (name: string): Promise<string[]> =>
    (await s3.names('evidence')).filter((each) => each.startsWith(`${name}-node1`) && isTarball(each));

  test('a session token: delivered', async () => {
    const ran = await capture('session-own', ['--duration', '3s'], keysOf(s3.begin()));
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal((await tarballs('session-own')).length, 1);
  });

  test("a token of another session: the store's own word, at once; kept", async () => {
    const env = { ...keysOf(s3.begin()), AWS_SESSION_TOKEN: 'another-token' };
    const ran = await capture('session-wrong', ['--duration', '2s'], env);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /not saved to s3:\/\/evidence\/session-wrong-node1\S+: .*InvalidToken/);
    assert.match(ran.stderr, /kept on node1: \S+session-wrong-node1/);
    assert.deepEqual(await tarballs('session-wrong'), []);
    assert.doesNotMatch(ran.stdout + ran.stderr, /another-token/);
  });

  test("a session that ends in mid-upload: the store's own word; kept, and sent again by another session", async () => {
    const session = s3.begin();
    const running = capture('session-over', ['--duration', '15s'], keysOf(session));
    await until('a part is there', async () => (await s3.unfinished('evidence')).length > 0, 90);
    s3.expire(session);
    const ran = await running;
    assert.equal(ran.code, 1);
    assert.match(
      ran.stderr,
      /not saved to s3:\/\/evidence\/session-over-node1\S+: .*(InvalidAccessKeyId|ExpiredToken)/,
    );
    assert.match(ran.stderr, /kept on node1: \S+session-over-node1/);
    assert.deepEqual(await tarballs('session-over'), []);
    await retinaOk(['capture', 'upload', 'session-over', '-n', NS, ...STORE], { env: keysOf(s3.begin()) });
    assert.equal((await tarballs('session-over')).length, 1);
  });

  test("no keys: the identity of the pods' service account, as the webhook of AWS gives it to them", async () => {
    const asked: string[] = [];
    serve(17502, HOST, async (from) => {
      const form = new URLSearchParams(Buffer.concat(await from.toArray()).toString());
      asked.push(`${form.get('Action')} ${await subjectOf(form.get('WebIdentityToken') ?? '', AUDIENCE)}`);
      return answerOfSts(s3.begin());
    });
    const serviceAccountToken = { audience: AUDIENCE, expirationSeconds: 3600, path: 'token' };
    const env = {
      ...{ AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/capture', AWS_ENDPOINT_URL_STS: `http://${HOST}:17502` },
      ...{ AWS_WEB_IDENTITY_TOKEN_FILE: '/aws/identity/token', AWS_REGION: 'us-east-1' },
    };
    const volumes = [{ name: 'identity', projected: { sources: [{ serviceAccountToken }] } }];
    await kubectl('create', 'serviceaccount', ACCOUNT, '-n', NS);
    await apply(...podPolicy([NS, ACCOUNT], { env, volumes, below: '/aws' }));
    await until('the policy holds', () => changesPods([NS, ACCOUNT], 'AWS_ROLE_ARN'));
    const ran = await capture('session-pod', ['--duration', '3s', '--service-account', ACCOUNT]);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.equal((await tarballs('session-pod')).length, 1);
    assert.equal(asked[0], `AssumeRoleWithWebIdentity system:serviceaccount:${NS}:${ACCOUNT}`);
  });

  test('no keys on this machine: those of its container, or of its metadata service', async () => {
    const asked: string[] = [];
    serve(17503, '127.0.0.1', async ({ method, url = '' }) => {
      asked.push(`${method} ${url}`);
      if (url === '/latest/api/token') return 'a-token-of-the-machine';
      if (url.endsWith('/security-credentials/')) return 'role';
      const { accessKeyId, secretAccessKey, sessionToken } = s3.begin();
      const times = { Expiration: inAnHour(), LastUpdated: new Date().toISOString() };
      const keys = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken };
      return JSON.stringify({ Code: 'Success', Type: 'AWS-HMAC', ...keys, ...times });
    });
    const list = async (env: Record<string, string>): Promise<void> => {
      const ran = await retina(['capture', 'list', ...STORE], { env: { ...env, KUBECONFIG: '/nonexistent' } });
      assert.match(ran.stdout, /\nsession-own +Completed +1\/1 /, ran.stderr);
    };
    await list({ AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:17503/container' });
    await list({ AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:17503' });
    const role = '/latest/meta-data/iam/security-credentials/';
    assert.deepEqual(asked, ['GET /container', 'PUT /latest/api/token', `GET ${role}`, `GET ${role}role`]);
  });
});

const inAnHour = (): string => new Date(Date.now() + 3_600_000).toISOString();

function answerOfSts({ accessKeyId, secretAccessKey, sessionToken }: Session): string {
  const keys = `<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>`;
  const credentials = `<Credentials>${keys}<SessionToken>${sessionToken}</SessionToken><Expiration>${inAnHour()}</Expiration></Credentials>`;
  const result = `<AssumeRoleWithWebIdentityResult>${credentials}</AssumeRoleWithWebIdentityResult>`;
  return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</AssumeRoleWithWebIdentityResponse>`;
}
