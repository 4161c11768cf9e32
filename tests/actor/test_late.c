/* A thread that is away for long: words about work are turned away at last, weights never. */

#include "tests/support/test.h"

#include "actor/late.h"

#include "actor/compute_item.h"
#include "net/loop.h"
#include "net/worker.h"
#include <poll.h>
#include <stdatomic.h>

enum { DEPTH = 4, MANY = 1000 };

static atomic_bool away = true;
static uint32_t images, cancels;

/* Takes nothing before it is back. */
static enum err thread(void *self, struct worker *worker)
{
    void *item;

    (void)self;
    while (away && !worker_stopping(worker))
        poll(NULL, 0, 1);
    while (worker_take(worker, &item, true))
        if (!worker_give(worker, item))
            break;
    return OK;
}

static enum err given(void *self, void *item, int64_t now_ms)
{
    const struct compute_item *got = item;

    (void)now_ms;
    images += got->kind == ITEM_IMAGE;
    cancels += got->kind == ITEM_CANCEL;
    if (images == 2)
        loop_stop(self);
    compute_item_free(item);
    return OK;
}

struct late_pump {
    struct late late;
    struct worker *worker;
};

static enum err tick(void *self, int64_t now_ms)
{
    struct late_pump *pump = self;

    (void)now_ms;
    late_go(&pump->late, pump->worker);
    return OK;
}

static void post(struct late_pump *pump, enum item_kind kind, uint64_t number)
{
    struct compute_item *item = compute_item(kind);

    item->task = item->version.number = number;
    late_post(&pump->late, pump->worker, item);
}

static void test_weights_find_a_place(void **state)
{
    struct late_pump pump = {.late.n = 0};
    struct loop *loop;
    struct worker_conf conf = {
        .depth = DEPTH, .main = thread, .given = given, .drop = compute_item_free};

    (void)state;
    assert_ok(loop_new(&loop));
    conf.self = loop;
    assert_ok(worker_start(&pump.worker, loop, &conf));
    assert_ok(loop_every(loop, 1, tick, &pump));
    for (uint64_t i = 0; i < MANY; i++)
        post(&pump, ITEM_CANCEL, i);
    post(&pump, ITEM_IMAGE, 1);
    for (uint64_t i = 0; i < MANY; i++)
        post(&pump, ITEM_CANCEL, i);
    post(&pump, ITEM_IMAGE, 2);
    assert_int_equal(pump.late.n, LATE_WORK + 2);
    away = false;
    assert_ok(loop_run(loop));
    assert_int_equal(images, 2);
    assert_int_equal(cancels, DEPTH + LATE_WORK);
    worker_stop(pump.worker);
    late_fini(&pump.late);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weights_find_a_place)};

    return cmocka_run_group_tests_name("late", tests, NULL, NULL);
}
