import type { CompletedPart } from '@aws-sdk/client-s3';
import { KEY_S3_ID, KEY_S3_SECRET, KEY_S3_TOKEN, resultName, tarballName } from '../capture/names.ts';
import { locationOf } from '../capture/places.ts';
import type { DestinationSpec } from '../capture/workload-spec.ts';
import { CaptureError } from '../errors.ts';
import { readKey } from './credentials.ts';
import { cutIntoParts } from './parts.ts';
import { connectS3, type S3Connection, type S3Credentials } from './s3-client.ts';
import type { Upload, Uploader } from './uploader.ts';

/** Parts that an object may have. */
const MAX_PARTS = 10_000;

type S3Target = DestinationSpec & { kind: 's3' };

/**
 * Delivers into a bucket: a multipart upload that is completed at the end, or one request where the tarball is shorter
 * than a part. Either way the object is there as a whole or not at all, and the store has compared checksums.
 */
export function s3Uploader(target: S3Target, stem: string): Uploader {
  return {
    kind: 's3',
    location: locationOf(target, stem),
    open: async (kept) => {
      const connection = await connectS3(target, await readCredentials(target));
      return openUpload(connection, target, { stem, kept });
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

async function openUpload(
  { client, explain }: S3Connection,
  target: S3Target,
  { stem, kept }: { stem: string; kept?: number | undefined },
): Promise<Upload> {
  const sdk = await import('@aws-sdk/client-s3');
  const guarded = async <T>(name: string, request: () => Promise<T>): Promise<T> => {
    try {
      return await request();
    } catch (error) {
      throw new CaptureError(`cannot write ${keyOf(target, name, 's3://')}: ${explain(error)}`);
    }
  };
  const object = { Bucket: target.bucket, Key: keyOf(target, tarballName(stem)) };
  const multipart = multipartOf(sdk, client, object);
  const send = (part: Buffer, index: number) => guarded(tarballName(stem), () => multipart.send(part, index));
  const parts = cutIntoParts(MAX_PARTS, send, kept);
  return {
    write: (chunk) => parts.write(chunk),
    commit: async (head) => {
      const body = parts.whole(head);
      if (body === undefined) await parts.finish(head);
      await guarded<unknown>(tarballName(stem), () =>
        body === undefined
          ? multipart.complete()
          : client.send(new sdk.PutObjectCommand({ ...object, Body: body, ContentType: 'application/gzip' })),
      );
    },
    putResult: async (text) => {
      const beside = { Bucket: target.bucket, Key: keyOf(target, resultName(stem)) };
      await guarded(resultName(stem), () =>
        client.send(new sdk.PutObjectCommand({ ...beside, Body: text, ContentType: 'application/json' })),
      );
    },
    abort: async () => {
      await parts.settle();
      // Where the store is out of reach, nothing can be taken back from it: the failure itself has told so.
      await multipart.abort().catch(() => undefined);
    },
  };
}

function keyOf({ bucket, prefix }: S3Target, name: string, scheme?: 's3://'): string {
  const key = prefix === '' ? name : `${prefix}/${name}`;
  return scheme === undefined ? key : `${scheme}${bucket}/${key}`;
}

type Sdk = typeof import('@aws-sdk/client-s3');

/** A multipart upload, begun with its first part. */
function multipartOf(sdk: Sdk, client: S3Connection['client'], object: { Bucket: string; Key: string }) {
  const done: CompletedPart[] = [];
  let beginning: Promise<string | undefined> | undefined;
  const begin = async (): Promise<string | undefined> => {
    const options = { ContentType: 'application/gzip', ChecksumAlgorithm: 'CRC32' as const };
    return (await client.send(new sdk.CreateMultipartUploadCommand({ ...object, ...options }))).UploadId;
  };
  return {
    send: async (part: Buffer, index: number): Promise<void> => {
      beginning ??= begin();
      const at = { UploadId: await beginning, PartNumber: index + 1 };
      const sent = await client.send(
        new sdk.UploadPartCommand({ ...object, ...at, Body: part, ChecksumAlgorithm: 'CRC32' }),
      );
      done.push({ PartNumber: at.PartNumber, ETag: sent.ETag, ChecksumCRC32: sent.ChecksumCRC32 });
    },
    complete: async (): Promise<void> => {
      const Parts = done.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
      const UploadId = await beginning;
      await client.send(new sdk.CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }));
    },
    /** A creation whose answer was lost was made twice: all that are there for the key are taken back, if they may be listed. */
    abort: async (): Promise<void> => {
      if (beginning === undefined) return;
      const own = await beginning.catch(() => undefined);
      const ids = new Set(own === undefined ? [] : [own]);
      const listed = await client
        .send(new sdk.ListMultipartUploadsCommand({ Bucket: object.Bucket, Prefix: object.Key }))
        .catch(() => undefined);
      for (const upload of listed?.Uploads ?? [])
        if (upload.UploadId && upload.Key === object.Key) ids.add(upload.UploadId);
      for (const UploadId of ids) await client.send(new sdk.AbortMultipartUploadCommand({ ...object, UploadId }));
    },
  };
}
