/* A thin layer over libuv, so that nothing else of drover knows it. Everything that may wake
 * the loop is a watch in one list: sockets of ZeroMQ, descriptors, timers, signals. A handler
 * that returns an error ends loop_run with it.
 *
 * A ZeroMQ socket signals by an edge on its descriptor, not by a level: what is left unread
 * after the handler is read is not announced again. So each socket is also looked at once
 * before the loop waits; a handler may stop after a batch and will be called again. */

#include "net/loop.h"

#include "base/clock.h"
#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <zmq.h>

enum watch_kind { WATCH_ZMQ, WATCH_FD, WATCH_TIMER, WATCH_SIGNAL };

/* One thing that is waited for. It is closed only in the check phase: libuv before 1.52.1 may
 * touch a poll handle that its own callback has closed. */
struct loop_watch {
    struct loop_watch *next;
    struct loop *loop;
    enum watch_kind kind;
    bool dead, once, woken; /* woken: a socket's, perhaps something waits there */
    loop_fn *fn;
    void *self, *zmq;
    int fd;
    union {
        uv_handle_t handle;
        uv_poll_t poll;
        uv_timer_t timer;
        uv_signal_t signal;
    } uv;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    struct loop_watch *watches;
    int64_t turned_ms;
    int lag_ms, works;
    bool stopping;
    enum err err;
    char words[1024];
};

static enum err failed(const char *what, int code)
{
    return err_set(ERR_IO, "%s: %s", what, uv_strerror(code));
}

/* The first error wins: what follows it is mostly its consequence, and words of a later call
 * would stand in its place. */
void loop_judge(struct loop *loop, enum err err)
{
    if (!err)
        return;
    if (!loop->err) {
        loop->err = err;
        snprintf(loop->words, sizeof loop->words, "%s", err_text());
    }
    loop_stop(loop);
}

static void call(struct loop_watch *watch)
{
    loop_judge(watch->loop, watch->fn(watch->self, clock_mono_ms()));
}

/* libuv's handle is a member of the watch: the memory may go only when libuv is done with
 * it. */
static void freed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Ends everything that was marked dead; never from within a callback: it may be of the very
 * watch that is marked. */
static void sweep(struct loop *loop)
{
    for (struct loop_watch **at = &loop->watches; *at;) {
        struct loop_watch *const watch = *at;
        if (watch->dead) {
            *at = watch->next;
            uv_close(&watch->uv.handle, freed);
        } else {
            at = &watch->next;
        }
    }
}

static bool readable(const struct loop_watch *watch)
{
    int events = 0;
    size_t n = sizeof events;

    return !watch->dead && watch->kind == WATCH_ZMQ &&
           !zmq_getsockopt(watch->zmq, ZMQ_EVENTS, &events, &n) && (events & ZMQ_POLLIN);
}

/* An idle handle with nothing to do: as long as it is started the loop polls without
 * waiting. */
static void rest(uv_idle_t *idle)
{
    (void)idle;
}

/* Before the loop blocks. ZMQ_FD is edge-triggered and any send may consume the edge, so what
 * waits is asked for here, each turn; an idle handle keeps the loop from blocking. */
static void prepare(uv_prepare_t *handle)
{
    struct loop *const loop = handle->data;
    const int64_t now_ms = clock_mono_ms();
    bool more = false;

    /* From the end of waiting to here, before the next: how long the handlers took together. */
    if (loop->turned_ms && now_ms - loop->turned_ms > loop->lag_ms)
        loop->lag_ms = (int)(now_ms - loop->turned_ms);
    /* Dead ones as well: check, which ends them, comes only after the loop has polled. */
    for (struct loop_watch *watch = loop->watches; watch; watch = watch->next) {
        watch->woken = readable(watch);
        more |= watch->woken || watch->dead;
    }
    if (more)
        uv_idle_start(&loop->idle, rest);
    else
        uv_idle_stop(&loop->idle);
}

static void check(uv_check_t *handle)
{
    struct loop *const loop = handle->data;

    loop->turned_ms = clock_mono_ms();
    for (struct loop_watch *watch = loop->watches; watch && !loop->stopping;
         watch = watch->next)
        if (watch->woken && readable(watch))
            call(watch);
    sweep(loop);
}

enum err loop_new(struct loop **out)
{
    struct loop *const loop = mem_new(1, sizeof *loop);
    const int code = uv_loop_init(&loop->uv);

