import { createHash } from 'node:crypto';
import type { BlockBlobClient, ContainerClient, RestError } from '@azure/storage-blob';
import { KEY_BLOB_URL, resultName, tarballName } from '../capture/names.ts';
import { locationOf } from '../capture/places.ts';
import { parseSasUrl, type SasUrl } from '../capture/sas.ts';
import type { DestinationSpec } from '../capture/workload-spec.ts';
import { CaptureError } from '../errors.ts';
import { readOnlyKey, redact } from './credentials.ts';
import { errnoOf } from './explain.ts';
import { cutIntoParts } from './parts.ts';
import type { Upload, Uploader } from './uploader.ts';

/** Blocks that a blob may have. */
const MAX_BLOCKS = 50_000;
/**
 * The SDK waits 4 s, then 12, then 28 by default. With these, a store that is back within 20 s is not given up:
 * 0, 0.5, 1.5, 3.5, 7.5 and 10 s between the tries.
 */
const RETRY = { maxTries: 7, retryDelayInMs: 500, maxRetryDelayInMs: 10_000 };
/** Milliseconds for one block with all its tries: the SDK has no limit of its own for a store that does not answer. */
const BLOCK_LIMIT = 300_000;

type BlobTarget = DestinationSpec & { kind: 'blob' };
type Container = { client: ContainerClient; sas: SasUrl };

/**
 * Delivers into a container of Azure Blob. Blocks are staged while bytes come in and committed as a list at the end, so
 * a blob is there as a whole or not at all; the right to write is all that is needed.
 */
export function azureBlobUploader(target: BlobTarget, stem: string): Uploader {
  let known = target;
  return {
    kind: 'blob',
    get location() {
      return locationOf(known, stem);
    },
    open: async (kept) => {
      const sas = await readSas(target);
      known = { ...target, container: sas.container };
      return openUpload(await connectContainer(sas), stem, kept);
    },
  };
}

async function readSas({ access }: BlobTarget): Promise<SasUrl> {
  const sas = parseSasUrl(await readOnlyKey(access.directory, KEY_BLOB_URL, access.secret));
  if (sas instanceof Error) throw new CaptureError(`Secret ${access.secret} holds no SAS URL: ${sas.message}`);
  return sas;
}

/** A client for the container of a SAS URL. */
export async function connectContainer(sas: SasUrl): Promise<Container> {
  const { ContainerClient } = await import('@azure/storage-blob');
  return { client: new ContainerClient(sas.url, undefined, { retryOptions: RETRY }), sas };
}

function openUpload({ client, sas }: Container, stem: string, kept?: number): Upload {
  const blob = client.getBlockBlobClient(tarballName(stem));
  const guarded = guard(sas, tarballName(stem));
  const parts = cutIntoParts(MAX_BLOCKS, (part, index) => guarded(() => stage(blob, part, index)), kept);
  return {
    write: (chunk) => parts.write(chunk),
    commit: async (head) => {
      const count = await parts.finish(head);
      const ids = Array.from({ length: count }, (_, index) => blockId(index));
      await guarded(() =>
        blob.commitBlockList(ids, { ...limited(), blobHTTPHeaders: { blobContentType: 'application/gzip' } }),
      );
    },
    putResult: (text) => {
      const beside = client.getBlockBlobClient(resultName(stem));
      const options = { ...limited(), blobHTTPHeaders: { blobContentType: 'application/json' } };
      return guard(sas, resultName(stem))(() => beside.upload(text, Buffer.byteLength(text), options));
    },
    // Blocks that were never committed are invisible, and Azure drops them after a week.
    abort: () => parts.settle(),
  };
}

/** The service compares the MD5 before it takes a block. */
async function stage(blob: BlockBlobClient, part: Buffer, index: number): Promise<void> {
  const transactionalContentMD5 = createHash('md5').update(part).digest();
  await blob.stageBlock(blockId(index), part, part.length, { ...limited(), transactionalContentMD5 });
}

/** All ids of a blob must have one length. */
function blockId(index: number): string {
  return Buffer.from(String(index).padStart(8, '0')).toString('base64');
}

function limited(): { abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(BLOCK_LIMIT) };
}

/** Runs a request; its failure tells what could not be written, and why, without the SAS. */
function guard(sas: SasUrl, name: string): (request: () => Promise<unknown>) => Promise<void> {
  return async (request) => {
    try {
      await request();
    } catch (error) {
      throw new CaptureError(`cannot write ${sas.container}/${name}: ${explainAzure(error, sas)}`);
    }
  };
}

/** Why Azure Blob refused, in words: its own code first. Never the SAS; so the error itself is not passed on either. */
export function explainAzure(error: unknown, sas: SasUrl): string {
  const { name, message, code, statusCode } = error as RestError;
  if (name === 'AbortError') return `no answer within ${BLOCK_LIMIT / 1000} s`;
  // The first line is the reason; below are request ids and times.
  const reason = redact(message.split('\n')[0] ?? '', [sas.url, new URL(sas.url).searchParams.get('sig') ?? '']);
  const expired = sas.expiresAt !== undefined && sas.expiresAt.getTime() <= Date.now();
  const why = expired && statusCode === 403 ? ` (the SAS expired at ${sas.expiresAt?.toISOString()})` : '';
  if (statusCode !== undefined) return `${code ?? `HTTP ${statusCode}`}: ${reason}${why}`;
  return `${errnoOf(error) ?? code ?? 'no connection'}: ${reason} (${RETRY.maxTries} tries)`;
}
