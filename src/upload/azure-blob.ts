import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlockBlobClient, ContainerClient, Pipeline } from '@azure/storage-blob';
import { KEY_BLOB_URL, resultName, tarballName } from '../capture/names.ts';
import { locationOf } from '../capture/places.ts';
import { type BlobAccess, parseSasUrl } from '../capture/sas.ts';
import type { DestinationSpec } from '../capture/workload-spec.ts';
import { CaptureError } from '../errors.ts';
import { explainAzure } from './azure-error.ts';
import { findIdentity } from './azure-identity.ts';
import { readOnlyKey } from './credentials.ts';
import { type Cut, cutIntoParts, type Part } from './parts.ts';
import {
  type Bounds,
  FIRST_TRIES,
  LateError,
  MAX_TRIES,
  type Tries,
  UNBOUNDED,
  waitAfter,
  watchTries,
} from './tries.ts';
import type { Upload, Uploader } from './uploader.ts';

/** Blocks that a blob may have. */
const MAX_BLOCKS = 50_000;
/** Bytes of the first blocks where other stores need memory, too; from 4 MiB on Azure is quicker. */
export const SMALL_BLOCK = 2 << 20;
/** The SDK's own waits are the same for every client, so that those that fail together come back together: ours take their place. */
const RETRY = { maxTries: MAX_TRIES, retryDelayInMs: 0 };
/** Bytes of a block that are handed over at once: each that has left shows that the line is not dead. */
const PIECE = 64 << 10;

type BlobTarget = DestinationSpec & { kind: 'blob' };
type Watched = Pick<Bounds, 'log' | 'stores' | 'spool' | 'maxParts'> & { tries: Tries; kept: number | undefined };
type Container = { client: ContainerClient; access: BlobAccess; place: string };

/**
 * Delivers into a container of Azure Blob. Blocks are staged while bytes come in and committed as a list at the end, so
 * a blob is there as a whole or not at all; the right to write is all that is needed.
 */
export function azureBlobUploader(target: BlobTarget, stem: string, bounds: Bounds): Uploader {
  let known = target;
  return {
    kind: 'blob',
    get location() {
      return locationOf(known, stem);
    },
    open: async (kept) => {
      const access = await readAccess(target);
      known = { ...target, container: containerOf(access) };
      const tries = watchTries(locationOf(known, stem), bounds);
      return openUpload(await connectContainer(access, tries), stem, { ...bounds, tries, kept });
    },
  };
}

async function readAccess({ access, container }: BlobTarget): Promise<BlobAccess> {
  if (access === null) return { kind: 'identity', container: container ?? '' };
  const sas = parseSasUrl(await readOnlyKey(access.directory, KEY_BLOB_URL, access.secret));
  if (sas instanceof Error) throw new CaptureError(`Secret ${access.secret} holds no SAS URL: ${sas.message}`);
  return { kind: 'sas', sas };
}

/** The URL of a container, without what it is used by. */
function containerOf(access: BlobAccess): string {
  return access.kind === 'sas' ? access.sas.container : access.container;
}

/** A client for a container. */
export async function connectContainer(
  access: BlobAccess,
  tries = watchTries(containerOf(access), UNBOUNDED),
): Promise<Container> {
  const sdk = await import('@azure/storage-blob');
  const credential = access.kind === 'sas' ? new sdk.AnonymousCredential() : await findIdentity();
  const pipeline = sdk.newPipeline(credential, { retryOptions: RETRY });
  pipeline.factories.push(watchedTries(sdk, access, tries));
  const place = containerOf(access);
  return { client: new sdk.ContainerClient(access.kind === 'sas' ? access.sas.url : place, pipeline), access, place };
}

/** A policy inside the SDK's own loop of tries: it waits before each but the first, limits it, and tells of those that fail. */
function watchedTries(
  sdk: typeof import('@azure/storage-blob'),
  access: BlobAccess,
  tries: Tries,
): Pipeline['factories'][0] {
  const attempts = new Map<string, number>();
  const tell = (id: string, reason: string): number => {
    const attempt = (attempts.get(id) ?? 0) + 1;
    attempts.set(id, attempt);
    tries.failed(attempt, reason);
    return attempt;
  };
  const factory: Pipeline['factories'][0] = {
    create: (next) => ({
      sendRequest: async (request) => {
        const failed = attempts.get(request.requestId) ?? 0;
        if (failed > 0) await sleep(waitAfter(failed), undefined, { signal: request.abortSignal as AbortSignal });
        try {
          const response = await sendLimited(request, next, tries.idleLimit);
          tries.answer();
          if (response.status < 400) attempts.delete(request.requestId);
          else tell(request.requestId, response.headers.get('x-ms-error-code') ?? `HTTP ${response.status}`);
          return response;
        } catch (error) {
          if (request.abortSignal?.aborted) throw error;
          // Only a RestError is tried again.
          const silent = (error as Error).name === 'AbortError';
          const failure = silent
            ? new sdk.RestError(`not a byte within ${tries.idleLimit / 1000} s`, { code: 'ETIMEDOUT' })
            : error;
          const attempt = tell(request.requestId, explainAzure(failure, access));
          if (tries.answered || attempt < FIRST_TRIES) throw failure;
          throw new LateError(`${explainAzure(failure, access)} (${attempt} tries)`);
        }
      },
    }),
  };
  // By this name alone the SDK knows that a factory belongs inside its loop, and not around it.
  return Object.defineProperty(factory, 'constructor', { value: { name: 'InjectorPolicyFactory' } });
}

