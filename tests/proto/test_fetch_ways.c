/* Which way an image is come by, and that whatever goes wrong ends with the image being pulled. The
 * owner is played: what it is told to pull, pause, say and rebuild is noted, and answered by hand. */

#include "base/mem.h"
#include "proto/fetch_ways.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MB = 1000000 };
static const struct hash V0 = {{1}}, V1 = {{2}}, V2 = {{3}}, PATCH = {{11}}, ADAPTER = {{12}},
                         none;

struct owner {
    struct fetch_ways *ways;
    struct hash wanted[8]; /* that are still wanted */
    int n_wanted, dropped;
    struct hash last; /* that was dropped */
    bool paused, refuses, mute, busy;
    int asked, blamed;
    struct msg_wreq ask;
    uint64_t left;
    double rate;
    struct fetch_rebuild *job;
};

static enum err on_want(void *self, const struct artifact *what)
{
    struct owner *const o = self;

    if (o->refuses)
        return err_set(ERR_NOMEM, "no room");
    assert_true(*what->name);
    o->wanted[o->n_wanted++] = what->hash;
    return OK;
}

static void on_drop(void *self, const struct hash *hash)
{
    struct owner *const o = self;

    o->last = *hash;
    o->dropped++;
}

static void on_pause(void *self, const struct hash *of, bool on)
{
    struct owner *const o = self;

    (void)of;
    o->paused = on;
}

static enum err on_say(void *self, struct msg *msg)
{
    struct owner *const o = self;

    if (o->mute)
        return ERR_STATE;
    if (msg->head.type == MSG_WREQ) {
        o->asked++;
        o->ask = msg->wreq;
    } else {
        o->blamed++;
    }
    return OK;
}

static void on_view(void *self, const struct hash *of, uint64_t *left, double *rate)
{
    const struct owner *const o = self;

    (void)of;
    *left = o->left;
    *rate = o->rate;
}

static enum err on_rebuild(void *self, struct fetch_rebuild *job)
{
    struct owner *const o = self;

    if (o->busy)
        return ERR_STATE;
    assert_null(o->job);
    o->job = job;
    return OK;
}

static struct owner *make(double rate)
{
    struct owner *const o = mem_new(1, sizeof *o);
    const struct fetch_ways_conf conf = {on_want, on_drop,    on_pause, on_say,
                                         on_view, on_rebuild, o};

    fetch_ways_new(&o->ways, &conf);
    o->rate = rate;
    o->left = 100 * MB;
    return o;
}

static void end(struct owner *o)
{
    fetch_ways_free(o->ways);
    fetch_ways_rebuild_free(o->job);
    free(o);
}

static struct artifact image(const struct hash *hash)
{
    return (struct artifact){
        .hash = *hash, .bytes = 100 * MB, .kind = ARTIFACT_IMAGE, .name = "policy image"};
}

static struct shared_memory *pages(void)
{
    struct shared_memory *shared;

    assert_ok(shared_memory_new(&shared, 4096, "some"));
    assert_ok(shared_memory_seal(shared));
    return shared;
}

static void hold(struct owner *o, const struct hash *hash)
{
    const struct artifact what = image(hash);
    struct shared_memory *const shared = pages();

    fetch_ways_hold(o->ways, &what, shared);
    shared_memory_free(shared);
}

static void begin(struct owner *o, const struct hash *hash, int64_t now_ms)
{
    const struct artifact what = image(hash);

    fetch_ways_begin(o->ways, &what);
    fetch_ways_tick(o->ways, now_ms);
}

static void offer(struct owner *o, const struct hash *name, uint32_t kind, uint64_t bytes,
                  const struct hash *of, const struct hash *base)
{
    const struct artifact way = {*name, bytes, kind, "gone with its message", *of, *base};
    const struct msg_offer msg = {&way, 1};

    fetch_ways_offer(o->ways, &msg);
}

static bool got(struct owner *o, const struct artifact *what)
{
    struct shared_memory *const shared = pages();
    const bool ours = fetch_ways_got(o->ways, what, shared);

    shared_memory_free(shared);
    return ours;
}

static bool got_way(struct owner *o, const struct hash *name, uint32_t kind)
{
    const struct artifact what = {.hash = *name, .kind = kind, .name = ""};

    return got(o, &what);
}

/* The thread is done: with pages, or with words. */
static struct shared_memory *built(struct owner *o, bool good, int64_t took_ms)
{
    struct fetch_rebuild *const job = o->job;
    struct shared_memory *made = NULL;

    assert_non_null(job);
    o->job = NULL;
    job->took_ms = took_ms;
    if (good)
        job->made = pages();
    else
        job->err = ERR_PARSE;
    snprintf(job->words, sizeof job->words, "it does not have the hash");
    if (fetch_ways_built(o->ways, job))
        made = shared_memory_share(job->made);
    fetch_ways_rebuild_free(job);
    return made;
}

