/**
 * What one client knows of one lot: a pure reducer (room, frame) -> room. No clock, no sockets, no DOM.
 *
 * A room: {lot, epoch, seq, live, rows, you, you_seq, wants, joining}
 *   seq, epoch   how far the client has come; null before the first snapshot
 *   live         PublicLot as the server sent it
 *   rows         public record, oldest first, at most ROWS_KEPT; {kind: "skipped", seq, count} stands for rows left out after seq
 *   you          {code, leading, maximum} of the party that looks, or null
 *   you_seq      event up to which `you` is known from the party's own receipts
 *   wants        null, "resume" or "snapshot": what the session is to ask for
 *   joining      a join is on its way; changes are not taken until it is answered
 *
 * The same vectors hold this reducer and the Python one of the tests together: tests/vectors/room.json.
 */

export const ROWS_KEPT = 500;

/** Nothing is known yet. */
export function emptyRoom(lot) {
  return { lot, epoch: null, seq: null, live: null, rows: [], you: null, you_seq: 0, wants: "snapshot", joining: false };
}

/** Start from what the server rendered into the page: {lot, epoch, seq, live, rows, you}. */
export function roomFromPage(page) {
  const { lot, epoch, seq, live, rows, you } = page;
  return { lot, epoch, seq, live, rows: rows.slice(-ROWS_KEPT), you: you ?? null, you_seq: seq, wants: "resume", joining: false };
}

/**
 * Return the room after a frame; the same object if nothing changed. Frames of other lots change nothing. Besides the frames of
 * the protocol there are two of the session's own: {t: "joining", lot} when it has sent a join, {t: "offline"} when the line is cut.
 */
export function reduce(room, frame) {
  if (frame.t === "heartbeat") return heartbeat(room, frame);
  if (frame.t === "offline") return { ...room, joining: false, wants: room.seq === null ? "snapshot" : "resume" };
  if (frame.lot !== room.lot) return room;
  switch (frame.t) {
    case "joining":
      return { ...room, joining: true, wants: null };
    case "snapshot":
      return snapshot(room, frame);
    case "resumed":
      return resumed(room, frame);
    case "change":
      return change(room, frame);
    case "accepted":
      return accepted(room, frame);
    default:
      return room;
  }
}

/** The join frame that a room wants. */
export function joinOf(room) {
  const resume = room.wants === "resume";
  return { t: "join", lot: room.lot, after: resume ? room.seq : null, epoch: resume ? room.epoch : null };
}

function snapshot(room, frame) {
  const { epoch, seq, live, rows, you } = frame;
  return { ...room, epoch, seq, live, rows, you, you_seq: seq, wants: null, joining: false };
}

function resumed(room, frame) {
  if (frame.prev !== room.seq || frame.epoch !== room.epoch) {
    return seen(room, frame) ? room : { ...room, joining: false, wants: "resume" };
  }
  return { ...follow(room, frame), wants: null, joining: false };
}

function change(room, frame) {
  if (room.joining || room.seq === null || seen(room, frame)) return room;
  if (frame.prev !== room.seq || frame.epoch !== room.epoch) return { ...room, wants: room.wants ?? "resume" };
  return follow(room, frame);
}

/** Delivered before: it is passed over, never applied twice. */
function seen(room, frame) {
  return !room.joining && room.seq !== null && frame.epoch === room.epoch && frame.seq <= room.seq;
}

function follow(room, frame) {
  const mark = frame.skipped ? [{ kind: "skipped", seq: frame.prev, count: frame.skipped }] : [];
  const rows = [...room.rows, ...mark, ...frame.rows].slice(-ROWS_KEPT);
  const followed = { ...room, seq: frame.seq, live: frame.live, rows };
  const { you } = room;
  // A receipt may be ahead of the price: what it said of the leader holds until a frame that includes it.
  if (you === null || frame.seq < room.you_seq) return followed;
  const leading = frame.live.leader_code === you.code;
  return { ...followed, you: { ...you, leading, maximum: leading ? you.maximum : null } };
}

function heartbeat(room, frame) {
  const head = frame.heads[room.lot];
  if (head === undefined || room.joining || room.seq === null || room.wants !== null) return room;
  const lost = head[0] !== room.epoch || head[1] > room.seq;
  return lost ? { ...room, wants: "resume" } : room;
}

function accepted(room, frame) {
  if (frame.price === null || frame.seq < room.you_seq) return room;
  const { you } = room;
  if (you === null) return { ...room, wants: "snapshot" };
  const maximum = frame.leading ? (frame.maximum ?? you.maximum) : null;
  return { ...room, you: { ...you, leading: frame.leading, maximum }, you_seq: frame.seq };
}
