import { load } from 'js-yaml';

/** Something that a page tells its readers to type: one line, or a script of several. */
export type DocCommand = { page: string; line: number; script: string; code: number };

/** A block of commands that says itself why no test runs it. */
export type NotRun = { page: string; line: number; reason: string };

const BLOCK =
  /(?:<!-- not run: (?<reason>.+?) -->\n+)?^(?<indent> *)```(?<language>\w*)\n(?<body>[\s\S]*?)^\k<indent>```$/gmu;

/** The commands of a page, in their order, and the blocks that are marked `<!-- not run: REASON -->`. */
export function extractCommands(page: string, text: string): { commands: DocCommand[]; notRun: NotRun[] } {
  const commands: DocCommand[] = [];
  const notRun: NotRun[] = [];
  for (const { index, groups } of text.matchAll(BLOCK)) {
    const { reason, language = '', body = '' } = groups ?? {};
    const line = text.slice(0, index).split('\n').length;
    const scripts = toScripts(language, body);
    if (reason !== undefined) notRun.push({ page, line, reason });
    else commands.push(...scripts.map((script) => ({ page, line, script, code: codeOf(script) })));
  }
  return { commands, notRun };
}

/** What ends with another code than 0 says so: `# exit code 1`. */
function codeOf(script: string): number {
  return Number(/# exit code (\d+)/u.exec(script)?.[1] ?? 0);
}

function toScripts(language: string, body: string): string[] {
  switch (language) {
    case '':
      return toLines(body);
    case 'sh':
      return [body];
    case 'yaml':
      return stepsOf(load(body));
    case 'groovy':
      return [...body.matchAll(/\bsh '''([\s\S]*?)'''|\bsh '(.*)'/gu)].map(([, many, one]) => many ?? one ?? '');
    case 'text':
      if (/^(\$ )?kubectl /mu.test(body)) throw new Error(`commands in a block of text:\n${body}`);
      return [];
    default:
      throw new Error(`nobody knows how to run a block of ${language}`);
  }
}

/** One command a line; of a recorded session, the lines behind a prompt. */
function toLines(body: string): string[] {
  const lines = body
    .replaceAll('\\\n', '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const typed = lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2));
  return typed.length > 0 ? typed : lines;
}

/** The scripts in a pipeline's definition: `run` as GitHub Actions has it, `script` as GitLab has it. */
function stepsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(stepsOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'run' && typeof inner === 'string') return [inner];
    if (/^(before_|after_)?script$/u.test(key)) return [[inner].flat().join('\n')];
    return stepsOf(inner);
  });
}
