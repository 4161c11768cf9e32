/* loop and the compute thread. */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"
#include "net/worker.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

enum { MESSAGES = 20000 };

static struct loop *loop;

static int open_loop(void **state)
{
    (void)state;
    return loop_new(&loop) != OK;
}

static int close_loop(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

/* So that a hang is a failure with a name. */
static enum err too_late(void *self, int64_t now_ms)
{
    (void)now_ms;
    return err_set(ERR_STATE, "%s", (const char *)self);
}

struct loop_pair { /* one socket of it is watched */
    void *in, *out;
    int sent, got, per_call;
};

static void open_pair(struct loop_pair *pair, void *context, const char *where, int hwm)
{
    char endpoint[64];
    size_t n = sizeof endpoint;

    memset(pair, 0, sizeof *pair);
    pair->in = zmq_socket(context, ZMQ_DEALER);
    pair->out = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(pair->in, ZMQ_RCVHWM, &hwm, sizeof hwm);
    zmq_setsockopt(pair->out, ZMQ_SNDHWM, &hwm, sizeof hwm);
    assert_int_equal(zmq_bind(pair->in, where), 0);
    assert_int_equal(zmq_getsockopt(pair->in, ZMQ_LAST_ENDPOINT, endpoint, &n), 0);
    assert_int_equal(zmq_connect(pair->out, endpoint), 0);
}

static void close_pair(struct loop_pair *pair)
{
    zmq_close(pair->in);
    zmq_close(pair->out);
}

static enum err drain(void *self, int64_t now_ms)
{
    struct loop_pair *const pair = self;
    char word[16];
    int i = 0;

    (void)now_ms;
    for (; i < pair->per_call && zmq_recv(pair->in, word, sizeof word, ZMQ_DONTWAIT) >= 0; i++)
        pair->got++;
    if (pair->got == MESSAGES)
        loop_stop(loop);
    return OK;
}

static enum err more(void *self, int64_t now_ms)
{
    struct loop_pair *const pair = self;

    (void)now_ms;
    for (int i = 0; i < 500 && pair->sent < MESSAGES; i++) {
        if (zmq_send(pair->out, "x", 1, ZMQ_DONTWAIT) < 0)
            break;
        pair->sent++;
    }
    return OK;
}

static void twenty_thousand_messages_are_drained(void **state)
{
    static const int takes[] = {1, 3, 64}; /* a greedy and two timid readers */

    (void)state;
    for (size_t i = 0; i < sizeof takes / sizeof *takes; i++) {
        void *const context = zmq_ctx_new();
        struct loop_pair pair;
        open_pair(&pair, context, "tcp://127.0.0.1:*", 0);
        pair.per_call = takes[i];
        for (; pair.sent < MESSAGES; pair.sent++)
            assert_int_equal(zmq_send(pair.out, "x", 1, 0), 1);
        assert_ok(loop_socket(loop, pair.in, drain, &pair));
        assert_ok(loop_after(loop, 20000, too_late, "messages wait, and nobody reads"));
        assert_ok(loop_run(loop));
        assert_int_equal(pair.got, MESSAGES);
        loop_unsocket(loop, pair.in);
        close_pair(&pair);
        zmq_ctx_term(context);
        loop_free(loop);
        assert_ok(loop_new(&loop));
    }
}

static enum err echo(void *self, int64_t now_ms)
{
    struct loop_pair *const pair = self;
    char word[16];

    (void)now_ms;
    if (zmq_recv(pair->in, word, sizeof word, ZMQ_DONTWAIT) >= 0) {
        pair->got++;
        zmq_send(pair->in, word, 1, ZMQ_DONTWAIT); /* a send consumes the edge of reads */
        zmq_send(pair->in, word, 1, ZMQ_DONTWAIT);
    }
    if (pair->got == MESSAGES)
        loop_stop(loop);
    return OK;
}

static enum err throw(void *self, int64_t now_ms) {
    struct loop_pair *const pair = self; char word[16];

    (void)now_ms;
    while (zmq_recv(pair->out, word, sizeof word, ZMQ_DONTWAIT) >= 0);
    return OK;
}

static void sends_lose_no_wake_up(void **state)
{
    void *const context = zmq_ctx_new();
    struct loop_pair pair;

    (void)state;
    open_pair(&pair, context, "tcp://127.0.0.1:*", 1000);
    assert_ok(loop_socket(loop, pair.in, echo, &pair));
    assert_ok(loop_socket(loop, pair.out, throw, &pair));
    assert_ok(loop_every(loop, 1, more, &pair));
    assert_ok(loop_after(loop, 20000, too_late, "messages wait, and nobody reads"));
    assert_ok(loop_run(loop));
    assert_int_equal(pair.got, MESSAGES);
    loop_unsocket(loop, pair.in);
    loop_unsocket(loop, pair.out);
    close_pair(&pair);
    zmq_ctx_term(context);
}

static int beats;

static enum err beat(void *self, int64_t now_ms)
{
    (void)now_ms;
    if (++beats == 3) {
        loop_unevery(loop, beat, self);
        loop_stop(loop);
    }
    return OK;
}

static void a_timer_stops_when_told(void **state)
{
    (void)state;
    beats = 0;
    assert_ok(loop_every(loop, 5, beat, NULL));
    assert_ok(loop_after(loop, 10000, too_late, "no beats"));
    assert_ok(loop_run(loop));
    assert_int_equal(beats, 3);
    assert_err(ERR_RANGE, loop_every(loop, 0, beat, NULL));
}

static void an_error_ends_the_loop_with_its_words(void **state)
{
    (void)state;
    assert_ok(loop_after(loop, 1, too_late, "the disk is full"));
    assert_ok(loop_every(loop, 60000, beat, NULL));
    assert_err(ERR_STATE, loop_run(loop));
    assert_string_equal(err_text(), "the disk is full");
}

static enum err stop(void *self, int64_t now_ms)
{
    (void)now_ms;
    (*(int *)self)++;
    loop_stop(loop);
    return OK;
}

static enum err kill_us(void *self, int64_t now_ms)
{
    (void)self;
    (void)now_ms;
    kill(getpid(), SIGTERM);
    return OK;
}

static void a_signal_arrives_in_the_loop(void **state)
{
    int heard = 0;

    (void)state;
    assert_ok(loop_signal(loop, SIGTERM, stop, &heard));
    assert_ok(loop_after(loop, 1, kill_us, NULL));
    assert_ok(loop_after(loop, 10000, too_late, "no signal"));
    assert_ok(loop_run(loop));
    assert_int_equal(heard, 1);
}

/* ---- the compute thread */

enum { ITEMS = 5000 };

struct loop_sums {
    struct worker *worker;
    int posted, given;
    long sum;
    bool fail;
};

static int dropped;

static void drop(void *item)
{
    dropped++;
    free(item);
}

static enum err doubles(void *self, struct worker *worker)
{
    const struct loop_sums *const sums = self;
    void *item;

    while (worker_take(worker, &item, true)) {
        *(long *)item *= 2;
        if (sums->fail && *(long *)item == 20) {
            free(item);
            return err_set(ERR_NOMEM, "no memory for token 10");
        }
        if (!worker_give(worker, item))
            break;
    }
    return OK;
}

static enum err given(void *self, void *item, int64_t now_ms)
{
    struct loop_sums *const sums = self;

    (void)now_ms;
    assert_int_equal(*(long *)item, 2 * sums->given); /* in order */
    sums->sum += *(long *)item;
    free(item);
    if (++sums->given == ITEMS)
        loop_stop(loop);
    return OK;
}

static enum err post(void *self, int64_t now_ms)
{
    struct loop_sums *const sums = self;

    (void)now_ms;
    while (sums->posted < ITEMS) {
        long *const item = mem_new(1, sizeof *item);
        *item = sums->posted;
        if (!worker_post(sums->worker, item)) {
            free(item);
            break;
        }
        sums->posted++;
    }
    return OK;
}

static void items_go_through_the_thread_in_order(void **state)
{
    struct loop_sums sums = {0};
    const struct worker_conf conf = {4, doubles, given, drop, &sums};

    (void)state;
    assert_ok(worker_start(&sums.worker, loop, &conf));
    assert_ok(loop_every(loop, 1, post, &sums));
    assert_ok(loop_after(loop, 30000, too_late, "items are stuck"));
    assert_ok(loop_run(loop));
    assert_int_equal(sums.sum, (long)ITEMS * (ITEMS - 1));
    worker_stop(sums.worker);
}

static void a_stopped_thread_drops_what_is_left(void **state)
{
    struct loop_sums sums = {0};
    const struct worker_conf conf = {8, doubles, given, drop, &sums};

    (void)state;
    dropped = 0;
    assert_ok(worker_start(&sums.worker, loop, &conf));
    for (sums.posted = 0; sums.posted < 8; sums.posted++) {
        long *const item = mem_new(1, sizeof *item);
        if (!worker_post(sums.worker, item)) {
            free(item);
            break;
        }
    }
    worker_stop(sums.worker); /* the loop never ran: nothing was given to it */
    assert_int_equal(dropped, sums.posted);
}

static void an_error_of_the_thread_ends_the_loop(void **state)
{
    struct loop_sums sums = {.fail = true};
    const struct worker_conf conf = {4, doubles, given, drop, &sums};

    (void)state;
    assert_ok(worker_start(&sums.worker, loop, &conf));
    assert_ok(loop_every(loop, 1, post, &sums));
    assert_ok(loop_after(loop, 30000, too_late, "no error"));
    assert_err(ERR_NOMEM, loop_run(loop));
    assert_string_equal(err_text(), "no memory for token 10");
    assert_int_equal(sums.given, 10); /* what it gave before has arrived */
    worker_stop(sums.worker);
}

static enum err slow(void *self)
{
    (void)self;
    return err_set(ERR_IO, "fsync: no space");
}

static enum err slow_done(void *self, enum err result, const char *words, int64_t now_ms)
{
    (void)now_ms;
    assert_err(ERR_IO, result);
    assert_string_equal(words, "fsync: no space");
    (*(int *)self)++;
    loop_stop(loop);
    return OK;
}

static void work_of_the_pool_comes_back_with_its_words(void **state)
{
    int done = 0;

    (void)state;
    assert_ok(loop_work(loop, slow, slow_done, &done));
    assert_ok(loop_after(loop, 20000, too_late, "work is stuck"));
    assert_ok(loop_run(loop));
    assert_int_equal(done, 1);
}

static enum err long_work(void *self)
{
    (void)self;
    poll(NULL, 0, 60);
    return OK;
}

static enum err count(void *self, enum err result, const char *words, int64_t now_ms)
{
    (void)words, (void)now_ms;
    assert_ok(result);
    (*(int *)self)++;
    return OK;
}

static enum err tick_of_the_dead(void *self, int64_t now_ms)
{
    (void)now_ms;
    (*(int *)self)++;
    return OK;
}

static void a_loop_that_is_freed_waits_for_work_and_calls_nobody(void **state)
{
    struct loop *own;
    int done = 0, ticks = 0;

    (void)state;
    assert_ok(loop_new(&own));
    assert_ok(loop_every(own, 1, tick_of_the_dead, &ticks));
    assert_ok(loop_work(own, long_work, count, &done));
    loop_free(own);
    assert_int_equal(done, 1);
    assert_int_equal(ticks, 0); /* its owner may be freed already */
}

#define FACT(f) cmocka_unit_test_setup_teardown(f, open_loop, close_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(twenty_thousand_messages_are_drained),
        FACT(sends_lose_no_wake_up),
        FACT(a_timer_stops_when_told),
        FACT(an_error_ends_the_loop_with_its_words),
        FACT(a_signal_arrives_in_the_loop),
        FACT(items_go_through_the_thread_in_order),
        FACT(a_stopped_thread_drops_what_is_left),
        FACT(an_error_of_the_thread_ends_the_loop),
        FACT(work_of_the_pool_comes_back_with_its_words),
        cmocka_unit_test(a_loop_that_is_freed_waits_for_work_and_calls_nobody),
    };

    return cmocka_run_group_tests_name("net/loop", tests, NULL, NULL);
}
