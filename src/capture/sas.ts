/** A container of Azure Blob with the right to write into it: its URL is the credential, and is never printed. */
export type SasUrl = {
  readonly url: string;
  /** The URL without its SAS. */
  readonly container: string;
  /** Undefined where a stored access policy says it. */
  readonly expiresAt: Date | undefined;
  readonly startsAt: Date | undefined;
};

/** Reads a SAS URL; quotes, blanks and line breaks around it are forgiven. Errors quote it without its query. */
export function parseSasUrl(text: string): SasUrl | Error {
  const url = toUrl(text);
  if (url instanceof Error) return url;
  const shown = bare(url);
  const query = url.searchParams;
  if (!query.has('sig')) return new Error(`${shown} has no SAS (no "sig" in its query)`);
  if (query.get('sr') === 'b') {
    return new Error(
      `the SAS of ${shown} is for one blob (sr=b); a capture writes several: make one for the container`,
    );
  }
  const [expiresAt, startsAt] = [dateOf(query.get('se')), dateOf(query.get('st'))];
  if (expiresAt instanceof Error || startsAt instanceof Error) {
    return new Error(`the SAS of ${shown} has a time that is none (se, st)`);
  }
  return { url: url.href, container: shown, expiresAt, startsAt };
}

/** Why a SAS does not allow to write blobs, or undefined where it does, or does not tell. */
export function writeProblem(sas: SasUrl): string | undefined {
  const permissions = new URL(sas.url).searchParams.get('sp');
  if (permissions === null || permissions.includes('w')) return undefined;
  return `the SAS of ${sas.container} does not allow to write (sp=${permissions}, and w is needed)`;
}

/** Why a text cannot be the URL of a container, with or without a SAS; the URL where it can. */
function toUrl(text: string): URL | Error {
  const typed = text.replace(/^[\s'"`]+|[\s'"`]+$/g, '');
  if (typed === '') return new Error('the URL is empty');
  const url = URL.parse(typed);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return new Error('that is no URL such as https://account.blob.core.windows.net/container?sv=…&sig=…');
  }
  if (url.username !== '' || url.password !== '') return new Error('the URL has a user name or a password in it');
  if (url.pathname.replace(/\/+/g, '/') === '/') return new Error(`${bare(url)} names no container`);
  return url;
}

function bare(url: URL): string {
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** A time as a SAS has it: ISO 8601, or a date alone, which is midnight in UTC. */
function dateOf(text: string | null): Date | Error | undefined {
  if (text === null) return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? new Error(text) : date;
}
