import type { JobSettings } from '../capture/request.ts';
import type { PodImage } from '../capture/status.ts';
import {
  type Problems,
  parseDuration,
  parseImage,
  parseInteger,
  parseName,
  parseOneOf,
  parseQuantity,
} from './flags.ts';
import { captureImage } from './version.ts';

/** What every capture requests; a limit below it is refused by the API server. */
const LEAST_CPU = { text: '10m', value: 0.01 };
/** Below this, the program is killed before it captures. */
const LEAST_MEMORY = { text: '32Mi', value: 32 * 2 ** 20 };

export type ImageFlags = { image?: string; imagePullPolicy?: string; imagePullSecret?: string };

/** How the Jobs run, as typed; unset flags are undefined. */
export type JobFlags = ImageFlags & {
  jobNumLimit?: string;
  serviceAccount?: string;
  priorityClass?: string;
  cpuLimit?: string;
  memoryLimit?: string;
  ttl?: string;
};

/** The image flags, as every command that starts pods takes them. */
export function toImage(
  flags: ImageFlags,
  problems: Problems,
  env: NodeJS.ProcessEnv,
): Pick<JobSettings, 'image' | 'imagePullPolicy' | 'imagePullSecrets'> {
  const pullSecret = problems.parse('--image-pull-secret', flags.imagePullSecret, parseName);
  const policy = parseOneOf('Always', 'IfNotPresent', 'Never');
  const source = flags.image === undefined ? 'RETINA_AGENT_IMAGE' : '--image';
  return {
    image: problems.parse(source, flags.image ?? captureImage(env), parseImage) ?? '',
    imagePullPolicy: problems.parse('--image-pull-policy', flags.imagePullPolicy, policy) ?? 'IfNotPresent',
    imagePullSecrets: pullSecret === undefined ? [] : [pullSecret],
  };
}

/** `--image`, else the image that the capture itself runs, else the default: it is on the nodes already. */
export function toOwnImage(
  flags: ImageFlags,
  problems: Problems,
  env: NodeJS.ProcessEnv,
): (own: PodImage | undefined) => PodImage {
  const typed = toImage(flags, problems, env);
  return (own) => {
    if (own === undefined) return typed;
    const { image, imagePullPolicy, imagePullSecrets } = flags.image === undefined ? own : typed;
    return {
      image,
      imagePullPolicy: flags.imagePullPolicy === undefined ? imagePullPolicy : typed.imagePullPolicy,
      imagePullSecrets: flags.imagePullSecret === undefined ? imagePullSecrets : typed.imagePullSecrets,
    };
  };
}

/** How the Jobs of a command line run. */
export function toJobSettings(flags: JobFlags, problems: Problems, env: NodeJS.ProcessEnv): JobSettings {
  return {
    ...toImage(flags, problems, env),
    serviceAccount: problems.parse('--service-account', flags.serviceAccount, parseName),
    priorityClass: problems.parse('--priority-class', flags.priorityClass, parseName),
    maxJobs: problems.parse('--job-num-limit', flags.jobNumLimit, parseInteger(0, 1_000_000)) || null,
    ttlSeconds: problems.parse('--ttl', flags.ttl, parseTtl),
    cpuLimit: problems.parse('--cpu-limit', flags.cpuLimit, parseQuantity(LEAST_CPU)),
    memoryLimit: problems.parse('--memory-limit', flags.memoryLimit, parseQuantity(LEAST_MEMORY)),
  };
}

/** A time to live as Kubernetes counts it: in whole seconds, of which a part is one more; null for no end. */
function parseTtl(text: string): number | null | Error {
  const milliseconds = parseDuration(text);
  if (milliseconds instanceof Error) return milliseconds;
  // As with other limits, 0 is none; in Kubernetes the Job would be gone before its result could be read.
  if (milliseconds === 0) return null;
  return milliseconds < 1000 ? new Error(`"${text}" is too short: at least 1s`) : Math.ceil(milliseconds / 1000);
}
