import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type DestinationFlags, toDestinations } from '../../../src/commands/destination-flags.ts';
import { Problems } from '../../../src/commands/flags.ts';
import { START } from '../support/builders.ts';

const CONTAINER = 'https://acct.blob.core.windows.net/caps';
const sas = (query = '', container = CONTAINER): string => `${container}?sv=2026-10-06&sr=c&${query}&sig=SECRET%2Fsig`;
const ENV = { AWS_ACCESS_KEY_ID: 'ENVID', AWS_SECRET_ACCESS_KEY: 'ENVKEY', AWS_SESSION_TOKEN: 'ENVTOKEN' };
const S3: DestinationFlags = { s3Bucket: 'evidence', s3Region: 'eu-central-1' };

function convert(flags: DestinationFlags, env: NodeJS.ProcessEnv = {}, durationMs: number | null = 60_000) {
  const problems = new Problems();
  const destinations = toDestinations(flags, problems, { env, now: () => START, durationMs });
  return { destinations, found: problems.found, warnings: problems.warnings };
}

/** The keys that a command line amounts to, as id/secret/token. */
function keysOf(flags: DestinationFlags, env: NodeJS.ProcessEnv = {}): string {
  const { destinations, found } = convert({ ...S3, ...flags }, env);
  const [to] = destinations;
  if (found.length > 0 || to?.kind !== 's3') return found.join('; ');
  if (to.access.kind !== 'keys') return to.access.kind;
  const { accessKeyId, secretAccessKey, sessionToken } = to.access.keys;
  return `${accessKeyId}/${secretAccessKey}/${sessionToken ?? ''}`;
}

