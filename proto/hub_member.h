/* hub_member: who is there, behind the connections of a hub. For hub*.c only. */

#ifndef PROTO_HUB_MEMBER_H
#define PROTO_HUB_MEMBER_H

#include "proto/hub_conn.h"
#include "proto/hub_peer.h"

struct hub_member {
    struct hub_peer pub; /* first: a hub_peer of ours is a member */
    struct conn *conn;   /* NULL once it ended and no HELLO came since */
    int64_t ended_ms;    /* when that was seen */
    struct hub_member *next, *before;
    struct hub_member *by_number, *by_id; /* the next in its bucket */
};

struct hub_member_ban {
    struct id id;
    int64_t until_ms;
};

enum { HUB_MEMBER_BANS = 256, HUB_MEMBER_BUCKETS = 1024 };
struct hub_members {
    struct hub_member *first, *last; /* in order of arrival */
    struct hub_member_ban ban[HUB_MEMBER_BANS];
    unsigned bans;
    uint32_t numbers;
    struct hub_member *of_number[HUB_MEMBER_BUCKETS], *of_id[HUB_MEMBER_BUCKETS];
};

struct hub_member *hub_member_by_number(const struct hub_members *members, uint32_t number);
struct hub_member *hub_member_by_id(const struct hub_members *members, const struct id *id);
/* `role`: as what it is here. */
struct hub_member *hub_member_add(struct hub_members *members, const struct msg_hello *hello,
                                  enum role role);
void hub_member_remove(struct hub_members *members, struct hub_member *member);
void hub_member_clear(struct hub_members *members);

/* It now speaks by this connection, and by no other. */
void hub_member_attach(struct hub_member *member, struct conn *conn);

/* The connection of this route that a message came from by `fd`; NULL: a new one. One that had
 * the route before has ended. */
struct conn *hub_member_conn(struct hub_conns *conns, const struct wire_route *route, int fd,
                             struct frames *frames, int64_t now_ms);

/* ZeroMQ does not say when a connection ends: this one has. Its member, if any, is silent. */
void hub_member_ended(struct hub_conns *conns, struct conn *conn, int64_t now_ms);
void hub_member_sweep(struct hub_conns *conns, int64_t now_ms); /* all that have ended */
/* So many of them, the others by turns: a thousand questions to the system each tick would be a fifth
 * of what an idle broker does. */
void hub_member_sweep_some(struct hub_conns *conns, int most, int64_t now_ms);

/* Refuses an id for HUB_STRIKES_MS; the oldest of too many is forgotten. */
void hub_member_ban(struct hub_members *members, const struct id *id, int64_t now_ms);
bool hub_member_banned(const struct hub_members *members, const struct id *id, int64_t now_ms);

#endif
