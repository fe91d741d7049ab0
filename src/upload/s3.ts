import { createHash, randomUUID } from 'node:crypto';
import type { CompletedPart } from '@aws-sdk/client-s3';
import { KEY_S3_CA, KEY_S3_ID, KEY_S3_SECRET, KEY_S3_TOKEN, resultName, tarballName } from '../capture/names.ts';
import { locationOf } from '../capture/places.ts';
import type { DestinationSpec } from '../capture/workload-spec.ts';
import { CaptureError } from '../errors.ts';
import { readKey } from './credentials.ts';
import { cutIntoParts } from './parts.ts';
import { connectS3, type S3Connection, type S3Credentials } from './s3-client.ts';
import { type Bounds, type Tries, watchTries } from './tries.ts';
import type { Upload, Uploader } from './uploader.ts';

/** Parts that an object may have. */
const MAX_PARTS = 10_000;
/** Milliseconds for what follows a failure: a look whether the object is there all the same, or the undoing. */
const AFTERMATH = 30_000;
/** The metadata by which an upload knows its own object again. */
const MARK = 'retina-upload';

type S3Target = DestinationSpec & { kind: 's3' };

/**
 * Delivers into a bucket: a multipart upload that is completed at the end, or one request where the tarball is shorter
 * than a part. Either way the object is there as a whole or not at all, and the store has compared checksums.
 */
export function s3Uploader(target: S3Target, stem: string, bounds: Bounds): Uploader {
  const location = locationOf(target, stem);
  return {
    kind: 's3',
    location,
    open: async (kept) => {
      const tries = watchTries(location, bounds);
      const ca = target.ca === null ? null : ((await readKey(target.ca.directory, KEY_S3_CA)) ?? null);
      const connection = await connectS3({ ...target, ca }, await readCredentials(target), tries);
      return openUpload({ ...connection, tries, ...bounds }, target, { stem, kept });
    },
  };
}

