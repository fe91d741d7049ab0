import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_S3_ID, KEY_S3_SECRET } from '../../src/capture/names.ts';

/** Writes the keys of an S3 store as a mounted Secret has them; the answer is where. */
export async function writeKeys(base: string, { id, secret }: { id: string; secret: string }): Promise<string> {
  const directory = join(base, 'keys');
  await mkdir(directory, { recursive: true });
  await Promise.all([writeFile(join(directory, KEY_S3_ID), id), writeFile(join(directory, KEY_S3_SECRET), secret)]);
  return directory;
}
