/* A host that has the base's image and the adapter makes the learner's image, bit for bit; and
 * nothing else is taken for an adapter. */

#include "lm/model/lora_image.h"

#include "base/mem.h"
#include "lm/kernel/isa.h"
#include "tests/lm/lora_fixture.h"

#include <omp.h>

static const struct lora_conf pairs = {
    .r = 5, .alpha = 7, .target = {"all-linear"}, .targets = 1};
static const struct lora_conf more = {.r = 3,
                                      .alpha = 4,
                                      .rslora = true,
                                      .target = {"all-linear"},
                                      .targets = 1,
                                      .save = {"input_layernorm", "norm"},
                                      .saves = 2};

static float *block(size_t bytes)
{
    float *to;

    assert_ok(mem_big(&to, bytes, 1, "a block"));
    return to;
}

struct travelled {
    struct lora_fixture *fixture;
    float *base, *image; /* image: the learner's */
    size_t bytes;
    uint8_t *adapter;
    size_t n;
};

static struct travelled learnt(size_t c, const struct lora_conf *conf, float b)
{
    struct travelled t = {.fixture = lora_fixture_new(c, conf, b, (struct train_options){0})};
    const struct small *const small = &t.fixture->small;

    t.bytes = packed_size(&small_shape[c]);
    t.base = block(t.bytes);
    t.image = block(t.bytes);
    packed_fill(t.base, small->layout, small->params);
    packed_fill(t.image, small->layout, small->params);
    for (int i = 0; i < t.fixture->lora->weights->n; i++) { /* whole ones learn, too */
        const struct tensor *const w = &t.fixture->lora->weights->tensor[i];
        if (!strstr(w->name, "lora_"))
            t.fixture->lora->weights->data[w->at] += b;
    }
    lora_pack(t.fixture->lora, t.image, small->layout);
    t.n = lora_image_size(t.fixture->lora);
    t.adapter = (uint8_t *)block(t.n);
    lora_image_write(t.fixture->lora, t.adapter);
    return t;
}

static void drop(struct travelled *t)
{
    lora_fixture_free(t->fixture);
    free(t->base);
    free(t->image);
    free(t->adapter);
}

static void one_merges(size_t c, const struct lora_conf *conf, float b, bool moved)
{
    struct travelled t = learnt(c, conf, b);
    float *const got = block(t.bytes);
    const int threads = omp_get_max_threads();

    for (int n = 1; n <= 3; n += 2) {
        omp_set_num_threads(n);
        memset(got, 1, t.bytes);
        assert_ok(lora_image_merge(got, t.base, &small_shape[c], t.adapter, t.n));
        assert_memory_equal(got, t.image, t.bytes);
    }
    assert_int_equal(moved, memcmp(got, t.base, t.bytes) != 0);
    omp_set_num_threads(threads);
    free(got);
    drop(&t);
}

static void every_family_merges_to_the_learners_image(void **state)
{
    (void)state;
    for (size_t c = 0; c < SMALL_SHAPES; c++) {
        one_merges(c, &pairs, 0.1f, true);
        if (c == 1)
            one_merges(c, &more, 0.1f, true);
    }
}

static void a_fresh_one_is_its_base(void **state)
{
    (void)state;
    one_merges(0, &pairs, 0.0f, false);
}

static void refused(const struct travelled *t, size_t n)
{
    float *const got = block(t->bytes);
    const enum err err = lora_image_merge(got, t->base, &small_shape[0], t->adapter, n);

    assert_true(err == ERR_PARSE || err == ERR_RANGE);
    free(got);
}

static void what_is_none_is_refused(void **state)
{
    static const uint32_t rank[] = {0, 4, 6, 4097, UINT32_MAX};
    static const double alpha[] = {0, -1, 1e300, NAN};
    struct travelled t = learnt(0, &pairs, 0.1f);

    (void)state;
    for (size_t n = 0; n < t.n; n += 1 + n / 2)
        refused(&t, n);
    refused(&t, t.n - 4);
    for (int i = 0; i < 8; i++) {
        t.adapter[i] ^= 1;
        refused(&t, t.n);
        t.adapter[i] ^= 1;
    }
    for (size_t i = 0; i < sizeof rank / sizeof *rank; i++) {
        memcpy(t.adapter + 8, &rank[i], sizeof *rank);
        refused(&t, t.n);
    }
    memcpy(t.adapter + 8, &(uint32_t){5}, 4);
    for (size_t i = 0; i < sizeof alpha / sizeof *alpha; i++) {
        memcpy(t.adapter + 16, &alpha[i], sizeof *alpha);
        refused(&t, t.n);
    }
    memcpy(t.adapter + 16, &(double){7}, 8);
    for (int i = 0; i < t.fixture->lora->base->n; i++) { /* a kind that is none, and another */
        t.adapter[32 + i] ^= 0x80;
        refused(&t, t.n);
        t.adapter[32 + i] ^= 0x80;
        if (t.adapter[32 + i] == LORA_PAIR) {
            t.adapter[32 + i] = LORA_FROZEN;
            refused(&t, t.n);
            t.adapter[32 + i] = LORA_PAIR;
        }
    }
    memset(t.adapter + 12, 0xff, 4);
    refused(&t, t.n);
    drop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_merges_to_the_learners_image),
        cmocka_unit_test(a_fresh_one_is_its_base),
        cmocka_unit_test(what_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
