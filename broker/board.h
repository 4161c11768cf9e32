/* board: the dashboard socket. An XPUB that gives STATS to whoever subscribes; a slow reader
 * loses snapshots, never holds anything up; one that says more than a dashboard needs is
 * disconnected. */

#ifndef BROKER_BOARD_H
#define BROKER_BOARD_H

#include "base/err.h"
#include "proto/msg.h"

struct curve_keys;
struct board;

enum { BOARD_TOPIC = 64, BOARD_TOPICS = 8 }; /* bytes of one; of one connection */

/* listen_fd: a listening descriptor to take over, or -1. keys NULL: plain, loopback only.
 * Errors: ERR_IO (port in use: the words say so), ERR_STATE (plain on an open address). */
enum err board_open(struct board **out, void *context, const char *endpoint, int listen_fd,
                    const struct curve_keys *keys) MUST_CHECK;
void board_close(struct board *board); /* NULL is fine */

const char *board_endpoint(const struct board *board); /* with the real port */
void board_publish(struct board *board, const struct msg *msg);

/* For loop_socket. Afterwards board_asked says, once, that somebody has subscribed. */
void *board_socket(const struct board *board);
enum err board_readable(void *board, int64_t now_ms) MUST_CHECK;
bool board_asked(struct board *board);
uint64_t board_dropped(const struct board *board); /* readers that were disconnected */

#endif