static void test_a_patch_on_a_slow_line(void **state)
{
    struct owner *const o = make(1 * MB); /* 100 s for the image */
    struct shared_memory *made;

    (void)state;
    hold(o, &V1);
    begin(o, &V2, 0);
    assert_true(o->paused); /* an answer may come: nothing of the image yet */
    assert_int_equal(o->asked, 1);
    assert_true(hash_same(&o->ask.hash, &V2) && hash_same(&o->ask.base, &V1));
    assert_int_equal(o->ask.kind, CHUNK_WAYS);
    offer(o, &PATCH, ARTIFACT_PATCH, 40 * MB, &V2, &V1);
    assert_true(o->paused);
    assert_int_equal(o->n_wanted, 1);
    fetch_ways_tick(o->ways, 10000);
    assert_true(o->paused); /* on its way: not any more by the clock */
    assert_true(got_way(o, &PATCH, ARTIFACT_PATCH));
    assert_false(got_way(o, &PATCH, ARTIFACT_PATCH)); /* once */
    assert_non_null(o->job);
    assert_true(fetch_ways_builds(o->ways, &V2));
    assert_false(fetch_ways_builds(o->ways, &V1));
    made = built(o, true, 100);
    assert_non_null(made);
    shared_memory_free(made);
    fetch_ways_end(o->ways, &V2);
    assert_int_equal(o->blamed + o->dropped, 0);
    end(o);
}

/* 100 MB: at 1 Gbit/s 0.8 s; a patch of 60 MB and coding at 200 MB/s takes 1.0 s. */
static void test_a_fast_line_pulls_the_image(void **state)
{
    static const struct {
        double rate;
        uint64_t left, patch;
        bool taken;
    } row[] = {{125 * MB, 100 * MB, 60 * MB, false},  {12.5 * MB, 100 * MB, 60 * MB, true},
               {12.5 * MB, 65 * MB, 60 * MB, false}, /* most of it has come meanwhile */
               {12.5 * MB, 100 * MB, 90 * MB, false}, {0, 100 * MB, 1 * MB, false},
               {1 * MB, 100 * MB, 101 * MB, false},   {1 * MB, 100 * MB, 0, false}};

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct owner *const o = make(row[i].rate);
        hold(o, &V1);
        begin(o, &V2, 0);
        fetch_ways_tick(o->ways, 2000);
        assert_false(o->paused); /* nothing came: it goes on */
        o->left = row[i].left;
        offer(o, &PATCH, ARTIFACT_PATCH, row[i].patch, &V2, &V1);
        assert_int_equal(o->paused, row[i].taken);
        assert_int_equal(o->n_wanted, row[i].taken);
        end(o);
    }
}

static void test_what_leads_nowhere_is_passed_over(void **state)
{
    struct owner *const o = make(1 * MB);

    (void)state;
    hold(o, &V1);
    begin(o, &V2, 0);
    fetch_ways_tick(o->ways, 2000);
    offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V0); /* of what is not here */
    offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V1, &V0); /* to what is not wanted */
    offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V2); /* of itself */
    offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &none);
    offer(o, &PATCH, ARTIFACT_IMAGE, 1 * MB, &V2, &V1); /* of no such kind */
    offer(o, &PATCH, 99, 1 * MB, &V2, &V1);
    offer(o, &ADAPTER, ARTIFACT_ADAPTER, 20 * MB, &V2, &V0); /* too large to pull a base for */
    assert_false(o->paused);
    assert_int_equal(o->n_wanted, 0);
    end(o);
}

static void test_a_false_one_costs_the_image(void **state)
{
    struct owner *const o = make(1 * MB);

    (void)state;
    hold(o, &V1);
    begin(o, &V2, 0);
    offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1);
    assert_true(got_way(o, &PATCH, ARTIFACT_PATCH));
    assert_null(built(o, false, 100));
    assert_int_equal(o->blamed, 0); /* its bytes were those of its name */
    assert_false(o->paused);
    offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1); /* not a second time */
    assert_false(o->paused);
    fetch_ways_again(o->ways);
    fetch_ways_tick(o->ways, 100);
    assert_int_equal(o->asked, 1);
    end(o);
}

static void test_whatever_fails_ends_with_the_image(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct owner *const o = make(1 * MB);
        hold(o, &V1);
        begin(o, &V2, 0);
        o->refuses = i == 0; /* no room to pull it; the thread takes none */
        o->busy = i == 1;
        offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1);
        if (i == 1)
            assert_true(got_way(o, &PATCH, ARTIFACT_PATCH));
        assert_false(o->paused);
        assert_null(o->job);
        end(o);
    }
}

