import { join } from 'node:path';
import type { ExpectedFile } from '../capture/download.ts';
import { isComplete, type LocalPath, openPart } from '../capture/part-file.ts';
import type { Deps } from '../deps.ts';
import { CaptureError } from '../errors.ts';
import { readAhead } from '../upload/read-ahead.ts';
import type { Store } from '../upload/store.ts';
import { size } from './render.ts';

type Fetching = { node: string; file: ExpectedFile; directory: LocalPath };

/** Fetches a tarball from a store into a directory, going on from what is there, and verifies its size and SHA-256. */
export async function fetchTarball(
  { ui, signal }: Pick<Deps, 'ui' | 'signal'>,
  store: Store,
  { node, file, directory }: Fetching,
): Promise<LocalPath> {
  if (await isComplete(directory, file)) {
    ui.note(`${node}: ${file.name} is already here, and whole`);
    return join(directory, file.name) as LocalPath;
  }
  const part = await openPart(directory, file);
  try {
    if (part.size() > file.bytes) await part.restart();
    let resumed = part.size() > 0;
    const from = resumed ? `, going on from ${size(part.size())}` : '';
    ui.note(`${node}: ${file.name}, ${size(file.bytes)}, from ${store.place}${from}`);
    for (;;) {
      for await (const bytes of readAhead(store, file, part.size(), signal)) await part.write(bytes);
      if (part.digest() === file.sha256) return await part.finish();
      await part.restart();
      if (!resumed) break;
      ui.note(`${node}: the part that was here is of another file; fetching it anew`);
      resumed = false;
    }
    throw new CaptureError(`${store.place}/${file.name} is damaged: its SHA-256 is not ${file.sha256}`, {
      hint: 'It has changed since it was captured. Nothing was kept here.',
    });
  } finally {
    await part.close();
  }
}