async function readCredentials({ access }: S3Target): Promise<S3Credentials | undefined> {
  if (access === null) return undefined;
  const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all(
    [KEY_S3_ID, KEY_S3_SECRET, KEY_S3_TOKEN].map((key) => readKey(access.directory, key)),
  );
  if (!accessKeyId || !secretAccessKey) {
    throw new CaptureError(`Secret ${access.secret} has no key ${KEY_S3_ID}, or no ${KEY_S3_SECRET}`);
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}

type Connection = S3Connection & Pick<Bounds, 'log' | 'stores'> & { tries: Tries };

async function openUpload(
  connection: Connection,
  target: S3Target,
  { stem, kept }: { stem: string; kept: number | undefined },
): Promise<Upload> {
  const { client, explain, tries, log, stores } = connection;
  const sdk = await import('@aws-sdk/client-s3');
  const guarded = async <T>(name: string, request: (abortSignal: AbortSignal) => Promise<T>): Promise<T> => {
    try {
      return await tries.bound(request);
    } catch (error) {
      throw new CaptureError(`cannot write ${keyOf(target, name, 's3://')}: ${explain(error)}`);
    }
  };
  const object = { Bucket: target.bucket, Key: keyOf(target, tarballName(stem)) };
  const made = { ...object, ContentType: 'application/gzip', Metadata: { [MARK]: randomUUID() } };
  const check = checkOf(target);
  const multipart = multipartOf(sdk, client, { made, check });
  const send = (part: Buffer, index: number) =>
    guarded(tarballName(stem), (abortSignal) => multipart.send(part, index, { abortSignal }));
  const parts = cutIntoParts({ maxParts: MAX_PARTS, kept, stores }, send);
  return {
    write: (chunk) => parts.write(chunk),
    commit: async (head) => {
      const Body = parts.whole(head);
      if (Body === undefined) await parts.finish(head);
      const whole = (abortSignal: AbortSignal): Promise<unknown> =>
        Body === undefined
          ? multipart.complete({ abortSignal })
          : client.send(new sdk.PutObjectCommand({ ...hashed(made, Body), ...check(Body), Body }), { abortSignal });
      try {
        await guarded<unknown>(tarballName(stem), whole);
      } catch (error) {
        // An answer that was lost on its way back: the next try finds no upload any more.
        if (!tries.answered || !(await isThere(sdk, client, made))) throw error;
        log(`${keyOf(target, tarballName(stem), 's3://')}: the answer was lost, but the object is there`);
      }
    },
    putResult: async (text) => {
      const beside = { Bucket: target.bucket, Key: keyOf(target, resultName(stem)) };
      await guarded(resultName(stem), (abortSignal) =>
        client.send(
          new sdk.PutObjectCommand({ ...beside, ...check(text), Body: text, ContentType: 'application/json' }),
          { abortSignal },
        ),
      );
    },
    abort: async () => {
      tries.giveUp();
      await parts.settle();
      await multipart.abort({ abortSignal: AbortSignal.timeout(AFTERMATH) }).catch((error: unknown) => {
        log(`parts of ${keyOf(target, tarballName(stem), 's3://')} stay in the bucket, unfinished: ${explain(error)}`);
      });
    },
  };
}

function keyOf({ bucket, prefix }: S3Target, name: string, scheme?: 's3://'): string {
  const key = prefix === '' ? name : `${prefix}/${name}`;
  return scheme === undefined ? key : `${scheme}${bucket}/${key}`;
}

type Sdk = typeof import('@aws-sdk/client-s3');
type Made = { Bucket: string; Key: string; ContentType: string; Metadata: Record<string, string> };
type Limit = { abortSignal: AbortSignal };

/** Of an object that is sent at once the SHA-256 is known; one in parts has it in the result beside it. */
function hashed(made: Made, body: Buffer): Made {
  return { ...made, Metadata: { ...made.Metadata, sha256: createHash('sha256').update(body).digest('hex') } };
}

/** What a request carries so that the store can compare what it got; every store knows Content-MD5. */
type Check = (body?: string | Buffer) => { ChecksumAlgorithm?: 'CRC32'; ContentMD5?: string };

function checkOf({ checksums }: S3Target): Check {
  if (checksums === 'when_supported') return () => ({ ChecksumAlgorithm: 'CRC32' });
  return (body) => (body === undefined ? {} : { ContentMD5: createHash('md5').update(body).digest('base64') });
}

/** Whether this very upload has become the object; false where that cannot be told. */
async function isThere(sdk: Sdk, client: S3Connection['client'], { Bucket, Key, Metadata }: Made): Promise<boolean> {
  const limit = { abortSignal: AbortSignal.timeout(AFTERMATH) };
  const head = await client.send(new sdk.HeadObjectCommand({ Bucket, Key }), limit).catch(() => undefined);
  return head?.Metadata?.[MARK] === Metadata[MARK];
}

/** A multipart upload, begun with its first part. */
function multipartOf(sdk: Sdk, client: S3Connection['client'], { made, check }: { made: Made; check: Check }) {
  const object = { Bucket: made.Bucket, Key: made.Key };
  const done: CompletedPart[] = [];
  let beginning: Promise<string | undefined> | undefined;
  const begin = async (limit: Limit): Promise<string | undefined> =>
    (await client.send(new sdk.CreateMultipartUploadCommand({ ...made, ...check() }), limit)).UploadId;
  return {
    send: async (part: Buffer, index: number, limit: Limit): Promise<void> => {
      beginning ??= begin(limit);
      const at = { UploadId: await beginning, PartNumber: index + 1 };
      const order = { ...object, ...at, Body: part, ...check(part) };
      const sent = await client.send(new sdk.UploadPartCommand(order), limit);
      done.push({ PartNumber: at.PartNumber, ETag: sent.ETag, ChecksumCRC32: sent.ChecksumCRC32 });
    },
    complete: async (limit: Limit): Promise<void> => {
      const Parts = done.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
      const order = { ...object, UploadId: await beginning, MultipartUpload: { Parts } };
      await client.send(new sdk.CompleteMultipartUploadCommand(order), limit);
    },
    /** A creation whose answer was lost was made twice: all that are there for the key are taken back, if they may be listed. */
    abort: async (limit: Limit): Promise<void> => {
      if (beginning === undefined) return;
      const own = await beginning.catch(() => undefined);
      const ids = new Set(own === undefined ? [] : [own]);
      const query = { Bucket: object.Bucket, Prefix: object.Key };
      const listed = await client.send(new sdk.ListMultipartUploadsCommand(query), limit).catch(() => undefined);
      for (const upload of listed?.Uploads ?? [])
        if (upload.UploadId && upload.Key === object.Key) ids.add(upload.UploadId);
      for (const UploadId of ids)
        await client.send(new sdk.AbortMultipartUploadCommand({ ...object, UploadId }), limit);
    },
  };
}