/* The owner drops the image, or has it from elsewhere, at each state. */
static void test_dropped_at_any_time(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct owner *const o = make(1 * MB);
        hold(o, &V1);
        begin(o, &V2, 0);
        if (i > 0)
            offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1);
        if (i > 1)
            assert_true(got_way(o, &PATCH, ARTIFACT_PATCH));
        if (i < 3)
            fetch_ways_end(o->ways, &V2);
        else
            fetch_ways_forget(o->ways);
        assert_int_equal(o->dropped, i == 1); /* the patch that nobody needs now */
        if (i > 1)
            assert_null(built(o, true, 100));
        end(o);
    }
}

static void test_an_adapter_brings_its_base(void **state)
{
    struct owner *const o = make(10 * MB);
    const struct artifact base = image(&V0);
    struct shared_memory *made;

    (void)state;
    begin(o, &V1, 0); /* a host that came late: it holds nothing */
    assert_false(o->paused);
    assert_true(hash_same(&o->ask.base, &none));
    offer(o, &ADAPTER, ARTIFACT_ADAPTER, 5 * MB, &V1, &V0);
    assert_true(o->paused);
    assert_int_equal(o->n_wanted, 2);
    assert_true(got_way(o, &ADAPTER, ARTIFACT_ADAPTER));
    assert_null(o->job); /* the base is not here yet */
    assert_true(got(o, &base));
    made = built(o, true, 500);
    assert_non_null(made);
    shared_memory_free(made);
    fetch_ways_end(o->ways, &V1);
    hold(o, &V1);
    o->n_wanted = 0;
    begin(o, &V2, 100); /* the next: of the same base, which stayed */
    offer(o, &PATCH, ARTIFACT_ADAPTER, 5 * MB, &V2, &V0);
    assert_int_equal(o->n_wanted, 1);
    assert_true(got_way(o, &PATCH, ARTIFACT_ADAPTER));
    assert_non_null(o->job);
    end(o);
}

/* Two wait for the base, and one ends; then all do, and the next finds it half here. */
static void test_a_base_outlives_who_waited_for_it(void **state)
{
    const struct hash second = {{13}};
    const struct artifact base = image(&V0);
    struct owner *const o = make(10 * MB);

    (void)state;
    begin(o, &V1, 0);
    begin(o, &V2, 0);
    offer(o, &ADAPTER, ARTIFACT_ADAPTER, 5 * MB, &V1, &V0);
    offer(o, &second, ARTIFACT_ADAPTER, 5 * MB, &V2, &V0);
    fetch_ways_end(o->ways, &V1);
    assert_int_equal(o->dropped, 1);
    assert_true(hash_same(&o->last, &ADAPTER));
    fetch_ways_end(o->ways, &V2);
    assert_int_equal(o->dropped, 2);
    assert_true(hash_same(&o->last, &second));
    begin(o, &V2, 0);
    offer(o, &second, ARTIFACT_ADAPTER, 5 * MB, &V2, &V0);
    assert_true(got(o, &base));
    assert_true(got_way(o, &second, ARTIFACT_ADAPTER));
    assert_non_null(o->job);
    shared_memory_free(built(o, true, 100));
    begin(o, &V1, 0);
    fetch_ways_forget(o->ways);
    assert_int_equal(o->dropped, 2); /* nothing is pulled any more */
    begin(o, &V1, 0);
    offer(o, &ADAPTER, ARTIFACT_ADAPTER, 5 * MB, &V1, &V0);
    fetch_ways_forget(o->ways);
    assert_int_equal(o->dropped, 4); /* the adapter, and the base */
    end(o);
}

/* The first version is come by as an image, and becomes the base of all that follow. */
static void test_the_first_image_is_the_base(void **state)
{
    struct owner *const o = make(10 * MB);

    (void)state;
    hold(o, &V0);
    begin(o, &V1, 0);
    offer(o, &ADAPTER, ARTIFACT_ADAPTER, 5 * MB, &V1, &V0);
    assert_true(got_way(o, &ADAPTER, ARTIFACT_ADAPTER));
    shared_memory_free(built(o, true, 500));
    fetch_ways_end(o->ways, &V1);
    hold(o, &V1);
    o->n_wanted = 0;
    begin(o, &V2, 0);
    offer(o, &PATCH, ARTIFACT_ADAPTER, 5 * MB, &V2, &V0);
    assert_int_equal(o->n_wanted, 1);
    end(o);
}

