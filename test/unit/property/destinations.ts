import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isCloudsOwn } from '../../../src/capture/places.ts';
import { parseBlobUrl, parseSasUrl, sasProblem, sasWarnings } from '../../../src/capture/sas.ts';
import { shellWord } from '../../../src/capture/suggest.ts';
import { toBlob } from '../../../src/commands/blob-flags.ts';
import { Problems } from '../../../src/commands/flags.ts';
import { type S3Flags, toS3 } from '../../../src/commands/s3-flags.ts';
import { almost, hostile, long } from './inputs.ts';
import { assertTold, property } from './property.ts';

/** No part of it may ever be told. */
const SECRET = 'S3cr3tS1gnature';
const NOW = new Date('2026-11-21T10:15:00Z');
const time = fc.constantFrom('2026-11-21T10:00:00Z', '2027-01-01T00:00:00Z', '2026-11-22', 'soon', '', '9999-99-99');
const query = fc.subarray([
  'sv=2024-11-04',
  `sig=${SECRET}`,
  'sp=racwl',
  'sp=r',
  'sr=c',
  'sr=b',
  'ss=b',
  'srt=sco',
  'spr=https',
]);
const url = fc
  .tuple(
    fc.constantFrom('https://', 'http://', 'ftp://', '', 'https:/', 'https://user:pw@'),
    fc.constantFrom('acct.blob.core.windows.net', '127.0.0.1:10000', '[::1]', 'acct', '', 'a b', 'exämple.net'),
    fc.constantFrom('/caps', '/caps/', '//caps', '/', '', '/caps/x/y', '/caps%20x'),
    query,
    fc.option(
      time.map((at) => `se=${encodeURIComponent(at)}`),
      { nil: undefined },
    ),
    fc.option(
      time.map((at) => `st=${encodeURIComponent(at)}`),
      { nil: undefined },
    ),
  )
  .map(([scheme, host, path, all, end, start]) => {
    const given = [...all, end, start].filter((part) => part !== undefined);
    return `${scheme}${host}${path}${given.length > 0 ? '?' : ''}${given.join('&')}`;
  });
const wrapped = fc
  .tuple(fc.constantFrom('', "'", '"', '\n', ' "'), fc.oneof(url, almost(url)))
  .map(([wrap, text]) => wrap + text + wrap);

function assertSecretless(texts: readonly string[]): void {
  for (const text of texts) assert.ok(!text.includes(SECRET), `tells the signature: ${text}`);
}

property(
  'SAS URLs: refused in words without the signature, or a container that is named without it',
  4000,
  wrapped,
  (text) => {
    const access = parseBlobUrl(text);
    const sas = parseSasUrl(text);
    if (sas instanceof Error) {
      assertTold(sas.message.replaceAll(/\p{Cc}/gu, '\uFFFD'), / /);
      assertSecretless([sas.message]);
    } else {
      assert.ok(!(access instanceof Error));
      const span = { start: NOW, durationMs: 60_000 };
      assertSecretless([sas.container, sasProblem(sas, span) ?? '', ...sasWarnings(sas, span)]);
      const again = parseSasUrl(`"${sas.url}"`);
      assert.deepEqual(again, sas);
      assert.equal(new URL(sas.url).pathname.replace(/\/+$/, ''), new URL(sas.container).pathname.replace(/\/+$/, ''));
    }
    if (!(access instanceof Error) && access.kind === 'identity') assert.equal(new URL(access.container).search, '');
  },
);

property(
  '--blob-upload and the environment: told by flag, never the signature',
  2500,
  fc.tuple(wrapped, fc.option(wrapped, { nil: undefined })),
  ([typed, ambient]) => {
    const problems = new Problems();
    const env = ambient === undefined ? {} : { RETINA_BLOB_SAS_URL: ambient };
    const to = toBlob({ blobUpload: typed }, problems, { env, now: () => NOW, durationMs: null });
    for (const problem of problems.found) assertTold(problem, /^--blob-upload: ./);
    assertSecretless([...problems.found, ...problems.warnings]);
    assert.ok(to !== undefined || problems.found.length > 0);
  },
);

