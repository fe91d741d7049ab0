import { createHash, randomUUID } from 'node:crypto';
import { KEY_S3_CA, KEY_S3_ID, KEY_S3_SECRET, KEY_S3_TOKEN, resultName, tarballName } from '../capture/names.ts';
import { locationOf } from '../capture/places.ts';
import type { DestinationSpec } from '../capture/workload-spec.ts';
import { CaptureError } from '../errors.ts';
import { readKey } from './credentials.ts';
import { type Cut, cutIntoParts } from './parts.ts';
import { connectS3, type S3Connection, type S3Credentials } from './s3-client.ts';
import { rewrite } from './s3-hash.ts';
import { type Check, checkOf, type Made, multipartOf, type Sdk, sumsOf } from './s3-multipart.ts';
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

type Connection = S3Connection & Pick<Bounds, 'log' | 'stores' | 'spool' | 'maxParts'> & { tries: Tries };

/** An upload and all that its requests need. */
type Task = Connection & {
  sdk: Sdk;
  target: S3Target;
  stem: string;
  made: Made;
  check: Check;
  /** What users call the object. */
  place: string;
  /** Runs a request; its failure tells what could not be done, and why. */
  guarded<T>(what: string, request: (abortSignal: AbortSignal) => Promise<T>): Promise<T>;
};

async function openUpload(
  connection: Connection,
  target: S3Target,
  { stem, kept }: { stem: string; kept: number | undefined },
): Promise<Upload> {
  const task = await toTask(connection, target, stem);
  const { client, tries, log, sdk, made, check, place, guarded } = task;
  const multipart = multipartOf(sdk, client, { made, check });
  const parts = cutIntoParts(cutOf(task, kept), (part, index) =>
    guarded(`write ${place}`, (abortSignal) => multipart.send(part, index, { abortSignal })),
  );
  const whatIsLeft = leftIn(connection, place);
  let inParts = false;
  let bytes = kept ?? 0;
  return {
    write: (chunk) => {
      bytes += chunk.length;
      return parts.write(chunk);
    },
    room: parts.room,
    commit: async (head) => {
      const Body = parts.whole(head);
      inParts = Body === undefined;
      if (inParts) await parts.finish(head);
      const whole = (abortSignal: AbortSignal): Promise<unknown> =>
        Body === undefined
          ? multipart.complete({ abortSignal })
          : client.send(new sdk.PutObjectCommand({ ...hashed(made, Body), ...check(Body), Body }), { abortSignal });
      try {
        await guarded<unknown>(`write ${place}`, whole);
      } catch (error) {
        // An answer that was lost on its way back: the next try finds no upload any more.
        if (!tries.answered || !(await isThere(sdk, client, made))) throw error;
        log(`${place}: the answer was lost, but the object is there`);
      }
      const left = await multipart.tidy({ abortSignal: AbortSignal.timeout(AFTERMATH) }).catch(whatIsLeft);
      if (left !== undefined) log(left);
    },
    putResult: async (text, sha256) => {
      await putBeside(task, text);
      if (inParts) await writeHash(task, bytes, sha256);
    },
    confirm: (expected) => confirm(task, expected.bytes),
    abort: async () => {
      tries.giveUp();
      await parts.settle();
      return multipart.abort({ abortSignal: AbortSignal.timeout(AFTERMATH) }).catch(whatIsLeft);
    },
  };
}

function cutOf({ maxParts = MAX_PARTS, stores, spool, target, place }: Task, kept: number | undefined): Cut {
  const sums = sumsOf(target.checksums);
  return { maxParts, kept, stores, spool: (at, memory) => spool({ at, memory, sums, place }) };
}

function leftIn({ tries, explain }: Connection, key: string): (error: unknown) => string {
  return (error) => {
    // That its time was over says nothing about why it took so long.
    const why = ((error as Error).name === 'AbortError' ? tries.last : undefined) ?? explain(error);
    return `parts of ${key} stay in the bucket, unfinished: ${why}`;
  };
}

async function toTask(connection: Connection, target: S3Target, stem: string): Promise<Task> {
  const { tries, explain } = connection;
  const object = { Bucket: target.bucket, Key: keyOf(target, tarballName(stem)) };
  return {
    ...connection,
    ...{ target, stem, check: checkOf(target.checksums), place: keyOf(target, tarballName(stem), 's3://') },
    sdk: await import('@aws-sdk/client-s3'),
    made: { ...object, ContentType: 'application/gzip', Metadata: { [MARK]: randomUUID() } },
    guarded: async (what, request) => {
      try {
        return await tries.bound(request);
      } catch (error) {
        throw new CaptureError(`cannot ${what}: ${explain(error)}`);
      }
    },
  };
}

async function putBeside({ sdk, client, target, stem, check, guarded }: Task, text: string): Promise<void> {
  const beside = { Bucket: target.bucket, Key: keyOf(target, resultName(stem)), ContentType: 'application/json' };
  const put = new sdk.PutObjectCommand({ ...beside, ...check(text), Body: text });
  await guarded(`write ${keyOf(target, resultName(stem), 's3://')}`, (abortSignal) =>
    client.send(put, { abortSignal }),
  );
}

/** Adds the hash to the object's metadata. It fails where that is not allowed: the hash is in the result beside it anyway. */
async function writeHash(task: Task, bytes: number, sha256: string): Promise<void> {
  const { made, place, tries, explain, log } = task;
  let rewriting: Promise<void> | undefined;
  await tries
    .bound((given) => {
      rewriting = rewrite({ ...task, bytes, made: withHash(made, sha256) }, given);
      return rewriting;
    })
    .catch((error: unknown) => log(`${place} has no SHA-256 in its metadata: ${explain(error)}`));
  // When the time is over, its undoing is still under way.
  await rewriting?.catch(() => undefined);
}

async function confirm({ sdk, client, made, place, guarded }: Task, bytes: number): Promise<void> {
  const head = new sdk.HeadObjectCommand({ Bucket: made.Bucket, Key: made.Key });
  const held = await guarded(`look at ${place}`, (abortSignal) => client.send(head, { abortSignal }));
  // The mark tells that it is the object whose checksums the store has compared, part by part.
  if (held.Metadata?.[MARK] === made.Metadata[MARK] && held.ContentLength === bytes) return;
  throw new CaptureError(`${place} does not hold the ${bytes} bytes that were sent`);
}

function keyOf({ bucket, prefix }: S3Target, name: string, scheme?: 's3://'): string {
  const key = prefix === '' ? name : `${prefix}/${name}`;
  return scheme === undefined ? key : `${scheme}${bucket}/${key}`;
}

/** Of an object that is sent at once the SHA-256 is known. */
function hashed(made: Made, body: Buffer): Made {
  return withHash(made, createHash('sha256').update(body).digest('hex'));
}

function withHash(made: Made, sha256: string): Made {
  return { ...made, Metadata: { ...made.Metadata, sha256 } };
}

/** Whether this very upload has become the object; false where that cannot be told. */
async function isThere(sdk: Sdk, client: S3Connection['client'], { Bucket, Key, Metadata }: Made): Promise<boolean> {
  const limit = { abortSignal: AbortSignal.timeout(AFTERMATH) };
  const head = await client.send(new sdk.HeadObjectCommand({ Bucket, Key }), limit).catch(() => undefined);
  return head?.Metadata?.[MARK] === Metadata[MARK];
}
