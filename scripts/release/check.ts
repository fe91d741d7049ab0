import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { RUN_MS, runProgram } from '../build/run.ts';
import type { Target } from '../build/targets.ts';
import { checkOurMachO, checkOurPe } from './formats.ts';

/** How a platform's binary is checked on this machine. */
export function howChecked(target: Target): string {
  if (target.runner?.length === 0) return 'runs here';
  if (target.runner) return target.platform === 'win' ? 'runs under Wine' : 'runs under qemu-user';
  return target.platform === 'macos' ? 'Mach-O, ad-hoc signature; not run' : 'PE; not run';
}

/** Throws if a program of macOS or Windows has not the form that those want. */
export function checkFormat(program: string, { platform, arch }: Target): void {
  if (platform === 'macos') checkOurMachO(readFileSync(program), arch);
  if (platform === 'win') checkOurPe(readFileSync(program), arch);
}

/**
 * Throws if a platform's binary is not what it should be, as far as this machine can tell. Where it runs, it must have asked
 * a server over TLS: what Node is linked with for that differs between platforms.
 */
export async function checkBinary(program: string, target: Target, version: string): Promise<void> {
  checkFormat(program, target);
  if (!target.runner) return;
  const told = runProgram(program, target, ['version', '--client']);
  if (told.status !== 0 || !told.stdout.includes(`v${version}`))
    throw new Error(`version --client: status ${told.status}, ${told.stdout}${told.stderr}`);
  const refused = runProgram(program, target, ['capture', 'create', '--no-such-flag']);
  if (refused.status !== 2 || !refused.stderr.includes('--no-such-flag'))
    throw new Error(`a usage error ended with status ${refused.status}, ${refused.stderr}`);
  await checkList(program, target);
}

const job = {
  metadata: {
    name: 'over-tls-n1',
    namespace: 'shop',
    labels: { 'retina.sh/app': 'capture', 'capture-name': 'over-tls' },
  },
  spec: { template: { metadata: {}, spec: { containers: [] } } },
  status: {},
};

/** Lists the captures of a server of our own, whose certificate is that of an authority given by a flag. */
async function checkList(program: string, { runner = [] }: Target): Promise<void> {
  // Beside the program: Wine sees the project only.
  const work = mkdtempSync(join(dirname(program), 'tls-'));
  const [key, cert] = [join(work, 'key.pem'), join(work, 'cert.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, ({ url, headers }, response) => {
    const jobs = url?.includes('/jobs') === true && headers.authorization === 'Bearer tried';
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ metadata: {}, items: jobs ? [job] : [] }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    const { port } = server.address() as AddressInfo;
    const flags = ['--server', `https://127.0.0.1:${port}`, '--certificate-authority', cert, '--token', 'tried'];
    const [command = '', ...rest] = [...runner, program, 'capture', 'list', '-n', 'shop', '-o', 'name', ...flags];
    const env = { KUBECONFIG: join(work, 'none') };
    const { exitCode, all } = await execa(command, rest, {
      env,
      reject: false,
      all: true,
      timeout: RUN_MS,
      stdin: 'ignore',
    });
    if (exitCode !== 0 || !all.includes('over-tls'))
      throw new Error(`capture list over TLS: status ${exitCode}, ${all}`);
  } finally {
    server.close();
    rmSync(work, { recursive: true });
  }
}
