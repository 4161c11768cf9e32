/* Sequences that begin alike have those tokens' keys in the same memory, and answer as if each had its
 * own; what one goes on with no other sees; every page comes back. */

#include "tests/lm/small.h"

#include "base/mem.h"
#include "lm/kernel/isa.h"
#include "lm/model/cache.h"

#include <omp.h>

enum { SAMPLES = 10, ROOM = 110, MORE = 34, TOKENS = KV_BLOCK_TOKENS };

struct party {
    const struct model *model;
    struct forward_work *work;
    struct cache_pool *pool;
    struct cache *cache[SAMPLES];
    float *hidden;
    int prompt;
};

/* Of the prompt that sample i has: all of it, or every third half. */
static int given(const struct party *p, int i)
{
    return i % 3 == 2 ? (p->prompt + 1) / 2 : p->prompt;
}

/* Token t of sample i. */
static int said(const struct party *p, int i, int t)
{
    return formula_token((uint32_t)t, t < given(p, i) ? 3 : 20 + (uint32_t)i,
                         model_shape(p->model)->vocab);
}

static void open_party(struct party *p, const struct model *model, int prompt)
{
    const struct shape *s = model_shape(model);

    *p = (struct party){.model = model, .prompt = prompt};
    assert_ok(forward_work_new(&p->work, s, SAMPLES * ROOM));
    assert_ok(cache_pool_new(&p->pool, s, (size_t)SAMPLES * (ROOM + TOKENS)));
    memset(p->pool->data, 0xFF, (size_t)p->pool->pages * p->pool->page); /* not numbers */
    for (int i = 0; i < SAMPLES; i++)
        assert_ok(cache_new(&p->cache[i], s, ROOM, p->pool));
    p->hidden = mem_new((size_t)(SAMPLES * ROOM * s->width), sizeof *p->hidden);
}

static void close_party(struct party *p)
{
    for (int i = 0; i < SAMPLES; i++)
        cache_free(p->cache[i]);
    assert_int_equal(p->pool->n_free, p->pool->pages);
    cache_pool_free(p->pool);
    forward_work_free(p->work);
    free(p->hidden);
}

/* Tokens from[i]..to[i]-1 of each sample in one pass; the states of the last of each. */
static void pass(struct party *p, const int *from, const int *to, float *last)
{
    const size_t width = (size_t)model_shape(p->model)->width;
    struct forward_row rows[SAMPLES * ROOM];
    int n = 0;

    for (int i = 0; i < SAMPLES; i++)
        for (int t = from[i]; t < to[i]; t++)
            rows[n++] = (struct forward_row){p->cache[i], said(p, i, t), t};
    forward_hidden(p->model, p->work, rows, n, p->hidden);
    n = 0;
    for (int i = 0; i < SAMPLES && last; i++) {
        n += to[i] - from[i];
        memcpy(last + (size_t)i * width, p->hidden + (size_t)(n - 1) * width,
               width * sizeof *last);
    }
}

/* Pages that are in somebody's hands. */
static int used(const struct party *p)
{
    return p->pool->pages - p->pool->n_free;
}

/* Sample 0 reads the prompt, the others have it from it; then each writes, one to three tokens a pass,
 * so that they come to stand apart. Against each alone, which nobody shared anything with. */
static void live(const struct model *model, int prompt)
{
    const size_t width = (size_t)model_shape(model)->width;
    int from[SAMPLES] = {0}, to[SAMPLES] = {prompt};
    float *last = mem_new(SAMPLES * width, sizeof *last), *want = mem_new(width, sizeof *want);
    struct party p, alone;

    open_party(&p, model, prompt);
    pass(&p, from, to, NULL);
    for (int i = 1; i < SAMPLES; i++)
        cache_share(p.cache[i], p.cache[0], given(&p, i));
    assert_int_equal(used(&p), (int)kv_block_count(prompt));
    for (int i = 0; i < SAMPLES; i++)
        to[i] = given(&p, i);
    for (int round = 0; round < MORE / 3; round++) {
        for (int i = 0; i < SAMPLES; i++) {
            from[i] = to[i];
            to[i] += 1 + (i + round) % 3;
        }
        pass(&p, from, to, last);
    }
    /* whole pages of the prompt lie once, what the prompt began is a page for each */
    assert_int_equal(cache_common(p.cache[0], p.cache[SAMPLES - 1]), prompt / TOKENS * TOKENS);
    open_party(&alone, model, prompt);
    for (int i = 0; i < SAMPLES; i++) {
        struct forward_row rows[ROOM];

        for (int t = 0; t < to[i]; t++)
            rows[t] = (struct forward_row){alone.cache[i], said(&alone, i, t), t};
        forward_hidden(model, alone.work, rows, to[i], alone.hidden);
        memcpy(want, alone.hidden + (size_t)(to[i] - 1) * width, width * sizeof *want);
        if (memcmp(want, last + (size_t)i * width, width * sizeof *want) != 0)
            fail_msg("%s, prompt of %d: sample %d has other bits", isa_current()->name, prompt,
                     i);
    }
    close_party(&alone);
    close_party(&p);
    free(last);
    free(want);
}

