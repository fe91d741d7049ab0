import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CaptureError } from '../errors.ts';
import { errnoOf } from './explain.ts';

/** A key of a mounted Secret; undefined where it has none of that name. */
export async function readKey(directory: string, key: string): Promise<string | undefined> {
  try {
    return (await readFile(join(directory, key), 'utf8')).trim();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** As readKey; where the Secret has one other key alone, that one is meant. */
export async function readOnlyKey(directory: string, key: string, secret: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith('.'));
  const name = names.includes(key) || names.length !== 1 ? key : (names[0] ?? key);
  const value = await readKey(directory, name);
  if (value === undefined) throw new CaptureError(`Secret ${secret} has no key ${key}`);
  return value;
}

/** A text without the secrets that may have got into it: what a store answers is not ours. */
export function redact(text: string, secrets: readonly (string | undefined)[]): string {
  let clean = text.replace(/\b(sig|X-Amz-Signature|X-Amz-Security-Token)=[^&\s"'<]+/gi, '$1=…');
  for (const secret of secrets) if (secret) clean = clean.replaceAll(secret, '…');
  return clean;
}