    *out = NULL;
    if (code) {
        free(loop);
        return failed("event loop", code);
    }
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_check_init(&loop->uv, &loop->check);
    uv_idle_init(&loop->uv, &loop->idle);
    loop->prepare.data = loop->check.data = loop->idle.data = loop;
    uv_prepare_start(&loop->prepare, prepare);
    uv_check_start(&loop->check, check);
    /* The loop's own handles are nothing to wait for: without any watch uv_run returns. */
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_unref((uv_handle_t *)&loop->check);
    uv_unref((uv_handle_t *)&loop->idle);
    *out = loop;
    return OK;
}

/* A process's handle is the first member of its child (child.c). */
static void leave(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, handle->type == UV_PROCESS ? freed : NULL);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    for (struct loop_watch *watch = loop->watches; watch; watch = watch->next)
        watch->dead = true; /* whom they would call may be gone: before anything runs again */
    sweep(loop);
    while (loop->works) /* what runs in the pool points to us */
        uv_run(&loop->uv, UV_RUN_ONCE);
    uv_walk(&loop->uv, leave, NULL); /* ours, and those of children and workers left behind */
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    free(loop);
}

static struct loop_watch *add(struct loop *loop, enum watch_kind kind, loop_fn *fn, void *self)
{
    struct loop_watch *const watch = mem_new(1, sizeof *watch);

    watch->loop = loop;
    watch->kind = kind;
    watch->fn = fn;
    watch->self = self;
    watch->fd = -1;
    return watch;
}

/* After its uv_*_init has succeeded: in order of arrival, so that callbacks are too. */
static void enlist(struct loop_watch *watch)
{
    struct loop_watch **at = &watch->loop->watches;

    while (*at)
        at = &(*at)->next;
    *at = watch;
    watch->uv.handle.data = watch;
}

/* A ZeroMQ socket's descriptor only ends the wait: whether a message is there check asks the
 * socket itself. */
static void woken(uv_poll_t *poll, int status, int events)
{
    struct loop_watch *const watch = poll->data;

    (void)status;
    (void)events;
    watch->woken = true;
    if (watch->kind == WATCH_FD && !watch->dead)
        call(watch);
}

static enum err poll_start(struct loop_watch *watch, int fd)
{
    const int code = uv_poll_init(&watch->loop->uv, &watch->uv.poll, fd);

    if (code) {
        free(watch);
        return failed("watching a descriptor", code);
    }
    watch->fd = fd;
    enlist(watch);
    uv_poll_start(&watch->uv.poll, UV_READABLE, woken);
    return OK;
}

enum err loop_socket(struct loop *loop, void *zmq_socket, loop_fn *fn, void *self)
{
    struct loop_watch *const watch = add(loop, WATCH_ZMQ, fn, self);
    size_t n = sizeof watch->fd;
    int fd;

    if (zmq_getsockopt(zmq_socket, ZMQ_FD, &fd, &n)) {
        free(watch);
        return err_set(ERR_IO, "ZMQ_FD: %s", zmq_strerror(errno));
    }
    watch->zmq = zmq_socket;
    return poll_start(watch, fd);
}

enum err loop_fd(struct loop *loop, int fd, loop_fn *fn, void *self)
{
    return poll_start(add(loop, WATCH_FD, fn, self), fd);
}

void loop_unsocket(struct loop *loop, void *zmq_socket)
{
    for (struct loop_watch *watch = loop->watches; watch; watch = watch->next)
        if (watch->kind == WATCH_ZMQ && watch->zmq == zmq_socket && !watch->dead) {
            watch->dead = true;
            uv_poll_stop(&watch->uv.poll);
        }
}

void loop_unfd(struct loop *loop, int fd)
{
    for (struct loop_watch *watch = loop->watches; watch; watch = watch->next)
        if (watch->kind == WATCH_FD && watch->fd == fd && !watch->dead) {
            watch->dead = true;
            uv_poll_stop(&watch->uv.poll);
        }
}

static void ticked(uv_timer_t *timer)
{
    struct loop_watch *const watch = timer->data;

    if (watch->dead)
        return;
    /* Before the call, in which its owner may set up the next. */
    watch->dead = watch->once;
    call(watch);
}

static enum err timer(struct loop *loop, int ms, bool once, loop_fn *fn, void *self)
{
    struct loop_watch *const watch = add(loop, WATCH_TIMER, fn, self);

