import type { CompletedPart, S3Client } from '@aws-sdk/client-s3';
import type { Limit, Made, Sdk } from './s3-multipart.ts';

/** Bytes that S3 copies by one request at most. */
const COPIED_AT_ONCE = 5 * 2 ** 30;
/** Ranges that are copied side by side. */
const SIDE_BY_SIDE = 4;
/** Milliseconds for the copy of so many bytes: AWS takes about a minute. */
const COPY_LIMIT = 120_000;
/** Milliseconds for taking back a copy that has failed. */
const UNDO_LIMIT = 30_000;

/** An object, and the same with other metadata. */
export type Rewriting = { sdk: Sdk; client: S3Client; made: Made; bytes: number };

/**
 * Gives an object other metadata: those of an upload in parts are fixed when it begins, so the store copies the object onto
 * itself, without a transfer. In parts again where it is longer than `atOnce`; as long as they are not complete, it stays as it is.
 */
export async function rewrite(task: Rewriting, given: AbortSignal, atOnce = COPIED_AT_ONCE): Promise<void> {
  const { sdk, client, made, bytes } = task;
  const time = COPY_LIMIT * Math.ceil(bytes / COPIED_AT_ONCE);
  const limit = { abortSignal: AbortSignal.any([given, AbortSignal.timeout(time)]) };
  const CopySource = [made.Bucket, ...made.Key.split('/')].map(encodeURIComponent).join('/');
  if (bytes > atOnce) return copyInParts(task, { CopySource, atOnce, limit });
  await client.send(new sdk.CopyObjectCommand({ ...made, CopySource, MetadataDirective: 'REPLACE' }), limit);
}

type Copy = { CopySource: string; atOnce: number; limit: Limit };

async function copyInParts(
  { sdk, client, made, bytes }: Rewriting,
  { CopySource, atOnce, limit }: Copy,
): Promise<void> {
  const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(made), limit);
  const upload = { Bucket: made.Bucket, Key: made.Key, UploadId };
  const copy = async (index: number): Promise<CompletedPart> => {
    const CopySourceRange = `bytes=${index * atOnce}-${Math.min((index + 1) * atOnce, bytes) - 1}`;
    const order = { ...upload, PartNumber: index + 1, CopySource, CopySourceRange };
    const { CopyPartResult } = await client.send(new sdk.UploadPartCopyCommand(order), limit);
    return { PartNumber: index + 1, ETag: CopyPartResult?.ETag };
  };
  try {
    const Parts: CompletedPart[] = [];
    const indexes = Array.from({ length: Math.ceil(bytes / atOnce) }, (_, index) => index);
    while (indexes.length > 0) Parts.push(...(await allDone(indexes.splice(0, SIDE_BY_SIDE).map(copy))));
    await client.send(new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }), limit);
  } catch (error) {
    const undo = new sdk.AbortMultipartUploadCommand(upload);
    // What stays is removed by the bucket's own rule; the first failure is the one to tell.
    await client.send(undo, { abortSignal: AbortSignal.timeout(UNDO_LIMIT) }).catch(() => undefined);
    throw error;
  }
}

/** As Promise.all, but nothing is under way any more when one has failed: it would come after the undoing. */
async function allDone<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
