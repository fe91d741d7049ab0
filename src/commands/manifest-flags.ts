import { parseSelector, renderSelector, type SelectorTerm, selectorTerms } from '../capture/selector.ts';
import type { CreateFlags } from './capture-flags.ts';
import { type CaptureManifest, FIELDS, type Field, type SelectorField } from './manifest-fields.ts';
import type { TargetFlags } from './target-flags.ts';

/** What a manifest says, as if it had been typed. */
export type ManifestFlags = {
  readonly flags: CreateFlags;
  readonly namespace: string | undefined;
  /** Where each flag comes from: `--max-size` is `spec.captureConfiguration.captureOption.maxCaptureSize`. */
  readonly origins: ReadonlyMap<string, string>;
};

/** Flags that name a target. */
export const TARGET_FLAGS = Object.keys({
  ...{ targets: true, nodeSelectors: true, nodeNames: true, podSelectors: true, namespaceSelectors: true },
  ...{ allNamespaces: true, podNames: true },
} satisfies Record<keyof TargetFlags, true>) as readonly (keyof TargetFlags)[];

/** Flags that say the same in several ways: whoever types one of them means it in place of the manifest's. */
const ALTERNATIVES: readonly (readonly (keyof CreateFlags)[])[] = [
  TARGET_FLAGS,
  ['pcapFilter', 'tcpdumpFilter'],
  ['blobUpload', 'blobSecret'],
  ['s3AccessKeyId', 's3SecretAccessKey', 's3SessionToken', 's3Secret'],
];

/** The name of a flag as it is typed: `maxSize` is `--max-size`. */
export function flagName(flag: string): string {
  return `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** A manifest as flags; tells, by the path of the field, what no flag can say. */
export function toManifestFlags(
  manifest: CaptureManifest,
  context: { newId: () => string; tell: (path: readonly string[], text: string) => void },
): ManifestFlags {
  const flags: Record<string, string | boolean> = {};
  const origins = new Map<string, string>();
  const { name, generateName, namespace } = manifest.metadata ?? {};
  if (name !== undefined || generateName !== undefined) {
    flags.name = name ?? `${generateName}${context.newId()}`;
    origins.set('--name', name === undefined ? 'metadata.generateName' : 'metadata.name');
  }
  for (const field of FIELDS) {
    const path = ['spec', ...field.path.split('.')];
    const value = readPath(manifest, path);
    if (value === undefined) continue;
    const flag = toFlag(field, value);
    if (flag instanceof Error) context.tell(path, flag.message);
    if (flag instanceof Error || flag === undefined) continue;
    Object.assign(flags, flag);
    for (const key of Object.keys(flag)) origins.set(flagName(key), path.join('.'));
  }
  return { flags, namespace, origins };
}

/** Typed flags over those of a manifest: a typed target takes the place of the whole target, others that of their field. */
export function mergeFlags(manifest: CreateFlags, typed: CreateFlags): CreateFlags {
  const given = Object.entries(typed).filter(([flag, value]) => isGiven(flag, value));
  const names = new Set(given.map(([flag]) => flag));
  const replaced = new Set<string>(ALTERNATIVES.filter((group) => group.some((flag) => names.has(flag))).flat());
  const kept = Object.entries(manifest).filter(([flag]) => !replaced.has(flag));
  return Object.fromEntries([...kept, ...given]);
}

/** Whether a flag says anything: a selector of blanks counts as not given, and no arguments name no target. */
export function isGiven(flag: string, value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (flag.endsWith('Selectors') && typeof value === 'string') return value.trim() !== '';
  return value !== undefined;
}

function readPath(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], value);
}

/** The value of a field as the flag's, undefined for an empty list. The schema has checked its type. */
function toFlag(
  { flag, kind }: Field,
  value: unknown,
): Partial<Record<keyof CreateFlags, string | boolean>> | undefined | Error {
  switch (kind) {
    case 'boolean':
      return { [flag]: value as boolean };
    case 'text':
    case 'duration':
    case 'integer':
      return { [flag]: String(value) };
    case 'list': {
      const list = value as readonly string[];
      return list.length === 0 ? undefined : { [flag]: list.join(',') };
    }
    case 'selector': {
      const text = selectorText(value as SelectorField);
      if (text instanceof Error) return text;
      if (text !== '') return { [flag]: text };
      // Kubernetes means everything by an empty selector; the reference refuses it. Of namespaces, there is a flag.
      if (flag === 'namespaceSelectors') return { allNamespaces: true };
      return new Error('is empty: leave it out, or name labels (namespaceSelector alone means all pods there)');
    }
    default:
      return kind satisfies never;
  }
}

function selectorText({ matchLabels = {}, matchExpressions = [] }: SelectorField): string | Error {
  const terms: SelectorTerm[] = Object.entries(matchLabels).map(([key, value]) => ({
    key,
    operator: '=',
    values: [value],
  }));
  for (const expression of matchExpressions) {
    const { key, operator, values = [] } = expression;
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (takesValues === (values.length === 0)) {
      return new Error(`${key}: ${operator} ${takesValues ? 'needs values' : 'takes no values'}`);
    }
    terms.push({ key, operator: OPERATORS[operator], values });
  }
  // What would be read as more than one word of a selector can be no label.
  const odd = terms.flatMap(({ key, values }) => [key, ...values]).find((word) => /[^\w./-]/.test(word));
  if (odd !== undefined) return new Error(`${JSON.stringify(odd)} cannot be in a label`);
  const text = renderSelector(terms);
  const parsed = text === '' ? text : parseSelector(text);
  return parsed instanceof Error ? new Error(parsed.message) : text;
}

const OPERATORS = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: 'absent' } as const;

/** A selector that was checked, as Kubernetes' objects write it. */
export function toSelectorField(text: string): SelectorField {
  const parsed = parseSelector(text);
  const matchLabels: Record<string, string> = {};
  const matchExpressions: NonNullable<SelectorField['matchExpressions']> = [];
  for (const { key, operator, values } of parsed instanceof Error ? [] : selectorTerms(parsed)) {
    const [value = ''] = values;
    if (operator === '=' && !Object.hasOwn(matchLabels, key)) matchLabels[key] = value;
    else if (operator === 'exists') matchExpressions.push({ key, operator: 'Exists' });
    else if (operator === 'absent') matchExpressions.push({ key, operator: 'DoesNotExist' });
    else {
      const isIn = operator === '=' || operator === 'in';
      matchExpressions.push({ key, operator: isIn ? 'In' : 'NotIn', values: [...values] });
    }
  }
  return {
    ...(Object.keys(matchLabels).length > 0 ? { matchLabels } : {}),
    ...(matchExpressions.length > 0 ? { matchExpressions } : {}),
  };
}