suite('destinations of a command line', () => {
  test('the host path where no other is given; beside others only if it is typed', () => {
    const kinds = (flags: DestinationFlags) => convert(flags).destinations.map(({ kind }) => kind);
    assert.deepEqual(kinds({}), ['host-path']);
    assert.deepEqual(kinds({ pvc: 'x' }), ['pvc']);
    assert.deepEqual(kinds({ pvc: 'x', hostPath: '/a' }), ['host-path', 'pvc']);
    const all = { hostPath: '/a', pvc: 'x', blobUpload: sas(), ...S3 };
    assert.deepEqual(kinds(all), ['host-path', 'pvc', 'blob', 's3']);
  });

  test('an environment adds no destination by itself', () => {
    const env = { ...ENV, RETINA_BLOB_SAS_URL: sas() };
    assert.deepEqual(convert({}, env).destinations, convert({}).destinations);
  });

  test('a container that is typed without a SAS gets that of RETINA_BLOB_SAS_URL, if it is for this container', () => {
    const env = { RETINA_BLOB_SAS_URL: `"${sas()}"\n` };
    const [to] = convert({ blobUpload: `${CONTAINER}/` }, env).destinations;
    assert.equal(to?.kind === 'blob' && to.access.kind === 'sas' && to.access.sas.url, sas());
    const other = /caps2 has no SAS, and that of RETINA_BLOB_SAS_URL is for .*caps$/;
    assert.match(convert({ blobUpload: `${CONTAINER}2` }, env).found[0] ?? '', other);
    const none = convert({ blobUpload: CONTAINER }, { RETINA_BLOB_SAS_URL: 'SECRET' });
    assert.match(none.found[0] ?? '', /caps has no SAS, and RETINA_BLOB_SAS_URL none either: that is no URL/);
    assert.doesNotMatch(none.found.join(), /SECRET/);
  });

  test('a container without any SAS is for an identity, which is only sent by TLS; a SAS that was cut off is none', () => {
    const { destinations, found, warnings } = convert({ blobUpload: `'${CONTAINER}/'\n` });
    assert.deepEqual(destinations, [{ kind: 'blob', access: { kind: 'identity', container: CONTAINER } }]);
    assert.deepEqual(found, []);
    assert.deepEqual(warnings, [`${CONTAINER} has no SAS: the pods write to it by their own identity`]);
    assert.match(convert({ blobUpload: 'http://x/caps' }).found[0] ?? '', /an identity is only sent by TLS/);
    assert.match(
      convert({ blobUpload: `${CONTAINER}?sv=2026-10-06` }).found[0] ?? '',
      /no "sig" in its query; in quotes/,
    );
  });

  test('quotes and line breaks around a SAS URL are forgiven', () => {
    for (const text of [`"${sas()}"`, `'${sas()}'\n`, `\r\n ${sas()} `]) {
      const { destinations, found } = convert({ blobUpload: text });
      const [to] = destinations;
      assert.deepEqual(found, []);
      assert.equal(to?.kind === 'blob' && to.access.kind === 'sas' && to.access.sas.container, CONTAINER);
    }
  });

  test('a SAS that cannot do it is refused before; one that may expire too early is warned about', () => {
    const tells = (query: string, durationMs?: number | null) => {
      const { found, warnings } = convert({ blobUpload: sas(query) }, {}, durationMs);
      return [...found, ...warnings.map((text) => `warning: ${text}`)].join('; ');
    };
    assert.equal(tells('se=2026-12-01&sp=cw'), '');
    assert.match(tells('se=2026-11-21T10:00:00Z'), /^--blob-upload: .*caps expired at 2026-11-21T10:00:00Z$/);
    assert.match(tells('se=2026-11-21T10:15:30Z'), /expires at .*10:15:30Z, before the capture can end/);
    assert.match(tells('se=2026-11-21T10:17:00Z'), /^warning: .*the upload must be done by then/);
    assert.match(tells('se=2026-12-01', null), /^warning: .*end the capture well before/);
    assert.match(tells('st=2026-11-22'), /is not valid before 2026-11-22T00:00:00Z, and packets are sent from the st/);
    assert.match(tells('st=2026-11-21T10:16:01Z', 600_000), /is not valid before/);
    assert.equal(tells('st=2026-11-21T10:15:30Z&se=2026-12-01'), '');
    assert.match(tells('sp=rl'), /does not allow to write \(sp=rl, and w is needed\)/);
    assert.match(tells('sp=c'), /sp=c, and w is needed/);
    assert.equal(tells('ss=bf&srt=co&sp=w'), '');
    assert.match(tells('ss=f&srt=o&sp=w'), /is for another service \(ss=f, and b is needed\)/);
    assert.match(tells('ss=b&srt=sc&sp=w'), /does not reach blobs \(srt=sc, and o is needed\)/);
    assert.match(tells('se=soon'), /has a time that is none/);
    assert.match(convert({ blobUpload: sas('', 'http://10.0.0.1/a/c') }).warnings[0] ?? '', /without TLS/);
  });

  test('no refusal tells a credential', () => {
    const wrong: DestinationFlags[] = [
      { blobUpload: sas('sp=r') },
      { blobUpload: sas('se=2020-01-01') },
      { blobUpload: sas('sr=b').replace('sr=c&', '') },
      { blobUpload: sas('', 'https://acct.blob.core.windows.net') },
      { blobUpload: sas('', 'ftp://x/c') },
      { blobUpload: sas(), blobSecret: 'x' },
      { ...S3, s3SecretAccessKey: 'SECRET/sig' },
      { ...S3, s3SecretAccessKey: 'SECRET/sig', s3Secret: 'x' },
      { s3SecretAccessKey: 'SECRET/sig' },
      { ...S3, s3Endpoint: 'https://SECRET:SECRET@x' },
    ];
    for (const flags of wrong) {
      const { found } = convert(flags);
      assert.equal(found.length, 1, JSON.stringify(flags));
      assert.doesNotMatch(found.join(), /SECRET/);
    }
  });

  test('keys: as typed, else of the environment, never half of each; without any, the identity of the pod', () => {
    assert.equal(keysOf({}), 'identity');
    assert.equal(keysOf({}, ENV), 'ENVID/ENVKEY/ENVTOKEN');
    assert.equal(keysOf({ s3AccessKeyId: 'A', s3SecretAccessKey: 'B' }, ENV), 'A/B/');
    assert.equal(keysOf({ s3AccessKeyId: 'A', s3SecretAccessKey: 'B', s3SessionToken: 'C' }, ENV), 'A/B/C');
    assert.equal(keysOf({ s3AccessKeyId: 'ENVID' }, ENV), 'ENVID/ENVKEY/ENVTOKEN');
    assert.equal(keysOf({ s3AccessKeyId: 'A' }, { AWS_SECRET_ACCESS_KEY: 'B' }), 'A/B/');
    assert.match(keysOf({ s3AccessKeyId: 'A' }, ENV), /other half is missing: --s3-secret-access-key/);
    assert.match(keysOf({ s3SecretAccessKey: 'B' }), /other half is missing: --s3-access-key-id/);
    assert.match(keysOf({ s3SessionToken: 'C' }), /--s3-session-token: the access key and its secret are missing/);
    assert.match(keysOf({ s3AccessKeyId: '', s3SecretAccessKey: '' }), /--s3-access-key-id, .*: the value is empty/);
    assert.equal(keysOf({ s3Secret: 'x' }, ENV), 'secret');
  });

  test('a bucket: its region from the flag, the environment, or of no matter with an endpoint; its path made plain', () => {
    const place = (flags: DestinationFlags, env?: NodeJS.ProcessEnv) => {
      const [to] = convert({ s3Bucket: 'evidence', ...flags }, env).destinations;
      return to?.kind === 's3' ? `${to.place.region} ${to.place.endpoint ?? ''} ${to.place.prefix}` : undefined;
    };
    assert.equal(place({}, { AWS_DEFAULT_REGION: 'eu-west-1' }), 'eu-west-1  retina/captures');
    assert.equal(place({ s3Region: 'a-1', s3Path: '/x//y/' }, { AWS_REGION: 'b-1' }), 'a-1  x/y');
    assert.equal(place({ s3Endpoint: 'https://s3.test:9000/', s3Path: '' }), 'us-east-1 https://s3.test:9000 ');
    assert.deepEqual(convert({ s3Bucket: 'evidence' }).found, [
      '--s3-region is missing: the region of the bucket, such as eu-central-1',
    ]);
  });

  test('certificates of further authorities: as typed, else of AWS_CA_BUNDLE where TLS is spoken', () => {
    const golden = join(import.meta.dirname, '../../golden/lasting.crt');
    const caOf = (flags: DestinationFlags, env: NodeJS.ProcessEnv = {}) => {
      const { destinations, found } = convert({ ...S3, ...flags }, env);
      const [to] = destinations;
      return found[0] ?? (to?.kind === 's3' ? to.place.ca?.slice(0, 27) : undefined);
    };
    const env = { AWS_CA_BUNDLE: golden };
    assert.equal(caOf({ s3CaFile: golden }), '-----BEGIN CERTIFICATE-----');
    assert.equal(caOf({}, env), '-----BEGIN CERTIFICATE-----');
    assert.equal(caOf({ s3Endpoint: 'http://minio:9000' }, env), undefined);
    assert.match(caOf({ s3CaFile: import.meta.filename }, env) ?? '', /--s3-ca-file: .* holds no certificate in PEM/);
    assert.match(caOf({}, { AWS_CA_BUNDLE: '/nonexistent' }) ?? '', /^AWS_CA_BUNDLE: .*ENOENT/);
  });

  test('--cleanup-after-upload is for remote storage, in the words of the reference', () => {
    assert.deepEqual(convert({ cleanupAfterUpload: true }).found, [
      '--cleanup-after-upload requires remote storage (--blob-upload, --s3-bucket, or --pvc)',
    ]);
    assert.deepEqual(convert({ cleanupAfterUpload: true, pvc: 'x' }).found, []);
  });
});
