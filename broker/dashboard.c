/* libzmq keeps what a reader subscribes to, whatever it is and however much, and gives no way
 * to refuse it. So each subscription is looked at as it comes by, and who says more than a
 * dashboard needs is disconnected: with its connection go its topics. A connection is known by
 * its descriptor and inode; what still comes of one that was just shut is not looked at. */

#include "broker/dashboard.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/bind.h"
#include "proto/codec.h"
#include "proto/curve.h"
#include "proto/hub_gate.h"
#include "proto/silent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <zmq.h>

/* QUEUE: snapshots that wait for a slow reader. DRAIN: words that are read at once, so that one
 * that talks on does not hold up the loop. SHUT_MS: for so long what a connection had sent
 * before it was shut may still come. */
enum { QUEUE = 16, DRAIN = 1024, WORD_MAX = 1024, SHUT_MS = 1000 };

struct dashboard_reader { /* by descriptor */
    ino_t inode;
    uint32_t topics;
    struct hash key; /* of its connection; zeros: none */
    int64_t shut_ms; /* when it was disconnected; 0: it was not */
};

struct dashboard {
    void *socket;
    char endpoint[BIND_ENDPOINT];
    bool asked;
    struct dashboard_reader *reader;
    int readers;
    uint64_t dropped;
    struct silent *silent;
    struct hub_gate *gate; /* counts what was refused; NULL: no keys */
};

/* Who subscribed, by the connection that is there now. */
static bool heard(void *self, int fd)
{
    const struct dashboard *board = self;
    struct stat now;

    return fd < board->readers && !fstat(fd, &now) && now.st_ino == board->reader[fd].inode;
}

static void shut(void *self, const char *address, int64_t now_ms)
{
    const struct dashboard *board = self;

    if (board->gate)
        hub_gate_refused(board->gate, HUB_GATE_SILENT, "dashboard", address, now_ms);
    else
        log_debug("silent", "address=%s", address);
}

enum err dashboard_open(struct dashboard **out, void *context, const char *endpoint,
                        int listen_fd, const struct curve_keys *keys, struct hub_gate *gate)
{
    const struct bind_conf conf = {.endpoint = endpoint,
                                   .listen_fd = listen_fd,
                                   .keys = keys,
                                   .domain = CURVE_BOARD,
                                   .queue = QUEUE,
                                   .frame_max = WORD_MAX};
    static const int verboser = 1; /* each subscriber is seen */
    struct dashboard *board = mem_new(1, sizeof *board);
    enum err err;

    board->socket = zmq_socket(context, ZMQ_XPUB);
    if (!board->socket ||
        zmq_setsockopt(board->socket, ZMQ_XPUB_VERBOSER, &verboser, sizeof verboser))
        err = err_set(ERR_IO, "socket: %s", zmq_strerror(errno));
    else
        err = bind_socket(board->socket, &conf, board->endpoint);
    if (err) {
        dashboard_close(board);
        board = NULL;
    } else {
        board->gate = gate;
        silent_new(&board->silent, board->endpoint, &(struct silent_conf){heard, shut, board});
    }
    *out = board;
    return err;
}

void dashboard_close(struct dashboard *board)
{
    if (!board)
        return;
    if (board->socket)
        zmq_close(board->socket);
    silent_free(board->silent);
    free(board->reader);
    free(board);
}

const char *dashboard_endpoint(const struct dashboard *board)
{
    return board->endpoint;
}

void dashboard_publish(struct dashboard *board, const struct msg *msg)
{
    struct frames frames;
    enum err err;

    frames_init(&frames);
    err = codec_encode(&frames, msg);
    if (!err)
        err = wire_send(board->socket, NULL, &frames);
    if (err)
        log_debug("board", "reason=\"%s\"", err_text());
    frames_fini(&frames);
}

void *dashboard_socket(const struct dashboard *board)
{
    return board->socket;
}

/* The connection that a word came by; NULL if it is no more. */
static struct dashboard_reader *reader_of(struct dashboard *board, int fd)
{
    struct stat now;
    struct dashboard_reader *at;

