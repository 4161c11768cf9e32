/* engine: answers requests together: continuous batching over a bounded queue.
 *
 * An answer has the bits of `drover generate`, alone or in company. One thread computes
 * (engine_run); another brings requests and reads what became of them, under the lock. */

#ifndef SERVE_ENGINE_H
#define SERVE_ENGINE_H

#include "serve/edition.h"
#include "serve/job.h"

#include <signal.h>

struct engine;

/* slots: answers decoded at once; queue: requests inside at once. `model` is borrowed; what it has
 * loaded needs no weights: those are `first`'s. Errors: ERR_RANGE, ERR_NOMEM. */
enum err engine_new(struct engine **out, const struct ask_model *model,
                    const struct edition_conf *first, int slots, int queue) MUST_CHECK;
void engine_free(struct engine *engine);

void engine_lock(struct engine *engine);
void engine_unlock(struct engine *engine);

/* With the lock. False: the queue is full, or the server ends; the job stays the caller's.
 * What is taken is told by job->wake and leaves the engine (`inside` is false) when it is done
 * or failed. */
bool engine_take(struct engine *engine, struct job *job);
/* With the lock: nobody waits for it any more. Frees it, at once or when it can. */
void engine_leave(struct engine *engine, struct job *job);
/* With the lock: takes nothing more from now on. */
bool engine_ending(const struct engine *engine);

/* In engine_run's thread, from its tick: what begins from now on is answered by this one. */
void engine_renew(struct engine *engine, const struct edition_conf *newer);
/* Editions in use, the newest one included; and its name, as of now: copied out. */
int engine_editions(struct engine *engine);
void engine_edition(struct engine *engine, char name[EDITION_NAME]);

/* Computes until *end is not 0; then what is inside has drain_ms to be done, with 2 nothing. At the end all of it
 * has left. `tick` is called some times a second, without the lock. */
void engine_run(struct engine *engine, const volatile sig_atomic_t *end, int64_t drain_ms,
                void (*tick)(void *self, int64_t now_ms), void *self);

#endif
