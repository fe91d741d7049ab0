import type { DestinationSpec } from '../capture/workload-spec.ts';
import { azureBlobUploader } from './azure-blob.ts';
import { directoryUploader } from './host-path.ts';
import { pvcUploader } from './pvc.ts';
import { s3Uploader } from './s3.ts';
import { type Bounds, UNBOUNDED } from './tries.ts';

/** One tarball on its way to one destination. Every method rejects with an error whose message says what and why. */
export type Upload = {
  /** Takes the next bytes; resolves when more may follow. */
  write(chunk: Uint8Array): Promise<void>;
  /** Where taking so many bytes may mean a wait for the place: undefined if it does not now, else resolves when it does no more. */
  room?(bytes: number): Promise<void> | undefined;
  /**
   * Puts the bytes into the place kept for them and makes the tarball visible under its name: only after this is it
   * delivered, whole and on stable storage. Must get exactly as many bytes as were kept.
   */
  commit(head?: Uint8Array): Promise<void>;
  /** Before commit, where it costs no transfer: all bytes after the kept ones, as they lie there. */
  readBack?(): Promise<AsyncIterable<Uint8Array>>;
  /** After commit: puts the result beside the tarball, and its SHA-256 (hex) where the store keeps such words with it. */
  putResult(text: string, sha256: string): Promise<void>;
  /**
   * After commit, before putResult: has the place tell what it holds; rejects where that is not this very tarball.
   * Stores have compared checksums while they took it, and tell its size; a directory is read back.
   */
  confirm(expected: { bytes: number; sha256: string }): Promise<void>;
  /** Before commit: leaves nothing behind; where that fails, the answer tells what stays, and why. Never rejects. */
  abort(): Promise<string | undefined>;
};

/** A place that tarballs are delivered to. */
export type Uploader = {
  readonly kind: DestinationSpec['kind'];
  /** Where the tarball will lie, as the user knows it; some know it only once it is open. */
  readonly location: string;
  /** Begins an upload, with a place kept for so many bytes at its beginning; rejects when it cannot be written. */
  open(kept?: number): Promise<Upload>;
};

/** How many of the destinations are stores: they share the memory for what is under way. */
export function countStores(targets: readonly DestinationSpec[]): number {
  return targets.filter(({ kind }) => kind === 's3' || kind === 'blob').length;
}

/** The uploader for a destination; `stem` is the tarball's name without its extension. */
export function createUploader(target: DestinationSpec, stem: string, bounds: Bounds = UNBOUNDED): Uploader {
  switch (target.kind) {
    case 'host-path':
      return directoryUploader(target, stem);
    case 'pvc':
      return pvcUploader(target, stem);
    case 'blob':
      return azureBlobUploader(target, stem, bounds);
    case 's3':
      return s3Uploader(target, stem, bounds);
    default:
      return target satisfies never;
  }
}
