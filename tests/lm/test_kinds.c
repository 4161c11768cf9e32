/* Further kinds of models: scored as transformers scores them, decoded token by token with the bits
 * that scoring has, and written to config.json and read again as the same model. Their slopes are
 * tried in test_train (small.h). */

#include "lm/file/hfconfig.h"
#include "lm/file/hfconfig_write.h"
#include "tests/lm/kinds.h"
#include "tests/lm/tiny.h"

#include <stdio.h>

/* Golden numbers: transformers on the same weights (tests/golden/tiny_models.py kinds). */
enum { LENGTH = 150, PROMPT = 17, GREEDY = 24 };

static struct tiny_model made(const char *name, int longest)
{
    for (int i = 0; i < KINDS_COUNT; i++)
        if (!strcmp(kinds[i].name, name))
            return tiny_reach(&kinds[i].shape, longest);
    fail_msg("no kind %s", name);
    return (struct tiny_model){0};
}

static void scored(const char *name, const float *want, int count)
{
    struct tiny_model m = made(name, LENGTH);
    const int seq[] = {0, LENGTH};
    int token[LENGTH];
    float got[LENGTH];

    for (int t = 0; t < LENGTH; t++)
        token[t] = tiny_token(80, 2, t);
    assert_int_equal(count, LENGTH - 1);
    assert_ok(forward_score(m.model, token, seq, 1, 1, got, NULL, NULL));
    for (int t = 0; t < count; t++)
        if (!(fabs((double)got[t + 1] - (double)want[t]) < 3e-5))
            fail_msg("%s, token %d: %.8g, transformers has %.8g", name, t + 1,
                     (double)got[t + 1], (double)want[t]);
    tiny_drop(&m);
}

/* One row a pass: keys of earlier tokens come out of the cache. */
static void decoded(const char *name, const float *want, int count)
{
    struct tiny_model m = made(name, PROMPT + GREEDY);
    struct forward_work *work;
    struct cache *cache;
    float hidden[128], logits[80];
    int token = tiny_token(80, 1, 0);

    assert_int_equal(count, GREEDY);
    assert_ok(cache_new(&cache, model_shape(m.model), PROMPT + GREEDY, NULL));
    assert_ok(forward_work_new(&work, model_shape(m.model), 1));
    for (int t = 0; t < PROMPT + GREEDY; t++) {
        const struct forward_row row = {cache, token, t};

        forward_hidden(m.model, work, &row, 1, hidden);
        forward_logits(m.model, work, hidden, 1, logits);
        token = 0;
        for (int i = 1; i < 80; i++)
            token = logits[i] > logits[token] ? i : token;
        if (t >= PROMPT - 1 && t < PROMPT - 1 + GREEDY)
            assert_int_equal(token, (int)want[t - PROMPT + 1]);
        if (t < PROMPT - 1)
            token = tiny_token(80, 1, t + 1);
    }
    forward_work_free(work);
    cache_free(cache);
    tiny_drop(&m);
}

static void transformers_scores_and_answers_alike(void **state)
{
    FILE *file = fopen(GOLDEN "/kinds.txt", "r");
    char name[32], kind[32];
    int seq, count, lines = 0;
    float want[256];

    (void)state;
    assert_non_null(file);
    for (; fscanf(file, "%31s %31s %d %d", name, kind, &seq, &count) == 4; lines++) {
        assert_true(count > 0 && count <= 256);
        for (int i = 0; i < count; i++)
            assert_int_equal(fscanf(file, "%f", &want[i]), 1);
        if (!strcmp(kind, "logprob"))
            scored(name, want, count);
        else
            decoded(name, want, count);
    }
    fclose(file);
    assert_int_equal(lines, 2 * KINDS_COUNT);
}

/* What is written is what was there, byte for byte: an actor's card is named by its hash. */
static void a_config_gives_the_shape_back(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS_COUNT; i++) {
        json_t *config = hfconfig_write(&kinds[i].shape, "float32"), *again;
        struct shape read;

        if (hfconfig_read(&read, config, kinds[i].name))
            fail_msg("%s", err_text());
        again = hfconfig_write(&read, "float32");
        assert_true(json_equal(config, again));
        assert_int_equal(part_count(&read), part_count(&kinds[i].shape));
        assert_int_equal(read.rotary, kinds[i].shape.rotary);
        assert_memory_equal(read.unrotated, kinds[i].shape.unrotated, sizeof read.unrotated);
        assert_memory_equal(read.local, kinds[i].shape.local, sizeof read.local);
        assert_true(read.act == kinds[i].shape.act);
        json_decref(config);
        json_decref(again);
    }
}

/* Files have q, k, v of a kv head together; ours come one kind after another. */
static void grouped_rows_are_found(void **state)
{
    const struct shape s = {.heads = 4, .kv_heads = 2, .head_dim = 2};
    static const int want[] = {0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15};

    (void)state;
    for (int r = 0; r < 16; r++)
        assert_int_equal(part_grouped(&s, r), want[r]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transformers_scores_and_answers_alike),
        cmocka_unit_test(a_config_gives_the_shape_back),
        cmocka_unit_test(grouped_rows_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
