/** A container of Azure Blob with the right to write into it: its URL is the credential, and is never printed. */
export type SasUrl = {
  readonly url: string;
  /** The URL without its SAS. */
  readonly container: string;
  /** Undefined where a stored access policy says it. */
  readonly expiresAt: Date | undefined;
  readonly startsAt: Date | undefined;
};

/** A container, and the right by which it is used: a SAS, or whatever identity there is where it is used. */
export type BlobAccess =
  | { readonly kind: 'sas'; readonly sas: SasUrl }
  | { readonly kind: 'identity'; readonly container: string };

/** When a capture begins, and how many milliseconds it may take; null until it is stopped. */
export type Span = { readonly start: Date; readonly durationMs: number | null };

/** Milliseconds that a tarball may take to be uploaded: a SAS that expires sooner than that is warned about. */
const UPLOAD_TIME = 300_000;
/** Milliseconds that the clock of whoever made a SAS may be ahead of this one. */
const SKEW = 60_000;

/** Reads the URL of a container, with a SAS or without any query; quotes, blanks and line breaks around it are forgiven. */
export function parseBlobUrl(text: string): BlobAccess | Error {
  const url = toUrl(text);
  if (url instanceof Error) return url;
  if (url.search === '') return { kind: 'identity', container: bare(url) };
  const sas = parseSasUrl(text);
  return sas instanceof Error ? sas : { kind: 'sas', sas };
}

/** Reads a SAS URL; quotes, blanks and line breaks around it are forgiven. Errors quote it without its query. */
export function parseSasUrl(text: string): SasUrl | Error {
  const url = toUrl(text);
  if (url instanceof Error) return url;
  const shown = bare(url);
  const query = url.searchParams;
  if (!query.has('sig')) {
    const cut = url.search === '' ? '' : '; in quotes, no shell ends the URL at an "&"';
    return new Error(`${shown} has no SAS (no "sig" in its query${cut})`);
  }
  // Of a blob, of its snapshot, or of its version.
  const kind = query.get('sr') ?? '';
  if (kind.startsWith('b')) {
    return new Error(
      `the SAS of ${shown} is for one blob (sr=${kind}); a capture writes several: make one for the container`,
    );
  }
  const [expiresAt, startsAt] = [dateOf(query.get('se')), dateOf(query.get('st'))];
  if (expiresAt instanceof Error || startsAt instanceof Error) {
    return new Error(`the SAS of ${shown} has a time that is none (se, st)`);
  }
  return { url: url.href, container: shown, expiresAt, startsAt };
}

/** Why a capture could not be delivered by a SAS; undefined where it can be, or where the SAS does not tell. */
export function sasProblem(sas: SasUrl, span: Span): string | undefined {
  const problem = lacking(sas) ?? untimely(sas, span);
  return problem === undefined ? undefined : `the SAS of ${sas.container} ${problem}`;
}

/** What should be known of a SAS that may do, or may not. */
export function sasWarnings({ url, container, expiresAt }: SasUrl, { start, durationMs }: Span): string[] {
  const open = url.startsWith('http:') ? [`${container} is reached without TLS: its SAS can be read on the way`] : [];
  const needed = durationMs === null ? Number.POSITIVE_INFINITY : durationMs + UPLOAD_TIME;
  if (expiresAt === undefined || expiresAt.getTime() - start.getTime() >= needed) return open;
  const when = durationMs === null ? 'end the capture well before' : 'the upload must be done by then';
  return [`the SAS of ${container} expires at ${iso(expiresAt)}: ${when}`, ...open];
}

/** A stored access policy may say what the URL does not: `sp`, or the services and resources of an account's SAS. */
function lacking({ url }: SasUrl): string | undefined {
  const query = new URL(url).searchParams;
  const [permissions, services, resources] = ['sp', 'ss', 'srt'].map((name) => query.get(name));
  if (permissions?.includes('w') === false) return `does not allow to write (sp=${permissions}, and w is needed)`;
  if (services?.includes('b') === false) return `is for another service (ss=${services}, and b is needed)`;
  if (resources?.includes('o') === false) return `does not reach blobs (srt=${resources}, and o is needed)`;
  return undefined;
}

function untimely({ expiresAt, startsAt }: SasUrl, { start, durationMs }: Span): string | undefined {
  const end = new Date(start.getTime() + (durationMs ?? 0));
  if (expiresAt !== undefined && expiresAt <= start) return `expired at ${iso(expiresAt)}`;
  if (expiresAt !== undefined && expiresAt <= end)
    return `expires at ${iso(expiresAt)}, before the capture can end (${iso(end)})`;
  if (startsAt !== undefined && startsAt.getTime() > start.getTime() + SKEW)
    return `is not valid before ${iso(startsAt)}, and packets are sent from the start`;
  return undefined;
}

function iso(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
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
