import { InterruptedError, messageOf } from '../errors.ts';
import { printable } from './printable.ts';

/**
 * One line for what a user can mend, then facts and what to do next, indented. For what is our fault one line too: its
 * stack needs --verbose.
 */
export function renderError(error: unknown, verbose: boolean): string {
  const known = error as { hint?: unknown; name?: string };
  const hint = typeof known.hint === 'string' ? `\n${known.hint}` : '';
  if (error instanceof InterruptedError) return `\n${told(messageOf(error) + hint)}\n`;
  const ours = error instanceof Error && /^(UsageError|ClusterError|CaptureError)$/.test(error.name);
  if (ours) return `error: ${told(messageOf(error) + hint)}\n`;
  const fault = `error: this is a fault of kubectl-retina: ${told(messageOf(error))}`;
  if (verbose) return `${fault}\n${printable((error instanceof Error && error.stack) || '')}\n`;
  return `${fault}\n  Please report it with what the same command tells with --verbose.\n`;
}

/** All lines but the first indented, as a terminal may show them. */
function told(text: string): string {
  return printable(text).replace(/\n(?! {2})/g, '\n  ');
}
