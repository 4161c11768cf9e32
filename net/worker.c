/* Two bounded rings under one mutex, to the thread and from it. The loop never waits:
 * worker_post says that there is no room. The thread waits on a condition for work, and for
 * room when it gives; the loop learns of what was given by a uv_async, which may stand for
 * several items.
 *
 * worker_stop wakes the thread whatever it waits for, joins it, and only then drops what is
 * left: so an item is always owned by exactly one side. */

#include "net/worker.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

struct worker_queue {
    void **item;
    size_t first, n;
};

struct worker {
    struct loop *loop;
    struct worker_conf conf;
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t moved; /* something was posted, taken by the loop, or it is time to stop */
    uv_async_t wake;
    struct worker_queue in, out; /* the four below are the mutex's */
    bool stopping, ended;
    enum err result;
    char words[512];
};

static bool push(struct worker_queue *queue, size_t depth, void *item)
{
    if (queue->n == depth)
        return false;
    queue->item[(queue->first + queue->n++) % depth] = item;
    return true;
}

static bool pop(struct worker_queue *queue, size_t depth, void **item)
{
    if (!queue->n)
        return false;
    *item = queue->item[queue->first];
    queue->first = (queue->first + 1) % depth;
    queue->n--;
    return true;
}

static void drop(const struct worker *worker, void *item)
{
    if (worker->conf.drop)
        worker->conf.drop(item);
}

/* The thread, from its first line to its last: that it ended is told by the same wake as what
 * it gives, so it comes after all of that. */
static void run(void *self)
{
    struct worker *const worker = self;
    const enum err err = worker->conf.main(worker->conf.self, worker);

    uv_mutex_lock(&worker->mutex);
    worker->ended = true;
    worker->result = err;
    if (err)
        snprintf(worker->words, sizeof worker->words, "%s", err_text());
    uv_mutex_unlock(&worker->mutex);
    uv_async_send(&worker->wake);
}

/* On the loop: takes at most as many as the queue holds, so that other things get their turn.
 */
static void woken(uv_async_t *wake)
{
    struct worker *const worker = wake->data;
    enum err err = OK;
    bool more = true;

    for (size_t i = 0; !err && more && i < worker->conf.depth; i++) {
        void *item;
        uv_mutex_lock(&worker->mutex);
        more = pop(&worker->out, worker->conf.depth, &item);
        /* Room has come: worker_give may wait for it. */
        uv_cond_signal(&worker->moved);
        uv_mutex_unlock(&worker->mutex);
        if (more)
            err = worker->conf.given(worker->conf.self, item, clock_mono_ms());
    }
    if (more)
        uv_async_send(wake);
    uv_mutex_lock(&worker->mutex);
    if (!err && !more && worker->ended && worker->result)
        err = err_set(worker->result, "%s", worker->words);
    uv_mutex_unlock(&worker->mutex);
    loop_judge(worker->loop, err);
}

/* The memory holds the handle, so it lives until libuv has closed it. */
static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

enum err worker_start(struct worker **out, struct loop *loop, const struct worker_conf *conf)
{
    struct worker *const worker = mem_new(1, sizeof *worker);
    /* 8 MiB, as a main thread has: the system's default for others may be far less. */
    uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE, .stack_size = 8 << 20};
    int code;

    *out = NULL;
    assert(conf->depth > 0);
    worker->loop = loop;
    worker->conf = *conf;
    worker->in.item = mem_new(conf->depth, sizeof *worker->in.item);
    worker->out.item = mem_new(conf->depth, sizeof *worker->out.item);
    uv_mutex_init(&worker->mutex);
    uv_cond_init(&worker->moved);
    uv_async_init(loop_uv(loop), &worker->wake, woken);
    worker->wake.data = worker;
    code = uv_thread_create_ex(&worker->thread, &options, run, worker);
    if (code) {
        worker->ended = true;
        uv_mutex_destroy(&worker->mutex);
        uv_cond_destroy(&worker->moved);
        free(worker->in.item);
        free(worker->out.item);
        uv_close((uv_handle_t *)&worker->wake, closed);
        return err_set(ERR_IO, "compute thread: %s", uv_strerror(code));
    }
    *out = worker;
    return OK;
}

void worker_stop(struct worker *worker)
{
    void *item;

    if (!worker)
        return;
    uv_mutex_lock(&worker->mutex);
    worker->stopping = true;
    uv_cond_broadcast(&worker->moved);
    uv_mutex_unlock(&worker->mutex);
    uv_thread_join(&worker->thread);
    while (pop(&worker->in, worker->conf.depth, &item))
        drop(worker, item);
    while (pop(&worker->out, worker->conf.depth, &item))
        drop(worker, item);
    free(worker->in.item);
    free(worker->out.item);
    uv_mutex_destroy(&worker->mutex);
    uv_cond_destroy(&worker->moved);
    uv_close((uv_handle_t *)&worker->wake, closed);
}

bool worker_post(struct worker *worker, void *item)
{
    bool taken;

    uv_mutex_lock(&worker->mutex);
    taken = push(&worker->in, worker->conf.depth, item);
    uv_cond_broadcast(&worker->moved);
    uv_mutex_unlock(&worker->mutex);
    return taken;
}

size_t worker_room(struct worker *worker)
{
    size_t room;

    uv_mutex_lock(&worker->mutex);
    room = worker->conf.depth - worker->in.n;
    uv_mutex_unlock(&worker->mutex);
    return room;
}

bool worker_take(struct worker *worker, void **item, bool wait)
{
    bool go;

    *item = NULL;
    uv_mutex_lock(&worker->mutex);
    while (wait && !worker->stopping && !worker->in.n)
        uv_cond_wait(&worker->moved, &worker->mutex);
    /* Stopping comes before work that still waits: worker_stop drops that. */
    go = !worker->stopping;
    if (go)
        pop(&worker->in, worker->conf.depth, item);
    uv_mutex_unlock(&worker->mutex);
    return go;
}

bool worker_give(struct worker *worker, void *item)
{
    bool given = false;

    uv_mutex_lock(&worker->mutex);
    while (!worker->stopping && !given) {
        given = push(&worker->out, worker->conf.depth, item);
        if (!given)
            uv_cond_wait(&worker->moved, &worker->mutex);
    }
    uv_mutex_unlock(&worker->mutex);
    if (given)
        uv_async_send(&worker->wake);
    else
        drop(worker, item);
    return given;
}

bool worker_stopping(struct worker *worker)
{
    bool stopping;

    uv_mutex_lock(&worker->mutex);
    stopping = worker->stopping;
    uv_mutex_unlock(&worker->mutex);
    return stopping;
}
