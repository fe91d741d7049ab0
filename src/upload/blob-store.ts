import type { SasUrl } from '../capture/sas.ts';
import { CaptureError } from '../errors.ts';
import { connectContainer, explainAzure } from './azure-blob.ts';
import { guardedStream, type Store, type StoredObject } from './store.ts';

/** What was delivered into a container; its SAS must allow to list and to read. */
export async function openBlobStore(sas: SasUrl): Promise<Store> {
  const { client } = await connectContainer(sas);
  const place = sas.container;
  const failed = (what: string, error: unknown) => new CaptureError(`cannot ${what}: ${explainAzure(error, sas)}`);
  return {
    place,
    list: async (prefix) => {
      const objects: StoredObject[] = [];
      try {
        for await (const item of client.listBlobsFlat({ prefix }))
          objects.push({ name: item.name, bytes: item.properties.contentLength ?? 0 });
      } catch (error) {
        throw failed(`list ${place}`, error);
      }
      return objects.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    read: async (name, from) => {
      const toError = (error: unknown) => failed(`read ${place}/${name}`, error);
      try {
        const { readableStreamBody } = await client.getBlobClient(name).download(from);
        return guardedStream((readableStreamBody ?? []) as AsyncIterable<Uint8Array>, toError);
      } catch (error) {
        throw toError(error);
      }
    },
  };
}
