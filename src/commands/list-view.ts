import type { Deps } from '../deps.ts';
import { listDocument, type ShownCapture, statusDocument } from './capture-document.ts';
import { type Column, headOf, rowOf, yieldingOf } from './columns.ts';
import { captureColumns, nodeColumns } from './list-columns.ts';
import { type Format, renderDocument } from './output-format.ts';

/** What may change about a capture, under a key of its own: what it looks like now, and how to print it. */
type Piece = { key: string; look: string; print: () => void | Promise<void> };

/** A way to print captures: all there are at once, or what changes one by one. */
export type View = {
  all(captures: readonly ShownCapture[]): void | Promise<void>;
  /** Without what time alone changes, so that two pieces that look alike are the same news. */
  pieces(capture: ShownCapture): readonly Piece[];
};

type Options = { allNamespaces: boolean; headers: boolean; labels: boolean; now: () => Date };

/** How `list` prints in a format. */
export async function createView({ ui }: Pick<Deps, 'ui'>, format: Format, options: Options): Promise<View> {
  const extra = { namespaces: options.allNamespaces, labels: options.labels, now: options.now };
  switch (format.kind) {
    case 'table':
      return tableView(ui, captureColumns(extra), options, (capture) => [['', capture]]);
    case 'wide':
      return tableView(ui, nodeColumns(extra), options, (capture) =>
        capture.nodes.map((node) => [node.job, { capture, node }]),
      );
    case 'columns':
      return tableView(ui, format.columns, options, (capture) => [['', capture]]);
    case 'name':
      return {
        all: (captures) => captures.forEach(({ name }) => void ui.print(name)),
        pieces: (capture) => [documentPiece(capture, () => ui.print(capture.name))],
      };
    case 'template':
      return {
        all: (captures) => ui.print(format.template(listDocument(captures)).replace(/\n$/, '')),
        pieces: (capture) => [
          documentPiece(capture, () => ui.print(format.template(statusDocument(capture)).replace(/\n$/, ''))),
        ],
      };
    case 'json':
    case 'yaml':
      return documentView(ui, format.kind);
    default:
      return format satisfies never;
  }
}

function documentView(ui: Deps['ui'], kind: 'json' | 'yaml'): View {
  const start = kind === 'yaml' ? '---\n' : '';
  return {
    all: async (captures) => ui.print(await renderDocument(kind, listDocument(captures))),
    pieces: (capture) => [
      documentPiece(capture, async () => ui.print(start + (await renderDocument(kind, statusDocument(capture))))),
    ],
  };
}

function documentPiece(capture: ShownCapture, print: Piece['print']): Piece {
  return { key: keyOf(capture), look: JSON.stringify(statusDocument(capture)), print };
}

type Lines<T> = (capture: ShownCapture) => readonly (readonly [key: string, item: T])[];

async function tableView<T>(
  ui: Deps['ui'],
  columns: readonly Column<T>[],
  options: Options,
  lines: Lines<T>,
): Promise<View> {
  const table = await ui.openTable(yieldingOf(columns));
  let head = headOf(columns, options.headers);
  const print = (items: readonly T[]): void => {
    if (items.length === 0) return;
    table([...head, ...items.map((item) => rowOf(columns, item))]);
    head = [];
  };
  const steady = columns.filter((column) => column.head !== 'AGE');
  return {
    all: (captures) => print(captures.flatMap((capture) => lines(capture).map(([, item]) => item))),
    pieces: (capture) =>
      lines(capture).map(([key, item]) => ({
        key: `${keyOf(capture)}/${key}`,
        look: JSON.stringify(rowOf(steady, item)),
        print: () => print([item]),
      })),
  };
}

function keyOf(capture: ShownCapture): string {
  return `${capture.namespace}/${capture.name}`;
}
