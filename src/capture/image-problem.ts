/** What is read of a container's status. */
type Container = { image?: string; state?: { waiting?: { reason?: string; message?: string } } };
type Named = { name?: string; namespace?: string };

export type StartProblem = { problem: string; hint: string };

const HINT_REACH = 'Can the node reach its registry? Try --image with one from a registry that it reaches.';
const HINT_IMAGE = 'Try --image with one that exists and that the nodes may pull.';

/** Reasons for which the kubelet will not start a container; retrying changes nothing soon. */
const CANNOT_START = new Set([
  ...['ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName'],
  ...['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'],
]);

/** The essence of what container runtimes say when they cannot pull, and what to do. */
const PULL_WORDS: readonly (readonly [pattern: RegExp, words: string, hint?: string])[] = [
  [/not found|manifest unknown|name unknown/i, 'not found'],
  [
    /pull access denied|authorization failed|unauthorized|denied|forbidden/i,
    'the registry refuses to hand it out',
    'Give a Secret to pull it with by --image-pull-secret, or an --image that the nodes may pull.',
  ],
  [/no such host|server misbehaving/i, 'the name of the registry cannot be resolved'],
  [/connection refused/i, 'the registry refuses the connection', HINT_REACH],
  [/timeout|deadline exceeded|network is unreachable|no route to host/i, 'the registry does not answer', HINT_REACH],
  [/x509|certificate/i, "the registry's certificate is not trusted", HINT_REACH],
  [/no space left/i, 'the disk of the node is full', 'Make room on the node, or leave it out with --node-names.'],
  [/no match for platform/i, 'it is not made for this kind of node'],
];

/** Why the kubelet will not start a container, or undefined while it may. */
export function startProblem(container: Container | undefined, pod: Named = {}): StartProblem | undefined {
  if (!CANNOT_START.has(container?.state?.waiting?.reason ?? '')) return undefined;
  const told = waitingWords(container);
  const hint = told?.hint ?? `See: kubectl describe pod ${pod.name} -n ${pod.namespace}`;
  return { problem: `can't start: ${told?.problem}`, hint };
}

/** What a container waits for, in few words; undefined when there is nothing to tell. */
export function waitingWords(container: Container | undefined): { problem: string; hint?: string } | undefined {
  const { reason = '', message = '' } = container?.state?.waiting ?? {};
  const image = container?.image ?? 'its image';
  switch (reason) {
    case 'ImagePullBackOff':
    case 'ErrImagePull': {
      const { words, hint } = pullWords(message);
      return { problem: `the image can't be pulled: ${image}: ${words}`, hint };
    }
    case 'ErrImageNeverPull':
      return {
        problem: `the image is not on the node, and may not be pulled: ${image}`,
        hint: 'Load it into the node, let it be pulled with --image-pull-policy IfNotPresent, or try another --image.',
      };
    case 'InvalidImageName':
      return { problem: `${image} is not the name of an image`, hint: HINT_IMAGE };
    case 'ContainerCreating':
    case 'PodInitializing':
      return message === '' ? undefined : { problem: message };
    default:
      return message === '' && reason === '' ? undefined : { problem: [reason, message].filter((t) => t).join(': ') };
  }
}

function pullWords(message: string): { words: string; hint: string } {
  // Without what is quoted: names of images and addresses could hold any word.
  const words = message.replace(/"[^"]*"/g, '').trim();
  const known = PULL_WORDS.find(([pattern]) => pattern.test(words));
  if (known !== undefined) return { words: known[1], hint: known[2] ?? HINT_IMAGE };
  const last = words.split(': ').at(-1) ?? '';
  const untold = last === '' || last.startsWith('Back-off');
  return { words: untold ? 'the kubelet does not tell why' : last.slice(0, 160), hint: HINT_IMAGE };
}
