import { dump } from 'js-yaml';
import type { ArchiveListing } from './list.ts';

const shortDescription = 'Capture packets on nodes and pods';

const description = `Captures network packets across a cluster: one command starts a Job on each
node that matters, and leaves one verified tarball per node (pcap files, and
what the network of the node was like) where you want it: on this machine, on
the nodes, in a volume, in S3 or in Azure Blob Storage.
`;

const caveats = `The user needs rights to create Jobs and pods in a namespace that admits
host-network pods with NET_RAW and NET_ADMIN. Try: kubectl retina capture create --help

For "kubectl retina <TAB>", once, into a directory that is in PATH (upgrades need no more; uninstall leaves it):
  kubectl retina completion kubectl > ~/.local/bin/kubectl_complete-retina
  chmod +x ~/.local/bin/kubectl_complete-retina
`;

/** Stands for a sum that is not known yet. No file has it, so Krew refuses what claims to. */
export const noSum = '0'.repeat(64);

/** What Krew's manifest says of the project, as package.json has it. */
export interface KrewOptions {
  readonly version: string;
  readonly homepage: string;
}

type SummedListing = ArchiveListing & { readonly sha256: string };

/** The manifest by which Krew installs these archives from the project's release page. */
export function renderKrewManifest(archives: readonly SummedListing[], options: KrewOptions): string {
  const platforms = archives.map(({ os, arch, file, sha256, contents, program }) => ({
    selector: { matchLabels: { os, arch } },
    uri: `${options.homepage}/releases/download/v${options.version}/${file}`,
    sha256,
    files: contents.map((name) => ({ from: name, to: '.' })),
    bin: program,
  }));
  const plugin = {
    apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
    kind: 'Plugin',
    metadata: { name: 'retina' },
    spec: {
      version: `v${options.version}`,
      homepage: options.homepage,
      shortDescription,
      description,
      caveats,
      platforms,
    },
  };
  return dump(plugin, { lineWidth: -1 }); // else it folds the texts, and a line break becomes two
}
