import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { REGISTRY, writeSettings } from '../e2e/support/registry-settings.ts';

/** A port of this machine that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A registry of this machine with a certificate of its own, which gives nothing without a login. */
export async function startTlsRegistry() {
  const data = mkdtempSync(join(tmpdir(), 'retina-registry-'));
  const port = await freePort();
  const [certificate, key] = [join(data, 'tls.crt'), join(data, 'tls.key')];
  const subject = ['-subj', '/CN=registry', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1'];
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
  await execa('openssl', ['req', '-x509', ...keys, '-out', certificate, ...subject]);
  const settings = writeSettings(data, port, { certificate, key });
  const child: ChildProcess = spawn(REGISTRY, ['serve', settings], { stdio: 'ignore' });
  const host = `127.0.0.1:${port}`;
  const answers = async () => {
    const { stdout } = await execa('curl', ['-s', '--cacert', certificate, `https://${host}/v2/`], { reject: false });
    return stdout.includes('UNAUTHORIZED');
  };
  for (let tries = 0; !(await answers()); tries += 1) {
    if (tries === 100) throw new Error(`no registry answers on ${host}`);
    await sleep(100);
  }
  return {
    host,
    /** For the environment of programs that shall trust it. */
    trust: { SSL_CERT_FILE: certificate },
    end: async () => {
      await new Promise((resolve) => child.once('exit', resolve).kill('SIGKILL'));
      rmSync(data, { recursive: true });
    },
  };
}