static void what_is_shared_is_as_good_as_ones_own(void **state)
{
    static const int prompts[] = {1, 31, 32, 33, 70};
    const struct isa *before = isa_current();

    (void)state;
    for (int k = 0; k < PRECISIONS * SMALL_SHAPES; k++) {
        struct shape shape = small_shape[k / PRECISIONS];
        struct small s;

        shape.compute = (enum precision)(k % PRECISIONS);
        small_new(&s, &shape);
        for (int i = 0; i < ISA_VECTORS; i++) {
            /* the scalar one in the first shape alone: it is slow, and no other code */
            if (!isa_at(i) || (i == 0 && k >= PRECISIONS))
                continue;
            assert_ok(isa_force(isa_at(i)->name));
            for (size_t j = 0; j < sizeof prompts / sizeof *prompts; j++)
                live(s.model, prompts[j]);
        }
        assert_ok(isa_force(before->name));
        small_free(&s);
    }
}

/* A page that two hold is copied before either writes to it; the one that stays behind keeps its own. */
static void a_page_is_written_by_its_holder_alone(void **state)
{
    struct cache *a, *b, *c;
    struct cache_pool *pool;
    char *first;

    (void)state;
    assert_ok(cache_pool_new(&pool, &small_shape[0], 6 * TOKENS));
    assert_ok(cache_new(&a, &small_shape[0], 2 * TOKENS, pool));
    assert_ok(cache_new(&b, &small_shape[0], 2 * TOKENS, pool));
    assert_ok(cache_new(&c, &small_shape[0], 2 * TOKENS, pool));
    for (int t = 0; t < TOKENS + 8; t++)
        cache_reach(a, t);
    first = a->page[1];
    memset(first, 7, pool->page);
    cache_share(b, a, TOKENS + 8);
    cache_share(c, b, TOKENS + 8);
    assert_int_equal(cache_common(a, c), 2 * TOKENS);
    cache_reach(b, TOKENS + 8);
    assert_true(b->page[1] != first && a->page[1] == first && c->page[1] == first);
    assert_memory_equal(b->page[1], first, pool->page);
    cache_reach(a, TOKENS + 8);
    cache_reach(c, TOKENS + 8); /* the last holder's: no copy */
    assert_true(a->page[1] != first && c->page[1] == first);
    assert_int_equal(cache_common(a, c), TOKENS);
    assert_int_equal(pool->n_free, 2);
    cache_free(a);
    assert_int_equal(pool->n_free, 3);
    cache_clear(b);
    cache_clear(b);
    assert_int_equal(pool->n_free, 4);
    cache_free(b);
    cache_free(c);
    assert_int_equal(pool->n_free, 6);
    cache_pool_free(pool);
}

/* Keys and values of bfloat16 take half the room. */
static void a_cache_is_as_large_as_it_says(void **state)
{
    struct shape shape = small_shape[0];
    size_t floats;

    (void)state;
    shape.head_dim = 64;
    floats = cache_size(&shape, 100);
    assert_int_equal(floats, (size_t)shape.layers * (size_t)shape.kv_heads * 128 * 2 * 64 * 4);
    shape.compute = PRECISION_BFLOAT16;
    assert_int_equal(cache_size(&shape, 100), floats / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shared_is_as_good_as_ones_own),
        cmocka_unit_test(a_page_is_written_by_its_holder_alone),
        cmocka_unit_test(a_cache_is_as_large_as_it_says),
    };

    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
