import { hostPathUploader } from './host-path.ts';

/** One tarball on its way to one destination. Every method rejects with an error whose message says what and why. */
export type Upload = {
  /** Takes the next bytes; resolves when more may follow. */
  write(chunk: Uint8Array): Promise<void>;
  /** Makes the tarball visible under its name: only after this is it delivered, whole and on stable storage. */
  commit(): Promise<void>;
  /** After commit: puts the result beside the tarball. */
  putResult(text: string): Promise<void>;
  /** Before commit: leaves nothing behind. Never rejects. */
  abort(): Promise<void>;
};

/** A place that tarballs are delivered to. */
export type Uploader = {
  readonly kind: 'host-path';
  /** Where the tarball will lie, as the user knows it. */
  readonly location: string;
  /** Begins an upload; rejects when the destination cannot be written. */
  open(): Promise<Upload>;
};

/** A destination, as far as delivery needs to know it. */
export type UploadTarget = {
  readonly kind: 'host-path';
  /** The directory as the user knows it. */
  readonly path: string;
  /** The same directory as this process sees it. */
  readonly directory: string;
};

/** The uploader for a destination; `stem` is the tarball's name without its extension. */
export function createUploader(target: UploadTarget, stem: string): Uploader {
  switch (target.kind) {
    case 'host-path':
      return hostPathUploader(target, stem);
    default: {
      const unknown: never = target.kind;
      throw new TypeError(`no uploader for ${String(unknown)}`);
    }
  }
}
