import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Ran, retina, retinaOk } from './support/cli.ts';
import { filesOn, namespace, onNode } from './support/cluster.ts';
import { goBetween } from './support/faults.ts';
import { certify, HOST, S3_KEYS, s3Server } from './support/stores.ts';
import { startStream } from './support/traffic.ts';

const NS = 'e2e-stores-trust';
const RESCUED = '/var/lib/retina/rescued';
const KEYS = { AWS_ACCESS_KEY_ID: S3_KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: S3_KEYS.secretAccessKey };

/** Whom a store trusts, and who trusts a store. */
describe('certificates, checksums and identities of S3', () => {
  const directory = mkdtempSync(join(tmpdir(), 'retina-e2e-'));
  let tls: Awaited<ReturnType<typeof certify>>;
  let clean: () => Promise<void>;
  let secure: ReturnType<typeof s3Server>;
  const plain = s3Server(17075);
  const between = goBetween(17085, plain.url);

  before(async () => {
    tls = await certify(directory);
    secure = s3Server(17074, { tls });
    clean = await namespace(NS);
    // Tarballs of some megabytes: the SDK sends them in another way than small ones.
    await startStream(NS, 'node1');
    await Promise.all([secure.start(), plain.start(), between.start()]);
    await Promise.all([secure.makeBucket('evidence'), plain.makeBucket('evidence')]);
  });
  after(async () => {
    await retina(['capture', 'delete', '--all', '-n', NS]);
    await clean();
    between.end();
    await Promise.all([secure.end(), plain.end()]);
    rmSync(directory, { recursive: true });
    for (const name of filesOn('node1', RESCUED).filter((file) => file.startsWith('trust-')))
      rmSync(onNode('node1', join(RESCUED, name)));
  });

  function capture(name: string, url: string, flags: readonly string[], env: Record<string, string>): Promise<Ran> {
    const duration = flags.includes('--duration') ? [] : ['--duration', '1s'];
    const store = ['--s3-bucket', 'evidence', '--s3-endpoint', url, '--node-names', 'node1', ...duration];
    return retina(['capture', 'create', '-n', NS, '--name', name, '--wait', ...store, ...flags], { env });
  }

  test('--s3-ca-file and AWS_CA_BUNDLE: a store with a certificate of its own authority', async () => {
    const typed = await capture('typed', secure.url, ['--s3-ca-file', tls.certificate], KEYS);
    assert.equal(typed.code, 0, typed.stderr);
    const known = await capture('known', secure.url, [], { ...KEYS, AWS_CA_BUNDLE: tls.certificate });
    assert.equal(known.code, 0, known.stderr);
    assert.equal((await secure.names('evidence')).filter((name) => name.endsWith('.tar.gz')).length, 2);
    const store = ['--s3-bucket', 'evidence', '--s3-endpoint', secure.url, '--s3-ca-file', tls.certificate];
    await retinaOk(['capture', 'download', 'typed', '-o', join(directory, 'got'), ...store], { env: KEYS });
    assert.equal(readdirSync(join(directory, 'got', 'typed')).length, 1);
  });

  test('a certificate that nobody knows: told at once, with what to type; the tarball is kept', async () => {
    const ran = await capture('trust-none', secure.url, [], KEYS);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /DEPTH_ZERO_SELF_SIGNED_CERT: .*; give the certificate of its authority by --s3-ca-file/);
    assert.match(ran.stderr, /kept on node1: .*trust-none-node1/);
    assert.ok(ran.seconds < 20, `${ran.seconds} s`);
    const wrong = await capture('trust-wrong', secure.url, ['--s3-ca-file', tls.key], KEYS);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /--s3-ca-file: \S+tls.key cannot be used: it holds no certificate in PEM/);
    const absent = await capture('trust-absent', secure.url, ['--s3-ca-file', '/nonexistent'], KEYS);
    assert.match(absent.stderr, /--s3-ca-file: \/nonexistent cannot be used: ENOENT/);
  });

  test('--s3-request-checksum-calculation: a store that refuses checksums gets Content-MD5', async () => {
    const headers: string[] = [];
    between.state.fate = (message) => {
      headers.push(...Object.keys(message.headers));
      return Object.keys(message.headers).some((name) => /^x-amz-(checksum|sdk-checksum|trailer)/.test(name))
        ? 400
        : 'passes';
    };
    const refused = await capture('trust-default', between.url, [], KEYS);
    assert.equal(refused.code, 1);
    const old = ['--s3-request-checksum-calculation', 'when_required'];
    const ran = await capture('old', between.url, old, KEYS);
    assert.equal(ran.code, 0, ran.stderr);
    assert.ok(headers.includes('content-md5'));
    assert.equal((await plain.names('evidence')).filter((name) => name.includes('old-node1')).length, 2);
  });

  test('a user who may put objects, and nothing else: delivered, at once and in parts', async () => {
    const writer = { accessKeyId: 'AKIATESTWRITER', secretAccessKey: 'test-writer-secret' };
    await plain.addUser('evidence', writer, ['s3:PutObject']);
    const env = { AWS_ACCESS_KEY_ID: writer.accessKeyId, AWS_SECRET_ACCESS_KEY: writer.secretAccessKey };
    for (const [name, megabytes, metadata] of [
      ['put-short', '1', ['retina-upload', 'sha256']],
      // A copy takes the right to read.
      ['put-long', '15', ['retina-upload']],
    ] as const) {
      const ran = await capture(name, plain.url, ['--duration', '60s', '--max-size', megabytes], env);
      assert.equal(ran.code, 0, ran.stderr);
      const names = (await plain.names('evidence')).filter((each) => each.includes(`${name}-node1`));
      assert.deepEqual(names.map(extname), ['.json', '.gz']);
      assert.deepEqual(Object.keys(await plain.metadata('evidence', names[1] ?? '')).sort(), metadata);
    }
    assert.deepEqual(await plain.unfinished('evidence'), []);
  });

  test('no keys: the identity that a token file stands for, as IRSA gives it to pods', async () => {
    const asked: string[] = [];
    const sts = createServer((from, to) => {
      const pieces: Buffer[] = [];
      from.on('data', (piece: Buffer) => pieces.push(piece));
      from.on('end', () => {
        asked.push(Buffer.concat(pieces).toString());
        to.writeHead(200, { 'Content-Type': 'text/xml' }).end(answerOfSts());
      });
    }).listen(17076, HOST);
    writeFileSync(join(directory, 'token'), 'a.web.token');
    const env = {
      ...{ AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/capture', AWS_ENDPOINT_URL_STS: `http://${HOST}:17076` },
      ...{ AWS_WEB_IDENTITY_TOKEN_FILE: join(directory, 'token'), KUBECONFIG: '/nonexistent' },
    };
    const store = ['--s3-bucket', 'evidence', '--s3-endpoint', plain.url];
    const ran = await retina(['capture', 'download', 'old', '-o', join(directory, 'by-role'), ...store], { env });
    sts.close();
    assert.equal(ran.code, 0, ran.stderr);
    assert.equal(readdirSync(join(directory, 'by-role', 'old')).length, 1);
    assert.match(asked.join(), /Action=AssumeRoleWithWebIdentity.*WebIdentityToken=a\.web\.token/);
    const none = await retina(['capture', 'download', 'old', '-o', directory, ...store], {
      env: { KUBECONFIG: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true' },
    });
    assert.equal(none.code, 1);
    assert.match(none.stderr, /CredentialsProviderError/);
  });
});

/** What STS answers; the store of this test knows no sessions, so the keys are its own. */
function answerOfSts(): string {
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const id = `<AccessKeyId>${S3_KEYS.accessKeyId}</AccessKeyId>`;
  const secret = `<SecretAccessKey>${S3_KEYS.secretAccessKey}</SecretAccessKey>`;
  const credentials = `<Credentials>${id}${secret}<Expiration>${until}</Expiration></Credentials>`;
  const result = `<AssumeRoleWithWebIdentityResult>${credentials}</AssumeRoleWithWebIdentityResult>`;
  return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">${result}</AssumeRoleWithWebIdentityResponse>`;
}