    watch->once = once;
    uv_timer_init(&loop->uv, &watch->uv.timer);
    enlist(watch);
    /* libuv's clock stands still within a turn: after a long handler the timer would be
     * early. */
    uv_update_time(&loop->uv);
    uv_timer_start(&watch->uv.timer, ticked, (uint64_t)ms, once ? 0 : (uint64_t)ms);
    return OK;
}

enum err loop_every(struct loop *loop, int period_ms, loop_fn *tick, void *self)
{
    if (period_ms < 1)
        return err_set(ERR_RANGE, "a timer of %d ms", period_ms);
    return timer(loop, period_ms, false, tick, self);
}

enum err loop_after(struct loop *loop, int delay_ms, loop_fn *fn, void *self)
{
    if (delay_ms < 0)
        return err_set(ERR_RANGE, "a timer of %d ms", delay_ms);
    return timer(loop, delay_ms, true, fn, self);
}

void loop_unevery(struct loop *loop, loop_fn *tick, const void *self)
{
    for (struct loop_watch *watch = loop->watches; watch; watch = watch->next)
        if (watch->kind == WATCH_TIMER && watch->fn == tick && watch->self == self &&
            !watch->dead) {
            watch->dead = true;
            uv_timer_stop(&watch->uv.timer);
        }
}

static void signalled(uv_signal_t *handle, int number)
{
    struct loop_watch *const watch = handle->data;

    (void)number;
    if (!watch->dead)
        call(watch);
}

/* nohup says that a closed terminal shall not matter. */
static bool nohup(int number)
{
    struct sigaction now;

    return number == SIGHUP && !sigaction(number, NULL, &now) && now.sa_handler == SIG_IGN;
}

enum err loop_signal(struct loop *loop, int number, loop_fn *fn, void *self)
{
    struct loop_watch *watch;
    int code;

    if (nohup(number))
        return OK;
    watch = add(loop, WATCH_SIGNAL, fn, self);
    code = uv_signal_init(&loop->uv, &watch->uv.signal);
    if (code) {
        free(watch);
        return failed("signal", code);
    }
    enlist(watch);
    uv_unref(&watch->uv.handle); /* a signal alone is nothing to wait for */
    code = uv_signal_start(&watch->uv.signal, signalled, number);
    if (code) {
        watch->dead = true;
        return failed("signal", code);
    }
    return OK;
}

struct loop_work {
    uv_work_t uv;
    struct loop *loop;
    loop_work_fn *work;
    loop_done_fn *done;
    void *self;
    enum err result;
    char words[512]; /* of the pool's thread */
};

static void work_run(uv_work_t *uv)
{
    struct loop_work *const work = uv->data;

    work->result = work->work(work->self);
    /* err_text is each thread's own: words have to be carried over. */
    if (work->result)
        snprintf(work->words, sizeof work->words, "%s", err_text());
}

static void work_done(uv_work_t *uv, int status)
{
    struct loop_work *const work = uv->data;

    (void)status;
    work->loop->works--;
    loop_judge(work->loop, work->done(work->self, work->result, work->words, clock_mono_ms()));
    free(work);
}

enum err loop_work(struct loop *loop, loop_work_fn *fn, loop_done_fn *done, void *self)
{
    struct loop_work *const work = mem_new(1, sizeof *work);
    int code;

    work->uv.data = work;
    work->loop = loop;
    work->work = fn;
    work->done = done;
    work->self = self;
    code = uv_queue_work(&loop->uv, &work->uv, work_run, work_done);
    if (code) {
        free(work);
        return failed("work", code);
    }
    loop->works++;
    return OK;
}

enum err loop_run(struct loop *loop)
{
    /* A loop may be run again after it was stopped. */
    loop->err = OK;
    loop->turned_ms = 0;
    while (!loop->stopping && uv_run(&loop->uv, UV_RUN_DEFAULT))
        ;
    loop->stopping = false;
    return loop->err ? err_set(loop->err, "%s", loop->words) : OK;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
    uv_stop(&loop->uv);
}

int loop_lag_ms(struct loop *loop)
{
    const int lag_ms = loop->lag_ms;

    loop->lag_ms = 0;
    return lag_ms;
}

void *loop_uv(struct loop *loop)
{
    return &loop->uv;
}
