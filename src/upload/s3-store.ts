import { CaptureError } from '../errors.ts';
import { connectS3, type S3Address, type S3Credentials } from './s3-client.ts';
import { guardedStream, type Store, type StoredObject } from './store.ts';

/** What was delivered into a bucket, below a prefix. */
export async function openS3Store(address: S3Address, credentials: S3Credentials | undefined): Promise<Store> {
  const { client, explain } = await connectS3(address, credentials);
  const { GetObjectCommand, paginateListObjectsV2 } = await import('@aws-sdk/client-s3');
  const Bucket = address.bucket;
  const folder = address.prefix === '' ? '' : `${address.prefix}/`;
  const place = `s3://${Bucket}/${address.prefix}`.replace(/\/$/, '');
  const failed = (what: string, error: unknown) => new CaptureError(`cannot ${what}: ${explain(error)}`);
  return {
    place,
    list: async (beginning) => {
      const objects: StoredObject[] = [];
      const query = { Bucket, Prefix: folder + beginning, Delimiter: '/' };
      try {
        for await (const page of paginateListObjectsV2({ client }, query)) {
          for (const { Key = '', Size = 0 } of page.Contents ?? [])
            objects.push({ name: Key.slice(folder.length), bytes: Size });
        }
      } catch (error) {
        throw failed(`list ${place}`, error);
      }
      return objects.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    read: async (name, from) => {
      const range = from > 0 ? { Range: `bytes=${from}-` } : {};
      const toError = (error: unknown) => failed(`read ${place}/${name}`, error);
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: folder + name, ...range }));
        return guardedStream(Body as AsyncIterable<Uint8Array>, toError);
      } catch (error) {
        throw toError(error);
      }
    },
  };
}
