import type { Readable } from 'node:stream';
import { CaptureError } from '../errors.ts';
import { connectS3, type S3Address, type S3Credentials } from './s3-client.ts';
import { guardedStream, type Store, type StoredObject, sizeOf } from './store.ts';

type Keys = { accessKeyId: string; secretAccessKey: string; sessionToken: string | undefined };

/** What was delivered into a bucket, below a prefix; without keys, the SDK finds those of this machine. */
export async function openS3Store(address: S3Address, keys: Keys | undefined): Promise<Store> {
  const { client, explain } = await connectS3(address, keys === undefined ? undefined : toCredentials(keys));
  const { GetObjectCommand, paginateListObjectsV2 } = await import('@aws-sdk/client-s3');
  const Bucket = address.bucket;
  const folder = address.prefix === '' ? '' : `${address.prefix}/`;
  const place = `s3://${Bucket}/${address.prefix}`.replace(/\/$/, '');
  const toError = (what: string, signal: AbortSignal) => (error: unknown) =>
    signal.aborted ? signal.reason : new CaptureError(`cannot ${what}: ${explain(error)}`);
  return {
    kind: 's3',
    place,
    list: async (beginning, signal) => {
      const objects: StoredObject[] = [];
      const query = { Bucket, Prefix: folder + beginning, Delimiter: '/' };
      try {
        for await (const page of paginateListObjectsV2({ client }, query, { abortSignal: signal })) {
          for (const { Key = '', Size = 0 } of page.Contents ?? [])
            objects.push({ name: Key.slice(folder.length), bytes: Size });
        }
      } catch (error) {
        throw toError(`list ${place}`, signal)(error);
      }
      return objects.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    read: async (name, range, signal) => {
      const failed = toError(`read ${place}/${name}`, signal);
      const part = range === undefined ? {} : { Range: `bytes=${range.from}-${range.to - 1}` };
      try {
        const get = new GetObjectCommand({ Bucket, Key: folder + name, ...part });
        const { Body, ContentRange, ContentLength } = await client.send(get, { abortSignal: signal });
        const bytes = guardedStream(Body as Readable, failed);
        return { size: sizeOf(ContentRange, ContentLength), bytes };
      } catch (error) {
        throw failed(error);
      }
    },
  };
}

function toCredentials({ sessionToken, ...pair }: Keys): S3Credentials {
  return sessionToken === undefined ? pair : { ...pair, sessionToken };
}
