/* compute: bfloat16 and int8: what they round, and where; that nothing else changes what is said elsewhere of
 * roads and instruction sets (lm/forward), training (lm/train) and files (lm/packed_model). */
#include "lm/file/open_model.h"
#include "lm/kernel/attention.h"
#include "lm/kernel/master.h"
#include "lm/model/cache.h"
#include "tests/lm/small.h"
#include "tests/lm/tiny.h"
#include "tests/support/scratch.h"

#include <stdio.h>

static uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* ---- masters */

/* The upper half, or the next one away from zero where the lower half reaches over the threshold. */
static void check_master(float x, uint32_t threshold)
{
    const float settled = master_settled(x);
    const uint16_t weight = master_weight(x, threshold);
    const uint32_t upper = bits_of(settled) >> 16, lower = bits_of(settled) & 0xFFFF;

    assert_int_equal(weight, lower >= 65536 - threshold ? upper + 1 : upper);
    assert_int_equal(bits_of(master_join(weight, master_rest(settled), threshold)),
                     bits_of(settled));
    assert_int_equal(master_weight(settled, threshold), weight);
    assert_int_equal(master_weight(bf16_widen(weight), threshold), weight); /* on the grid */
    assert_true(weight == 0 || !(fabsf(bf16_widen(weight)) < 0x1p-56f));
}

static void a_weight_and_sixteen_bits_are_its_master(void **state)
{
    static const uint32_t edge[] = {0,          1,          0x237FFFFF, 0x23800000, 0x23800001,
                                    0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001, 0x7F7F7FFF,
                                    0x7F7F8000, 0x7F7FFFFF, 0x00800000, 0x007FFFFF};
    static const uint32_t threshold[] = {0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF};

    (void)state;
    for (size_t i = 0; i < sizeof edge / sizeof *edge; i++)
        for (size_t t = 0; t < sizeof threshold / sizeof *threshold; t++) {
            check_master(float_of(edge[i]), threshold[t]);
            check_master(float_of(edge[i] | 0x80000000u), threshold[t]);
        }
    for (uint32_t i = 0; i < 2000000; i++) {
        const uint32_t bits = tiny_mix(i);

        if ((bits & 0x7F800000u) != 0x7F800000u)
            check_master(float_of(bits), tiny_mix(~i) >> 16);
    }
    for (size_t t = 0; t < sizeof threshold / sizeof *threshold; t++) {
        assert_int_equal(master_weight(-0.0f, threshold[t]), 0);
        assert_int_equal(master_weight(INFINITY, threshold[t]), 0x7F80);
        assert_true(isnan(bf16_widen(master_weight(float_of(0x7F800001), threshold[t]))));
        assert_true(isnan(bf16_widen(master_weight(float_of(0xFFFFFFFF), threshold[t]))));
    }
}

/* Thresholds by whole numbers of any size, as Python has them; and of weights that are all moved by one share of
 * their last place, that share moves by a whole one: in a matrix, in each row, column, and square of it. */
static void a_share_of_weights_moves_as_far_as_all_should(void **state)
{
    enum { ROWS = 512, COLUMNS = 576, SIDE = 32 };
    static const uint32_t lower[] = {655, 6554, 32768, 60000};
    static int row[ROWS], column[COLUMNS], square[ROWS / SIDE * (COLUMNS / SIDE)];

    (void)state;
    assert_int_equal(master_threshold(0, 0), 0);
    assert_int_equal(master_threshold(1, 0), 0xC13F);
    assert_int_equal(master_threshold(0, 1), 0x91E1);
    assert_int_equal(master_threshold(2, 3), 0x3822);
    assert_int_equal(master_threshold(49151, 1535), 0xB26F);
    for (size_t l = 0; l < sizeof lower / sizeof *lower; l++) {
        const double share = lower[l] / 65536.0;
        int all = 0;

        memset(row, 0, sizeof row);
        memset(column, 0, sizeof column);
        memset(square, 0, sizeof square);
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < COLUMNS; c++) {
                const int up = master_weight(float_of(0xBF800000u + lower[l]),
                                             master_threshold(r, c)) == 0xBF81;

                all += up;
                row[r] += up;
                column[c] += up;
                square[r / SIDE * (COLUMNS / SIDE) + c / SIDE] += up;
            }
        assert_true(fabs(all / (double)(ROWS * COLUMNS) - share) < 1e-4);
        for (int r = 0; r < ROWS; r++)
            assert_true(fabs(row[r] / (double)COLUMNS - share) < .01);
        for (int c = 0; c < COLUMNS; c++)
            assert_true(fabs(column[c] / (double)ROWS - share) < .01);
        for (int i = 0; i < ROWS / SIDE * (COLUMNS / SIDE); i++)
            assert_true(fabs(square[i] / (double)(SIDE * SIDE) - share) < .01);
    }
}

