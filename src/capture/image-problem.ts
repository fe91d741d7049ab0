/** What is read of a container's status. */
type Container = { image?: string; state?: { waiting?: { reason?: string; message?: string } } };

export type StartProblem = { problem: string; hint: string };

const HINT_IMAGE = 'Try --image with one that exists and that the nodes may pull.';
const HINT_DESCRIBE = 'See: kubectl describe pod';

/** Reasons for which the kubelet will not start a container; retrying changes nothing soon. */
const CANNOT_START: ReadonlyMap<string, string> = new Map([
  ...['ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName'].map((reason) => [reason, HINT_IMAGE] as const),
  ...['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'].map(
    (reason) => [reason, HINT_DESCRIBE] as const,
  ),
]);

/** The essence of what container runtimes say when they cannot pull. */
const PULL_WORDS: readonly (readonly [RegExp, string])[] = [
  [/not found|manifest unknown|name unknown/i, 'not found'],
  [/pull access denied|authorization failed|unauthorized|denied|forbidden/i, 'the registry refuses to hand it out'],
  [/no such host|server misbehaving/i, 'the name of the registry cannot be resolved'],
  [/connection refused/i, 'the registry refuses the connection'],
  [/timeout|deadline exceeded|network is unreachable|no route to host/i, 'the registry does not answer'],
  [/x509|certificate/i, "the registry's certificate is not trusted"],
  [/no space left/i, 'the disk of the node is full'],
  [/no match for platform/i, 'it is not made for this kind of node'],
];

/** Why the kubelet will not start a container, or undefined while it may. */
export function startProblem(container: Container | undefined): StartProblem | undefined {
  const waiting = container?.state?.waiting;
  const hint = CANNOT_START.get(waiting?.reason ?? '');
  return hint === undefined ? undefined : { problem: `can't start: ${waitingWords(container)}`, hint };
}

/** What a container waits for, in few words; undefined when there is nothing to tell. */
export function waitingWords(container: Container | undefined): string | undefined {
  const { reason = '', message = '' } = container?.state?.waiting ?? {};
  const image = container?.image ?? 'its image';
  switch (reason) {
    case 'ImagePullBackOff':
    case 'ErrImagePull':
      return `the image can't be pulled: ${image}: ${pullWords(message)}`;
    case 'ErrImageNeverPull':
      return `the image is not on the node, and may not be pulled: ${image}`;
    case 'InvalidImageName':
      return `${image} is not the name of an image`;
    case 'ContainerCreating':
    case 'PodInitializing':
      return message || undefined;
    default:
      return message || reason || undefined;
  }
}

function pullWords(message: string): string {
  // Without what is quoted: names of images and addresses could hold any word.
  const words = message.replace(/"[^"]*"/g, '').trim();
  const known = PULL_WORDS.find(([pattern]) => pattern.test(words))?.[1];
  if (known !== undefined) return known;
  const last = words.split(': ').at(-1) ?? '';
  return last === '' || last.startsWith('Back-off') ? 'the kubelet does not tell why' : last.slice(0, 160);
}
