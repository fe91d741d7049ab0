import { createInterface } from 'node:readline/promises';

/**
 * Asks for a line on a terminal. The terminal edits it and turns Ctrl-C into a signal, which means here what it means
 * everywhere. Undefined when none was typed.
 */
export async function askLine(
  { stdin, stderr }: { stdin: NodeJS.ReadStream; stderr: NodeJS.WriteStream },
  question: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const lines = createInterface({ input: stdin, output: stderr, terminal: false });
  const gone = new AbortController();
  // A terminal that goes away while it is read is an end of the input, too.
  for (const event of ['close', 'error']) lines.on(event, () => gone.abort());
  try {
    return await lines.question(question, { signal: AbortSignal.any([signal, gone.signal]) });
  } catch {
    stderr.write('\n');
    return undefined;
  } finally {
    lines.close();
  }
}
