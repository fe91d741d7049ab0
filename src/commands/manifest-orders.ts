import { type CreateFlags, toCaptureRequest } from './capture-flags.ts';
import { Problems } from './flags.ts';
import { checkManifest } from './manifest-check.ts';
import { type Manifest, readManifests } from './manifest-file.ts';
import { type ManifestFlags, mergeFlags, toManifestFlags } from './manifest-flags.ts';
import type { Context, Order, Typed } from './orders.ts';

/** The captures of a file; with what was typed, which counts more. */
export async function readManifestOrders(
  filename: string,
  typed: Typed,
  problems: Problems,
  context: Context,
): Promise<Order[]> {
  const manifests = await readManifests(filename, problems, context.signal);
  const read = await Promise.all(manifests.map((manifest) => readOrder(manifest, typed, context)));
  // A flag that is wrong is so for every manifest, and is told once.
  problems.found.push(...new Set(read.flatMap((order) => order.problems)));
  const orders = read.flatMap(({ order }) => (order === undefined ? [] : [order]));
  if (typed.name !== undefined && manifests.length > 1) {
    problems.found.push(`--name: there are ${manifests.length} captures in ${filename}, and no two can have a name`);
  } else problems.found.push(...repeatedNames(orders));
  return orders;
}

async function readOrder(
  manifest: Manifest,
  typed: Typed,
  context: Context,
): Promise<{ order: Order | undefined; problems: readonly string[] }> {
  const own = new Problems();
  const checked = checkManifest(manifest, own);
  if (checked === undefined) {
    // What was typed is checked all the same, so that all is told together.
    await toCaptureRequest(typed, own, context);
    return { order: undefined, problems: own.found };
  }
  const tell = (path: readonly string[], text: string) => {
    own.found.push(`${manifest.at(path)}: ${path.join('.')} ${text}`);
  };
  const said = toManifestFlags(checked, { newId: context.newId, tell });
  const flags = mergeFlags(said.flags, typed);
  const ofFlags = new Problems();
  const converted = await toCaptureRequest(flags, ofFlags, context);
  const words = (text: string): string => inWordsOf(manifest, { said, typed: mergeFlags({}, typed) }, text);
  const { labels, annotations = {} } = checked.metadata ?? {};
  const notes = Object.keys(annotations).filter((key) => !key.startsWith('kubectl.kubernetes.io/'));
  if (labels !== undefined || notes.length > 0) {
    own.warnings.push(`${manifest.at(['metadata'])}: metadata.labels and annotations are not put on the Jobs`);
  }
  const warnings = [...own.warnings, ...ofFlags.warnings.map(words)];
  const order = { ...converted, flags, namespace: typed.namespace ?? said.namespace, warnings };
  return { order, problems: [...own.found, ...ofFlags.found.map(words)] };
}

/** What is wrong with a flag that nobody typed is told in the words of the manifest, with its line. */
function inWordsOf(manifest: Manifest, from: { said: ManifestFlags; typed: CreateFlags }, text: string): string {
  const typed = new Set(Object.keys(from.typed));
  const originOf = (flag: string): string | undefined => {
    const property = flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    return typed.has(property) ? undefined : from.said.origins.get(flag);
  };
  const first = /^--[a-z0-9-]+(?=:)/.exec(text)?.[0] ?? '';
  const origin = originOf(first);
  if (origin !== undefined) return `${manifest.at(origin.split('.'))}: ${origin}${text.slice(first.length)}`;
  const named = text.replaceAll(/--[a-z][a-z0-9-]+/g, (flag) => originOf(flag)?.split('.').at(-1) ?? flag);
  return named === text ? text : `${manifest.at(['spec'])}: ${named}`;
}

function repeatedNames(orders: readonly Order[]): string[] {
  const places = Map.groupBy(orders, ({ namespace, request }) => `${namespace ?? ''}/${request.name}`);
  return [...places.values()].flatMap(([first, second]) =>
    first === undefined || second === undefined ? [] : [`two captures of the file are called ${first.request.name}`],
  );
}
