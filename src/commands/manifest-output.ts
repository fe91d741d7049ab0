import type { Ui } from '../deps.ts';
import { Problems } from './flags.ts';
import { toManifest } from './manifest-write.ts';
import type { Order } from './orders.ts';
import { mapTcpdumpFlags } from './tcpdump-flags.ts';
import { toYaml } from './yaml.ts';

/** Prints the manifests that the orders amount to, as documents of one YAML file. Returns the exit code. */
export function printManifests(ui: Pick<Ui, 'print' | 'warn'>, orders: readonly Order[]): number {
  // Flags of tcpdump in the old filter have fields of their own; what there was to say of them was said.
  const written = orders.map(({ flags, namespace }) => toManifest(mapTcpdumpFlags(flags, new Problems()), namespace));
  for (const warning of new Set(orders.flatMap((order) => order.warnings))) ui.warn(warning);
  for (const warning of new Set(written.flatMap(({ warnings }) => warnings))) ui.warn(warning);
  ui.print(written.map(({ manifest }) => toYaml(manifest)).join('\n---\n'));
  return 0;
}
