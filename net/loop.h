/* loop: one libuv loop that owns every socket, timer, signal and child of a process.
 *
 * Knows no message. Callbacks get the monotone time; an error from one ends loop_run, which
 * hands it back. Nothing here computes for more than a few milliseconds. */

#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
typedef enum err loop_fn(void *self, int64_t now_ms);

enum err loop_new(struct loop **out) MUST_CHECK;
void loop_free(struct loop *loop); /* NULL is fine; closes what is left, kills no child */

/* Calls `readable` while messages wait at a ZeroMQ socket; it should take at most some tens of
 * them (fairness), it is called again for the rest. The socket is borrowed: unwatch it before
 * it is closed. */
enum err loop_socket(struct loop *loop, void *zmq_socket, loop_fn *readable,
                     void *self) MUST_CHECK;
void loop_unsocket(struct loop *loop, void *zmq_socket);

/* Calls `readable` when a plain descriptor is readable or at its end. */
enum err loop_fd(struct loop *loop, int fd, loop_fn *readable, void *self) MUST_CHECK;
void loop_unfd(struct loop *loop, int fd);

/* Each `period_ms`, first after one period. */
enum err loop_every(struct loop *loop, int period_ms, loop_fn *tick, void *self) MUST_CHECK;
void loop_unevery(struct loop *loop, loop_fn *tick, const void *self);
/* Once, in `delay_ms`. */
enum err loop_after(struct loop *loop, int delay_ms, loop_fn *fn, void *self) MUST_CHECK;

/* SIGINT, SIGTERM, SIGHUP (which stays ignored under nohup), SIGTSTP, SIGUSR1, SIGUSR2,
 * SIGWINCH. */
enum err loop_signal(struct loop *loop, int signal, loop_fn *fn, void *self) MUST_CHECK;

/* Blocking work (fsync, checkpoint files) in libuv's pool: `work` runs there and must touch
 * nothing of the loop's; then `done` here with its result and words. */
typedef enum err loop_work_fn(void *self);
typedef enum err loop_done_fn(void *self, enum err result, const char *words, int64_t now_ms);
enum err loop_work(struct loop *loop, loop_work_fn *work, loop_done_fn *done,
                   void *self) MUST_CHECK;

/* Runs until loop_stop, an error from a callback, or nothing is left to wait for. */
enum err loop_run(struct loop *loop) MUST_CHECK;
void loop_stop(struct loop *loop);

/* The longest time one turn of the loop took since the last call, ms. */
int loop_lag_ms(struct loop *loop);

/* Ends loop_run with an error and its standing words, if there is one. For net's own. */
void loop_judge(struct loop *loop, enum err err);
void *loop_uv(struct loop *loop); /* the uv_loop_t, for net's own */

#endif