property('URLs of long runs are judged at once', 150, long(['/', 'https://', '%', '&sig=', "'", ' ', 'a.']), (text) => {
  parseBlobUrl(text);
  parseBlobUrl(`https://a/b?${text}`);
});

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const bucket = fc.oneof(
  fc.constantFrom('evidence', 's3://evidence', 'a/b', 'a..b', '10.0.0.1', 'A', 'ab', 'x'.repeat(64)),
  hostile,
);
const s3Flags = fc.record({
  s3Bucket: optional(bucket),
  s3Region: optional(fc.oneof(fc.constantFrom('eu-central-1', '', 'eu central', 'evil.example#'), hostile)),
  s3Endpoint: optional(
    fc.oneof(fc.constantFrom('https://s3.example:9000', 'http://x', 'x', 'https://u:p@x', 'https://x?y'), hostile),
  ),
  s3Path: optional(fc.oneof(fc.constantFrom('retina/captures', '/a//b/', '../x', '', 'x'.repeat(900)), hostile)),
  s3AccessKeyId: optional(fc.constantFrom('AKIAEXAMPLE', '', ' ')),
  s3SecretAccessKey: optional(fc.constantFrom(SECRET, '', ' ')),
  s3SessionToken: optional(fc.constantFrom(SECRET, '')),
  s3Secret: optional(fc.oneof(fc.constantFrom('keys', 'Keys', ''), hostile)),
  s3CaFile: optional(fc.constantFrom('/nonexistent/ca.crt', '/', '/etc/hostname')),
  s3RequestChecksumCalculation: optional(fc.constantFrom('when_required', 'never', '')),
});

property(
  'the flags of S3: every refusal names one, none tells a key, and what is left is a bucket',
  2500,
  s3Flags,
  (flags) => {
    const problems = new Problems();
    const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)) as S3Flags;
    const to = toS3(given, problems, {});
    for (const problem of problems.found) assertTold(problem, /--s3-|AWS_|access key/);
    assertSecretless([...problems.found, ...problems.warnings]);
    if (to?.kind !== 's3' || problems.found.length > 0) return;
    assert.match(to.place.bucket, /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/);
    assert.match(to.place.region, /^[a-z0-9-]+$/);
    assert.doesNotMatch(to.place.prefix, /\p{Cc}|^\/|\/$|\/\/|(^|\/)\.\.?(\/|$)/u);
  },
);

const host = fc.constantFrom(
  'acct',
  'evil',
  'blob',
  'core',
  'windows',
  'net',
  'usgovcloudapi',
  'z1',
  'storage',
  'azure',
  'example',
  '@',
  ':',
  '#',
  '\\',
);
const container = fc
  .tuple(fc.constantFrom('https://', 'http://'), fc.array(host, { maxLength: 7 }))
  .map(([scheme, parts]) => `${scheme}${parts.join('.')}/caps`);

property(
  'whose identity is shown without asking: hosts of Azure alone, whatever a pod tells',
  3000,
  fc.oneof(container, almost(fc.constant('https://acct.blob.core.windows.net/caps')), hostile),
  (text) => {
    if (!isCloudsOwn({ kind: 'blob', container: text, access: null })) return;
    const { protocol, hostname } = new URL(text);
    assert.equal(protocol, 'https:');
    assert.match(hostname, /\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn|azure\.net)$/);
  },
);

/** What a POSIX shell makes of a text: its words, or undefined where more than words are in it. */
function shellWords(text: string): string[] | undefined {
  const words: string[] = [];
  let [word, inside]: [string | undefined, boolean] = [undefined, false];
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? '';
    if (inside) {
      if (letter === "'") inside = false;
      else word = (word ?? '') + letter;
    } else if (letter === "'") {
      inside = true;
      word ??= '';
    } else if (letter === '\\') word = (word ?? '') + (text[++at] ?? '');
    else if (letter === ' ') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (/[\w@%+=:,./-]/.test(letter)) word = (word ?? '') + letter;
    else return undefined;
  }
  return inside ? undefined : [...words, ...(word === undefined ? [] : [word])];
}

property('what is put into a command to paste is one word of a shell', 2500, hostile, (text) => {
  assert.deepEqual(shellWords(`kubectl -n ${shellWord(text)} get`), ['kubectl', '-n', text, 'get']);
});
