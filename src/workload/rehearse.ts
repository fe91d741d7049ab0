import { execa } from 'execa';
import type { WorkloadSpec } from '../capture/workload-spec.ts';
import { rehearsalArgv } from './tcpdump-argv.ts';
import { tcpdumpComplaint } from './tcpdump-output.ts';
import { toolEnv } from './tool-env.ts';

/**
 * Why tcpdump could not capture as it will be told to; undefined when it could. It opens each interface, compiles the
 * filter and ends. pktmon cannot be tried out: a node has one session of it for all.
 */
export async function rehearse(spec: WorkloadSpec, signal: AbortSignal): Promise<string | undefined> {
  if (spec.tool === 'pktmon') return undefined;
  const problems = await Promise.all(
    spec.interfaces.map(async (name) => {
      const ran = await execa('tcpdump', rehearsalArgv({ ...spec, interface: name }), {
        ...{ reject: false, stdin: 'ignore', stdout: 'ignore', cancelSignal: signal },
        ...{ env: toolEnv(), extendEnv: false },
      });
      if (!ran.failed || ran.isCanceled) return [];
      const why = tcpdumpComplaint(ran.stderr.split('\n')) || ran.shortMessage;
      return [`cannot capture on interface ${name}: ${why}`];
    }),
  );
  return problems.flat().join('; ') || undefined;
}
