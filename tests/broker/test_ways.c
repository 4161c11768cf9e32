/* Who hears of what leads to an image: who asked, at once or when it is offered; and the learner is
 * asked once for all that hold the same. */

#include "broker/bulk/ways.h"
#include "tests/support/test.h"

#include <string.h>

static const struct hash none, V1 = {{1}}, V2 = {{2}}, PATCH = {{11}}, OTHER = {{12}},
                               THIRD = {{13}};

struct seen {
    uint32_t told[64], ways[64], n_told, n_asked;
    struct msg_wreq asked[64];
};

static void on_tell(void *self, uint32_t child, struct msg *offer)
{
    struct seen *const s = self;

    assert_int_equal(offer->head.type, MSG_OFFER);
    for (uint32_t i = 0; i < offer->offer.n_artifact; i++)
        assert_true(*offer->offer.artifact[i].name); /* it is the list's own */
    s->ways[s->n_told] = offer->offer.n_artifact;
    s->told[s->n_told++] = child;
}

static void on_ask(void *self, struct msg *wreq)
{
    struct seen *const s = self;

    assert_int_equal(wreq->head.type, MSG_WREQ);
    s->asked[s->n_asked++] = wreq->wreq;
}

static struct ways *make(struct seen *seen)
{
    const struct ways_conf conf = {on_tell, on_ask, seen};
    struct ways *w;

    memset(seen, 0, sizeof *seen);
    ways_new(&w, &conf);
    return w;
}

static void ask(struct ways *w, uint32_t child, const struct hash *of, const struct hash *base,
                int64_t now_ms)
{
    const struct msg_wreq wreq = {.hash = *of, .kind = CHUNK_WAYS, .base = *base};

    ways_ask(w, child, &wreq, now_ms);
}

/* A patch to each of n images from V1, and an image, which leads nowhere. */
static void offer(struct ways *w, uint32_t learner, const struct hash *name,
                  const struct hash *of, uint32_t n, int64_t now_ms)
{
    struct artifact list[8] = {{.kind = ARTIFACT_IMAGE, .name = "policy"}};
    const struct msg_offer msg = {list, n + 1};

    for (uint32_t i = 0; i < n; i++)
        list[i + 1] = (struct artifact){.hash = name[i],
                                        .kind = ARTIFACT_PATCH,
                                        .name = "gone with its message",
                                        .of = of[i],
                                        .base = V1};
    ways_offer(w, learner, &msg, now_ms);
}

static void test_who_asked_hears(void **state)
{
    struct seen s;
    struct ways *const w = make(&s);

    (void)state;
    ask(w, 5, &V2, &V1, 0);
    assert_int_equal(s.n_told, 0);
    assert_int_equal(s.n_asked, 1);
    assert_true(hash_same(&s.asked[0].base, &V1) && hash_same(&s.asked[0].hash, &V2));
    assert_int_equal(s.asked[0].kind, CHUNK_WAYS);
    ask(w, 6, &V2, &V1, 10); /* the same: the learner is not asked again */
    assert_int_equal(s.n_asked, 1);
    ask(w, 7, &V2, &none, 20); /* holds nothing: the learner hears that it pulls */
    assert_int_equal(s.n_asked, 2);
    offer(w, 1, &PATCH, &V2, 1, 30);
    assert_int_equal(s.n_told, 3);
    assert_int_equal(s.told[0] + s.told[1] + s.told[2], 5 + 6 + 7);
    offer(w, 1, &PATCH, &V2, 1, 40); /* said again, as each OFFER is: nothing new */
    assert_int_equal(s.n_told, 3);
    ask(w, 8, &V2, &V1, 50); /* it is there: heard at once */
    assert_int_equal(s.n_told, 4);
    assert_int_equal(s.told[3], 8);
    assert_int_equal(s.n_asked, 2);
    ways_free(w);
}

static void test_one_more_is_told_with_the_first(void **state)
{
    const struct hash name[] = {PATCH, OTHER}, of[] = {V2, V2};
    struct seen s;
    struct ways *const w = make(&s);

    (void)state;
    offer(w, 1, name, of, 1, 0);
    ask(w, 5, &V2, &V1, 10);
    assert_int_equal(s.n_told, 1);
    assert_int_equal(s.ways[0], 1);
    offer(w, 1, name, of, 2, 20);
    assert_int_equal(s.n_told, 2);
    assert_int_equal(s.ways[1], 2);
    offer(w, 2, &THIRD, &V1, 1, 30); /* another learner, another image */
    assert_int_equal(s.n_told, 2);
    ways_free(w);
}

static void test_who_is_gone_or_late_hears_nothing(void **state)
{
    struct seen s;
    struct ways *const w = make(&s);

    (void)state;
    ask(w, 5, &V2, &V1, 0);
    ask(w, 6, &V2, &V1, 0);
    ask(w, 6, &V2, &V1, 1); /* twice: told once */
    ways_gone(w, 5);
    offer(w, 1, &PATCH, &V2, 1, 2);
    assert_int_equal(s.n_told, 1);
    assert_int_equal(s.told[0], 6);
    ways_gone(w, 1); /* the learner: nothing is offered any more */
    ask(w, 7, &V2, &V1, 3);
    assert_int_equal(s.n_told, 1);
    ask(w, 8, &V2, &V1, 70000); /* a minute later the learner is asked anew */
    assert_int_equal(s.n_asked, 2);
    offer(w, 1, &PATCH, &V2, 1, 70001);
    assert_int_equal(s.n_told, 2);
    assert_int_equal(s.told[1], 8);
    ways_free(w);
}

/* More than there is room for: the oldest falls out, nothing grows. */
static void test_the_ring_is_bounded(void **state)
{
    struct seen s;
    struct ways *const w = make(&s);

    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        ask(w, 100 + i, &V2, &V1, 0);
    for (uint32_t i = 0; i < 4096; i++)
        ask(w, 1000 + i, &V1, &V2, 0);
    offer(w, 1, &PATCH, &V2, 1, 1);
    assert_int_equal(s.n_told, 0);
    assert_int_equal(s.n_asked, 2);
    ways_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_asked_hears),
        cmocka_unit_test(test_one_more_is_told_with_the_first),
        cmocka_unit_test(test_who_is_gone_or_late_hears_nothing),
        cmocka_unit_test(test_the_ring_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
