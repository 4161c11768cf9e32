/* Frames between a socket and memory, without waiting. An error says which of two things
 * happened: the pipe is full (ERR_STATE, try again), or the connection is gone (ERR_IO). */

#include "proto/wire.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

static enum err refused(void)
{
    if (errno == EAGAIN)
        return err_set(ERR_STATE, "would block");
    if (errno == EHOSTUNREACH)
        return err_set(ERR_IO, "no such connection");
    return err_set(ERR_IO, "send: %s", zmq_strerror(errno));
}

/* A multipart message that has begun cannot fail for want of room (libzmq: the first part
 * decides), so an error after it means that the connection ended under way; the rest is
 * swallowed by libzmq, and the peer never sees half a message. */
enum err wire_send(void *socket, const struct wire_route *to, struct frames *frames)
{
    int i = 0;

    if (!frames->n)
        return err_set(ERR_RANGE, "a message without frames");
    if (to && zmq_send(socket, to->byte, to->n, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
        return refused();
    for (; i < frames->n; i++) {
        const int more = i + 1 < frames->n ? ZMQ_SNDMORE : 0;
        if (zmq_msg_send(&frames->part[i], socket, ZMQ_DONTWAIT | more) < 0) {
            const enum err err = refused();
            return i || to ? err_set(ERR_IO, "connection ended in a message") : err;
        }
    }
    frames->n = 0; /* libzmq has taken them */
    return OK;
}

static enum err part(void *socket, zmq_msg_t *msg, bool *got)
{
    *got = zmq_msg_recv(msg, socket, ZMQ_DONTWAIT) >= 0;
    if (*got || errno == EAGAIN)
        return OK;
    return err_set(ERR_IO, "receive: %s", zmq_strerror(errno));
}

/* Reads and forgets the rest of a message. */
static enum err skip(void *socket)
{
    zmq_msg_t msg;
    enum err err = OK;
    bool got = true, more = true;

    zmq_msg_init(&msg);
    while (!err && got && more) {
        err = part(socket, &msg, &got);
        more = got && zmq_msg_more(&msg);
    }
    zmq_msg_close(&msg);
    return err;
}

static enum err route(void *socket, struct wire_route *from, bool *got)
{
    zmq_msg_t msg;
    enum err err;

    zmq_msg_init(&msg);
    err = part(socket, &msg, got);
    if (!err && *got) {
        const size_t n = zmq_msg_size(&msg);
        from->n = (uint8_t)(n <= WIRE_ROUTE_MAX ? n : 0);
        memcpy(from->byte, zmq_msg_data(&msg), from->n);
        if (!from->n || !zmq_msg_more(&msg))
            err = err_set(ERR_PARSE, "routing id of %zu bytes", n);
        if (err && zmq_msg_more(&msg) && skip(socket))
            err = ERR_IO;
    }
    zmq_msg_close(&msg);
    return err;
}

enum err wire_receive(void *socket, struct wire_route *from, struct frames *frames, int *fd,
                      bool *got)
{
    bool more = true;
    enum err err = OK;

    frames_init(frames);
    *got = true;
    if (fd)
        *fd = -1;
    if (from)
        err = route(socket, from, got);
    while (!err && *got && more) {
        bool here;
        zmq_msg_t *const msg = &frames->part[frames->n];
        if (frames->n == FRAMES_MAX) {
            err = skip(socket);
            if (!err)
                err = err_set(ERR_PARSE, "more than %d frames", FRAMES_MAX);
            break;
        }
        zmq_msg_init(msg);
        err = part(socket, msg, &here);
        if (err || !here) {
            zmq_msg_close(msg);
            *got = false;
            break;
        }
        frames->n++;
        more = zmq_msg_more(msg);
        if (fd)
            *fd = zmq_msg_get(msg, ZMQ_SRCFD);
    }
    if (err || !*got)
        frames_fini(frames);
    return err;
}

int64_t wire_bytes(int fd)
{
    struct tcp_info info;
    socklen_t n = sizeof info;

    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) ||
        n < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return -1;
    return info.tcpi_bytes_received > INT64_MAX ? INT64_MAX : (int64_t)info.tcpi_bytes_received;
}
