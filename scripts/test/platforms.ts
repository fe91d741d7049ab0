import { Chalk } from 'chalk';
import type { Cell } from '../../src/deps.ts';
import { createTable } from '../../src/ui/table.ts';

/** How a test that names a platform first ended. */
export interface PlatformCheck {
  readonly platform: string;
  readonly check: string;
  readonly outcome: string;
}

const order = ['linux/amd64', 'linux/arm64', 'darwin/amd64', 'darwin/arm64', 'windows/amd64', 'windows/arm64'];

/** A test's platform and check, if its name is `<platform>: <check>`, in a group or not; undefined if it is another. */
export function toPlatformCheck(name: string, outcome: string): PlatformCheck | undefined {
  const [, os = '', arch = '', check = ''] =
    /(?:^|› )(linux|darwin|windows|win)[-/](x64|amd64|arm64): (.+)$/u.exec(name) ?? [];
  if (check === '') return undefined;
  // Node and Kubernetes spell them differently.
  const platform = `${os === 'win' ? 'windows' : os}/${arch === 'x64' ? 'amd64' : arch}`;
  return { platform, check, outcome };
}

/** A table platform × check × outcome, by platform; nothing for no checks. */
export function renderPlatformChecks(checks: readonly PlatformCheck[]): string {
  if (checks.length === 0) return '';
  const rows = checks
    .toSorted((a, b) => order.indexOf(a.platform) - order.indexOf(b.platform))
    .map(({ platform, check, outcome }): Cell[] => [
      platform,
      check,
      outcome === 'failed' ? { text: outcome, tone: 'bad' } : outcome,
    ]);
  const table = createTable(new Chalk(), { room: Number.POSITIVE_INFINITY, yielding: [] });
  return `${table([['PLATFORM', 'CHECK', 'OUTCOME'], ...rows])}\n`;
}
