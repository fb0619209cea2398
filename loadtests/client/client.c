/* The load client: one thread, one epoll set, no dependencies, traffic to 127.0.0.1 only. Speaks WebSocket (RFC 6455) and the
 * room protocol from outside; knows nothing of the server. pure.py is the same client in Python, for machines without gcc.
 *
 *   client PORT CONNECTIONS_FILE FIRST STEP       one line "token lot" for each connection, "-" for no token
 *
 * then one command a line on stdin, each answered by one line of JSON on stdout; FROM..TO are connections:
 *   join                                            watch the lot; answered when every connection has its snapshot
 *   closed SECONDS SETTLE FROM TO LOG               one bid in flight for each connection; the first SETTLE seconds do not count
 *   open SECONDS SETTLE FROM TO LOG RATE START_US   a bid every 1/RATE s whatever happens, timed from when it was due
 *   seen                                            changes seen since the last `seen`: [seq, viewers, first_us, last_us]
 *   quit
 * Bids on a lot rise by STEP from FIRST over all connections. LOG is a file for raw answers, or "-". START_US 0 means now.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 20000
#define RING (1u << 20)     /* bids in flight or measured in one run */
#define SEEN (1u << 16)     /* changes remembered between two `seen` */
#define CODES 16            /* different refusals counted in one run */
#define FRAME_MAX (1u << 20)
#define DRAIN_NS 10000000000ull
#define NONE UINT64_MAX
#define ID_MASK ((1ull << 48) - 1)
#define SCATTER 0x9e3779b97f4bull  /* the last part of an id is the bid's number times this: it looks as random as anybody's, */
#define GATHER 0x393dee219263ull   /* and this brings the number back (both modulo 2^48) */

typedef struct { int fd, lot, alive; char *rest; size_t rest_size; uint64_t last_seq; } Connection;
typedef struct { uint64_t seq, viewers, first_us, last_us; } Seen;
typedef struct { char name[32]; uint64_t count; } Code;

static Connection *conns;
static int conn_count, lot_count, poll_fd;
static char lots[CONNECTIONS_MAX][48];
static uint64_t ladder[CONNECTIONS_MAX], step;
static char run_id[11]; /* the part that all command ids of this process have */
static uint64_t next_index, due_ns[RING];
static uint32_t latency_us10[RING]; /* tenths of a microsecond */
static Seen seen[SEEN];
static FILE *answer_log;
static struct {
    uint64_t from_ns, until_ns, sent, counted, all, accepted, rejected, undecided, echoed, errors, strange, closed, snapshots, gaps;
    uint64_t first_index, samples;
    int looping;
    char first_error[96];
    Code codes[CODES];
} run;

static void die(const char *format, ...) {
    va_list list;
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(2);
}

static uint64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint32_t random_mask(void) { /* xorshift: the mask defends proxies, and there is none */
    static uint32_t x = 2463534242u;
    x ^= x << 13; x ^= x >> 17; x ^= x << 5;
    return x;
}

static void lose(Connection *c, const char *why) {
    if (!c->alive) return;
    c->alive = 0;
    close(c->fd);
    run.closed++;
    if (!run.first_error[0]) snprintf(run.first_error, sizeof run.first_error, "closed: %.60s", why);
}

static void send_frame(Connection *c, int opcode, const char *payload, size_t size) {
    unsigned char frame[1024];
    uint32_t mask = random_mask();
    size_t head = 2;
    if (size > 900 || !c->alive) return;
    frame[0] = 0x80 | opcode;
    if (size < 126) frame[1] = 0x80 | size;
    else { frame[1] = 0x80 | 126; frame[2] = size >> 8; frame[3] = size & 255; head = 4; }
    memcpy(frame + head, &mask, 4);
    for (size_t i = 0; i < size; i++) frame[head + 4 + i] = payload[i] ^ ((unsigned char *)&mask)[i & 3];
    size_t total = head + 4 + size;
    if (send(c->fd, frame, total, MSG_NOSIGNAL) != (ssize_t)total) lose(c, "the server does not read");
}

