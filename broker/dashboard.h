/* dashboard: the dashboard socket. An XPUB that gives STATS to whoever subscribes; a slow reader
 * loses snapshots, never holds anything up; one that says more than a dashboard needs is
 * disconnected. */

#ifndef BROKER_DASHBOARD_H
#define BROKER_DASHBOARD_H

#include "base/err.h"
#include "proto/msg.h"

struct curve_keys;
struct dashboard;
struct hub_gate;

enum { DASHBOARD_TOPIC = 64, DASHBOARD_TOPICS = 8 }; /* bytes of one; of one connection */

/* listen_fd: a listening descriptor to take over, or -1. keys NULL: plain, loopback only, and `gate`
 * is NULL, too; else it outlives the board.
 * Errors: ERR_IO (port in use: the words say so), ERR_STATE (plain on an open address). */
enum err dashboard_open(struct dashboard **out, void *context, const char *endpoint,
                        int listen_fd, const struct curve_keys *keys,
                        struct hub_gate *gate) MUST_CHECK;
void dashboard_close(struct dashboard *board); /* NULL is fine */

const char *dashboard_endpoint(const struct dashboard *board); /* with the real port */
void dashboard_publish(struct dashboard *board, const struct msg *msg);

/* Keys have changed: readers whose key is not valid any more are cut. */
void dashboard_look(struct dashboard *board, const struct hub_gate *gate);
/* Tells the gate which keys watch now. */
void dashboard_seen(const struct dashboard *board, struct hub_gate *gate, int64_t now_ms);

/* For loop_socket. Afterwards dashboard_asked says, once, that somebody has subscribed. */
void *dashboard_socket(const struct dashboard *board);
enum err dashboard_readable(void *board, int64_t now_ms) MUST_CHECK;
/* Readers that subscribed to nothing are cut (silent.h). */
void dashboard_tick(struct dashboard *board, int64_t now_ms);
bool dashboard_asked(struct dashboard *board);
uint64_t dashboard_dropped(const struct dashboard *board); /* readers that were disconnected */

#endif
