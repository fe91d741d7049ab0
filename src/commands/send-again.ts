import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeUploadSpec, PODINFO_UPLOAD } from '../capture/upload-spec.ts';
import { encodeResult, PODINFO_DIRECTORY, TERMINATION_MESSAGE_PATH } from '../capture/workload-spec.ts';
import { sendAgain } from '../workload/send-again.ts';
import { keepHeapSmall } from './small-heap.ts';

/** `send-again`, hidden: what an upload pod runs. What became of it goes into the termination message. */
export async function sendAgainCommand(io: { signal: AbortSignal; log: (line: string) => void }): Promise<number> {
  keepHeapSmall();
  const spec = decodeUploadSpec(await readFile(join(PODINFO_DIRECTORY, PODINFO_UPLOAD), 'utf8'));
  const result = await sendAgain(spec, io);
  await writeFile(TERMINATION_MESSAGE_PATH, encodeResult(result));
  return result.errors.length === 0 && result.destinations.every(({ ok }) => ok) ? 0 : 1;
}