static void send_bid(Connection *c, uint64_t due) {
    char text[256];
    uint64_t index = next_index++;
    due_ns[index % RING] = due;
    ladder[c->lot] += step;
    uint64_t now_ms = clock_ns(CLOCK_REALTIME) / 1000000;
    int size = snprintf(text, sizeof text, "{\"t\":\"bid\",\"id\":\"%08llx-%04llx-%s%012llx\",\"lot\":\"%s\",\"amount\":\"%llu\"}",
                        (unsigned long long)(now_ms >> 16), (unsigned long long)(now_ms & 0xffff), run_id,
                        (unsigned long long)(index * SCATTER & ID_MASK), lots[c->lot], (unsigned long long)ladder[c->lot]);
    run.sent++;
    send_frame(c, 1, text, (size_t)size);
}

static void count_code(const char *text, size_t size) {
    char *found = memmem(text, size, "\"code\":\"", 8);
    if (!found) return;
    char *end = memchr(found + 8, '"', size - (size_t)(found + 8 - text));
    size_t length = end ? (size_t)(end - found - 8) : 0;
    for (int i = 0; length && length < sizeof run.codes[0].name && i < CODES; i++) {
        Code *code = &run.codes[i];
        if (!code->count) { memcpy(code->name, found + 8, length); code->name[length] = 0; }
        if (strncmp(code->name, found + 8, length) == 0 && !code->name[length]) { code->count++; return; }
    }
}

/* Note an answer to one of our bids; false if it answers none that is open. */
static int take_answer(const char *text, size_t size, uint64_t now_ns) {
    char *found = memmem(text, size < 120 ? size : 120, "\"id\":\"", 6);
    if (!found || found + 42 > text + size || memcmp(found + 20, run_id, 10)) return 0;
    char hex[13] = {0};
    memcpy(hex, found + 30, 12);
    uint64_t index = strtoull(hex, NULL, 16) * GATHER & ID_MASK, *due = &due_ns[index % RING];
    if (*due == NONE || index < run.first_index || index >= next_index) return 0;
    uint64_t waited_ns = now_ns > *due ? now_ns - *due : 0;
    *due = NONE;
    run.all++;
    if (now_ns >= run.from_ns && now_ns < run.until_ns) run.counted++;
    if (now_ns >= run.from_ns && run.samples < RING) latency_us10[run.samples++] = (uint32_t)(waited_ns / 100);
    return 1;
}

static void take_change(Connection *c, const char *text, size_t size, int follows) {
    char *found = memmem(text, size, "\"seq\":", 6), *prev = memmem(text, size, "\"prev\":", 7);
    uint64_t now_us = clock_ns(CLOCK_REALTIME) / 1000, seq = found ? strtoull(found + 6, NULL, 10) : 0;
    if (follows && prev && strtoull(prev + 7, NULL, 10) != c->last_seq) run.gaps++;
    c->last_seq = seq;
    Seen *entry = &seen[seq % SEEN];
    if (!follows) return;
    if (entry->seq != seq) *entry = (Seen){seq, 0, now_us, now_us};
    entry->viewers++;
    entry->last_us = now_us;
}

static void take_text(Connection *c, const char *text, size_t size) {
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    const char *kind = size > 10 ? text + 6 : "none";
    int accepted = !memcmp(kind, "acce", 4), rejected = !memcmp(kind, "reje", 4), echoed = !memcmp(kind, "bid\"", 4);
    if (accepted || rejected || echoed) {
        if (answer_log)
            fprintf(answer_log, "%llu %.*s\n", (unsigned long long)(clock_ns(CLOCK_REALTIME) / 1000), (int)size, text);
        if (!take_answer(text, size, now_ns)) { run.strange++; return; }
        run.accepted += accepted;
        run.echoed += echoed;
        if (rejected) {
            if (memmem(text, size, "\"seq\":null", 10)) run.undecided++; else run.rejected++;
            count_code(text, size);
        }
        if (run.looping && now_ns < run.until_ns) send_bid(c, clock_ns(CLOCK_MONOTONIC));
    } else if (!memcmp(kind, "chan", 4)) take_change(c, text, size, 1);
    else if (!memcmp(kind, "snap", 4)) { run.snapshots++; take_change(c, text, size, 0); }
    else if (!memcmp(kind, "resu", 4)) take_change(c, text, size, 0);
    else if (!memcmp(kind, "erro", 4) || !memcmp(kind, "bye\"", 4)) {
        if (!run.errors++) snprintf(run.first_error, sizeof run.first_error, "%.*s", size < 90 ? (int)size : 90, text);
    }
}

