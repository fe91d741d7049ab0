import type { Readable } from 'node:stream';
import type { BlobAccess } from '../capture/sas.ts';
import { CaptureError } from '../errors.ts';
import { connectContainer } from './azure-blob.ts';
import { explainAzure } from './azure-error.ts';
import { guardedStream, type Store, type StoredObject, sizeOf } from './store.ts';

/** Milliseconds for one request with all its tries: the SDK has no limit of its own for a store that does not answer. */
const REQUEST_LIMIT = 300_000;

/** What was delivered into a container; its SAS, or the identity of this machine's user, must allow to read, and to list where names are not known. */
export async function openBlobStore(access: BlobAccess): Promise<Store> {
  const { client, place } = await connectContainer(access);
  const toError = (what: string, signal: AbortSignal) => (error: unknown) =>
    signal.aborted ? signal.reason : new CaptureError(`cannot ${what}: ${explainAzure(error, access)}`);
  const limited = (signal: AbortSignal) => ({
    abortSignal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_LIMIT)]),
  });
  return {
    kind: 'blob',
    place,
    list: async (prefix, signal) => {
      const objects: StoredObject[] = [];
      try {
        for await (const item of client.listBlobsFlat({ prefix, ...limited(signal) }))
          objects.push({ name: item.name, bytes: item.properties.contentLength ?? 0 });
      } catch (error) {
        throw toError(`list ${place}`, signal)(error);
      }
      return objects.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    read: async (name, range, signal) => {
      const failed = toError(`read ${place}/${name}`, signal);
      const count = range === undefined ? undefined : range.to - range.from;
      try {
        const answer = await client.getBlobClient(name).download(range?.from, count, limited(signal));
        const bytes = guardedStream(answer.readableStreamBody as Readable, failed);
        return { size: sizeOf(answer.contentRange, answer.contentLength), bytes };
      } catch (error) {
        throw failed(error);
      }
    },
  };
}
