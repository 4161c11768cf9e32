#include "broker/board.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/codec.h"
#include "proto/curve.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

enum { QUEUE = 16, DRAIN = 64, WORD_MAX = 4096 };

struct board {
    void *socket;
    char endpoint[128];
    bool asked;
};

static enum err options(struct board *board, const char *endpoint, int listen_fd,
                        const struct curve_keys *keys)
{
    static const int list[][2] = {{ZMQ_LINGER, 0},
                                  {ZMQ_SNDHWM, QUEUE},
                                  {ZMQ_XPUB_VERBOSE, 1}, /* each subscriber is seen */
                                  {ZMQ_HANDSHAKE_IVL, 5000},
                                  {ZMQ_TCP_KEEPALIVE, 1}};
    const int64_t max = WORD_MAX;

    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (zmq_setsockopt(board->socket, list[i][0], &list[i][1], sizeof list[i][1]))
            return err_set(ERR_IO, "socket option %d: %s", list[i][0], zmq_strerror(errno));
    if (zmq_setsockopt(board->socket, ZMQ_MAXMSGSIZE, &max, sizeof max))
        return err_set(ERR_IO, "ZMQ_MAXMSGSIZE: %s", zmq_strerror(errno));
    if (listen_fd >= 0 &&
        zmq_setsockopt(board->socket, ZMQ_USE_FD, &listen_fd, sizeof listen_fd))
        return err_set(ERR_IO, "descriptor %d: %s", listen_fd, zmq_strerror(errno));
    return keys ? curve_server(board->socket, keys) : curve_plain_allowed(endpoint);
}

static enum err listen_at(struct board *board, const char *endpoint)
{
    size_t n = sizeof board->endpoint;

    if (zmq_bind(board->socket, endpoint)) {
        if (errno == EADDRINUSE)
            return err_set(ERR_IO, "%s is in use: is another broker running?", endpoint);
        return err_set(ERR_IO, "%s: %s", endpoint, zmq_strerror(errno));
    }
    if (zmq_getsockopt(board->socket, ZMQ_LAST_ENDPOINT, board->endpoint, &n))
        return err_set(ERR_IO, "%s: %s", endpoint, zmq_strerror(errno));
    return OK;
}

enum err board_open(struct board **out, void *context, const char *endpoint, int listen_fd,
                    const struct curve_keys *keys)
{
    struct board *board = mem_new(1, sizeof *board);
    enum err err;

    board->socket = zmq_socket(context, ZMQ_XPUB);
    err = board->socket ? options(board, endpoint, listen_fd, keys)
                        : err_set(ERR_IO, "socket: %s", zmq_strerror(errno));
    if (!err)
        err = listen_at(board, endpoint);
    if (err) {
        board_close(board);
        board = NULL;
    }
    *out = board;
    return err;
}

void board_close(struct board *board)
{
    if (!board)
        return;
    if (board->socket)
        zmq_close(board->socket);
    free(board);
}

const char *board_endpoint(const struct board *board)
{
    return board->endpoint;
}

void board_publish(struct board *board, const struct msg *msg)
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

void *board_socket(const struct board *board)
{
    return board->socket;
}

/* A subscription is one frame whose first byte is 1. What else a reader says is dropped. */
enum err board_readable(void *self, int64_t now_ms)
{
    struct board *board = self;
    uint8_t word[1];

    (void)now_ms;
    for (int i = 0; i < DRAIN; i++) {
        const int n = zmq_recv(board->socket, word, sizeof word, ZMQ_DONTWAIT);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR
                       ? OK
                       : err_set(ERR_IO, "dashboard: %s", zmq_strerror(errno));
        board->asked |= n > 0 && word[0] == 1;
    }
    return OK;
}

bool board_asked(struct board *board)
{
    const bool asked = board->asked;

    board->asked = false;
    return asked;
}
