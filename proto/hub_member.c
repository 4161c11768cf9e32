/* Members by peer id and by number, in hash tables, and in order of arrival; who is banned, in a ring. A member points to
 * its connection and back; either end may be taken away first (attach, ended). */

#include "proto/hub_member.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static unsigned id_bucket(const struct id *id)
{
    return hash_crc32c(0, id->byte, ID_BYTES) % HUB_MEMBER_BUCKETS;
}

struct hub_member *hub_member_by_id(const struct hub_members *members, const struct id *id)
{
    struct hub_member *m = members->of_id[id_bucket(id)];

    while (m && memcmp(m->pub.id.byte, id->byte, ID_BYTES) != 0)
        m = m->by_id;
    return m;
}

struct hub_member *hub_member_by_number(const struct hub_members *members, uint32_t number)
{
    struct hub_member *m = members->of_number[number % HUB_MEMBER_BUCKETS];

    while (m && m->pub.number != number)
        m = m->by_number;
    return m;
}

static void enter(struct hub_members *members, struct hub_member *m)
{
    struct hub_member **const number = &members->of_number[m->pub.number % HUB_MEMBER_BUCKETS];
    struct hub_member **const id = &members->of_id[id_bucket(&m->pub.id)];

    m->by_number = *number;
    *number = m;
    m->by_id = *id;
    *id = m;
}

static void leave(struct hub_members *members, const struct hub_member *m)
{
    struct hub_member **number = &members->of_number[m->pub.number % HUB_MEMBER_BUCKETS];
    struct hub_member **id = &members->of_id[id_bucket(&m->pub.id)];

    while (*number != m)
        number = &(*number)->by_number;
    *number = m->by_number;
    while (*id != m)
        id = &(*id)->by_id;
    *id = m->by_id;
}

struct hub_member *hub_member_add(struct hub_members *members, const struct msg_hello *hello,
                                  enum role role)
{
    struct hub_member *const m = mem_new(1, sizeof *m);

    m->pub.number = ++members->numbers;
    m->pub.role = role;
    m->pub.id = hello->peer;
    m->pub.incarnation = hello->incarnation;
    m->before = members->last;
    if (members->last)
        members->last->next = m;
    else
        members->first = m;
    members->last = m;
    enter(members, m);
    return m;
}

void hub_member_remove(struct hub_members *members, struct hub_member *m)
{
    if (m->conn)
        m->conn->member = NULL;
    leave(members, m);
    if (m->before)
        m->before->next = m->next;
    else
        members->first = m->next;
    if (m->next)
        m->next->before = m->before;
    else
        members->last = m->before;
    free(m);
}

void hub_member_clear(struct hub_members *members)
{
    while (members->first) {
        members->first->conn = NULL;
        hub_member_remove(members, members->first);
    }
}

void hub_member_attach(struct hub_member *m, struct conn *conn)
{
    if (m->conn && m->conn != conn)
        m->conn->member = NULL;
    m->conn = conn;
    conn->member = m;
    m->pub.reachable = true;
    m->pub.key = conn->key;
    memcpy(m->pub.address, conn->address, sizeof m->pub.address);
}

void hub_member_ended(struct hub_conns *conns, struct conn *conn, int64_t now_ms)
{
    if (conn->member) {
        conn->member->conn = NULL;
        conn->member->ended_ms = now_ms;
        conn->member->pub.reachable = false;
    }
    hub_conn_remove(conns, conn);
}

/* What was held of the first (its key, its member) is not the second's. */
struct conn *hub_member_conn(struct hub_conns *conns, const struct wire_route *route, int fd,
                             struct frames *frames, int64_t now_ms)
{
    struct conn *const conn = hub_conn_find(conns, route);

    if (!conn || !hub_conn_other(conn, fd, frames))
        return conn;
    hub_member_ended(conns, conn, now_ms);
    return NULL;
}

static int sweep_bucket(struct hub_conns *conns, unsigned bucket, int64_t now_ms)
{
    struct conn *next;
    int n = 0;

    for (struct conn *c = conns->bucket[bucket]; c; c = next, n++) {
        next = c->next;
        if (!hub_conn_lives(conns, c))
            hub_member_ended(conns, c, now_ms);
    }
    return n;
}

void hub_member_sweep(struct hub_conns *conns, int64_t now_ms)
{
    for (unsigned bucket = 0; bucket < HUB_CONN_BUCKETS; bucket++)
        sweep_bucket(conns, bucket, now_ms);
}

void hub_member_sweep_some(struct hub_conns *conns, int most, int64_t now_ms)
{
    for (int i = 0, n = 0; i < HUB_CONN_BUCKETS && n < most; i++)
        n += sweep_bucket(conns, conns->swept++ % HUB_CONN_BUCKETS, now_ms);
}

void hub_member_ban(struct hub_members *members, const struct id *id, int64_t now_ms)
{
    struct hub_member_ban *const b = &members->ban[members->bans++ % HUB_MEMBER_BANS];

    b->id = *id;
    b->until_ms = now_ms + HUB_STRIKES_MS;
}

bool hub_member_banned(const struct hub_members *members, const struct id *id, int64_t now_ms)
{
    for (int i = 0; i < HUB_MEMBER_BANS; i++)
        if (members->ban[i].until_ms > now_ms &&
            !memcmp(members->ban[i].id.byte, id->byte, ID_BYTES))
            return true;
    return false;
}
