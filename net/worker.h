/* worker: the one compute thread of a process, and its two bounded queues.
 *
 * The loop posts items and never waits; the thread takes them, and what it gives comes back to
 * the loop in order. Items are the caller's pointers: who takes one owns it. */

#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct worker;

struct worker_conf {
    size_t depth; /* items in each queue, at least 1 */
    /* The thread. Returns when worker_take says false, or with an error, which ends the loop.
     */
    enum err (*main)(void *self, struct worker *worker);
    /* On the loop: an item that the thread gave. */
    enum err (*given)(void *self, void *item, int64_t now_ms);
    void (*drop)(void *item); /* frees an item nobody will take; NULL: nothing to free */
    void *self;
};

enum err worker_start(struct worker **out, struct loop *loop,
                      const struct worker_conf *conf) MUST_CHECK;
/* Tells the thread to stop, waits for its main to return, drops what is left. NULL is fine. */
void worker_stop(struct worker *worker);

/* On the loop. False if the queue is full: the item stays the caller's. */
bool worker_post(struct worker *worker, void *item);
size_t worker_room(struct worker *worker);

/* On the thread. Takes the next item; *item is NULL if none waits and `wait` is false. Returns
 * false when the thread should end. */
bool worker_take(struct worker *worker, void **item, bool wait);
/* Gives an item to the loop; waits while that queue is full. False, and the item dropped, when
 * the thread should end. */
bool worker_give(struct worker *worker, void *item);
bool worker_stopping(struct worker *worker);

#endif