type Policy = ReturnType<Pipeline['factories'][0]['create']>;
type Request = Parameters<Policy['sendRequest']>[0];

/**
 * Sends one try of a request, and ends it when not a byte has left for too long: the SDK's own limit is only told to the
 * server, so that a silent one is waited for for ever.
 */
async function sendLimited(request: Request, next: Policy, limit: number): ReturnType<Policy['sendRequest']> {
  const given = request.abortSignal as AbortSignal;
  const silent = new AbortController();
  const timer = setTimeout(() => silent.abort(), limit);
  request.onUploadProgress = () => void timer.refresh();
  request.abortSignal = AbortSignal.any([given, silent.signal]);
  try {
    return await next.sendRequest(request);
  } finally {
    clearTimeout(timer);
    request.abortSignal = given;
  }
}

function openUpload({ client, access, place }: Container, stem: string, watched: Watched): Upload {
  const { tries, log } = watched;
  const blob = client.getBlockBlobClient(tarballName(stem));
  const where = `${place}/${tarballName(stem)}`;
  const guarded = guard(`write ${where}`, access, tries);
  const send = (part: Part, index: number) => guarded((limit) => stage(blob, { part, index }, limit));
  const parts = cutIntoParts(cutOf(watched, where), send);
  let committed: string | undefined;
  return {
    ...{ write: parts.write, room: parts.room },
    commit: async (head) => {
      const count = await parts.finish(head);
      const ids = Array.from({ length: count }, (_, index) => blockId(index));
      await guarded(async (abortSignal) => {
        const blobHTTPHeaders = { blobContentType: 'application/gzip' };
        committed = (await blob.commitBlockList(ids, { abortSignal, blobHTTPHeaders })).etag;
      });
    },
    putResult: async (text, sha256) => {
      // Known only after the commit; that it is in the result beside the blob is what counts.
      await tries
        .bound((abortSignal) => blob.setMetadata({ sha256 }, { abortSignal }))
        .catch((error: unknown) =>
          log(`${tarballName(stem)} has no SHA-256 in its metadata: ${explainAzure(error, access)}`),
        );
      const beside = client.getBlockBlobClient(resultName(stem));
      const blobHTTPHeaders = { blobContentType: 'application/json' };
      await guard(
        `write ${place}/${resultName(stem)}`,
        access,
        tries,
      )(async (abortSignal) => {
        await beside.upload(text, Buffer.byteLength(text), { abortSignal, blobHTTPHeaders });
      });
    },
    confirm: async ({ bytes }) => {
      const look = guard(`look at ${where}`, access, tries);
      const held = await look((abortSignal) => blob.getProperties({ abortSignal }));
      // The tag tells that it is the blob whose checksums the service has compared, block by block.
      if (held.contentLength === bytes && held.etag === committed) return;
      throw new CaptureError(`${where} does not hold the ${bytes} bytes that were sent`);
    },
    // Blocks that were never committed are invisible, and Azure drops them after a week.
    abort: async () => {
      tries.giveUp();
      await parts.settle();
    },
  };
}

function cutOf({ spool, stores, maxParts = MAX_BLOCKS, kept }: Watched, place: string): Cut {
  const firstPart = stores > 1 ? { firstPart: SMALL_BLOCK } : {};
  return { maxParts, kept, stores, ...firstPart, spool: (at, memory) => spool({ at, memory, sums: ['md5'], place }) };
}

/** The service compares the MD5 before it takes a block. */
async function stage(
  blob: BlockBlobClient,
  { part, index }: { part: Part; index: number },
  abortSignal: AbortSignal,
): Promise<void> {
  const inMemory = Buffer.isBuffer(part);
  const transactionalContentMD5 = inMemory ? createHash('md5').update(part).digest() : part.sum('md5');
  const body = () => (inMemory ? inPieces(part) : part.read());
  await blob.stageBlock(blockId(index), body, part.length, { abortSignal, transactionalContentMD5 });
}

/** The bytes of a block, for one try. */
function inPieces(part: Buffer): Readable {
  const pieces = Array.from({ length: Math.ceil(part.length / PIECE) }, (_, index) => index * PIECE);
  return Readable.from(
    pieces.map((at) => part.subarray(at, at + PIECE)),
    { objectMode: false },
  );
}

/** All ids of a blob must have one length. */
function blockId(index: number): string {
  return Buffer.from(String(index).padStart(8, '0')).toString('base64');
}

/** Runs a request; its failure tells what could not be done, and why, without the SAS. */
function guard(
  what: string,
  access: BlobAccess,
  tries: Tries,
): <T>(request: (signal: AbortSignal) => Promise<T>) => Promise<T> {
  return async (request) => {
    try {
      return await tries.bound(request);
    } catch (error) {
      throw new CaptureError(`cannot ${what}: ${explainAzure(error, access)}`);
    }
  };
}
