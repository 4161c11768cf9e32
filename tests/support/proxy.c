/* proxy: a TCP connection that misbehaves on command, for tests of what cuts and stalls do.
 *
 * usage: test_proxy LISTEN TARGET [command ...]    (a port of 127.0.0.1, or ADDRESS:PORT; 0: any)
 * It prints "port N". Commands come as arguments first, then as lines on stdin; it ends at the end
 * of stdin or with `quit`:
 *
 *     cut            resets all connections (what is under way is lost)
 *     every MS       cuts about each MS (between 0.5 and 1.5 times), 0: no more
 *     hold           nothing passes any more, and nobody is told (half-open)
 *     pass           it passes again
 *     mute           swallows what goes up: the target hears nothing
 *     delay MS       each piece waits so long
 *     slow N         what comes down passes at N bytes a second, 0: at once
 *     flip N         flips a bit in about each N bytes, 0: none
 *     split          writes single bytes for the next 4096 bytes
 *     count          prints "cuts N": connections that were up when they were reset, so far */

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { PIECE = 64 << 10, QUEUE_MAX = 1 << 20, DRIP = 512 };

struct link;

struct side { /* reads here, writes to the other side */
    uv_tcp_t tcp;
    struct link *link;
    struct side *other;
    bool up, reading, ended;
    uint64_t due_us; /* when what was shipped to it last is all there */
    char piece[PIECE];
};

struct link {
    struct link *next;
    struct side side[2]; /* 0: who dialled us; 1: the target */
    uv_connect_t connect;
    int open; /* handles that are not closed yet, and pieces under way */
    bool closing, connected;
};

struct parcel { /* bytes on their way */
    uv_timer_t timer;
    uv_write_t write;
    struct side *to;
    size_t n;
    char bytes[];
};

static uv_loop_t *loop;
static uv_tcp_t listener;
static uv_timer_t cutter;
static uv_pipe_t input;
static struct link *links;
static struct sockaddr_in target;
static bool held, muted;
static uint64_t cuts;
static uint64_t delay_ms, slow, every_ms, flip_every, until_flip, split_left;
static uint64_t random_state = 88172645463325252u;
static char line[256];
static size_t line_n;

static uint64_t draw(void) /* xorshift64, Marsaglia 2003: the same cuts each time */
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void release(struct link *link)
{
    struct link **at = &links;

    if (--link->open)
        return;
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    free(link);
}

static void side_closed(uv_handle_t *handle)
{
    release(((struct side *)handle->data)->link);
}

static void end(struct link *link)
{
    if (link->closing)
        return;
    link->closing = true;
    for (int i = 0; i < 2; i++) {
        link->side[i].reading = false;
        if (uv_tcp_close_reset(&link->side[i].tcp, side_closed))
            uv_close((uv_handle_t *)&link->side[i].tcp, side_closed);
    }
}

static void refresh(struct side *side);

static void parcel_closed(uv_handle_t *handle)
{
    struct parcel *const parcel = handle->data;
    struct link *const link = parcel->to->link;

    free(parcel);
    release(link);
}

static void written(uv_write_t *write, int status)
{
    struct parcel *const parcel = write->data;

    if (status)
        end(parcel->to->link);
    else
        refresh(parcel->to->other);
    uv_close((uv_handle_t *)&parcel->timer, parcel_closed);
}

static void deliver(uv_timer_t *timer)
{
    struct parcel *const parcel = timer->data;
    uv_buf_t buf = uv_buf_init(parcel->bytes, (unsigned)parcel->n);

    parcel->write.data = parcel;
    if (parcel->to->link->closing ||
        uv_write(&parcel->write, (uv_stream_t *)&parcel->to->tcp, &buf, 1, written))
        uv_close((uv_handle_t *)timer, parcel_closed);
}

static void spoil(char *bytes, size_t n)
{
    for (size_t i = 0; flip_every && i < n; i++)
        if (!until_flip--) {
            bytes[i] = (char)(bytes[i] ^ (1 << draw() % 8));
            until_flip = flip_every / 2 + draw() % flip_every;
        }
}

static void ship(struct side *to, const char *bytes, size_t n, uint64_t wait_ms)
{
    struct parcel *const parcel = calloc(1, sizeof *parcel + n);

    if (!parcel)
        abort();
    parcel->to = to;
    parcel->n = n;
    memcpy(parcel->bytes, bytes, n);
    spoil(parcel->bytes, n);
    to->link->open++;
    uv_timer_init(loop, &parcel->timer);
    parcel->timer.data = parcel;
    if (wait_ms)
        uv_timer_start(&parcel->timer, deliver, wait_ms, 0);
    else
        deliver(&parcel->timer);
}

static void room(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct side *const side = handle->data;

    (void)hint;
    *buf = uv_buf_init(side->piece, PIECE);
}

/* In small parts, each when the line would have brought it. */
static void ship_slowly(struct side *to, const char *bytes, size_t n)
{
    const uint64_t now_us = uv_now(loop) * 1000;

    for (size_t at = 0; at < n; at += DRIP) {
        const size_t part = n - at < DRIP ? n - at : (size_t)DRIP;
        to->due_us = (to->due_us > now_us ? to->due_us : now_us) + part * 1000000 / slow;
        ship(to, bytes + at, part, (to->due_us - now_us) / 1000 + 1);
    }
}

static void heard(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct side *const side = stream->data;
    size_t at = 0;

    if (n < 0) {
        end(side->link);
        return;
    }
    if (muted && !side->up)
        return;
    for (; split_left && at < (size_t)n; at++, split_left--)
        ship(side->other, buf->base + at, 1, delay_ms);
    if (slow && side->up)
        ship_slowly(side->other, buf->base + at, (size_t)n - at);
    else if (at < (size_t)n)
        ship(side->other, buf->base + at, (size_t)n - at, delay_ms);
    refresh(side);
}

