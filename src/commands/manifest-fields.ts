import * as z from 'zod/mini';
import type { CreateFlags } from './capture-flags.ts';

/** How the value of a field is written: as text, a whole number, true or false, a list of texts, a label selector. */
export type FieldKind = 'text' | 'duration' | 'integer' | 'boolean' | 'list' | 'selector';

/** A field of a Capture's spec, and the flag that means the same. */
export type Field = { readonly path: string; readonly flag: keyof CreateFlags; readonly kind: FieldKind };

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;
const requirement = z.strictObject({
  key: z.string(),
  operator: z.enum(operators),
  values: z.optional(z.array(z.string())),
});
const selector = z.strictObject({
  matchLabels: z.optional(z.record(z.string(), z.string())),
  matchExpressions: z.optional(z.array(requirement)),
});

/** A label selector as Kubernetes' objects write it. */
export type SelectorField = z.infer<typeof selector>;

const SCHEMAS: Record<FieldKind, z.ZodMiniType> = {
  ...{ text: z.string(), duration: z.string(), integer: z.int(), boolean: z.boolean() },
  ...{ list: z.array(z.string()), selector },
};

const configuration = 'captureConfiguration';
const target = `${configuration}.captureTarget`;
const option = `${configuration}.captureOption`;
const output = 'outputConfiguration';
const s3 = `${output}.s3Upload`;

/** Every field of the spec of retina.sh/v1alpha1 Capture, in the order in which it is printed. */
export const FIELDS: readonly Field[] = [
  { path: `${target}.nodeSelector`, flag: 'nodeSelectors', kind: 'selector' },
  { path: `${target}.namespaceSelector`, flag: 'namespaceSelectors', kind: 'selector' },
  { path: `${target}.podSelector`, flag: 'podSelectors', kind: 'selector' },
  { path: `${target}.podNames`, flag: 'podNames', kind: 'list' },
  { path: `${configuration}.filters.include`, flag: 'includeFilter', kind: 'list' },
  { path: `${configuration}.filters.exclude`, flag: 'excludeFilter', kind: 'list' },
  { path: `${configuration}.tcpdumpFilter`, flag: 'tcpdumpFilter', kind: 'text' },
  { path: `${configuration}.includeMetadata`, flag: 'includeMetadata', kind: 'boolean' },
  { path: `${option}.duration`, flag: 'duration', kind: 'duration' },
  { path: `${option}.packetSize`, flag: 'packetSize', kind: 'integer' },
  { path: `${option}.maxCaptureSize`, flag: 'maxSize', kind: 'integer' },
  { path: `${option}.fileCount`, flag: 'fileCount', kind: 'integer' },
  { path: `${option}.interfaces`, flag: 'interfaces', kind: 'list' },
  { path: `${option}.pcapFilter`, flag: 'pcapFilter', kind: 'text' },
  { path: `${option}.sourceIPs`, flag: 'sourceIps', kind: 'list' },
  { path: `${option}.destinationIPs`, flag: 'destinationIps', kind: 'list' },
  { path: `${option}.noPromiscuous`, flag: 'noPromiscuous', kind: 'boolean' },
  { path: `${option}.packetBuffered`, flag: 'packetBuffered', kind: 'boolean' },
  { path: `${option}.immediateMode`, flag: 'immediateMode', kind: 'boolean' },
  { path: `${option}.noResolveDNS`, flag: 'noResolveDns', kind: 'boolean' },
  { path: `${option}.noResolvePort`, flag: 'noResolvePort', kind: 'boolean' },
  { path: `${option}.verbosity`, flag: 'verbosity', kind: 'text' },
  { path: `${option}.printDataFormat`, flag: 'printData', kind: 'text' },
  { path: `${option}.printLinkHeader`, flag: 'printLinkHeader', kind: 'boolean' },
  { path: `${option}.quietOutput`, flag: 'quietOutput', kind: 'boolean' },
  { path: `${option}.absoluteSeq`, flag: 'absoluteSeq', kind: 'boolean' },
  { path: `${option}.timestampFormat`, flag: 'timestampFormat', kind: 'text' },
  { path: `${option}.dontVerifyChecksum`, flag: 'dontVerifyChecksum', kind: 'boolean' },
  { path: `${output}.hostPath`, flag: 'hostPath', kind: 'text' },
  { path: `${output}.persistentVolumeClaim`, flag: 'pvc', kind: 'text' },
  { path: `${output}.blobUpload`, flag: 'blobSecret', kind: 'text' },
  { path: `${s3}.endpoint`, flag: 's3Endpoint', kind: 'text' },
  { path: `${s3}.bucket`, flag: 's3Bucket', kind: 'text' },
  { path: `${s3}.secretName`, flag: 's3Secret', kind: 'text' },
  { path: `${s3}.region`, flag: 's3Region', kind: 'text' },
  { path: `${s3}.path`, flag: 's3Path', kind: 'text' },
  { path: 'cleanUpAfterUpload', flag: 'cleanupAfterUpload', kind: 'boolean' },
];

/** A part of a schema: objects within objects, as the dotted paths of the fields say. */
function objectOf(fields: readonly { path: readonly string[]; schema: z.ZodMiniType }[]): z.ZodMiniType {
  const members = Map.groupBy(fields, ({ path }) => path[0] ?? '');
  const shape = [...members].map(([key, below]) => {
    const leaf = below.find(({ path }) => path.length === 1);
    const rest = below.map(({ path, schema }) => ({ path: path.slice(1), schema }));
    return [key, z.optional(leaf?.schema ?? objectOf(rest))];
  });
  return z.strictObject(Object.fromEntries(shape));
}

const text = z.optional(z.string());
const texts = z.optional(z.record(z.string(), z.string()));
/** What the API server writes, and `kubectl get -o yaml` prints: taken, and left aside. */
const ofServer = [
  ...['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp', 'selfLink'],
  ...['deletionGracePeriodSeconds', 'managedFields', 'ownerReferences', 'finalizers'],
];

/** A Capture of the reference's API, retina.sh/v1alpha1: no field that it does not have. */
export const captureSchema = z.strictObject({
  apiVersion: z.literal('retina.sh/v1alpha1'),
  kind: z.literal('Capture'),
  metadata: z.optional(
    z.strictObject({
      ...{ name: text, generateName: text, namespace: text, labels: texts, annotations: texts },
      ...Object.fromEntries(ofServer.map((key) => [key, z.optional(z.unknown())])),
    }),
  ),
  spec: objectOf(FIELDS.map(({ path, kind }) => ({ path: path.split('.'), schema: SCHEMAS[kind] }))),
  status: z.optional(z.unknown()),
});

/** A Capture whose fields have the right types; those of its spec are read by the paths of FIELDS. */
export type CaptureManifest = z.infer<typeof captureSchema>;
