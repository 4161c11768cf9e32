/* The actor's compute thread over a real worker and a real model: what is posted comes back, in
 * whatever order lengths, versions and room come, and with the same bits as alone. */
#include "actor/compute_item.h"
#include "actor/jobs.h"
#include "lm/gen/generate.h"
#include "tests/actor/compute_fixture.h"

#include "lm/model/golden.h"

/* Slots are as long as the first job needs. One that needs longer ones waits until they are
 * empty, and not a moment more: nothing else is ever posted here. */
static void a_longer_job_does_not_wait_for_ever(void **state)
{
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 2);
    fixture_post_card(&d);
    fixture_post_image(&d, 0);
    fixture_post_job(&d, 1, 0, 2, 4, 8);
    fixture_post_job(&d, 2, 0, 1, 100, 20);
    fixture_post_job(&d, 3, 0, 1, 300, 5);
    fixture_await(&d, 4);
    fixture_same_as_alone(&d, 2, 0, 1, 100, 20);
    fixture_same_as_alone(&d, 3, 0, 1, 300, 5);
    fixture_close(&d);
}

static void more_samples_than_slots(void **state)
{
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 2);
    fixture_post_card(&d);
    fixture_post_image(&d, 0);
    fixture_post_part(&d, 7, 0, 3, 2, 6, 10); /* a lease need not begin at sample 0 */
    fixture_post_part(&d, 7, 0, 0, 3, 6, 10);
    fixture_await(&d, 5);
    assert_false(hash_same(&fixture_find(&d, 7, 0)->rollout->hash,
                           &fixture_find(&d, 7, 4)->rollout->hash));
    fixture_same_as_alone(&d, 7, 0, 5, 6, 10);
    fixture_close(&d);
}

/* What cannot run says so, and what is behind it goes on. */
static void a_job_beyond_the_context_fails_alone(void **state)
{
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 2);
    fixture_post_card(&d);
    fixture_post_image(&d, 0);
    fixture_post_job(&d, 1, 0, 3, 1000, 100);
    fixture_post_job(&d, 2, 0, 1, 4, 4);
    fixture_await(&d, 2);
    assert_int_equal(d.got[0]->kind, ITEM_FAILED);
    assert_int_equal(d.got[0]->task, 1);
    assert_int_equal(d.got[0]->count, 3); /* one word for all its samples */
    assert_non_null(strstr(d.got[0]->words, "do not fit the context of 1024"));
    fixture_find(&d, 2, 0);
    fixture_close(&d);
}

/* Room is made in steps of 64 tokens; a context need not be a multiple of that. */
static void a_job_may_fill_the_context(void **state)
{
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 1);
    fixture_post_card_of(&d, 100);
    fixture_post_image(&d, 0);
    fixture_post_job(&d, 1, 0, 1, 90, 10);
    fixture_await(&d, 1);
    fixture_find(&d, 1, 0);
    fixture_same_as_alone(&d, 1, 0, 1, 90, 10);
    fixture_close(&d);
}

/* One version at a time; each job with its own weights, whenever they come. */
static void versions_take_turns(void **state)
{
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 2);
    fixture_post_card(&d);
    fixture_post_job(&d, 1, 2, 1, 5, 9); /* its weights come later */
    fixture_post_image(&d, 1);
    fixture_post_job(&d, 2, 1, 2, 5, 9);
    fixture_post_job(&d, 3, 2, 2, 5, 9);
    fixture_post_job(&d, 4, 1, 1, 5, 9);
    fixture_post_image(&d, 2);
    fixture_await(&d, 6);
    fixture_same_as_alone(&d, 1, 2, 1, 5, 9);
    fixture_same_as_alone(&d, 2, 1, 2, 5, 9);
    fixture_same_as_alone(&d, 3, 2, 2, 5, 9);
    fixture_same_as_alone(&d, 4, 1, 1, 5, 9);
    fixture_close(&d);
}

static void what_is_cancelled_or_dropped_stays_away(void **state)
{
    struct compute_item *item;
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 2);
    fixture_post_card(&d);
    fixture_post_image(&d, 1);
    fixture_post_job(&d, 1, 9, 1, 5, 5); /* waits for weights */
    item = compute_item(ITEM_CANCEL);
    item->task = 1;
    fixture_post(&d, item);
    fixture_post_image(&d, 5);
    item = compute_item(ITEM_DROP);
    item->version = fixture_version(5); /* all below */
    fixture_post(&d, item);
    fixture_post_job(&d, 2, 1, 1, 5, 5); /* its weights were dropped: waits */
    fixture_post_image(&d, 9);
    fixture_post_job(&d, 3, 9, 1, 5, 5);
    fixture_post_job(&d, 4, 5, 1, 5, 5);
    fixture_await(&d, 2);
    fixture_find(&d, 3, 0);
    fixture_find(&d, 4, 0);
    fixture_post_image(&d, 1);
    fixture_await(&d, 3);
    assert_int_equal(d.got[2]->rollout->task, 2);
    fixture_close(&d);
}

