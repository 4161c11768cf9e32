/* What the three ports of a broker have in common. Nothing may linger: a broker that ends ends at
 * once, for what it had said is said again after the next HELLO. Whoever does not finish the
 * handshake is dropped, and so is one whose frame is larger than any message. */

#include "proto/bind.h"

#include "proto/address.h"
#include "proto/curve.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <zmq.h>

enum { HANDSHAKE_MS = 5000 };

static enum err set(void *socket, int option, int value)
{
    if (zmq_setsockopt(socket, option, &value, sizeof value))
        return err_set(ERR_IO, "socket option %d: %s", option, zmq_strerror(errno));
    return OK;
}

/* ZeroMQ closes what it is given with the binding, so it is given a copy: the next binding takes
 * the descriptor over again. */
static enum err take_over(void *socket, int listen_fd)
{
    int fd;

    if (listen_fd < 0)
        return OK;
    fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || set(socket, ZMQ_USE_FD, fd))
        return err_set(ERR_IO, "descriptor %d: %s", listen_fd, strerror(errno));
    return OK;
}

static enum err set_all(void *socket, const struct bind_conf *conf)
{
    const int list[][2] = {{ZMQ_LINGER, 0},
                           {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
                           {ZMQ_SNDHWM, conf->queue},
                           {ZMQ_RCVHWM, conf->queue},
                           {ZMQ_TCP_KEEPALIVE, 1}};
    enum err err = OK;

    for (size_t i = 0; !err && i < sizeof list / sizeof *list; i++)
        err = set(socket, list[i][0], list[i][1]);
    if (!err &&
        zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &conf->frame_max, sizeof conf->frame_max))
        err = err_set(ERR_IO, "ZMQ_MAXMSGSIZE: %s", zmq_strerror(errno));
    if (!err)
        err = take_over(socket, conf->listen_fd);
    if (!err)
        err = address_listen(socket, conf->endpoint);
    if (err)
        return err;
    return conf->keys
               ? curve_server(socket, conf->keys, conf->domain ? conf->domain : CURVE_FLEET)
               : curve_plain_allowed(conf->endpoint);
}

enum err bind_socket(void *socket, const struct bind_conf *conf, char endpoint[BIND_ENDPOINT])
{
    size_t n = BIND_ENDPOINT;
    const enum err err = set_all(socket, conf);

    if (err)
        return err;
    if (zmq_bind(socket, conf->endpoint)) {
        if (errno == EADDRINUSE)
            return err_set(ERR_IO, "%s is in use: is another broker running?", conf->endpoint);
        return err_set(ERR_IO, "%s: %s", conf->endpoint, zmq_strerror(errno));
    }
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &n))
        return err_set(ERR_IO, "%s: %s", conf->endpoint, zmq_strerror(errno));
    return OK;
}

enum err bind_let_go(void *socket, const char *endpoint, int listen_fd,
                     const struct curve_keys *keys)
{
    /* Not bound: an earlier try came so far. */
    if (zmq_unbind(socket, endpoint) && errno != ENOENT)
        return err_set(ERR_IO, "%s: cannot let go: %s", endpoint, zmq_strerror(errno));
    if (zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, CURVE_TEXT))
        return err_set(ERR_IO, "%s: key: %s", endpoint, zmq_strerror(errno));
    return take_over(socket, listen_fd);
}

enum err bind_retake(void *socket, const char *endpoint)
{
    if (!zmq_bind(socket, endpoint))
        return OK;
    return errno == EADDRINUSE
               ? err_set(ERR_STATE, "%s: another process listens there", endpoint)
               : err_set(ERR_IO, "%s: %s", endpoint, zmq_strerror(errno));
}
