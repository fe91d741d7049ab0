import { UsageError } from '../errors.ts';
import { parseCaptureName } from './capture-flags.ts';

/** The captures named by arguments and by --name, checked; at least one. */
export function captureNames(args: readonly string[], flag: string | undefined): readonly string[] {
  const names = [...new Set([...args, ...(flag === undefined ? [] : [flag])])];
  if (names.length === 0) {
    throw new UsageError('name a capture', 'The captures there are: kubectl retina capture list');
  }
  for (const name of names) {
    const parsed = parseCaptureName(name);
    if (parsed instanceof Error) throw new UsageError(`the name ${parsed.message}`);
  }
  return names;
}

/** The one capture named by an argument or by --name. */
export function captureName(arg: string | undefined, flag: string | undefined): string {
  const names = captureNames(arg === undefined ? [] : [arg], flag);
  if (names.length > 1) throw new UsageError(`name one capture, not both ${names.join(' and ')}`);
  return names[0] ?? '';
}