/* Another image comes whole while the patch is on its way. */
static void test_a_base_stays_while_its_patch_comes(void **state)
{
    struct owner *const o = make(1 * MB);

    (void)state;
    hold(o, &V1);
    begin(o, &V2, 0);
    offer(o, &PATCH, ARTIFACT_PATCH, 1 * MB, &V2, &V1);
    hold(o, &V0);
    assert_true(got_way(o, &PATCH, ARTIFACT_PATCH));
    assert_non_null(o->job);
    shared_memory_free(built(o, true, 100));
    end(o);
}

/* A machine that rebuilds slowly learns that it does. */
static void test_it_learns_how_fast_it_rebuilds(void **state)
{
    struct owner *const o = make(10 * MB); /* 10 s; a patch of 40 MB: 4 s and coding */

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct shared_memory *made;
        hold(o, &V1);
        begin(o, &V2, 0);
        fetch_ways_tick(o->ways, 20000); /* longer than it waits for an answer */
        offer(o, &PATCH, ARTIFACT_PATCH, 40 * MB, &V2, &V1);
        if (!o->paused)
            break;
        assert_true(got_way(o, &PATCH, ARTIFACT_PATCH));
        made = built(o, true, 20000);
        shared_memory_free(made);
        fetch_ways_end(o->ways, &V2);
        o->paused = false;
        assert_true(i < 5);
    }
    end(o);
}

static void test_asked_again_on_a_new_connection(void **state)
{
    struct owner *const o = make(0);

    (void)state;
    o->mute = true;
    begin(o, &V1, 0);
    assert_int_equal(o->asked, 0);
    o->mute = false;
    fetch_ways_tick(o->ways, 100);
    fetch_ways_tick(o->ways, 200);
    assert_int_equal(o->asked, 1);
    fetch_ways_again(o->ways);
    fetch_ways_tick(o->ways, 300);
    assert_int_equal(o->asked, 2);
    end(o);
}

/* The version before died while its patch came: what is made of that is what the next is made of. */
static void one_in_the_making_is_a_base(void **state)
{
    struct owner *const o = make(1 * MB);
    struct fetch_rebuild *first;
    struct artifact what;
    static const struct hash LATER = {{13}};

    (void)state;
    hold(o, &V0);
    begin(o, &V1, 1000);
    offer(o, &PATCH, ARTIFACT_PATCH, 10 * MB, &V1, &V0);
    assert_true(o->paused);
    begin(o, &V2, 2000);
    assert_true(hash_same(&o->ask.hash, &V2));
    assert_true(hash_same(&o->ask.base, &V1)); /* and not what is here */
    offer(o, &LATER, ARTIFACT_PATCH, 10 * MB, &V2, &V1);
    assert_true(got_way(o, &LATER, ARTIFACT_PATCH));
    assert_null(o->job); /* its base is not here */
    assert_true(got_way(o, &PATCH, ARTIFACT_PATCH));
    assert_non_null(o->job);
    first = o->job;
    o->job = NULL;
    assert_true(fetch_ways_built(o->ways, first));
    what = image(&V1);
    first->made = pages();
    fetch_ways_hold(o->ways, &what, first->made);
    fetch_ways_end(o->ways, &V1);
    assert_non_null(o->job);
    assert_true(hash_same(&o->job->of.hash, &V2));
    fetch_ways_rebuild_free(first);
    end(o);
}

/* And if that fails the image is pulled. */
static void a_base_that_is_not_made_is_not_waited_for(void **state)
{
    struct owner *const o = make(1 * MB);
    static const struct hash LATER = {{13}};

    (void)state;
    hold(o, &V0);
    begin(o, &V1, 1000);
    offer(o, &PATCH, ARTIFACT_PATCH, 10 * MB, &V1, &V0);
    begin(o, &V2, 2000);
    offer(o, &LATER, ARTIFACT_PATCH, 10 * MB, &V2, &V1);
    assert_true(o->paused);
    fetch_ways_end(o->ways, &V1);
    assert_false(o->paused);
    end(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_in_the_making_is_a_base),
        cmocka_unit_test(a_base_that_is_not_made_is_not_waited_for),
        cmocka_unit_test(test_a_patch_on_a_slow_line),
        cmocka_unit_test(test_a_fast_line_pulls_the_image),
        cmocka_unit_test(test_what_leads_nowhere_is_passed_over),
        cmocka_unit_test(test_a_false_one_costs_the_image),
        cmocka_unit_test(test_whatever_fails_ends_with_the_image),
        cmocka_unit_test(test_dropped_at_any_time),
        cmocka_unit_test(test_an_adapter_brings_its_base),
        cmocka_unit_test(test_a_base_outlives_who_waited_for_it),
        cmocka_unit_test(test_the_first_image_is_the_base),
        cmocka_unit_test(test_a_base_stays_while_its_patch_comes),
        cmocka_unit_test(test_it_learns_how_fast_it_rebuilds),
        cmocka_unit_test(test_asked_again_on_a_new_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
