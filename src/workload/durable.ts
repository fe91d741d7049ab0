import type { Delivery } from '../capture/workload-spec.ts';
import type { Uploader } from '../upload/uploader.ts';

/** When tarballs came to lie under their final names. */
export type DurableTimes = {
  /** The same uploader, whose commits are noted. */
  watch(uploader: Uploader): Uploader;
  /** Tells when the capture ended: from then on it is counted. */
  ended(at: Date): void;
  /** The deliveries, each that is done with its time. */
  addTo(deliveries: readonly Delivery[]): Delivery[];
};

/** Notes and logs when each destination has the tarball: packets are safe then, though its SHA-256 may come later. */
export function noteDurable(now: () => Date, log: (line: string) => void): DurableTimes {
  const times = new Map<string, Date>();
  let endedAt: Date | undefined;
  const note = (location: string): void => {
    const at = now();
    times.set(location, at);
    const seconds = (at.getTime() - (endedAt ?? at).getTime()) / 1000;
    log(`durable ${seconds.toFixed(1)} s after the capture's end: ${location}`);
  };
  return {
    watch: (uploader) => ({
      kind: uploader.kind,
      get location() {
        return uploader.location;
      },
      open: async (kept) => {
        const upload = await uploader.open(kept);
        const commit = async (head?: Uint8Array): Promise<void> => {
          await upload.commit(head);
          note(uploader.location);
        };
        return { ...upload, commit };
      },
    }),
    ended: (at) => {
      endedAt = at;
    },
    addTo: (deliveries) =>
      deliveries.map((delivery) => {
        const at = delivery.ok ? times.get(delivery.location) : undefined;
        return at === undefined ? delivery : { ...delivery, durableAt: at.toISOString() };
      }),
  };
}