static void shed(struct compute_fixture *d, uint64_t task, uint32_t sample)
{
    struct compute_item *item = compute_item(ITEM_SHED);

    item->task = task;
    item->first = sample;
    item->count = 1;
    fixture_post(d, item);
}

/* Two slots are busy, so what comes then has not begun: it is given away from its end, and what
 * has begun goes on. */
static void what_has_not_begun_is_given_away(void **state)
{
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 2);
    fixture_post_card(&d);
    fixture_post_job(&d, 1, 1, 4, 5, 9);
    fixture_post_job(&d, 2, 1, 2, 5, 9);
    shed(&d, 1, 3);
    shed(&d, 2, 1);
    shed(&d, 2, 0);
    shed(&d, 1, 3); /* gone already: nothing happens */
    fixture_post_job(&d, 3, 1, 1, 5, 9);
    fixture_post_image(&d, 1);
    fixture_await(&d, 4);
    fixture_same_as_alone(&d, 1, 1, 3, 5, 9);
    fixture_same_as_alone(&d, 3, 1, 1, 5, 9);
    assert_int_equal(d.begun, 4);
    fixture_close(&d);
}

/* An image of `n` bytes that mean nothing: all of them set, each number is none. */
static void post_nonsense(struct compute_fixture *d, uint64_t number, size_t n)
{
    struct compute_item *item = compute_item(ITEM_IMAGE);

    item->version = fixture_version(number);
    assert_ok(shared_memory_new(&item->image, n, "an image"));
    memset(shared_memory_bytes(item->image), 0xff, n);
    assert_ok(shared_memory_seal(item->image));
    fixture_post(d, item);
}

/* Bad weights are their learner's fault: who waits for them hears why, and the next ones are
 * decoded. */
static void weights_of_another_size_fail_their_jobs_and_nothing_else(void **state)
{
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 2);
    fixture_post_card(&d);
    fixture_post_job(&d, 1, 1, 2, 5, 5);
    post_nonsense(&d, 1, packed_size(&small_shape[0]) - 64);
    fixture_await(&d, 1);
    fixture_post_job(&d, 2, 1, 1, 5, 5); /* one that comes later hears the same */
    fixture_await(&d, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(d.got[i]->kind, ITEM_FAILED);
        assert_int_equal(d.got[i]->count, 2 - i);
        assert_non_null(strstr(d.got[i]->words, "weights of version 1: "));
    }
    assert_true(d.goldens == 1 && d.golden == 0);
    fixture_post_image(&d, 2);
    fixture_post_job(&d, 3, 2, 1, 5, 5);
    fixture_await(&d, 3);
    fixture_same_as_alone(&d, 3, 2, 1, 5, 5);
    fixture_close(&d);
}

static void weights_that_are_no_numbers_fail_their_jobs_and_nothing_else(void **state)
{
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 2);
    fixture_post_card(&d);
    post_nonsense(&d, 1, packed_size(&small_shape[0]));
    fixture_post_job(&d, 1, 1, 5, 5, 5); /* more samples than slots: all of them fail at once */
    fixture_await(&d, 1);
    assert_int_equal(d.got[0]->kind, ITEM_FAILED);
    assert_int_equal(d.got[0]->first, 0);
    assert_int_equal(d.got[0]->count, 5);
    assert_non_null(strstr(d.got[0]->words, "are not numbers"));
    assert_true(d.goldens == 1 && d.golden == 0);
    fixture_post_image(&d, 2);
    fixture_post_job(&d, 3, 2, 1, 5, 5);
    fixture_await(&d, 2);
    fixture_same_as_alone(&d, 3, 2, 1, 5, 5);
    fixture_close(&d);
}

/* Before any job: the number that anybody computes with these weights. */
static void an_image_that_came_is_computed_with(void **state)
{
    struct compute_fixture d;
    struct small small;

    (void)state;
    fixture_open(&d, 2);
    fixture_post_card(&d);
    fixture_post_image(&d, 0);
    fixture_post_job(&d, 1, 0, 1, 5, 5);
    fixture_await(&d, 1);
    small_new(&small, &small_shape[0]);
    assert_int_equal(d.goldens, 1);
    assert_int_equal(d.golden, golden_number(small.model));
    small_free(&small);
    fixture_post_image(&d, 1);
    fixture_post_job(&d, 2, 1, 1, 5, 5);
    fixture_await(&d, 2);
    assert_int_equal(d.goldens, 2);
    small_new(&small, &small_shape[0]);
    assert_true(d.golden && d.golden != golden_number(small.model));
    small_free(&small);
    fixture_close(&d);
}

static void post_any(struct compute_fixture *d, uint64_t task, uint64_t least, uint32_t answer)
{
    int32_t token[3] = {1, 2, 3};
    struct task t = {.id = task,
                     .seed = 5,
                     .samples = 1,
                     .prompt = token,
                     .n_prompt = 3,
                     .version = {least, {{0}}},
                     .decoding = {.temperature = 1, .top_p = 1, .max_new = answer}};

    assert_null(compute_item_unfit(&t));
    fixture_post(d, compute_item_job(&t, 0, 1, false));
}

