/* hub_state: what the files of a hub share: the hub itself, and what it says to a connection.
 * For hub*.c only. */

#ifndef PROTO_HUB_STATE_H
#define PROTO_HUB_STATE_H

#include "proto/bind.h"
#include "proto/hub_gate.h"
#include "proto/hub_member.h"
#include "proto/silent.h"

struct hub_row {
    hub_fn *fn;
    hub_raw_fn *raw;
    void *self;
};

struct hub {
    void *socket;
    struct hub_conf conf;
    char endpoint[BIND_ENDPOINT];
    struct hub_conns conns;
    struct hub_members members;
    struct hub_row row[ROLES][MSG_TYPES];
    struct msg_head head;
    struct arena *arena;
    int64_t tick_ms, logged_ms, room_ms; /* room_ms: when make_room last looked */
    struct silent *silent;
    struct hub_stats stats;
};

/* REFUSE; nothing of the connection is heard any more, and it is shut a moment later. A member
 * that spoke by it is gone. */
void hub_turn_away(struct hub *hub, struct conn *conn, enum refuse_code code, const char *words,
                   int64_t now_ms);
void hub_strike_conn(struct hub *hub, struct conn *conn, const char *why, int64_t now_ms);

/* For silent.h: has this hub heard something by it, and one was shut (hub_look.c). */
bool hub_look_heard(void *hub, int fd);
void hub_look_shut(void *hub, const char *address, int64_t now_ms);

/* May this connection say `bytes` more? Else it was told, or struck (hub_look.c). */
bool hub_look_hears(struct hub *hub, struct conn *conn, size_t bytes, int64_t now_ms);
/* May it be whom its HELLO says? `of_id`: the member of that id, or NULL. *role: as what it is
 * here. Else it was told. */
bool hub_look_hello(struct hub *hub, struct conn *conn, const struct msg_hello *hello,
                    const struct hub_member *of_id, uint32_t *role, int64_t now_ms);

#endif
