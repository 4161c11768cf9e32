#include "tests/lm/tiny.h"

#include "lm/model/packed.h"

static void the_weights_hash_is_that_of_other_programs(void **state)
{
    static const struct {
        int which;
        const char *sha256; /* from tests/golden/tiny_models.py */
    } golden[] = {
        {TINY_LLAMA, "4778191a5c474751f58c5ce148ca5c744bcf8b938b74f7e045e4fed365a39c78"},
        {TINY_QWEN2, "3e0b558d3a07fc0464586cc24a91e536f14ee7fd5c0d09a32baa46fc9e2b52ef"},
        {TINY_REWARD, "34901145737f4b48e9d91ec125e57107e931fe7ae3b9b09053b063b274da1ccb"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        struct params *params;
        struct hash hash;
        char text[HASH_TEXT];

        assert_ok(params_new(&params, &tiny[golden[i].which].shape));
        tiny_fill(params);
        hash = params_hash(params);
        assert_string_equal(hash_text(text, &hash), golden[i].sha256);
        params_free(params);
    }
}

static void weights_have_their_names_and_shapes(void **state)
{
    struct params *params;
    const struct tensor *t;
    size_t end = 0;

    (void)state;
    assert_ok(params_new(&params, &tiny[TINY_QWEN2].shape));
    assert_int_equal(params->n, 1 + 2 * 12 + 2);
    t = params_name(params, "model.layers.1.self_attn.k_proj.bias");
    assert_non_null(t);
    assert_ptr_equal(t, params_part(params, PART_K_BIAS, 1));
    assert_true(t->rows == 1 && t->cols == 16 && !t->decay);
    t = params_name(params, "model.layers.0.mlp.down_proj.weight");
    assert_true(t && t->rows == 112 && t->cols == 144 && t->decay && t->layer == 0);
    t = params_name(params, "lm_head.weight");
    assert_true(t && t->rows == 151 && t->cols == 112 && t->layer == -1);
    assert_null(params_name(params, "score.weight"));
    assert_null(params_part(params, PART_SCORE, -1));
    for (int i = 0; i < params->n; i++) {
        assert_int_equal(params->tensor[i].at, end);
        end += (size_t)(params->tensor[i].rows * params->tensor[i].cols);
    }
    assert_int_equal(params->count, end);
    params_free(params);
    assert_ok(params_new(&params, &tiny[TINY_LLAMA].shape));
    assert_null(params_name(params, "lm_head.weight"));
    assert_null(params_part(params, PART_Q_BIAS, 0));
    params_free(params);
}

static void an_image_gives_back_what_it_was_packed_from(void **state)
{
    (void)state;
    for (int k = 0; k < TINIES; k++) {
        struct tiny_model m = tiny_make(&tiny[k].shape);
        struct packed_layout *layout;
        struct params *back;

        assert_ok(packed_layout_new(&layout, &tiny[k].shape));
        assert_int_equal(layout->size * sizeof(float), packed_size(&tiny[k].shape));
        assert_int_equal(packed_at(layout, PART_Q, 0) % 1024, 0);
        assert_ok(params_new(&back, &tiny[k].shape));
        packed_unpack(back, layout, m.image);
        assert_memory_equal(back->data, m.params->data, back->count * sizeof(float));
        /* element (k, j) of panel p is W[32p + j][k]; missing columns are zero */
        for (int row = 0; row < (tiny[k].shape.vocab + 31) / 32 * 32; row++)
            for (int i = 0; i < tiny[k].shape.width; i += 7) {
                const float got =
                    m.image[packed_at(layout, PART_EMBED, -1) +
                            (size_t)(row / 32) * 32 * (size_t)tiny[k].shape.width +
                            (size_t)(32 * i + row % 32)];
                const float want = row < tiny[k].shape.vocab
                                       ? m.params->data[(size_t)(row * tiny[k].shape.width + i)]
                                       : 0;

                assert_true(got == want);
            }
        params_free(back);
        packed_layout_free(layout);
        tiny_drop(&m);
    }
}

static void initial_weights_are_normal_and_repeatable(void **state)
{
    struct shape shape = tiny[TINY_QWEN2].shape;
    const struct tensor *t;
    struct params *a, *b;
    double sum = 0, square = 0;
    char text[HASH_TEXT];
    struct hash hash;
    size_t n;

    (void)state;
    shape.init_std = 0.05;
    assert_ok(params_new(&a, &shape));
    assert_ok(params_new(&b, &shape));
    params_init(a, 7, false);
    params_init(b, 7, true);
    assert_memory_equal(a->data, b->data, a->count * sizeof(float));
    hash = params_hash(a);
    assert_string_equal(hash_text(text, &hash),
                        "c28a99e02197c83847b91e64085980312f793d829524770b10f14d90da568803");
    params_init(b, 8, false);
    assert_memory_not_equal(a->data, b->data, a->count * sizeof(float));
    t = params_part(a, PART_EMBED, -1);
    n = (size_t)(t->rows * t->cols);
    for (size_t i = 0; i < n; i++) {
        sum += (double)a->data[t->at + i];
        square += (double)a->data[t->at + i] * (double)a->data[t->at + i];
    }
    assert_true(fabs(sum / (double)n) < 4 * 0.05 / sqrt((double)n));
    assert_true(fabs(sqrt(square / (double)n) / 0.05 - 1) < 4 / sqrt(2 * (double)n));
    t = params_part(a, PART_NORM_MLP, 1);
    assert_true(a->data[t->at] == 1 && a->data[t->at + 111] == 1);
    t = params_part(a, PART_V_BIAS, 1);
    assert_true(a->data[t->at] == 0 && a->data[t->at + 15] == 0);
    params_free(a);
    params_free(b);
}

static void a_trunk_keeps_its_weights_under_another_head(void **state)
{
    struct params *lm, *critic, *zero, *fresh;
    const struct tensor *t;
    struct shape shape = tiny[TINY_LLAMA3].shape;

    (void)state;
    assert_ok(params_new(&lm, &shape));
    tiny_fill(lm);
    assert_ok(params_reheaded(&critic, lm, HEAD_SCALAR, 5, false));
    assert_ok(params_reheaded(&zero, lm, HEAD_SCALAR, 5, true));
    for (int i = 0; i < critic->n; i++) {
        const struct tensor *c = &critic->tensor[i], *from;

        from = params_part(lm, c->part, c->layer);
        if (from)
            assert_memory_equal(critic->data + c->at, lm->data + from->at,
                                (size_t)(c->rows * c->cols) * sizeof(float));
        else
            assert_int_equal(c->part, PART_SCORE);
    }
    t = params_part(critic, PART_SCORE, -1);
    assert_true(t && t->cols == 96 && critic->data[t->at] != 0 && zero->data[t->at] == 0);
    shape.head = HEAD_SCALAR; /* the same numbers as a fresh model of that seed */
    assert_ok(params_new(&fresh, &shape));
    params_init(fresh, 5, false);
    assert_memory_equal(fresh->data + t->at, critic->data + t->at, 96 * sizeof(float));
    params_free(lm);
    params_free(critic);
    params_free(zero);
    params_free(fresh);
}

static void a_shape_that_cannot_run_is_refused(void **state)
{
    const struct shape good = tiny[TINY_LLAMA3].shape;
    struct params *params;
    struct shape s;

    (void)state;
    assert_ok(shape_check(&good));
#define REFUSED(key, change) \
    s = good; \
    change; \
    assert_err(ERR_RANGE, shape_check(&s)); \
    assert_non_null(strstr(err_text(), key)); \
    assert_err(ERR_RANGE, params_new(&params, &s)); \
    assert_null(params)
    REFUSED("num_hidden_layers", s.layers = 0);
    REFUSED("hidden_size", s.width = 41);
    REFUSED("hidden_size", s.width = 1 << 20);
    REFUSED("num_attention_heads", s.heads = -1);
    REFUSED("num_key_value_heads", s.kv_heads = 4);
    REFUSED("head_dim", s.head_dim = 9);
    REFUSED("head_dim", (s.heads = 1024, s.kv_heads = 1024, s.head_dim = 1024));
    REFUSED("intermediate_size", s.ffn = 173);
    REFUSED("vocab_size", s.vocab = 0);
    REFUSED("max_position_embeddings", s.context = 0);
    REFUSED("rms_norm_eps", s.norm_eps = NAN);
    REFUSED("rope_theta", s.rope_theta = 0);
    REFUSED("rope_theta", s.rope_theta = NAN);
    REFUSED("rope_scaling.factor", s.rope_factor = 0);
    REFUSED("low_freq_factor", s.rope_low = 4);
    REFUSED("original_max_position_embeddings", s.rope_original = 0);
    REFUSED("rope_scaling", s.rope = (enum rope)9);
    REFUSED("eos_token_id", s.eos[0] = 131);
    REFUSED("eos_token_id", s.eos_count = 9);
    REFUSED("bos_token_id", s.bos = -2);
    REFUSED("initializer_range", s.init_std = -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_weights_hash_is_that_of_other_programs),
        cmocka_unit_test(weights_have_their_names_and_shapes),
        cmocka_unit_test(an_image_gives_back_what_it_was_packed_from),
        cmocka_unit_test(initial_weights_are_normal_and_repeatable),
        cmocka_unit_test(a_trunk_keeps_its_weights_under_another_head),
        cmocka_unit_test(a_shape_that_cannot_run_is_refused),
    };

    return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