/* ---- the forward pass */

/* How far a model of tiny's shape is from what torch says of a sequence, on average; *alike: of how many
 * tokens, from the first on, it says the same to 1e-5. */
static double apart(const struct shape *shape, int sequence, const float *want, int n,
                    int *alike)
{
    const bool words = shape->head == HEAD_LM;
    const int tokens = n + words, seq[2] = {0, tokens};
    struct tiny_model m = tiny_reach(shape, tokens);
    float got[160];
    int token[160];
    double sum = 0;

    for (int t = 0; t < tokens; t++)
        token[t] = tiny_token(shape->vocab, sequence, t);
    assert_ok(
        forward_score(m.model, token, seq, 1, 1, words ? got : NULL, NULL, words ? NULL : got));
    *alike = n;
    for (int i = n - 1; i >= 0; i--) {
        const double far = fabs((double)got[i + words] - (double)want[i]);

        sum += far / n;
        if (far > 1e-5 * (1 + fabs((double)want[i])))
            *alike = i;
    }
    tiny_drop(&m);
    return sum;
}

/* torch rounds the same operands in the same places and adds them up in another order: sooner or later a
 * last bit of f32 makes another number of bfloat16, or another whole number, and tokens from there on
 * differ by more. `each`: of one sequence at least so many are alike; `least`: of all. */
static void as_torch_says(const char *path, enum precision compute, int each, int least)
{
    FILE *file = fopen(path, "r");
    char name[32], kind[32];
    int sequence, n, lines = 0, all = 0;

    assert_non_null(file);
    while (fscanf(file, "%31s %31s %d %d", name, kind, &sequence, &n) == 4) {
        struct shape shape = {.layers = 0};
        double with, without;
        float want[160];
        int alike;

        assert_true(n <= 150);
        for (int i = 0; i < n; i++)
            assert_int_equal(fscanf(file, "%f", &want[i]), 1);
        for (int i = 0; i < TINIES; i++)
            if (!strcmp(tiny[i].name, name))
                shape = tiny[i].shape;
        without = apart(&shape, sequence, want, n, &alike);
        shape.compute = compute;
        with = apart(&shape, sequence, want, n, &alike);
        print_message(
            "%s, %s, %d tokens: %.2g apart; in float32 %.2g; the first %d are alike\n",
            precision_name(compute), name, n, with, without, alike);
        all += alike;
        assert_true(with < 0.5 * without && alike >= each);
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, 2 * TINIES);
    print_message("%d tokens to 1e-5\n", all);
    assert_true(all > least);
}

static void torch_with_these_roundings_says_the_same(void **state)
{
    (void)state;
    as_torch_says(GOLDEN "/tiny_bf16.txt", PRECISION_BFLOAT16, 2, 300);
    as_torch_says(GOLDEN "/tiny_int8.txt", PRECISION_INT8, 1, 500);
}

static void on_the_grid(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(bits_of(x[i]) & 0xFFFFu, 0);
}

