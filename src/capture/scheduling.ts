import type { Pod } from '../kube/cluster.ts';

/** What to do about a pod that has no place, by the scheduler's words; the first that fits. */
const HINTS: readonly (readonly [RegExp, (at: { node: string; namespace: string; pod: string }) => string])[] = [
  [
    /Insufficient (cpu|memory|ephemeral-storage)/,
    ({ node }) => `Ask for less (--memory-limit, --cpu-limit), or make room: kubectl describe node ${node}`,
  ],
  [/Too many pods/, ({ node }) => `The node holds as many pods as it may: kubectl describe node ${node}`],
  [
    /persistent ?volume|volume node affinity/i,
    ({ namespace }) => `Is the volume of --pvc bound, and can this node use it? kubectl describe pvc -n ${namespace}`,
  ],
  // A capture is bound to its node by name and tolerates every taint: nothing else keeps it off.
  [/affinity|NodeAffinity/, ({ node }) => `Is there such a node? kubectl get node ${node}`],
  [/./, ({ pod, namespace }) => `See: kubectl describe pod ${pod} -n ${namespace}`],
];

/** What to do about a pod that the scheduler finds no place for. */
export function schedulingHint(words: string, { metadata }: Pod, node: string): string | undefined {
  const at = { node, namespace: metadata?.namespace ?? '', pod: metadata?.name ?? '' };
  return HINTS.find(([pattern]) => pattern.test(words))?.[1](at);
}