    if (fd < 0 || fstat(fd, &now) || !S_ISSOCK(now.st_mode))
        return NULL;
    if (fd >= board->readers) {
        board->reader = mem_grow(board->reader, (size_t)fd + 1, sizeof *board->reader);
        for (int i = board->readers; i <= fd; i++)
            board->reader[i] = (struct dashboard_reader){.topics = 0};
        board->readers = fd + 1;
    }
    at = &board->reader[fd];
    /* The system gives descriptors out again: another inode is another connection, with no
     * topics yet. */
    if (at->inode != now.st_ino)
        *at = (struct dashboard_reader){.inode = now.st_ino, .shut_ms = at->shut_ms};
    return at;
}

/* May it have said this? Counts its topics. */
static bool fair(struct dashboard_reader *reader, zmq_msg_t *word)
{
    const size_t n = zmq_msg_size(word);
    const uint8_t first = n ? *(const uint8_t *)zmq_msg_data(word) : 255;

    /* libzmq passes on the end of topics that were never begun: below zero nothing is
     * counted. */
    if (first == 0) {
        reader->topics -= reader->topics > 0;
        return true;
    }
    return first == 1 && n - 1 <= DASHBOARD_TOPIC && ++reader->topics <= DASHBOARD_TOPICS;
}

/* A subscription is one frame whose first byte is 1, the end of one begins with 0. */
static void hear(struct dashboard *board, zmq_msg_t *word, int64_t now_ms)
{
    const int fd = zmq_msg_get(word, ZMQ_SRCFD);
    struct dashboard_reader *reader = reader_of(board, fd);
    const char *from = zmq_msg_gets(word, "Peer-Address");
    const char *key = zmq_msg_gets(word, "User-Id");

    if (!reader || (reader->shut_ms && now_ms - reader->shut_ms < SHUT_MS))
        return;
    reader->shut_ms = 0;
    if (key && strlen(key) == CURVE_TEXT - 1)
        zmq_z85_decode(reader->key.byte, key);
    if (fair(reader, word)) {
        board->asked |= *(const uint8_t *)zmq_msg_data(word) == 1;
        return;
    }
    reader->shut_ms = now_ms;
    board->dropped++;
    log_warn("dashboard", "peer=%s dropped=%llu reason=\"says more than a dashboard needs\"",
             from ? from : "?", (unsigned long long)board->dropped);
    if (shutdown(fd, SHUT_RDWR))
        log_debug("dashboard", "shutdown=%d", errno);
}

enum err dashboard_readable(void *self, int64_t now_ms)
{
    struct dashboard *board = self;
    zmq_msg_t word;

    for (int i = 0; i < DRAIN; i++) {
        zmq_msg_init(&word);
        if (zmq_msg_recv(&word, board->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&word);
            return errno == EAGAIN || errno == EINTR
                       ? OK
                       : err_set(ERR_IO, "dashboard: %s", zmq_strerror(errno));
        }
        hear(board, &word, now_ms);
        zmq_msg_close(&word);
    }
    return OK;
}

void dashboard_look(struct dashboard *board, const struct hub_gate *gate)
{
    static const struct hash none;

    for (int fd = 0; fd < board->readers; fd++) {
        struct stat now;

        if (!board->reader[fd].inode || hash_same(&board->reader[fd].key, &none) ||
            hub_gate_valid(gate, &board->reader[fd].key))
            continue;
        /* Only if the descriptor is still its own. */
        if (!fstat(fd, &now) && now.st_ino == board->reader[fd].inode &&
            !shutdown(fd, SHUT_RDWR))
            log_warn("cut", "port=dashboard reason=\"%s\"", hub_gate_words(HUB_GATE_KEY));
        board->reader[fd].inode = 0;
    }
}

void dashboard_seen(const struct dashboard *board, struct hub_gate *gate, int64_t now_ms)
{
    static const struct hash none;

    for (int fd = 0; fd < board->readers; fd++) {
        struct stat now;

        if (board->reader[fd].inode && !hash_same(&board->reader[fd].key, &none) &&
            !fstat(fd, &now) && now.st_ino == board->reader[fd].inode)
            hub_gate_watches(gate, &board->reader[fd].key, now_ms);
    }
}

uint64_t dashboard_dropped(const struct dashboard *board)
{
    return board->dropped;
}

void dashboard_tick(struct dashboard *board, int64_t now_ms)
{
    silent_tick(board->silent, now_ms);
}

bool dashboard_asked(struct dashboard *board)
{
    const bool asked = board->asked;

    board->asked = false;
    return asked;
}
