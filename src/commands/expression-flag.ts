import { CHECK_LIMIT, checkExpression, measureFilters, type Verdict } from '../bpf/check.ts';
import type { LinkType } from '../bpf/compiler.ts';
import { composeFilter } from '../capture/filter.ts';
import type { FilterModel } from '../capture/request.ts';
import type { Problems } from './flags.ts';

/** Characters of an expression that are shown around what is wrong in it. */
const SHOWN = 70;
const SECONDS = CHECK_LIMIT / 1000;

/**
 * The BPF expression of a command line, compiled with libpcap's own compiler: what is wrong with it is told before
 * anything is created. Empty when there is none.
 */
export async function parseExpression(
  flags: { pcapFilter?: string; tcpdumpFilter?: string },
  linkType: LinkType,
  problems: Problems,
): Promise<string> {
  const [pcap, tcpdump] = [flags.pcapFilter?.trim() ?? '', flags.tcpdumpFilter?.trim() ?? ''];
  if (pcap !== '' && tcpdump !== '' && pcap !== tcpdump) {
    problems.found.push('--tcpdump-filter is the old name of --pcap-filter: two different expressions are given');
    return '';
  }
  const flag = pcap === '' && tcpdump !== '' ? '--tcpdump-filter' : '--pcap-filter';
  const expression = problems.parse(flag, pcap || tcpdump, parsePlain) ?? '';
  if (expression !== '') tell(flag, expression, await checkExpression(expression, linkType), problems);
  return expression;
}

/** What is wrong before libpcap is asked. */
function parsePlain(text: string): string | Error {
  if (/^--?[a-z#]/i.test(text) && !text.includes('[')) {
    return new Error(
      `"${text}" is a flag of tcpdump, not a BPF expression such as "tcp port 80"; other flags take its place (--help)`,
    );
  }
  return /[\p{Cc}]/u.test(text) ? new Error('it has a control character') : text;
}

function tell(flag: string, expression: string, verdict: Verdict, problems: Problems): void {
  if (verdict.kind === 'slow') {
    problems.found.push(`${flag}: libpcap did not read it within ${SECONDS} s; nor would tcpdump on the nodes`);
  } else if (verdict.kind === 'wrong') {
    const hint = verdict.hint === undefined ? [] : [`  ${verdict.hint}`];
    const also = /no VLAN support/.test(verdict.error) ? ['  "any" shows no VLAN tags: name --interfaces'] : [];
    problems.found.push(
      [`${flag}: ${verdict.error}`, ...quoted(expression, verdict.word), ...hint, ...also].join('\n'),
    );
  } else {
    if (verdict.instructions === null) problems.warnings.push(`${flag}: ${SLOW}`);
    if (verdict.hosts.length > 0) {
      const names = verdict.hosts.join(', ');
      problems.warnings.push(`${flag}: each node resolves ${names} by itself; an IP address is surer`);
    }
  }
}

const SLOW = `tcpdump will take more than ${SECONDS} s to compile it on a node, and captures nothing meanwhile; "ip host A" is faster than "host A"`;

/** The expression, and a mark below the word that is meant; cut where it is long. */
function quoted(expression: string, word: { start: number; end: number } | undefined): string[] {
  const indent = ' '.repeat(6);
  if (word === undefined) return [`${indent}${cut(expression, 0)}`];
  const from = word.start < SHOWN - 10 ? 0 : word.start - SHOWN / 2;
  const shift = from === 0 ? word.start : word.start - from + 1;
  const length = Math.min(word.end - word.start, SHOWN - shift);
  return [`${indent}${cut(expression, from)}`, `${indent}${' '.repeat(shift)}${'^'.repeat(Math.max(1, length))}`];
}

function cut(text: string, from: number): string {
  const rest = text.slice(from, from + SHOWN);
  return `${from > 0 ? '…' : ''}${rest}${from + SHOWN < text.length ? '…' : ''}`;
}

/** Adds a problem when the filters of a command line contradict one another: tcpdump refuses to start with such a filter. */
export async function checkTogether(model: FilterModel, linkType: LinkType, problems: Problems): Promise<void> {
  const { expression, ...lists } = model;
  const parts = Object.values(lists).filter((part) => part.length > 0).length + (expression === '' ? 0 : 1);
  if (parts < 2) return;
  const [measured] = await measureFilters([composeFilter([], model)], linkType);
  if (measured === 'rejects all')
    problems.found.push('the filters contradict one another: no packet can pass them all');
}
