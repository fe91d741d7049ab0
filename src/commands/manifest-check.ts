import type * as z from 'zod/mini';
import { nearest } from '../capture/suggest.ts';
import type { Problems } from './flags.ts';
import { type CaptureManifest, captureSchema } from './manifest-fields.ts';
import type { Manifest } from './manifest-file.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

const WORDS: Readonly<Record<string, string>> = {
  ...{ string: 'text: quote it', int: 'a whole number', number: 'a whole number', boolean: 'true or false' },
  ...{ array: 'a list', object: 'a group of fields', record: 'a group of fields' },
};

/** A manifest whose fields exist and have the right types; tells all that is wrong, each with its line. */
export function checkManifest(manifest: Manifest, problems: Problems): CaptureManifest | undefined {
  const value = withoutNulls(manifest.value);
  const parsed = captureSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const other = otherKind(value);
  if (other !== undefined) {
    problems.found.push(`${manifest.at([])}: ${other}`);
    return undefined;
  }
  const lines = parsed.error.issues
    .flatMap((issue) => told(issue, value))
    .map(({ path, text }) => `${manifest.at(path)}: ${text}`);
  problems.found.push(...lines.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })));
  return undefined;
}

/** A field that is there and empty counts as not given, as everywhere in Kubernetes. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const given = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(given.map(([key, member]) => [key, withoutNulls(member)]));
}

/** Of something that is no Capture at all, only that is worth telling. */
function otherKind(value: unknown): string | undefined {
  const { apiVersion, kind } = (value ?? {}) as { apiVersion?: unknown; kind?: unknown };
  if (apiVersion === 'retina.sh/v1alpha1' && kind === 'Capture') return undefined;
  const of = apiVersion === undefined ? 'no apiVersion' : shown(apiVersion);
  const is = kind === undefined ? 'it has no kind' : `it is a ${shown(kind)} of ${of}`;
  return `only a Capture of retina.sh/v1alpha1 can be created: ${is}`;
}

function told(issue: Issue, value: unknown): { path: Path; text: string }[] {
  if (issue.code === 'unrecognized_keys') {
    const known = fieldsAt(captureSchema, issue.path);
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      const meant = nearest(key, known);
      const hint = meant === undefined ? `there are ${known.join(', ')}` : `did you mean ${meant}?`;
      return { path, text: `${nameOf(path)} is not a field: ${hint}` };
    });
  }
  const { path } = issue;
  const there = path.reduce<unknown>((part, key) => (part as Record<PropertyKey, unknown> | undefined)?.[key], value);
  if (there === undefined) return [{ path, text: `${nameOf(path)} is missing` }];
  const wanted =
    issue.code === 'invalid_value'
      ? `one of ${issue.values.join(', ')}`
      : wantedBy((issue as { expected?: string }).expected);
  return [{ path, text: `${nameOf(path)}: ${shown(there)} is not ${wanted}` }];
}

function wantedBy(expected: string | undefined): string {
  return WORDS[expected ?? ''] ?? 'what it can be';
}

/** `spec.captureConfiguration.filters.include[0]`. */
function nameOf(path: Path): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .slice(1);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** The fields that the schema has at a path. */
function fieldsAt(schema: z.core.$ZodType, path: Path): string[] {
  const { def } = schema._zod as { def: { innerType?: z.core.$ZodType; element?: z.core.$ZodType } };
  if (def.innerType !== undefined) return fieldsAt(def.innerType, path);
  const [key, ...rest] = path;
  if (def.element !== undefined) return fieldsAt(def.element, rest);
  const { shape = {} } = def as { shape?: Record<string, z.core.$ZodType> };
  if (key === undefined) return Object.keys(shape);
  const below = shape[String(key)];
  return below === undefined ? [] : fieldsAt(below, rest);
}
