import { createHash } from 'node:crypto';
import type { CompletedPart, S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import type { DestinationSpec } from '../capture/workload-spec.ts';
import { isFile, type Part } from './parts.ts';
import type { FilePart, Sum } from './spool.ts';

export type Sdk = typeof import('@aws-sdk/client-s3');
export type Made = { Bucket: string; Key: string; ContentType: string; Metadata: Record<string, string> };
export type Limit = { abortSignal: AbortSignal };

/** What a request carries so that the store can compare what it got; every store knows Content-MD5. */
export type Check = (body?: string | Part) => {
  ChecksumAlgorithm?: 'CRC32';
  ChecksumCRC32?: string;
  ContentMD5?: string;
};

type Checksums = (DestinationSpec & { kind: 's3' })['checksums'];

export function checkOf(checksums: Checksums): Check {
  if (checksums === 'when_supported') {
    return (body) => ({
      ChecksumAlgorithm: 'CRC32',
      ...(isFile(body) ? { ChecksumCRC32: base64(body, 'crc32') } : {}),
    });
  }
  return (body) => {
    if (body === undefined) return {};
    return { ContentMD5: isFile(body) ? base64(body, 'md5') : createHash('md5').update(body).digest('base64') };
  };
}

/** What must be known of a part that is sent from a file: a signature covers its SHA-256. */
export function sumsOf(checksums: Checksums): readonly Sum[] {
  return ['sha256', checksums === 'when_supported' ? 'crc32' : 'md5'];
}

function base64(part: FilePart, kind: Sum): string {
  return part.sum(kind).toString('base64');
}

/** A multipart upload, begun with its first part. */
export function multipartOf(sdk: Sdk, client: S3Client, { made, check }: { made: Made; check: Check }) {
  const object = { Bucket: made.Bucket, Key: made.Key };
  const done: CompletedPart[] = [];
  let beginning: Promise<string | undefined> | undefined;
  // A creation whose answer was lost was made twice.
  let doubled = false;
  const begin = async (limit: Limit): Promise<string | undefined> => {
    const create = new sdk.CreateMultipartUploadCommand({ ...made, ...check() });
    const { UploadId, $metadata } = await client.send(create, limit);
    doubled = ($metadata.attempts ?? 1) > 1;
    return UploadId;
  };
  const begun = async (limit: Limit): Promise<string[]> => {
    const query = { Bucket: object.Bucket, Prefix: object.Key };
    const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand(query), limit);
    return Uploads.flatMap(({ UploadId, Key }) => (UploadId && Key === object.Key ? [UploadId] : []));
  };
  const takeBack = async (ids: Iterable<string>, limit: Limit): Promise<void> => {
    for (const UploadId of ids) await client.send(new sdk.AbortMultipartUploadCommand({ ...object, UploadId }), limit);
  };
  return {
    send: async (part: Part, index: number, limit: Limit): Promise<void> => {
      beginning ??= begin(limit);
      const at = { UploadId: await beginning, PartNumber: index + 1 };
      const order = { ...object, ...at, ...check(part) };
      const command = isFile(part)
        ? readAnew(new sdk.UploadPartCommand({ ...order, ContentLength: part.length }), part)
        : new sdk.UploadPartCommand({ ...order, Body: part });
      const sent = await client.send(command, limit);
      done.push({ PartNumber: at.PartNumber, ETag: sent.ETag, ChecksumCRC32: sent.ChecksumCRC32 });
    },
    complete: async (limit: Limit): Promise<void> => {
      const Parts = done.toSorted((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0));
      const order = { ...object, UploadId: await beginning, MultipartUpload: { Parts } };
      await client.send(new sdk.CompleteMultipartUploadCommand(order), limit);
    },
    /** Once it is complete: takes back what a creation whose answer was lost has left. */
    tidy: async (limit: Limit): Promise<undefined> => {
      if (doubled) await takeBack(await begun(limit), limit);
    },
    /** All that are there for the key are taken back, if they may be listed. */
    abort: async (limit: Limit): Promise<undefined> => {
      if (beginning === undefined) return;
      const own = await beginning.catch(() => undefined);
      const others = await begun(limit).catch(() => []);
      await takeBack(new Set(own === undefined ? others : [own, ...others]), limit);
    },
  };
}

type Request = { headers: Record<string, string> };

/**
 * Has every try read the part's file from its beginning: a request whose body is a stream the SDK would not try again. So
 * its loop sees none, and each of its tries gets one. It is signed by the hash that is known, as a body in memory is.
 */
function readAnew(command: UploadPartCommand, part: FilePart): UploadPartCommand {
  const hash = { 'x-amz-content-sha256': part.sum('sha256').toString('hex') };
  command.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as Request;
      return next({ ...args, request: { ...request, headers: { ...request.headers, ...hash } } });
    },
    { step: 'build' },
  );
  command.middlewareStack.add(
    (next) => (args) => {
      const body = part.read();
      const { promise: broken, reject } = Promise.withResolvers<never>();
      body.once('error', reject);
      return Promise.race([broken, next({ ...args, request: { ...(args.request as Request), body } })]);
    },
    { step: 'finalizeRequest', priority: 'low' },
  );
  return command;
}
