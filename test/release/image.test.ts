import assert from 'node:assert/strict';
import { copyFileSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { execa } from 'execa';
import { type OciIndex, unpackImage, unpackOciArchive } from '../../scripts/release/oci.ts';
import {
  imageArchive,
  imageBytes,
  imagePlatforms,
  LARGEST_IMAGE,
  platformOf,
} from '../../scripts/release/verify-image.ts';
import { LOGIN } from '../e2e/support/registry-settings.ts';
import { startTlsRegistry } from './registry.ts';
import { folder, root } from './release.ts';

// The image's archive of a release, as a registry and as a node of each processor get it.

const { version, config, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const archive = join(folder, imageArchive(version));
const work = mkdtempSync(join(tmpdir(), 'image-'));
after(() => rmSync(work, { recursive: true }));
const layout = join(work, 'layout');
const QEMU = 'usr/bin/qemu-aarch64-static';

/** The emulator does not speak netlink to nftables, but says so by the program's own words. */
const NFT = /\(nf_tables\)|Failed to initialize nft: Protocol not supported/;

/** What captures call in the image, with what each says of itself. iptables tells its variant. */
const programs: readonly (readonly [command: string, says: RegExp])[] = [
  ['kubectl-retina version --client', new RegExp(`v${RegExp.escape(version)}`)],
  ['tcpdump --version', /tcpdump version 4\./],
  ['ip -V', /iproute2/],
  ['ss -V', /iproute2/],
  ...['iptables', 'ip6tables'].flatMap((name) => [
    [`${name}-legacy --version`, /\(legacy\)/] as const,
    [`${name}-legacy-save --version`, /\(legacy\)/] as const,
    [`${name}-nft --version`, NFT] as const,
    [`${name}-nft-save --version`, NFT] as const,
  ]),
];

/** The packages that the Dockerfile installs. */
const installed: readonly string[] =
  /--no-install-recommends \\\n(.*?)\\?\n/.exec(readFileSync(join(root, 'Dockerfile'), 'utf8'))?.[1]?.match(/\S+/g) ??
  [];

/** Those that are there for something else than a program, each with its reason. */
const exceptions: Readonly<Record<string, string>> = {
  libatomic1: 'Node is linked with it',
  'libstdc++6': 'Node is linked with it',
  netbase: 'the names of ports and protocols in what tcpdump and ss print',
};

/** The programs that captures call, as the sources of the workload name them. */
const called = calledPrograms();

function calledPrograms(): string[] {
  const sources = globSync('src/workload/*.ts', { cwd: root }).filter((file) => !/pktmon|windows/.test(file));
  const text = sources.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  const names = ['tcpdump', 'ip', 'ss', 'iptables-legacy', 'iptables-nft', 'ip6tables-legacy', 'ip6tables-nft'];
  return names.filter((name) => new RegExp(`'${name}[' ]`).test(text));
}

/** The packages of an image that own these programs. */
async function ownersOf(at: string, names: readonly string[]): Promise<Set<string>> {
  const owners = new Set<string>();
  for (const name of names) {
    const { stdout } = await execa('dpkg-query', [`--admindir=${at}/var/lib/dpkg`, '-S', `*bin/${name}`]);
    for (const line of stdout.split('\n')) owners.add(line.replace(/:.*$/, ''));
  }
  return owners;
}

/** One packet: an echo request to 127.0.0.1, in the form that tcpdump writes. */
const PCAP = Buffer.from(
  `d4c3b2a1 02000400 00000000 00000000 ffff0000 65000000
   00000000 00000000 1c000000 1c000000
   4500001c 00010000 40017cde 7f000001 7f000001 0800f7fe 00010000`.replace(/\s/g, ''),
  'hex',
);

describe('the capture image', () => {
  let index: OciIndex;
  before(() => {
    index = unpackOciArchive(archive, layout);
  });

  /** The unpacked root of a platform's image. */
  function rootOf(platform: string): string {
    const found = join(work, platform.replace('/', '-'));
    const image = index.images.find((each) => platformOf(each) === platform) ?? assert.fail(`no image for ${platform}`);
    if (!existsSync(found)) unpackImage(layout, image, found);
    return found;
  }

  /** Runs a command in a platform's image; in that of another processor, by qemu alone: it starts no other program. */
  async function runIn(platform: string, command: string, input?: Buffer) {
    const at = rootOf(platform);
    const [name = '', ...args] = command.split(' ');
    const [path] = globSync(`usr{/local,}/{s,}bin/${name}`, { cwd: at });
    assert.ok(path, `${name} is not in the image for ${platform}`);
    const foreign = platform !== 'linux/amd64';
    if (foreign && !existsSync(join(at, QEMU))) copyFileSync(`/${QEMU}`, join(at, QEMU));
    const words = [...(foreign ? [`/${QEMU}`] : []), `/${path}`, ...args];
    // stdout and stderr: versions are told on either.
    const env = { PATH: '/usr/sbin:/usr/bin', HOME: '/' };
    return execa('chroot', [at, ...words], {
      env,
      extendEnv: false,
      all: true,
      reject: false,
      ...(input && { input }),
    });
  }

  test('is one index of both platforms, tagged with the version, with the sum that lies beside it', async () => {
    await execa('sha256sum', ['--check', '--strict', `${imageArchive(version)}.sha256`], { cwd: folder });
    assert.equal(index.tag, `v${version}`);
    assert.deepEqual(index.images.map(platformOf), [...imagePlatforms]);
    for (const { entrypoint } of index.images) assert.deepEqual(entrypoint, ['/usr/local/bin/kubectl-retina']);
  });

  test('the program runs captures from the image that make image-push pushes', async () => {
    const { stdout } = await execa(join(root, 'dist/kubectl-retina'), ['version', '--client'], {
      env: { RETINA_AGENT_IMAGE: '' },
    });
    assert.match(stdout, new RegExp(`${RegExp.escape(`${config.captureImage}:${index.tag}`)}$`, 'm'));
  });

  for (const platform of imagePlatforms) {
    test(`${platform}: the image has at most 110 MB compressed`, (t) => {
      const image = index.images.find((each) => platformOf(each) === platform) ?? assert.fail();
      t.diagnostic(`${platform}: ${(imageBytes(image) / 1e6).toFixed(1)} MB`);
      assert.ok(imageBytes(image) <= LARGEST_IMAGE);
    });

    test(`${platform}: what captures call starts in the image`, async () => {
      for (const [command, says] of programs) {
        const { all, exitCode } = await runIn(platform, command);
        assert.match(all, says, command);
        if (platform === 'linux/amd64') assert.equal(exitCode, 0, command);
      }
    });

    test(`${platform}: the image's tcpdump reads packets`, async () => {
      const { stdout } = await runIn(platform, 'tcpdump -n -r -', PCAP);
      assert.match(stdout, /IP 127\.0\.0\.1 > 127\.0\.0\.1: ICMP echo request/);
    });

    test(`${platform}: each package that the Dockerfile installs is there, for a program that a capture calls`, async () => {
      const at = rootOf(platform);
      const owned = await ownersOf(at, called);
      for (const name of installed) {
        const why = exceptions[name];
        if (why === undefined) assert.ok(owned.has(name), `no capture calls a program of ${name}`);
        else assert.ok(existsSync(join(at, 'usr/share/doc', name)), `${name} is not in the image`);
      }
      assert.deepEqual(
        Object.keys(exceptions).filter((name) => !installed.includes(name)),
        [],
        'exceptions of nothing',
      );
    });

    test(`${platform}: the licence of each package is in the image, and those of the program`, async () => {
      const at = rootOf(platform);
      const { stdout } = await execa('dpkg', [`--admindir=${at}/var/lib/dpkg`, '--get-selections']);
      const packages = stdout.split('\n').map((line) => line.replace(/[:\s].*$/, ''));
      assert.ok(packages.length > 80, stdout);
      const without = packages.filter((name) => !existsSync(join(at, 'usr/share/doc', name, 'copyright')));
      assert.deepEqual(without, []);
      const papers = join(at, 'usr/share/doc/kubectl-retina');
      assert.equal(readFileSync(join(papers, 'LICENSE'), 'utf8'), readFileSync(join(root, 'LICENSE'), 'utf8'));
      const notices = readFileSync(join(papers, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
      for (const name of ['Node.js', 'libpcap', ...Object.keys(dependencies)])
        assert.ok(notices.includes(`\n${name} `), `the notices lack ${name}`);
    });
  }
});

describe('make image-push', () => {
  let registry: Awaited<ReturnType<typeof startTlsRegistry>>;
  before(async () => {
    registry = await startTlsRegistry();
  });
  after(() => registry.end());

  const login = { REGISTRY_USER: LOGIN.user, REGISTRY_PASSWORD: LOGIN.password };
  const homeless = { XDG_RUNTIME_DIR: work, HOME: work };
  const push = (name: string, env: Record<string, string>) =>
    execa(join(root, 'scripts/image-push'), [name], { env: { ...homeless, ...registry.trust, ...env }, reject: false });
  const inspect = (image: string, ...args: readonly string[]) =>
    execa('skopeo', ['inspect', ...args, '--creds', `${LOGIN.user}:${LOGIN.password}`, `docker://${image}`], {
      env: registry.trust,
    });

  test('puts both platforms into a registry that wants a login, under the digest of the archive', async () => {
    const name = `${registry.host}/retina/capture`;
    const { digest } = unpackOciArchive(archive, join(work, 'pushed'));
    for (const time of ['first', 'again']) {
      const { exitCode, stdout, stderr } = await push(name, login);
      assert.equal(exitCode, 0, `${time}: ${stderr}`);
      assert.equal(stdout.split('\n').at(-1), `${name}:v${version}@${digest}`);
    }
    const raw = JSON.parse((await inspect(`${name}:v${version}`, '--raw')).stdout);
    assert.deepEqual(raw.manifests.map(platformOf), [...imagePlatforms]);
    for (const platform of imagePlatforms) {
      const image = `${name}@${digest}`;
      const there = JSON.parse(
        (await inspect(image, `--override-arch=${platform.slice('linux/'.length)}`).catch(() => assert.fail(platform)))
          .stdout,
      );
      assert.equal(`${there.Os}/${there.Architecture}`, platform);
    }
    assert.deepEqual(globSync('**/auth.json', { cwd: work }), [], 'a login was left');
  });

  test('fails with a wrong password and without a login, and pushes nothing then', async () => {
    const name = `${registry.host}/retina/refused`;
    const wrong = await push(name, { ...login, REGISTRY_PASSWORD: 'wrong' });
    assert.notEqual(wrong.exitCode, 0);
    assert.match(wrong.stderr, /authentication required|unauthorized|invalid username\/password/i);
    const anonymous = await push(name, {});
    assert.notEqual(anonymous.exitCode, 0);
    assert.match(anonymous.stderr, /authentication required|unauthorized/i);
    await assert.rejects(inspect(`${name}:v${version}`), /manifest unknown|name unknown|repository name not known/i);
  });
});