/* Take whole frames from the bytes; return how many bytes they were. */
static size_t take_frames(Connection *c, const unsigned char *bytes, size_t size) {
    size_t at = 0;
    while (size - at >= 2 && c->alive) {
        uint64_t length = bytes[at + 1] & 127;
        size_t head = length == 126 ? 4 : length == 127 ? 10 : 2;
        if (size - at < head) break;
        if (head > 2) for (size_t i = 2, n = (length = 0, head); i < n; i++) length = length << 8 | bytes[at + i];
        if (length > FRAME_MAX) die("frame of %llu bytes", (unsigned long long)length);
        if (size - at < head + length) break;
        const char *payload = (const char *)bytes + at + head;
        int opcode = bytes[at] & 15;
        if (opcode == 1) take_text(c, payload, length);
        else if (opcode == 9) send_frame(c, 10, payload, length);
        else if (opcode == 8) lose(c, length > 2 ? payload + 2 : "by the server");
        at += head + length;
    }
    return at;
}

static void receive(Connection *c) {
    static unsigned char buffer[2 * FRAME_MAX];
    if (!c->alive) return;
    if (c->rest_size) memcpy(buffer, c->rest, c->rest_size);
    ssize_t got = recv(c->fd, buffer + c->rest_size, FRAME_MAX - 16, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) { lose(c, got ? strerror(errno) : "end of stream"); return; }
    size_t size = c->rest_size + (size_t)got, taken = take_frames(c, buffer, size);
    c->rest_size = size - taken;
    if (c->rest_size) {
        c->rest = realloc(c->rest, c->rest_size);
        memcpy(c->rest, buffer + taken, c->rest_size);
    } else if (c->rest) { free(c->rest); c->rest = NULL; }
}

/* Wait at most `wait_ns` and take what came; true if a command waits on stdin. */
static int turn(uint64_t wait_ns) {
    struct epoll_event events[256];
    struct timespec wait = {(time_t)(wait_ns / 1000000000ull), (long)(wait_ns % 1000000000ull)};
    int count = epoll_pwait2(poll_fd, events, 256, &wait, NULL), command = 0;
    for (int i = 0; i < count; i++)
        if (events[i].data.u32 == UINT32_MAX) command = 1; else receive(&conns[events[i].data.u32]);
    return command;
}

static void open_connection(Connection *c, int port, const char *token) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {10, 0};
    char text[1024], bearer[400] = "";
    int one = 1;
    if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) < 0) die("socket: %s", strerror(errno));
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) die("connect: %s", strerror(errno));
    if (strcmp(token, "-")) snprintf(bearer, sizeof bearer, "Authorization: Bearer %.350s\r\n", token);
    int size = snprintf(text, sizeof text, "GET /live HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n", port, bearer);
    if (send(c->fd, text, (size_t)size, MSG_NOSIGNAL) != size) die("send: %s", strerror(errno));
    for (size = 0; size < 4 || memcmp(text + size - 4, "\r\n\r\n", 4); size++) /* byte by byte: frames may follow at once */
        if (size == sizeof text - 1 || recv(c->fd, text + size, 1, 0) != 1) die("no answer to the upgrade: %.*s", size, text);
    if (memcmp(text, "HTTP/1.1 101", 12)) die("refused: %.*s", size, text);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->alive = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)(c - conns)};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static int lot_index(const char *name) {
    for (int i = lot_count - 1; i >= 0; i--) if (!strcmp(lots[i], name)) return i;
    strcpy(lots[lot_count], name);
    return lot_count++;
}

static void open_all(int port, const char *path, uint64_t first) {
    FILE *file = fopen(path, "r");
    char token[360], lot[48];
    if (!file) die("%s: %s", path, strerror(errno));
    conns = calloc(CONNECTIONS_MAX, sizeof *conns);
    while (fscanf(file, "%359s %47s", token, lot) == 2) {
        if (conn_count == CONNECTIONS_MAX) die("more than %d connections", CONNECTIONS_MAX);
        conns[conn_count].lot = lot_index(lot);
        open_connection(&conns[conn_count++], port, token);
        turn(0);
    }
    fclose(file);
    for (int i = 0; i < lot_count; i++) ladder[i] = first;
}

