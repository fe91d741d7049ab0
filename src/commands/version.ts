import manifest from '../../package.json' with { type: 'json' };
import { oneLine } from '../capture/plain-text.ts';
import type { Deps } from '../deps.ts';
import { ClusterError } from '../errors.ts';
import type { Cluster, ConnectionOptions } from '../kube/cluster.ts';

/** The capture image of this version, unless the environment names another. */
export function captureImage(env: NodeJS.ProcessEnv): string {
  return env.RETINA_AGENT_IMAGE?.trim() || `${manifest.config.captureImage}:v${manifest.version}`;
}

/** `version`: this program, the image that its captures run, and the API server; what needs no server comes first. */
export async function version(
  deps: Deps,
  flags: ConnectionOptions & { client?: boolean; image?: string; output?: string },
): Promise<number> {
  const client = `v${manifest.version}`;
  const image = flags.image ?? captureImage(deps.env);
  const server = async (): Promise<string> => serverVersion(await deps.connect(flags));
  if (flags.output !== undefined) {
    const { renderVersion } = await import('./version-document.ts');
    const asked = async (): Promise<string | null> => (flags.client === true ? null : await server());
    deps.ui.print(await renderVersion(flags.output, { client, captureImage: image }, asked));
    return 0;
  }
  deps.ui.print(`Client:        ${client}`);
  deps.ui.print(`Capture image: ${image}`);
  if (flags.client !== true) deps.ui.print(`Server:        ${await server()}`);
  return 0;
}

async function serverVersion(cluster: Cluster): Promise<string> {
  const found: unknown = await cluster.serverVersion();
  if (typeof found === 'string' && found !== '') return oneLine(found);
  throw new ClusterError(`${cluster.server} tells no version: is it an API server?`, {
    hint: 'Is the server of the context (or --server URL) right? Try: kubectl cluster-info',
  });
}