/* Of every layer and head, as attention comes to see them. */
static void keys_and_values_are_rounded_where_they_are_made(void **state)
{
    enum { N = 40 };

    (void)state;
    for (int k = 0; k < SMALL_SHAPES; k++) {
        struct shape shape = small_shape[k];
        const int width = block_width(&shape, ACT_QKV);
        const int both = 2 * shape.kv_heads * shape.head_dim;
        struct forward_row rows[N];
        struct forward_work *work;
        struct block_pass pass;
        struct cache *cache;
        struct small s;

        shape.compute = k % 2 ? PRECISION_INT8 : PRECISION_BFLOAT16;
        small_new(&s, &shape);
        assert_ok(cache_new(&cache, &shape, N, NULL));
        assert_ok(forward_work_new(&work, &shape, N));
        for (int i = 0; i < N; i++)
            rows[i] =
                (struct forward_row){cache, formula_token((uint32_t)i, 3, shape.vocab), i};
        forward_work_begin(work, &shape, rows, N);
        pass = forward_work_pass(work, s.model, N);
        model_embed(s.model, work->x, work->token, work->pos, N);
        for (int i = 0; i <= model_two_angles(&shape); i++)
            model_angles(s.model, work->cos[i], work->sin[i], work->pos, N, i);
        for (int l = 0; l < shape.layers; l++)
            for (int i = 0; i < s.model->block->n_ops; i++) {
                const struct block_op *op = &s.model->block->op[i];

                for (int r = 0; op->kind == OP_ATTEND && r < N; r++)
                    on_the_grid(pass.act[op->from] + (r + 1) * width - both, (size_t)both);
                block_forward_op(&pass, l, i);
            }
        forward_work_free(work);
        cache_free(cache);
        small_free(&s);
    }
}

