import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { explainErrno } from '../upload/explain.ts';
import type { BundleEntry } from './bundle.ts';
import { countPcapng } from './pcapng.ts';
import type { RunPktmon } from './pktmon.ts';
import { firstLine } from './pktmon-output.ts';

// `etl2pcap` is as on https://learn.microsoft.com/windows-server/administration/windows-commands/pktmon-etl2pcap

/** Of a conversion: as long as a pod may take to its end. */
const CONVERT_MS = 1_800_000;

/** What became of pktmon's logs. */
type Converted = { files: BundleEntry[]; packets: number; bytes: number; errors: string[] };

/**
 * Converts each log to pcapng, which stands before it in the tarball. Where that fails, the log is kept all the same: it
 * can be converted on any Windows machine.
 */
export async function convertLogs(logs: readonly string[], run: RunPktmon): Promise<Converted> {
  const converted: Converted = { files: [], packets: 0, bytes: 0, errors: [] };
  for (const log of logs) {
    const pcapng = log.replace(/\.etl$/, '.pcapng');
    const { ok, output } = await run(['etl2pcap', log, '--out', pcapng], CONVERT_MS);
    const found = ok ? await inspect(pcapng) : `pktmon etl2pcap failed: ${firstLine(output)}`;
    const kept = { name: basename(log), file: log };
    if (typeof found === 'string') {
      const advice = `its packets are in the tarball; elsewhere: pktmon etl2pcap ${kept.name}`;
      converted.errors.push(`${kept.name} could not be converted: ${found}; ${advice}`);
      converted.files.push(kept);
      continue;
    }
    converted.packets += found.packets;
    converted.bytes += found.bytes;
    converted.files.push({ name: basename(pcapng), file: pcapng }, kept);
  }
  return converted;
}

async function inspect(pcapng: string): Promise<{ packets: number; bytes: number } | string> {
  try {
    const packets = await countPcapng(pcapng);
    return packets === null
      ? 'what pktmon wrote is no whole pcapng file'
      : { packets, bytes: (await stat(pcapng)).size };
  } catch (error) {
    return explainErrno(error);
  }
}
