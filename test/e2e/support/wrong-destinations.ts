import type { Row } from './wrong-flags.ts';

const BLOB = 'https://acct.blob.core.windows.net';
const SAS = 'sv=2026-10-06&sr=c&sig=abc%3D';
const S3 = ['--s3-bucket', 'evidence', '--s3-region', 'eu-central-1'];

/** Destinations that are refused: flags of `capture create`. */
export const destinationRows: readonly Row[] = [
  ['a claim that is no name', ['--pvc', 'a/b'], /--pvc: "a\/b" cannot be a name/],
  ['an empty claim', ['--pvc', ''], /--pvc: "" cannot be a name/],
  ['a SAS URL that is none', ['--blob-upload', 'caps'], /--blob-upload: that is no URL such as https:\/\/account/],
  ['an empty SAS URL', ['--blob-upload', '""'], /--blob-upload: the URL is empty/],
  ['a SAS URL without a container', ['--blob-upload', `${BLOB}/?${SAS}`], /windows.net names no container/],
  ['no SAS and no TLS', ['--blob-upload', 'http://x/caps'], /x\/caps has no SAS, and an identity is only sent by TLS/],
  [
    'a SAS for one blob',
    ['--blob-upload', `${BLOB}/caps/x?${SAS.replace('sr=c', 'sr=b')}`],
    /is for one blob \(sr=b\)/,
  ],
  ['a SAS for reading', ['--blob-upload', `${BLOB}/caps?${SAS}&sp=rl`], /does not allow to write \(sp=rl/],
  ['a SAS of files', ['--blob-upload', `${BLOB}/caps?${SAS}&ss=f&srt=o&sp=w`], /is for another service \(ss=f/],
  ['a SAS of tomorrow', ['--blob-upload', `${BLOB}/caps?${SAS}&st=2099-01-01`], /is not valid before 2099-01-01T00/],
  ['a SAS that a shell cut', ['--blob-upload', `${BLOB}/caps?sv=2026-10-06`], /no "sig".*; in quotes, no shell ends/],
  ['a SAS of yesterday', ['--blob-upload', `${BLOB}/caps?${SAS}&se=2020-01-01`], /expired at 2020-01-01T00:00:00Z/],
  ['two SAS URLs', ['--blob-upload', `${BLOB}/caps?${SAS}`, '--blob-secret', 'x'], /two sources of one URL/],
  ['a Secret that is no name', ['--blob-secret', 'A'], /--blob-secret: "A" cannot be a name/],
  ['a bucket in upper case', ['--s3-bucket', 'Evidence', ...S3.slice(2)], /--s3-bucket: "Evidence" cannot be the name/],
  ['a bucket that is a URL', ['--s3-bucket', 's3://b/x', ...S3.slice(2)], /--s3-path names the rest/],
  ['a bucket without a region', ['--s3-bucket', 'evidence'], /--s3-region is missing/],
  ['a region that is none', ['--s3-bucket', 'evidence', '--s3-region', 'a b'], /--s3-region: "a b" is not a region/],
  ['S3 without a bucket', ['--s3-region', 'x', '--s3-path', 'y'], /--s3-region, --s3-path: --s3-bucket is missing/],
  ['keys without a bucket', ['--s3-access-key-id', 'a'], /--s3-access-key-id: --s3-bucket is missing/],
  ['half a pair of keys', [...S3, '--s3-access-key-id', 'a'], /other half is missing: --s3-secret-access-key/],
  ['the other half', [...S3, '--s3-secret-access-key', 'a'], /other half is missing: --s3-access-key-id/],
  ['keys that are empty', [...S3, '--s3-access-key-id', ''], /--s3-access-key-id: the value is empty/],
  ['two sources of keys', [...S3, '--s3-secret', 'x', '--s3-access-key-id', 'a'], /are two sources of the keys/],
  ['an endpoint that is none', [...S3, '--s3-endpoint', 's3.test:9000'], /--s3-endpoint: that is no URL/],
  ['an endpoint with a password', [...S3, '--s3-endpoint', 'https://a:b@x'], /has a user name or a password in it/],
  ['a path that climbs', [...S3, '--s3-path', '../x'], /--s3-path: "..\/x" has "." or ".." in it/],
  ['a clean-up of nothing remote', ['--cleanup-after-upload'], /requires remote storage \(--blob-upload, --s3-bucket/],
  [
    'an unknown flag with a credential in it',
    ['--blob-uplaod=https://x/c?sig=abc'],
    /^unknown option '--blob-uplaod'$/,
    /capture create --help/,
  ],
];

const LIST = ['capture', 'list'];
const DOWNLOAD = ['capture', 'download', 'a'];
const READ = ['--blob-url', `${BLOB}/caps?${SAS}`];

/** Stores that cannot be read: the whole command line. */
export const storeRows: readonly Row[] = [
  ['a list of no URL', [...LIST, '--blob-url', 'caps'], /--blob-url: that is no URL such as https:\/\/account/],
  ['a list without a SAS and TLS', [...LIST, '--blob-url', 'http://x/caps'], /has no SAS, and an identity is only/],
  ['a list of two stores', [...LIST, ...READ, ...S3], /--blob-url and --s3-bucket are two stores/],
  ['a list of S3 without a bucket', [...LIST, '--s3-path', 'x'], /--s3-path: --s3-bucket is missing/],
  ['a list of a bucket without a region', [...LIST, '--s3-bucket', 'evidence'], /--s3-region is missing/],
  ['a watch of a store', [...LIST, ...S3, '-w'], /--watch is of a cluster/],
  ['all namespaces of a store', [...LIST, ...READ, '-A'], /-A is of a cluster: a store has no namespaces/],
  ['three problems of a list', [...LIST, ...READ, '-Aw', '-ox'], /3 problems, nothing was listed/, /--output: "x"/],
  ['a download from no URL', [...DOWNLOAD, '--blob-url', ''], /--blob-url: the URL is empty/],
  ['a download from two stores', [...DOWNLOAD, ...READ, ...S3], /--blob-url and --s3-bucket are two stores/],
  ['a download by half a pair', [...DOWNLOAD, ...S3, '--s3-access-key-id', 'a'], /its other half is missing/],
  ['a download of nothing', ['capture', 'download', ...READ], /no capture is named/, /capture list/],
  ['all of a store, and one by name', [...DOWNLOAD, '--all', ...READ], /--all is every capture of the store.*\(a\)/],
  ['a store and a host path', [...DOWNLOAD, ...S3, '--host-path', '/x'], /--host-path and a store are two places/],
  ['a download of all namespaces', [...DOWNLOAD.slice(0, 2), ...READ, '--all', '-A'], /-A is of a cluster/],
  ['nodes that are no names', [...DOWNLOAD, ...S3, '--node-names', 'A'], /--node-names: "A" cannot be a name/],
];
