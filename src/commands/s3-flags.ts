import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Destination, S3Keys, S3Place } from '../capture/request.ts';
import { type Problems, parseObjectName, parseOneOf } from './flags.ts';
import { DEFAULT_S3_PATH } from './run-rows.ts';

/** A bucket and how to reach it, as typed; for delivery and for download. */
export type S3StoreFlags = {
  s3Bucket?: string;
  s3Region?: string;
  s3Endpoint?: string;
  s3Path?: string;
  s3AccessKeyId?: string;
  s3SecretAccessKey?: string;
  s3SessionToken?: string;
  s3CaFile?: string;
  s3RequestChecksumCalculation?: string;
};

export type S3Flags = S3StoreFlags & { s3Secret?: string };

const KEY_NAMES = ['s3AccessKeyId', 's3SecretAccessKey', 's3SessionToken'] as const;
/** What stores that are not AWS take for a region. */
const ANY_REGION = 'us-east-1';
/** Bytes; a Secret holds 1 MiB. */
const MAX_CERTIFICATES = 900_000;

/** The S3 destination of a command line; undefined where none is given. */
export function toS3(flags: S3Flags, problems: Problems, env: NodeJS.ProcessEnv): Destination | undefined {
  const place = toS3Place(flags, problems, env);
  const name = problems.parse('--s3-secret', flags.s3Secret, parseObjectName);
  const typed = keyFlags(flags);
  if (flags.s3Secret !== undefined && typed.length > 0) {
    problems.found.push(`--s3-secret and ${typed.join(', ')} are two sources of the keys: give one of them`);
  }
  if (place === undefined) return undefined;
  if (name !== undefined) return { kind: 's3', place, access: { kind: 'secret', name } };
  const keys = flags.s3Secret === undefined ? toS3Keys(flags, problems, env) : undefined;
  return { kind: 's3', place, access: keys === undefined ? { kind: 'identity' } : { kind: 'keys', keys } };
}

/** The bucket of a command line; undefined where none is given, which is a problem if anything else of S3 is. */
export function toS3Place(flags: S3Flags, problems: Problems, env: NodeJS.ProcessEnv): S3Place | undefined {
  if (flags.s3Bucket === undefined) {
    const others = [
      ...(
        ['s3Region', 's3Endpoint', 's3Path', 's3Secret', 's3CaFile', 's3RequestChecksumCalculation'] as const
      ).flatMap((name) => (flags[name] === undefined ? [] : [flagOf(name)])),
      ...keyFlags(flags),
    ];
    if (others.length > 0) problems.found.push(`${others.join(', ')}: --s3-bucket is missing`);
    return undefined;
  }
  const endpoint = problems.parse('--s3-endpoint', flags.s3Endpoint, parseEndpoint);
  const region = problems.parse('--s3-region', flags.s3Region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION, parseRegion);
  if (flags.s3Endpoint === undefined && region === undefined && flags.s3Region === undefined) {
    problems.found.push('--s3-region is missing: the region of the bucket, such as eu-central-1');
  }
  if (endpoint?.startsWith('http:'))
    problems.warnings.push(`${endpoint} is reached without TLS: packets can be read on the way`);
  return {
    bucket: problems.parse('--s3-bucket', flags.s3Bucket, parseBucket) ?? '',
    region: region ?? ANY_REGION,
    endpoint: endpoint ?? null,
    prefix: problems.parse('--s3-path', flags.s3Path ?? DEFAULT_S3_PATH, parsePrefix) ?? '',
    ca: toAuthorities(flags, problems, env),
    checksums:
      problems.parse(
        '--s3-request-checksum-calculation',
        flags.s3RequestChecksumCalculation,
        parseOneOf('when_supported', 'when_required'),
      ) ?? 'when_supported',
  };
}

/** The certificates of `--s3-ca-file`, else of AWS_CA_BUNDLE, as they are in the file; null where none is named. */
function toAuthorities(
  { s3CaFile, s3Endpoint = '' }: S3Flags,
  problems: Problems,
  env: NodeJS.ProcessEnv,
): string | null {
  const ambient = s3Endpoint.trim().startsWith('http:') ? undefined : env.AWS_CA_BUNDLE || undefined;
  const file = s3CaFile ?? ambient;
  return problems.parse(s3CaFile === undefined ? 'AWS_CA_BUNDLE' : '--s3-ca-file', file, readCertificates) ?? null;
}

