/**
 * The server's clock as seen from here. Time stamps are milliseconds of one local clock that never goes back (performance.now());
 * the server's are microseconds since 1970. Of the recent samples the one with the shortest way there and back counts (as in NTP):
 * its error is at most half of that way.
 */

export const SAMPLES_KEPT = 16;
export const SAMPLE_AGE_MS = 300_000;
export const GOOD_MS = 50;
export const FAIR_MS = 250;

export class ServerClock {
  constructor() {
    this.samples = [];
  }

  /** Take a ping's answer. Samples that cannot be are passed over. */
  sample(sentMs, receivedMs, serverUs) {
    const rttMs = receivedMs - sentMs;
    if (!(rttMs >= 0) || !Number.isFinite(serverUs)) return;
    const offsetMs = serverUs / 1000 - (sentMs + receivedMs) / 2;
    // After a sleep of the device the local clock may have stood still: samples from before contradict this one.
    this.samples = this.samples.filter(
      (old) => receivedMs - old.atMs < SAMPLE_AGE_MS && Math.abs(old.offsetMs - offsetMs) <= (old.rttMs + rttMs) / 2 + 5,
    );
    this.samples.push({ atMs: receivedMs, rttMs, offsetMs });
    if (this.samples.length > SAMPLES_KEPT) this.samples.shift();
  }

  /** A frame said what time it was when it was sent: the server's clock is at least that far. */
  seen(receivedMs, serverUs) {
    const atLeastMs = serverUs / 1000 - receivedMs;
    this.samples = this.samples.filter((old) => old.offsetMs + old.rttMs / 2 + 5 >= atLeastMs);
    if (this.samples.length === 0) this.samples.push({ atMs: receivedMs, rttMs: 2000, offsetMs: atLeastMs + 1000 });
  }

  /** The sample that counts, or null. */
  best() {
    return this.samples.reduce((best, one) => (best === null || one.rttMs < best.rttMs ? one : best), null);
  }

  /** {offsetMs, errorMs, rttMs, level}: level is "none", "good", "fair" or "poor". */
  quality() {
    const best = this.best();
    if (best === null) return { offsetMs: 0, errorMs: null, rttMs: null, level: "none" };
    const errorMs = best.rttMs / 2;
    const level = errorMs <= GOOD_MS ? "good" : errorMs <= FAIR_MS ? "fair" : "poor";
    return { offsetMs: best.offsetMs, errorMs, rttMs: best.rttMs, level };
  }

  /** Server time in microseconds, or null before the first sample. */
  serverUs(nowMs) {
    const best = this.best();
    return best === null ? null : Math.round((nowMs + best.offsetMs) * 1000);
  }

  /**
   * Milliseconds until a server instant, less the way of a bid to the server: what a person has left to act. Never below 0; null
   * while the clock or the instant is unknown. At 0 the page says "awaiting result", it decides nothing.
   */
  remainingMs(deadlineUs, nowMs) {
    const best = this.best();
    if (best === null || deadlineUs === null || deadlineUs === undefined) return null;
    return Math.max(0, deadlineUs / 1000 - (nowMs + best.offsetMs) - best.rttMs / 2);
  }
}
