import manifest from '../../package.json' with { type: 'json' };
import type { Deps } from '../deps.ts';
import { ClusterError } from '../errors.ts';
import type { ConnectionOptions } from '../kube/cluster.ts';

/** The capture image of this version, unless the environment names another. */
export function captureImage(env: NodeJS.ProcessEnv): string {
  return env.RETINA_AGENT_IMAGE?.trim() || `${manifest.config.captureImage}:v${manifest.version}`;
}

/** `version`: this program, the image that its captures run, and the API server; what needs no server comes first. */
export async function version(
  deps: Deps,
  flags: ConnectionOptions & { client?: boolean; image?: string },
): Promise<number> {
  deps.ui.print(`Client:        v${manifest.version}`);
  deps.ui.print(`Capture image: ${flags.image ?? captureImage(deps.env)}`);
  if (flags.client === true) return 0;
  const cluster = await deps.connect(flags);
  const found: unknown = await cluster.serverVersion();
  if (typeof found !== 'string' || found === '') {
    throw new ClusterError(`${cluster.server} tells no version: is it an API server?`, {
      hint: 'Is the server of the context (or --server URL) right? Try: kubectl cluster-info',
    });
  }
  deps.ui.print(`Server:        ${found}`);
  return 0;
}
