/* The rewarder's compute thread over a real worker: a model that is no use fails its tickets
 * and ends nothing. */

#include "tests/support/test.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/shared_memory.h"
#include "lm/file/model_files.h"
#include "net/loop.h"
#include "net/worker.h"
#include "rewarder/score.h"
#include "tests/lm/small.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULTS = 8, WAIT_MS = 20000 };

struct score_fixture {
    struct loop *loop;
    struct worker *worker;
    struct scoring *scoring;
    struct score_work *got[RESULTS];
    int n, want;
    int64_t until_ms;
};

static enum err given(void *self, void *work, int64_t now_ms)
{
    struct score_fixture *d = self;

    (void)now_ms;
    assert_true(d->n < RESULTS);
    d->got[d->n++] = work;
    if (d->n == d->want)
        loop_stop(d->loop);
    return OK;
}

static enum err score(void *self, struct worker *worker)
{
    return score_main(((struct score_fixture *)self)->scoring, worker);
}

static enum err watch(void *self, int64_t now_ms)
{
    struct score_fixture *d = self;

    if (now_ms > d->until_ms)
        loop_stop(d->loop);
    return OK;
}

static void await(struct score_fixture *d, int want)
{
    d->want = want;
    d->until_ms = clock_mono_ms() + WAIT_MS;
    if (d->n < want)
        assert_ok(loop_run(d->loop));
    if (d->n < want)
        fail_msg("%d of %d results came", d->n, want);
}

static struct score_work *ticket(uint64_t number, const struct scorer *scorer)
{
    static const int32_t token[] = {1, 2, 3};
    const struct msg_item item = {.end = 1,
                                  .prompt = token,
                                  .n_prompt = 2,
                                  .token = token,
                                  .n_token = 3,
                                  .prompt_text = "",
                                  .text = "x 7",
                                  .meta = "{\"answer\":\"7\"}"};
    const struct msg_ask ask = {.ticket = number,
                                .scorer = scorer->hash,
                                .unit = UNIT_ROLLOUT,
                                .temperature = 1,
                                .item = &item,
                                .n_item = 1};

    return score_ticket(&ask, scorer);
}

static void post(struct score_fixture *d, struct score_work *work)
{
    assert_true(worker_post(d->worker, work));
}

static void a_model_that_is_no_use_fails_its_tickets_and_nothing_else(void **state)
{
    static const struct scorer model = {
        .hash = {{1}}, .kind = SCORER_REFERENCE, .unit = UNIT_ROLLOUT, .spec = ""};
    static const struct scorer rule = {.hash = {{2}},
                                       .kind = SCORER_RULE,
                                       .unit = UNIT_ROLLOUT,
                                       .spec = "{\"rule\":\"contains\",\"text\":\"7\"}"};
    struct score_fixture d = {.n = 0};
    struct score_work *work;

    (void)state;
    assert_ok(loop_new(&d.loop));
    score_new(&d.scoring);
    assert_ok(worker_start(&d.worker, d.loop,
                           &(struct worker_conf){16, score, given, score_work_free, &d}));
    assert_ok(loop_every(d.loop, 50, watch, &d));
    post(&d, ticket(1, &model)); /* waits for its model */
    work = score_work(SCORE_MODEL);
    work->scorer = model.hash;
    work->files = mem_new(1, sizeof *work->files);
    work->files->shape = small_shape[0];
    assert_ok(shared_memory_new(&work->image, packed_size(&small_shape[0]) - 64, "an image"));
    assert_ok(shared_memory_seal(work->image));
    post(&d, work);
    await(&d, 2);
    assert_int_equal(d.got[0]->what, SCORE_FAILED);
    assert_int_equal(d.got[0]->ticket, 1);
    assert_non_null(strstr(d.got[0]->words, "weights image"));
    assert_int_equal(d.got[1]->what, SCORE_UNFIT);
    post(&d, ticket(2, &model)); /* the loop's side says that its model will not come */
    work = score_work(SCORE_UNFIT);
    work->scorer = model.hash;
    snprintf(work->words, sizeof work->words, "a bad card");
    post(&d, work);
    post(&d, ticket(3, &rule));
    await(&d, 4);
    assert_int_equal(d.got[2]->what, SCORE_FAILED);
    assert_string_equal(d.got[2]->words, "a bad card");
    assert_int_equal(d.got[3]->ticket, 3);
    worker_stop(d.worker);
    for (int i = 0; i < d.n; i++)
        score_work_free(d.got[i]);
    loop_free(d.loop);
    score_free(d.scoring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_that_is_no_use_fails_its_tickets_and_nothing_else),
    };
    return cmocka_run_group_tests_name("rewarder/score", tests, NULL, NULL);
}
