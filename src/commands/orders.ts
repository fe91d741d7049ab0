import type { CaptureRequest } from '../capture/request.ts';
import type { Deps } from '../deps.ts';
import { type CreateFlags, toCaptureRequest } from './capture-flags.ts';
import type { Problems } from './flags.ts';

/** One capture that a command line orders. */
export type Order = {
  readonly request: CaptureRequest;
  readonly timeoutMs: number | null;
  /** The flags that it was made from, those of a manifest included. */
  readonly flags: CreateFlags;
  /** That of the command line or of the manifest; undefined for the context's. */
  readonly namespace: string | undefined;
  readonly warnings: readonly string[];
};

export type Typed = CreateFlags & { filename?: string; namespace?: string | undefined };
export type Context = Pick<Deps, 'newId' | 'now' | 'env' | 'signal'>;

/** The captures of a command line: one, or with -f as many as the file has. They count only if there are no problems. */
export async function readOrders(typed: Typed, problems: Problems, context: Context): Promise<Order[]> {
  if (typed.filename === undefined) {
    const converted = await toCaptureRequest(typed, problems, context);
    return [{ ...converted, flags: typed, namespace: typed.namespace, warnings: problems.warnings }];
  }
  // Loaded here: what reads YAML and checks its fields takes longer than all else of a command line.
  const { readManifestOrders } = await import('./manifest-orders.ts');
  return readManifestOrders(typed.filename, typed, problems, context);
}