/* overlap: free. The answer goes on under the weights that come, and says from where on; what
 * it wrote before is what the old ones write. One slot and many long answers, one after
 * another, so that the weights come in the middle of one of them. */
static void weights_change_between_tokens(void **state)
{
    enum { LONG = 900, MANY = 8 };
    struct compute_item *const next = fixture_image(2);
    struct compute_fixture d, old;
    uint64_t task = 1;

    (void)state;
    fixture_open(&d, 2);
    fixture_open(&old, 1);
    fixture_post_card(&d);
    fixture_post_image(&d, 1);
    for (uint64_t k = 1; k <= MANY; k++) {
        post_any(&d, k, 0, LONG);
        if (k == 1)
            post_any(&d, MANY + 1, 0, 4);
    }
    fixture_await(&d, 1);
    fixture_post(&d, next);
    fixture_await(&d, MANY + 1);
    for (uint64_t k = 1; k <= MANY; k++) {
        const struct rollout *r = fixture_find(&d, k, 0)->rollout;
        assert_int_equal(r->n_token, LONG);
        assert_true(r->n_span >= 1 && r->n_span <= 2 && !r->span[0].start);
        task = r->n_span == 2 ? k : task;
    }
    assert_int_equal(fixture_find(&d, MANY, 0)->rollout->span[0].version.number, 2);
    fixture_post_card(&old);
    fixture_post_image(&old, 1);
    post_any(&old, task, 0, LONG);
    fixture_await(&old, 1);
    const struct rollout *r = fixture_find(&d, task, 0)->rollout;
    const struct rollout *before = fixture_find(&old, task, 0)->rollout;
    assert_int_equal(r->n_span, 2);
    const uint32_t same = r->span[1].start;
    assert_memory_equal(r->token, before->token, same * sizeof *r->token);
    assert_memory_equal(r->logprob, before->logprob, same * sizeof *r->logprob);
    assert_true(memcmp(r->logprob + same, before->logprob + same,
                       (LONG - same) * sizeof *r->logprob) != 0);
    fixture_close(&old);
    fixture_close(&d);
}

/* Nothing older than a task may have. */
static void a_task_waits_for_its_oldest_version(void **state)
{
    struct compute_fixture d;

    (void)state;
    fixture_open(&d, 2);
    fixture_post_card(&d);
    fixture_post_image(&d, 1);
    post_any(&d, 1, 2, 4);
    post_any(&d, 2, 1, 4);
    fixture_await(&d, 1);
    assert_int_equal(d.got[0]->rollout->task, 2);
    fixture_post_image(&d, 3);
    fixture_await(&d, 2);
    assert_int_equal(fixture_find(&d, 1, 0)->rollout->span[0].version.number, 3);
    fixture_close(&d);
}

/* While others go on: an actor with enough to do never has all slots empty. */
static void what_is_done_is_not_kept(void **state)
{
    struct small small;
    struct generate *g;
    struct jobs running = {.n = 0};
    int prompt[] = {1, 2, 3};
    const struct generate_events none = {NULL, NULL, NULL};
    (void)state;

    small_new(&small, &small_shape[0]);
    assert_ok(generate_new(&g, &small_shape[0], 4, 64, NULL));
    for (int k = 0; k < 20; k++) { /* answers of 5 tokens, two a job, a job each three steps */
        struct compute_item *const item = compute_item(ITEM_JOB);
        const struct generate_job job = {
            .task = (uint64_t)k,
            .n = 2,
            .prompt = prompt,
            .n_prompt = 3,
            .sampling = {.temperature = 1, .top_p = 1, .max_new = 5},
            .owner = item};
        assert_ok(generate_admit(g, &job));
        jobs_forget_done(&running, g);
        jobs_append(&running, item);
        assert_true(running.n == (k ? 2 : 1));
        for (int i = 0; i < 3; i++)
            assert_ok(generate_step(g, small.model, &none, NULL));
        assert_true(generate_owned(g, item) && generate_room(g) == 2);
    }
    jobs_forget(&running);
    free(running.item);
    generate_free(g);
    small_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_change_between_tokens),
        cmocka_unit_test(what_is_done_is_not_kept),
        cmocka_unit_test(a_task_waits_for_its_oldest_version),
        cmocka_unit_test(a_longer_job_does_not_wait_for_ever),
        cmocka_unit_test(more_samples_than_slots),
        cmocka_unit_test(a_job_beyond_the_context_fails_alone),
        cmocka_unit_test(a_job_may_fill_the_context),
        cmocka_unit_test(versions_take_turns),
        cmocka_unit_test(what_is_cancelled_or_dropped_stays_away),
        cmocka_unit_test(what_has_not_begun_is_given_away),
        cmocka_unit_test(weights_of_another_size_fail_their_jobs_and_nothing_else),
        cmocka_unit_test(an_image_that_came_is_computed_with),
        cmocka_unit_test(weights_that_are_no_numbers_fail_their_jobs_and_nothing_else),
    };

    return cmocka_run_group_tests_name("actor/compute", tests, NULL, NULL);
}