/* Reads on a side exactly while its bytes may go somewhere. */
static void refresh(struct side *side)
{
    const bool want =
        side->link->connected && !side->link->closing && !held &&
        uv_stream_get_write_queue_size((uv_stream_t *)&side->other->tcp) < QUEUE_MAX;

    if (want == side->reading)
        return;
    side->reading = want;
    if (want)
        uv_read_start((uv_stream_t *)&side->tcp, room, heard);
    else if (!side->link->closing)
        uv_read_stop((uv_stream_t *)&side->tcp);
}

static void refresh_all(void)
{
    for (struct link *link = links; link; link = link->next)
        for (int i = 0; i < 2; i++)
            refresh(&link->side[i]);
}

static void connected(uv_connect_t *connect, int status)
{
    struct link *const link = connect->data;

    if (status) {
        end(link);
    } else if (!link->closing) {
        link->connected = true;
        refresh(&link->side[0]);
        refresh(&link->side[1]);
    }
}

static void dialled(uv_stream_t *server, int status)
{
    struct link *link;

    if (status)
        return;
    link = calloc(1, sizeof *link);
    if (!link)
        abort();
    for (int i = 0; i < 2; i++) {
        struct side *const side = &link->side[i];
        uv_tcp_init(loop, &side->tcp);
        side->tcp.data = side;
        side->link = link;
        side->other = &link->side[!i];
        side->up = i == 1; /* the target's side: its words go down */
        link->open++;
    }
    link->next = links;
    links = link;
    link->connect.data = link;
    if (uv_accept(server, (uv_stream_t *)&link->side[0].tcp) ||
        uv_tcp_connect(&link->connect, &link->side[1].tcp, (const struct sockaddr *)&target,
                       connected))
        end(link);
}

static void cut(void)
{
    struct link *next;

    for (struct link *link = links; link; link = next) {
        next = link->next;
        cuts += link->connected && !link->closing;
        end(link);
    }
}

static void cut_now(uv_timer_t *timer)
{
    cut();
    uv_timer_start(timer, cut_now, every_ms / 2 + draw() % (every_ms + 1), 0);
}

static void obey(const char *word)
{
    const char *const space = strchr(word, ' ');
    const uint64_t number = space ? strtoull(space, NULL, 10) : 0;

    if (!strncmp(word, "cut", 3)) {
        cut();
    } else if (!strncmp(word, "every", 5)) {
        every_ms = number;
        uv_timer_stop(&cutter);
        if (number)
            uv_timer_start(&cutter, cut_now, number, 0);
    } else if (!strncmp(word, "hold", 4) || !strncmp(word, "pass", 4)) {
        held = word[0] == 'h';
        muted = false;
        refresh_all();
    } else if (!strncmp(word, "mute", 4)) {
        muted = true;
    } else if (!strncmp(word, "delay", 5)) {
        delay_ms = number;
    } else if (!strncmp(word, "slow", 4)) {
        slow = number;
    } else if (!strncmp(word, "flip", 4)) {
        flip_every = until_flip = number;
    } else if (!strncmp(word, "split", 5)) {
        split_left = 4096;
    } else if (!strncmp(word, "count", 5)) {
        printf("cuts %llu\n", (unsigned long long)cuts);
        fflush(stdout);
    } else if (!strncmp(word, "quit", 4)) {
        uv_stop(loop);
    } else {
        fprintf(stderr, "test_proxy: '%s' is no command\n", word);
    }
}

static void input_room(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    (void)handle;
    (void)hint;
    *buf = uv_buf_init(line + line_n, (unsigned)(sizeof line - 1 - line_n));
}

static void input_heard(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    char *stop;

    (void)stream;
    (void)buf;
    if (n < 0) {
        uv_stop(loop);
        return;
    }
    line_n += (size_t)n;
    line[line_n] = 0;
    while ((stop = strchr(line, '\n'))) {
        *stop = 0;
        obey(line);
        line_n -= (size_t)(stop + 1 - line);
        memmove(line, stop + 1, line_n + 1);
    }
    if (line_n == sizeof line - 1)
        line_n = 0;
}

/* "PORT" or "ADDRESS:PORT". */
static void address(struct sockaddr_in *out, const char *text)
{
    const char *const colon = strchr(text, ':');
    char host[32] = "127.0.0.1";

    if (colon)
        snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    uv_ip4_addr(host, (int)strtol(colon ? colon + 1 : text, NULL, 10), out);
}

int main(int argc, char **argv)
{
    struct sockaddr_in here;
    int n = sizeof here;

    if (argc < 3) {
        fprintf(stderr, "usage: test_proxy LISTEN TARGET [command ...]\n");
        return 2;
    }
    loop = uv_default_loop();
    address(&here, argv[1]);
    address(&target, argv[2]);
    uv_tcp_init(loop, &listener);
    uv_timer_init(loop, &cutter);
    if (uv_tcp_bind(&listener, (const struct sockaddr *)&here, 0) ||
        uv_listen((uv_stream_t *)&listener, 128, dialled) ||
        uv_tcp_getsockname(&listener, (struct sockaddr *)&here, &n)) {
        fprintf(stderr, "test_proxy: cannot listen at port %s\n", argv[1]);
        return 1;
    }
    printf("port %d\n", ntohs(here.sin_port));
    fflush(stdout);
    for (int i = 3; i < argc; i++)
        obey(argv[i]);
    uv_pipe_init(loop, &input, 0);
    uv_pipe_open(&input, 0);
    uv_read_start((uv_stream_t *)&input, input_room, input_heard);
    uv_run(loop, UV_RUN_DEFAULT);
    return 0;
}
