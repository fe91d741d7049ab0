import { posix } from 'node:path';
import type { CreateFlags } from './capture-flags.ts';
import { DEFAULT_DURATION, DEFAULT_MAX_SIZE, DEFAULT_NODE_SELECTOR } from './capture-rows.ts';
import { parseDuration } from './flags.ts';
import { FIELDS, type Field } from './manifest-fields.ts';
import { flagName, isGiven, TARGET_FLAGS, toSelectorField } from './manifest-flags.ts';
import { DEFAULT_HOST_PATH } from './run-rows.ts';

/** The label by which the reference finds a node that is named. */
const HOSTNAME = 'kubernetes.io/hostname';
/** How the reference's API writes durations. */
const API_DURATION = /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/;

const NO_FIELD = 'a Capture has no field for it';
/** Can be no Secret's name: who forgets to fill it in is told so, and no destination is lost. */
const SECRET_NAME = 'NAME-OF-A-SECRET';
const USE_SECRET = `a Capture holds no credentials: put the name of a Secret that does in the place of ${SECRET_NAME}`;

/** What a Capture cannot say, and what becomes of it. */
export const UNSAID: Partial<Record<keyof CreateFlags, string>> = {
  targets: `${NO_FIELD}: name the pods by --pod-selectors or --pod-names`,
  nodeNames: `a Capture selects nodes by label, so this is ${HOSTNAME} now, which differs from the name on some clouds`,
  hostPathBaseDir: `${NO_FIELD}: hostPath has the whole path`,
  blobUpload: `${USE_SECRET}, or give --blob-secret`,
  s3AccessKeyId: `${USE_SECRET}, or give --s3-secret`,
  s3SecretAccessKey: `${USE_SECRET}, or give --s3-secret`,
  s3SessionToken: `${USE_SECRET}, or give --s3-secret`,
  s3CaFile: NO_FIELD,
  s3RequestChecksumCalculation: NO_FIELD,
  packetCount: NO_FIELD,
  minFree: NO_FIELD,
  uploadTimeout: NO_FIELD,
  jobNumLimit: NO_FIELD,
  image: NO_FIELD,
  imagePullPolicy: NO_FIELD,
  imagePullSecret: NO_FIELD,
  serviceAccount: NO_FIELD,
  priorityClass: NO_FIELD,
  cpuLimit: NO_FIELD,
  memoryLimit: NO_FIELD,
  ttl: NO_FIELD,
  startAt: NO_FIELD,
  sync: NO_FIELD,
  syncTimeout: NO_FIELD,
};

/** A Capture of retina.sh/v1alpha1, and what of a command line it does not say. */
export type WrittenManifest = { manifest: object; warnings: readonly string[] };

/** The manifest that checked flags amount to, with the defaults written out: who applies it may have others. */
export function toManifest(flags: CreateFlags, namespace: string | undefined): WrittenManifest {
  const full = written(flags);
  const spec: Record<string, unknown> = {};
  for (const field of FIELDS) {
    const value = toField(field, full[field.flag]);
    if (value !== undefined) writePath(spec, field.path.split('.'), value);
  }
  const given = Object.keys(UNSAID).filter((flag) => isGiven(flag, flags[flag as keyof CreateFlags]));
  const warnings = given.map((flag) => `${flagName(flag)}: ${UNSAID[flag as keyof CreateFlags]}`);
  if (full.hostPath !== undefined && posix.isAbsolute(full.hostPath)) {
    warnings.push(`hostPath is ${full.hostPath}: this program takes it, Retina's operator only a relative one`);
  }
  const metadata = {
    ...(flags.name === undefined ? { generateName: 'retina-capture-' } : { name: flags.name }),
    ...(namespace === undefined ? {} : { namespace }),
  };
  return { manifest: { apiVersion: 'retina.sh/v1alpha1', kind: 'Capture', metadata, spec }, warnings };
}

/** Flags as a Capture can say them, with the defaults that its reader may not share. */
function written(flags: CreateFlags): CreateFlags {
  const targets = TARGET_FLAGS.filter((flag) => isGiven(flag, flags[flag]));
  const hostPath = hostPathOf(flags);
  return {
    ...flags,
    maxSize: flags.maxSize ?? DEFAULT_MAX_SIZE,
    ...(flags.fileCount === undefined ? { duration: flags.duration ?? DEFAULT_DURATION } : {}),
    ...(hostPath === undefined ? {} : { hostPath }),
    ...(targets.length === 0 ? { nodeSelectors: DEFAULT_NODE_SELECTOR } : {}),
    ...(flags.nodeNames === undefined ? {} : { nodeSelectors: `${HOSTNAME} in (${flags.nodeNames})` }),
    ...(flags.blobUpload === undefined ? {} : { blobSecret: SECRET_NAME }),
    ...((flags.s3AccessKeyId ?? flags.s3SecretAccessKey) === undefined ? {} : { s3Secret: SECRET_NAME }),
    // An empty selector, which means all namespaces.
    ...(flags.allNamespaces === true ? { namespaceSelectors: '' } : {}),
  };
}

/** The directory on the nodes: as typed, whole where its base was typed too, the default where nothing else is named. */
function hostPathOf(flags: CreateFlags): string | undefined {
  const path = flags.hostPath?.trim();
  const remote = [flags.pvc, flags.blobUpload, flags.blobSecret, flags.s3Bucket].some((flag) => flag !== undefined);
  if (path === undefined) return remote ? undefined : DEFAULT_HOST_PATH;
  const base = flags.hostPathBaseDir;
  return base === undefined || posix.isAbsolute(path) ? path : posix.join(base, path);
}

function writePath(object: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) object[key] = value;
  else {
    object[key] ??= {};
    writePath(object[key] as Record<string, unknown>, rest, value);
  }
}

/** A flag's value as the field's; undefined where there is nothing to say. */
function toField({ kind }: Field, value: CreateFlags[keyof CreateFlags]): unknown {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return undefined;
  switch (kind) {
    case 'selector':
      return value !== '' && value.trim() === '' ? undefined : toSelectorField(value);
    case 'list':
      return value.split(',').map((word) => word.trim());
    case 'integer':
      return Number(value);
    case 'duration':
      return API_DURATION.test(value) ? value : `${Number(parseDuration(value)) / 1000}s`;
    case 'text':
      return value.trim() === '' ? undefined : value.trim();
    case 'boolean':
      return undefined;
    default:
      return kind satisfies never;
  }
}
