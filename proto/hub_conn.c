/* Connections by libzmq's routing id, in a hash table. libzmq does not tell when one ends, so
 * each remembers the descriptor that its last frame came by: a descriptor that shows up under
 * another route means that the first is gone. For more connections than allowed, the table is
 * swept. */

#include "proto/hub_conn.h"

#include "base/hash.h"
#include "base/mem.h"
#include "proto/address.h"
#include "proto/hub_gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zmq.h>

enum { KEY_TEXT = 40 }; /* Z85 of HASH_BYTES */

static unsigned bucket(const struct wire_route *route)
{
    return hash_crc32c(0, route->byte, route->n) % HUB_CONN_BUCKETS;
}

struct conn *hub_conn_find(struct hub_conns *conns, const struct wire_route *route)
{
    struct conn *conn = conns->bucket[bucket(route)];

    while (conn &&
           (conn->route.n != route->n || memcmp(conn->route.byte, route->byte, route->n) != 0))
        conn = conn->next;
    return conn;
}

struct conn *hub_conn_add(struct hub_conns *conns, const struct wire_route *route)
{
    struct conn *const conn = mem_new(1, sizeof *conn);
    struct conn **const at = &conns->bucket[bucket(route)];

    conn->route = *route;
    conn->fd = -1;
    conn->next = *at;
    *at = conn;
    conns->n++;
    return conn;
}

void hub_conn_remove(struct hub_conns *conns, struct conn *conn)
{
    struct conn **at = &conns->bucket[bucket(&conn->route)];

    while (*at != conn)
        at = &(*at)->next;
    *at = conn->next;
    conns->n--;
    hub_gate_ended(conn->holder);
    if (conn->fd >= 0 && conns->of_fd[conn->fd] == conn)
        conns->of_fd[conn->fd] = NULL;
    free(conn);
}

void hub_conn_clear(struct hub_conns *conns)
{
    for (int i = 0; i < HUB_CONN_BUCKETS; i++)
        while (conns->bucket[i])
            hub_conn_remove(conns, conns->bucket[i]);
    free(conns->of_fd);
    conns->of_fd = NULL;
    conns->fds = 0;
}

struct conn *hub_conn_next(struct hub_conns *conns, const struct conn *conn)
{
    unsigned at = 0;

    if (conn && conn->next)
        return conn->next;
    if (conn)
        at = bucket(&conn->route) + 1;
    while (at < HUB_CONN_BUCKETS && !conns->bucket[at])
        at++;
    return at < HUB_CONN_BUCKETS ? conns->bucket[at] : NULL;
}

/* Zeros: none. */
static void key_of(struct hash *out, struct frames *frames)
{
    const char *key = zmq_msg_gets(&frames->part[0], "User-Id");

    memset(out, 0, sizeof *out);
    if (key && strlen(key) == KEY_TEXT)
        zmq_z85_decode(out->byte, key);
}

/* The same number may have been given to it that the first one had: then the key tells. */
bool hub_conn_other(const struct conn *conn, int fd, struct frames *frames)
{
    struct hash key;

    if (fd >= 0 && conn->fd >= 0 && fd != conn->fd)
        return true;
    if (!frames->n || !*conn->address)
        return false;
    key_of(&key, frames);
    return !hash_same(&key, &conn->key);
}

void hub_conn_origin(struct conn *conn, struct frames *frames)
{
    const char *address;

    if (!frames->n || *conn->address)
        return;
    address = zmq_msg_gets(&frames->part[0], "Peer-Address");
    snprintf(conn->address, sizeof conn->address, "%s",
             address ? address_unmapped(address) : "?");
    key_of(&conn->key, frames);
}

static bool far_end(int fd, struct sockaddr_storage *out)
{
    socklen_t n = sizeof *out;

    memset(out, 0, sizeof *out);
    return !getpeername(fd, (struct sockaddr *)out, &n);
}

struct conn *hub_conn_heard(struct hub_conns *conns, struct conn *conn, int fd)
{
    struct conn *was;

    if (fd < 0 || fd == conn->fd)
        return NULL;
    if (fd >= conns->fds) {
        conns->of_fd = mem_grow(conns->of_fd, (size_t)fd + 1, sizeof *conns->of_fd);
        while (conns->fds <= fd)
            conns->of_fd[conns->fds++] = NULL;
    }
    was = conns->of_fd[fd];
    conns->of_fd[fd] = conn;
    conn->fd = fd;
    far_end(fd, &conn->far);
    return was;
}

bool hub_conn_lives(const struct hub_conns *conns, const struct conn *conn)
{
    struct sockaddr_storage now;

    /* Another socket of this process may have been given the number since. */
    return conn->fd < 0 || (conns->of_fd[conn->fd] == conn && far_end(conn->fd, &now) &&
                            !memcmp(&now, &conn->far, sizeof now));
}

void hub_conn_shut(int fd)
{
    struct sockaddr_storage far;

    /* What has no peer is no connection: a descriptor that was closed and used again. */
    if (fd >= 0 && far_end(fd, &far))
        shutdown(fd, SHUT_RDWR);
}