function readCertificates(file: string): string | Error {
  try {
    const pem = readFileSync(file, 'utf8');
    if (pem.length > MAX_CERTIFICATES) return new Error(`${file} is larger than ${MAX_CERTIFICATES} bytes`);
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    const why = error instanceof Error && 'syscall' in error ? error.message : 'it holds no certificate in PEM';
    return new Error(`${file} cannot be used: ${why}`);
  }
}

/** The keys of a command line, else of the environment; undefined where there are none: an identity is used then. */
export function toS3Keys(flags: S3StoreFlags, problems: Problems, env: NodeJS.ProcessEnv): S3Keys | undefined {
  const empty = KEY_NAMES.filter((name) => flags[name]?.trim() === '').map(flagOf);
  if (empty.length > 0) {
    problems.found.push(`${empty.join(', ')}: the value is empty`);
    return undefined;
  }
  const typedId = flags.s3AccessKeyId?.trim();
  const ambient = {
    id: env.AWS_ACCESS_KEY_ID?.trim() || undefined,
    secret: env.AWS_SECRET_ACCESS_KEY?.trim() || undefined,
  };
  // The environment's secret and token belong to its own key id; to another that is typed they would be wrong.
  const same = typedId === undefined || typedId === ambient.id;
  const secret = flags.s3SecretAccessKey?.trim() ?? (same || ambient.id === undefined ? ambient.secret : undefined);
  const id = typedId ?? ambient.id;
  const fromEnvironment = same && flags.s3SecretAccessKey === undefined;
  const token =
    flags.s3SessionToken?.trim() ?? (fromEnvironment ? env.AWS_SESSION_TOKEN?.trim() || undefined : undefined);
  if (!id && !secret) {
    if (token !== undefined && flags.s3SessionToken !== undefined) {
      problems.found.push('--s3-session-token: the access key and its secret are missing');
    }
    return undefined;
  }
  if (!id || !secret) {
    const [there, missing] = id
      ? ['an access key id', '--s3-secret-access-key']
      : ['a secret access key', '--s3-access-key-id'];
    problems.found.push(`there is ${there}, but its other half is missing: ${missing}, or the environment's variable`);
    return undefined;
  }
  return { accessKeyId: id, secretAccessKey: secret, sessionToken: token };
}

function keyFlags(flags: S3StoreFlags): string[] {
  return KEY_NAMES.flatMap((name) => (flags[name] === undefined ? [] : [flagOf(name)]));
}

/** `s3AccessKeyId` as `--s3-access-key-id`. */
function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The rules of AWS, which other stores share: 3 to 63 of a-z, 0-9, dot and dash, and not an address. */
function parseBucket(text: string): string | Error {
  const name = text.trim();
  const good = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..') && !/^\d+(\.\d+){3}$/.test(name);
  if (good) return name;
  const hint = name.startsWith('s3://') || name.includes('/') ? ' (the bucket alone; --s3-path names the rest)' : '';
  return new Error(`"${text}" cannot be the name of a bucket: 3 to 63 of a-z, 0-9, "." and "-"${hint}`);
}

function parseRegion(text: string): string | Error {
  return /^[a-z0-9][a-z0-9-]*$/.test(text.trim())
    ? text.trim()
    : new Error(`"${text}" is not a region such as eu-central-1`);
}

function parseEndpoint(text: string): string | Error {
  const url = URL.parse(text.trim());
  if (url === null || !/^https?:$/.test(url.protocol))
    return new Error('that is no URL such as https://s3.example:9000');
  if (url.username !== '' || url.password !== '') return new Error('the URL has a user name or a password in it');
  if (url.search !== '' || url.hash !== '')
    return new Error(`${url.origin}${url.pathname} is enough: without what follows`);
  return url.href.replace(/\/+$/, '');
}

/** Slashes at both ends and doubled ones are taken away: some stores refuse such names. */
function parsePrefix(text: string): string | Error {
  const prefix = text
    .trim()
    .replace(/\/+/g, '/')
    .replace(/^\/|\/$/g, '');
  if (/\p{Cc}/u.test(prefix)) return new Error('the path has a control character');
  if (prefix.split('/').some((part) => part === '..' || part === '.'))
    return new Error(`"${text}" has "." or ".." in it`);
  // A key has 1,024 bytes, and a tarball's name up to 222.
  return Buffer.byteLength(prefix) <= 800 ? prefix : new Error('the path is longer than 800 bytes');
}