static int ascending(const void *a, const void *b) { return *(uint32_t *)a < *(uint32_t *)b ? -1 : *(uint32_t *)a > *(uint32_t *)b; }

static double quantile_us(double q) {
    if (!run.samples) return 0;
    uint64_t at = (uint64_t)(q * (double)run.samples);
    return latency_us10[at < run.samples ? at : run.samples - 1] / 10.0;
}

static void report(double seconds) {
    const char *comma = "";
    qsort(latency_us10, run.samples, sizeof *latency_us10, ascending);
    for (char *p = run.first_error; *p; p++) if (*p == '"' || *p == '\\' || *p < 32) *p = '\'';
    printf("{\"seconds\":%.6f,\"answers\":%llu,\"all\":%llu,\"sent\":%llu,\"accepted\":%llu,\"rejected\":%llu,\"undecided\":%llu,"
           "\"echoed\":%llu,\"errors\":%llu,\"strange\":%llu,\"closed\":%llu,\"gaps\":%llu,\"first_error\":\"%s\","
           "\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,\"codes\":{",
           seconds, (unsigned long long)run.counted, (unsigned long long)run.all, (unsigned long long)run.sent,
           (unsigned long long)run.accepted, (unsigned long long)run.rejected, (unsigned long long)run.undecided,
           (unsigned long long)run.echoed, (unsigned long long)run.errors, (unsigned long long)run.strange,
           (unsigned long long)run.closed, (unsigned long long)run.gaps, run.first_error, quantile_us(0.5), quantile_us(0.99),
           quantile_us(0.999), run.samples ? latency_us10[run.samples - 1] / 10.0 : 0);
    for (int i = 0; i < CODES && run.codes[i].count; i++, comma = ",")
        printf("%s\"%s\":%llu", comma, run.codes[i].name, (unsigned long long)run.codes[i].count);
    puts("}}");
}

static void begin(double seconds, double settle, const char *log_path, uint64_t start_ns) {
    memset(&run, 0, sizeof run);
    run.first_index = next_index;
    for (int i = 0; i < conn_count; i++) run.closed += !conns[i].alive;
    run.from_ns = start_ns + (uint64_t)(settle * 1e9);
    run.until_ns = run.from_ns + (uint64_t)(seconds * 1e9);
    answer_log = strcmp(log_path, "-") ? fopen(log_path, "w") : NULL;
    if (answer_log) setvbuf(answer_log, NULL, _IOFBF, 1 << 22);
}

static void finish(double seconds) {
    uint64_t limit = clock_ns(CLOCK_MONOTONIC) + DRAIN_NS;
    run.looping = 0;
    while (run.all < run.sent && !run.errors && !run.closed && clock_ns(CLOCK_MONOTONIC) < limit) turn(10000000);
    if (answer_log) fclose(answer_log);
    answer_log = NULL;
    report(seconds);
}

static void run_closed(double seconds, double settle, int from, int to, const char *log_path) {
    begin(seconds, settle, log_path, clock_ns(CLOCK_MONOTONIC));
    run.looping = 1;
    for (int i = from; i < to; i++) send_bid(&conns[i], clock_ns(CLOCK_MONOTONIC));
    for (uint64_t now; (now = clock_ns(CLOCK_MONOTONIC)) < run.until_ns;) turn(run.until_ns - now);
    finish(seconds);
}

static void run_open(double seconds, double settle, int from, int to, const char *log_path, double rate, uint64_t start_us) {
    uint64_t now = clock_ns(CLOCK_MONOTONIC), wall_us = clock_ns(CLOCK_REALTIME) / 1000, count = 0;
    uint64_t start_ns = start_us > wall_us ? now + (start_us - wall_us) * 1000 : now, due = start_ns;
    if ((seconds + settle) * rate >= RING) die("more than %u bids in one run", RING);
    begin(seconds, settle, log_path, start_ns);
    for (; (now = clock_ns(CLOCK_MONOTONIC)) < run.until_ns; turn(due > now ? due - now : 0))
        for (int burst = 0; due <= now && due < run.until_ns && burst < 64; burst++, now = clock_ns(CLOCK_MONOTONIC)) {
            send_bid(&conns[from + (int)(count % (uint64_t)(to - from))], due);
            due = start_ns + (uint64_t)((double)++count * 1e9 / rate);
        }
    finish(seconds);
}

