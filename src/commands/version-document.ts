import { API_VERSION } from './capture-document.ts';
import { Problems, throwProblems } from './flags.ts';
import { parseFormat, renderDocument } from './output-format.ts';

/** What `version -o json` and `-o yaml` print; the server is asked once the format is known to be right. */
export async function renderVersion(
  output: string,
  known: { client: string; captureImage: string },
  server: () => Promise<string | null>,
): Promise<string> {
  const problems = new Problems();
  const format = problems.parse('--output', output, parseFormat(['json', 'yaml']));
  throwProblems(problems, 'read');
  const document = { apiVersion: API_VERSION, kind: 'Version', ...known, server: await server() };
  return await renderDocument(format?.kind === 'yaml' ? 'yaml' : 'json', document);
}