/* In either precision the weight that spoils a layer is named, not the head that it shows in. */
static void a_fault_names_its_weight(void **state)
{
    static const struct {
        enum part part;
        int layer;
        const char *words;
    } row[] = {
        {PART_DOWN, 1, "layer 1, model.layers.1.mlp.down_proj.weight"},
        {PART_K, 0, "layer 0, model.layers.0.self_attn.q_proj.weight"}, /* its group's first */
        {PART_NORM_MLP, 0, "layer 0, model.layers.0.post_attention_layernorm.weight"},
        {PART_NORM_FINAL, -1, "the final norm or the head"},
        {PART_EMBED, -1, "the embedding"}};
    const int seq[3] = {0, 4, 9}, token[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    float out[9];

    (void)state;
    for (int k = 0; k < PRECISIONS * (int)(sizeof row / sizeof *row); k++) {
        const int i = k / PRECISIONS;
        struct shape shape = small_shape[1];
        const struct tensor *t;
        struct small s;

        shape.compute = (enum precision)(k % PRECISIONS);
        small_new(&s, &shape);
        t = params_part(s.params, row[i].part, row[i].layer);
        assert_non_null(t);
        assert_ok(forward_score(s.model, token, seq, 2, 1, out, NULL, NULL));
        for (int j = 0; j < t->rows * t->cols; j++)
            s.params->data[t->at + (size_t)j] = j % 7 ? 1e38f : NAN;
        small_pack(&s);
        assert_err(ERR_RANGE, forward_score(s.model, token, seq, 2, 1, out, NULL, NULL));
        if (!strstr(err_text(), row[i].words))
            fail_msg("%s: no '%s'", err_text(), row[i].words);
        small_free(&s);
    }
}

/* ---- images */

static void an_image_has_two_bytes_a_parameter(void **state)
{
    (void)state;
    for (int k = 0; k < SMALL_SHAPES; k++) {
        struct shape shape = small_shape[k];
        struct params *back;
        struct small s;

        shape.compute = PRECISION_BFLOAT16;
        small_new(&s, &shape);
        assert_int_equal(packed_size(&shape), packed_size_as(&small_shape[k], PACKED_PAIRS));
        assert_ok(params_new(&back, &shape));
        packed_unpack(back, s.layout, s.image);
        for (int i = 0; i < s.params->n; i++) {
            const struct tensor *t = &s.params->tensor[i];
            const int n = (int)(t->rows * t->cols), cols = (int)t->cols;
            const float *const from = s.params->data + t->at, *const to = back->data + t->at;

            for (int j = 0; j < n; j++) {
                const uint32_t threshold = master_threshold(j / cols, j % cols);

                assert_int_equal(bits_of(to[j]),
                                 part_in_panels(t->row)
                                     ? (uint32_t)master_weight(from[j], threshold) << 16
                                     : bits_of(from[j]));
            }
        }
        params_round_all(s.params); /* the same of weights that lie as they are */
        assert_memory_equal(s.params->data, back->data, back->count * sizeof *back->data);
        params_free(back);
        small_free(&s);
    }
}

/* Of a matrix but those of queries, keys and values: a byte, and a float each 32. Beside pairs lies what is
 * multiplied with: an embedding only where it is the head. */
static void an_image_of_whole_numbers_has_one(void **state)
{
    static const enum head head[4] = {HEAD_LM, HEAD_LM, HEAD_SCALAR, HEAD_STEP};

    (void)state;
    for (int e = 0; e < 4; e++) {
        struct shape shape = tiny[1].shape, bf16;
        double of[3] = {0}; /* whole numbers, what is read by rows alone, and the rest */
        struct params *outline;

        shape.head = head[e];
        shape.tied = e % 2 == 0;
        shape.vocab = 4096;
        shape.width = shape.ffn = 768;
        bf16 = shape;
        shape.compute = PRECISION_INT8;
        bf16.compute = PRECISION_BFLOAT16;
        assert_ok(params_outline(&outline, &shape));
        for (int i = 0; i < outline->n; i++) {
            const struct tensor *t = &outline->tensor[i];
            const bool half = !part_in_panels(t->row) || t->row->group == PART_Q;

            of[half ? 2 : t->part == PART_EMBED && e] += (double)t->rows * t->cols;
        }
        params_free(outline);
        assert_int_equal(packed_size(&shape), packed_size(&bf16)); /* it travels so */
        assert_true((double)packed_size_as(&shape, PACKED_INT8) <
                    1.01 * (1.125 * (of[0] + of[1]) + 2 * of[2]));
        assert_true(fabs((double)model_size_beside(&shape) / (1.125 * of[0]) - 1) < .01);
        assert_int_equal(model_size_beside(&bf16), 0);
    }
}

/* Made of f32 that is rounded on its way, of an image of pairs, and again after that has changed. */
static void whole_numbers_are_those_of_the_rounded_weights(void **state)
{
    const int seq[2] = {0, 40};
    int token[40];

    (void)state;
    for (int k = 0; k < SMALL_SHAPES; k++) {
        struct shape shape = small_shape[k];
        const bool words = shape.head == HEAD_LM;
        float want[40], got[40];
        struct packed_layout *layout;
        struct model *model;
        struct small s;
        float *image;

        shape.compute = PRECISION_INT8;
        small_new(&s, &shape);
        for (int i = 0; i < 40; i++)
            token[i] = formula_token((uint32_t)i, 3, shape.vocab);
        assert_ok(packed_layout_as(&layout, &shape, PACKED_INT8));
        assert_ok(mem_big(&image, layout->size, sizeof *image, "image"));
        for (int again = 0; again < 2; again++) {
            for (size_t i = 0; again && i < s.params->count; i++)
                s.params->data[i] *= 1.0f + 0.01f * (float)(i % 7);
            small_pack(&s);
            packed_fill(image, layout, s.params);
            assert_ok(
                model_new_as(&model, &shape, PACKED_INT8, image, layout->size * sizeof *image));
            for (int one = 0; one < 2; one++)
                assert_ok(forward_score(one ? model : s.model, token, seq, 1, 1,
                                        words ? one ? got : want : NULL, NULL,
                                        words ? NULL
                                        : one ? got
                                              : want));
            assert_memory_equal(got + words, want + words, (size_t)(40 - words) * sizeof *got);
            model_free(model);
        }
        free(image);
        packed_layout_free(layout);
        small_free(&s);
    }
}

static void an_image_that_is_too_fine_or_coarse_is_refused(void **state)
{
    struct shape shape = small_shape[0];
    struct packed_layout *layout;

    (void)state;
    for (int store = PACKED_INT8; store <= PACKED_BESIDE; store++)
        for (int c = 0; c < PRECISION_INT8; c++) {
            shape.compute = (enum precision)c;
            assert_err(ERR_RANGE, packed_layout_as(&layout, &shape, (enum packed_store)store));
        }
    shape.compute = PRECISION_INT8;
    assert_err(ERR_RANGE, packed_layout_as(&layout, &shape, PACKED_F32));
    shape.compute = PRECISION_BFLOAT16;
    assert_err(ERR_RANGE, packed_layout_as(&layout, &shape, PACKED_F32));
    shape.compute = PRECISIONS;
    assert_err(ERR_RANGE, packed_layout_new(&layout, &shape));
}

/* ---- names and files */

static void a_word_names_it(void **state)
{
    enum precision got;

    (void)state;
    for (int i = 0; i < PRECISIONS; i++) {
        assert_ok(precision_named(&got, precision_name((enum precision)i)));
        assert_int_equal(got, i);
    }
    assert_ok(precision_named(&got, NULL));
    assert_int_equal(got, PRECISION_FLOAT32);
    assert_ok(precision_named(&got, "bf16"));
    assert_int_equal(got, PRECISION_BFLOAT16);
    assert_true(precision_halves(PRECISION_INT8) && precision_halves(PRECISION_BFLOAT16) &&
                !precision_halves(PRECISION_FLOAT32));
    assert_err(ERR_RANGE, precision_named(&got, "fp16"));
    assert_non_null(strstr(err_text(), "bfloat16"));
    assert_err(ERR_RANGE, precision_named(&got, "int4"));
}

static void score(const struct open_model *m, float out[24])
{
    const int seq[2] = {0, 24};
    int token[24];

    for (int i = 0; i < 24; i++)
        token[i] = tiny_token(model_shape(m->model)->vocab, 4, i);
    assert_ok(forward_score(m->model, token, seq, 1, 1, out, NULL, NULL));
}

/* Rounded weights in a file of f32 are the file's own; the card says what is computed in. */
static void rounded_as(enum precision compute)
{
    const char *const name = precision_name(compute);
    struct model_files *files, *of_card;
    struct open_model m, again;
    float want[24], got[24];

    assert_ok(open_model_all(&m, GOLDEN "/model/llama5", HEAD_LM, name));
    assert_int_equal(m.files->layout->store, packed_store_run(model_shape(m.model)));
    score(&m, want);
    assert_ok(model_files_open_as(&files, GOLDEN "/model/llama5", MODEL_FILES_ALL, compute));
    for (int half = 0; half < 2; half++) {
        assert_ok(model_files_save(scratch_at("as"), files, files->params,
                                   half ? "bfloat16" : "float32"));
        assert_ok(open_model_all(&again, scratch_at("as"), HEAD_LM, name));
        assert_int_equal(again.files->layout->size, m.files->layout->size);
        assert_memory_equal(again.files->image, m.files->image,
                            m.files->layout->size * sizeof(float));
        score(&again, got);
        assert_memory_equal(got, want, sizeof got);
        open_model_close(&again);
    }
    assert_ok(model_files_from_meta(&of_card, files->card, files->card_size, "card"));
    assert_int_equal(of_card->shape.compute, compute);
    assert_int_equal(packed_size_as(&of_card->shape, m.files->layout->store),
                     m.files->layout->size * sizeof(float));
    model_files_free(of_card);
    model_files_free(files);
    open_model_close(&m);
}

static void a_file_of_float32_is_rounded(void **state)
{
    struct open_model m;

    (void)state;
    rounded_as(PRECISION_BFLOAT16);
    rounded_as(PRECISION_INT8);
    assert_err(ERR_RANGE, open_model_all(&m, GOLDEN "/model/llama5", HEAD_LM, "float16"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_weight_and_sixteen_bits_are_its_master),
        cmocka_unit_test(a_share_of_weights_moves_as_far_as_all_should),
        cmocka_unit_test(torch_with_these_roundings_says_the_same),
        cmocka_unit_test(keys_and_values_are_rounded_where_they_are_made),
        cmocka_unit_test(a_fault_names_its_weight),
        cmocka_unit_test(an_image_has_two_bytes_a_parameter),
        cmocka_unit_test(an_image_of_whole_numbers_has_one),
        cmocka_unit_test(whole_numbers_are_those_of_the_rounded_weights),
        cmocka_unit_test(an_image_that_is_too_fine_or_coarse_is_refused),
        cmocka_unit_test(a_word_names_it),
        cmocka_unit_test(a_file_of_float32_is_rounded),
    };

    return cmocka_run_group_tests_name("lm/precision", tests, scratch_open, scratch_close);
}