static void join_all(void) {
    char text[128];
    uint64_t limit = clock_ns(CLOCK_MONOTONIC) + 3 * DRAIN_NS;
    memset(&run, 0, sizeof run);
    for (int i = 0; i < conn_count; i++) {
        int size = snprintf(text, sizeof text, "{\"t\":\"join\",\"lot\":\"%s\",\"after\":null,\"epoch\":null}", lots[conns[i].lot]);
        send_frame(&conns[i], 1, text, (size_t)size);
        turn(0);
    }
    while (run.snapshots < (uint64_t)conn_count && !run.errors && !run.closed && clock_ns(CLOCK_MONOTONIC) < limit) turn(10000000);
    for (char *p = run.first_error; *p; p++) if (*p == '"' || *p == '\\' || *p < 32) *p = '\'';
    printf("{\"joined\":%llu,\"first_error\":\"%s\"}\n", (unsigned long long)run.snapshots, run.first_error);
}

static void tell_seen(void) {
    const char *comma = "";
    printf("{\"gaps\":%llu,\"closed\":%llu,\"changes\":[", (unsigned long long)run.gaps, (unsigned long long)run.closed);
    for (uint32_t i = 0; i < SEEN; i++) {
        if (!seen[i].viewers) continue;
        printf("%s[%llu,%llu,%llu,%llu]", comma, (unsigned long long)seen[i].seq, (unsigned long long)seen[i].viewers,
               (unsigned long long)seen[i].first_us, (unsigned long long)seen[i].last_us);
        comma = ",";
    }
    puts("]}");
    memset(seen, 0, sizeof seen);
    run.gaps = 0;
}

static int obey(const char *line) {
    double seconds, settle, rate;
    int from, to;
    unsigned long long start_us;
    char path[512];
    if (sscanf(line, "closed %lf %lf %d %d %511s", &seconds, &settle, &from, &to, path) == 5 && from >= 0 && from < to && to <= conn_count)
        run_closed(seconds, settle, from, to, path);
    else if (sscanf(line, "open %lf %lf %d %d %511s %lf %llu", &seconds, &settle, &from, &to, path, &rate, &start_us) == 7 && from >= 0 && from < to && to <= conn_count && rate > 0)
        run_open(seconds, settle, from, to, path, rate, start_us);
    else if (!strcmp(line, "join\n")) join_all();
    else if (!strcmp(line, "seen\n")) tell_seen();
    else if (!strcmp(line, "quit\n")) return 0;
    else die("unknown command: %s", line);
    fflush(stdout);
    return 1;
}

int main(int count, char **values) {
    char line[1024];
    unsigned char seed[3];
    if (count != 5) die("usage: client PORT CONNECTIONS_FILE FIRST STEP");
    if (getrandom(seed, sizeof seed, 0) != sizeof seed) die("no random numbers");
    snprintf(run_id, sizeof run_id, "7%x%02x-8%x%02x-", seed[0] & 15, seed[1], seed[0] >> 4, seed[2]); /* RFC 9562, version 7 */
    memset(due_ns, 0xff, sizeof due_ns);
    prctl(PR_SET_TIMERSLACK, 1000ul);
    poll_fd = epoll_create1(0);
    step = strtoull(values[4], NULL, 10);
    open_all(atoi(values[1]), values[2], strtoull(values[3], NULL, 10) - step);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, 0, &event);
    printf("{\"ready\":%d}\n", conn_count);
    fflush(stdout);
    for (int going = 1; going;) {
        if (!turn(1000000000)) continue;
        size_t size = 0; /* the driver writes one line and waits for its answer, so stdin never holds more than a line */
        ssize_t got;
        while (size < sizeof line - 1 && (got = read(0, line + size, 1)) == 1 && line[size++] != '\n') {}
        line[size] = 0;
        going = size && obey(line);
    }
    return 0;
}
