/* Masters as the weights that are computed with and what these lack: halves against master.h one by one, and
 * against packing; optimiser steps, hashes and files of them against those of a block of floats. */
#include "lm/file/weights.h"
#include "lm/kernel/halves.h"
#include "lm/kernel/master.h"
#include "lm/kernel/pairs.h"
#include "lm/model/masters.h"
#include "lm/optim/optim_rule.h"

#include "tests/lm/small.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <omp.h>
#include <stdio.h>

/* Numbers of every size, and edges among them: ties, 2^-56, denormals, the largest. */
static float wild(uint32_t i, uint32_t seed)
{
    static const uint32_t edge[] = {0x3F808000, 0xBF818000, 0x237FFFFF, 0x23800000, 0x00000001,
                                    0x7F7FFFFF, 0x80000000, 0x3F807FFF, 0xFF7F8000, 0xA3800000};
    uint32_t bits = (i + 1) * 2654435761u ^ (seed * 40503u + 97u) * 2246822519u;
    float x;

    bits ^= bits >> 15;
    bits *= 2246822519u;
    bits ^= bits >> 13;
    if (bits % 7 == 0)
        bits = edge[(bits >> 8) % (sizeof edge / sizeof *edge)];
    if ((bits & 0x7F800000u) == 0x7F800000u) /* masters are numbers */
        bits &= ~0x40000000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void same_bits(const float *a, const float *b, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0)
            fail_msg("%s: value %zu: %a, not %a", what, i, (double)a[i], (double)b[i]);
}

/* n rows of depth k, row.. of their matrix, at column `at` of `all` columns: whole panels and parts of them. */
static void halves_of(int all, int at, int row, int n, int k)
{
    const size_t size = pairs_size(all, k), values = (size_t)n * (size_t)k;
    uint16_t *got = calloc(size, sizeof *got), *want = calloc(size, sizeof *want);
    uint16_t *rest = calloc(values, sizeof *rest);
    float *w = calloc(values, sizeof *w), *back = calloc(values, sizeof *back);
    float *others = calloc((size_t)all * (size_t)k, sizeof *others);

    for (size_t i = 0; i < (size_t)all * (size_t)k; i++)
        others[i] = wild((uint32_t)i, 5);
    for (size_t i = 0; i < values; i++)
        w[i] = wild((uint32_t)i, (uint32_t)(at + n + k));
    pairs_pack_rounded(got, 0, others, (size_t)k, 0, all, k);
    memcpy(want, got, size * sizeof *got);
    pairs_pack_rounded(want, at, w, (size_t)k, row, n, k);
    halves_part(got, at, rest, w, row, n, k);
    assert_memory_equal(got, want, size * sizeof *got);
    halves_join(back, got, at, rest, row, n, k);
    for (size_t i = 0; i < values; i++)
        w[i] = master_settled(w[i]);
    same_bits(back, w, values, "joined");
    free(got);
    free(want);
    free(rest);
    free(w);
    free(back);
    free(others);
}

static void rows_are_their_halves(void **state)
{
    static const int depth[] = {1, 31, 32, 33, 64, 97};
    (void)state;

    for (size_t d = 0; d < sizeof depth / sizeof *depth; d++)
        for (int at = 0; at < 70; at += 23)
            for (int n = 1; n <= 97; n += 24)
                halves_of(at + n + 40, at, 7 * at % 50, n, depth[d]);
}

/* A number that no master may be comes back as one. */
static void no_number_stays_none(void **state)
{
    uint16_t pairs[32 * 32] = {0}, rest[3] = {0};
    float w[3] = {1.5f, NAN, -INFINITY};
    (void)state;

    halves_part(pairs, 4, rest, w, 9, 1, 3);
    halves_join(w, pairs, 4, rest, 9, 1, 3);
    assert_true(w[0] == 1.5f && isnan(w[1]) && w[2] == -INFINITY);
}

/* ---- steps */

struct masters_bed {
    struct small plain, small; /* a block of floats; masters */
    struct masters *masters;
    struct moments of_plain, moments;
    float *grad, *scaled;
    size_t count;
};

static void bed_new(struct masters_bed *bed, const struct shape *shape)
{
    small_new(&bed->plain, shape);
    small_new(&bed->small, shape);
    bed->count = bed->small.params->count;
    memset(bed->small.image, 0, packed_size(shape));
    assert_ok(
        masters_new(&bed->masters, bed->small.params, bed->small.image, bed->small.layout));
    assert_null(bed->small.params->data);
    assert_ok(moments_new(&bed->of_plain, bed->plain.params, false));
    assert_ok(moments_new(&bed->moments, bed->small.params, false));
    bed->grad = calloc(bed->count, sizeof *bed->grad);
    bed->scaled = calloc(bed->count, sizeof *bed->scaled);
    assert_non_null(bed->grad);
    assert_non_null(bed->scaled);
}

static void bed_free(struct masters_bed *bed)
{
    masters_free(bed->masters);
    moments_free(&bed->of_plain);
    moments_free(&bed->moments);
    free(bed->grad);
    free(bed->scaled);
    small_free(&bed->plain);
    small_free(&bed->small);
}

/* Rows, the hash and the image are those of the block of floats. */
static void same_weights(const struct masters_bed *bed)
{
    const struct params *a = bed->plain.params, *b = bed->small.params;
    const struct hash was = params_hash(a), is = params_hash(b);
    float room[1024];

    for (int i = 0; i < a->n; i++) {
        const struct tensor *t = &a->tensor[i];
        const int n = t->rows < 3 ? t->rows : 3, row = t->rows - n;

        if ((size_t)n * (size_t)t->cols <= sizeof room / sizeof *room)
            same_bits(params_rows(b, t, row, n, room), params_rows(a, t, row, n, NULL),
                      (size_t)n * (size_t)t->cols, t->name);
    }
    assert_memory_equal(&was, &is, sizeof was);
    assert_memory_equal(bed->plain.image, bed->small.image, packed_size(&a->shape));
}

/* A gradient that is multiplied as it is read, from the second step on, is one that was multiplied before. */
static void steps_of(const struct shape *shape, const struct adamw *conf)
{
    struct masters_bed bed;

    bed_new(&bed, shape);
    same_weights(&bed);
    for (uint32_t t = 1; t <= 3; t++) {
        const struct optim_target plain = {
            .params = bed.plain.params, .grad = bed.scaled, .moments = &bed.of_plain};
        const struct optim_target target = {.params = bed.small.params,
                                            .masters = bed.masters,
                                            .grad = bed.grad,
                                            .moments = &bed.moments,
                                            .shrink = t > 1 ? 0.37f : 0};

        formula_fill(bed.grad, bed.count, 10 * t, 0.3f, 0.0f);
        memcpy(bed.scaled, bed.grad, bed.count * sizeof *bed.grad);
        if (t > 1)
            optim_scale(bed.scaled, bed.count, 0.37f);
        omp_set_num_threads(1);
        optim_rule_step(conf, &plain, t, 1e-2 / t);
        small_pack(&bed.plain);
        omp_set_num_threads(3);
        optim_rule_step(conf, &target, t, 1e-2 / t);
        same_weights(&bed);
    }
    assert_memory_equal(bed.moments.m, bed.of_plain.m, bed.moments.bytes);
    assert_memory_equal(bed.moments.v, bed.of_plain.v, bed.moments.bytes);
    bed_free(&bed);
}

static void steps_are_those_of_floats(void **state)
{
    static const enum optim_rule rules[] = {OPTIM_ADAMW,   OPTIM_SGD,  OPTIM_RMSPROP,
                                            OPTIM_ADAGRAD, OPTIM_LION, OPTIM_ADAFACTOR};
    const int threads = omp_get_max_threads();
    (void)state;

    for (size_t c = 0; c < SMALL_SHAPES; c++) {
        struct adamw conf = {0.9, 0.95, 1e-6, 0.1, OPTIM_ADAMW, {.nesterov = false}};
        struct shape shape = small_shape[c];

        shape.compute = PRECISION_BFLOAT16;
        for (size_t r = 0; r < (c ? 1 : sizeof rules / sizeof *rules); r++) {
            conf.rule = rules[r];
            steps_of(&shape, &conf);
        }
    }
    omp_set_num_threads(threads);
}

/* Of float32 the image follows in the same walk, and is what packing anew gives. */
static void the_image_follows(void **state)
{
    const struct adamw conf = {0.9, 0.95, 1e-6, 0.1, OPTIM_ADAMW, {.nesterov = false}};
    (void)state;

    for (size_t c = 0; c < SMALL_SHAPES; c++) {
        struct small small;
        struct moments moments;
        float *grad, *image = aligned_alloc(64, packed_size(&small_shape[c]));

        small_new(&small, &small_shape[c]);
        grad = calloc(small.params->count, sizeof *grad);
        assert_ok(moments_new(&moments, small.params, false));
        formula_fill(grad, small.params->count, 10, 0.3f, 0.0f);
        const struct optim_target target = {.params = small.params,
                                            .image = small.image,
                                            .layout = small.layout,
                                            .grad = grad,
                                            .moments = &moments};
        optim_rule_step(&conf, &target, 1, 1e-2);
        packed_fill(image, small.layout, small.params);
        assert_memory_equal(image, small.image, packed_size(&small_shape[c]));
        free(image);
        free(grad);
        moments_free(&moments);
        small_free(&small);
    }
}

/* ---- files */

static void files_are_those_of_floats(void **state)
{
    static const char *const dtypes[] = {"float32", "bfloat16"};
    (void)state;

    for (size_t c = 0; c < SMALL_SHAPES; c++)
        for (size_t d = 0; d < 2; d++) {
            struct shape shape = small_shape[c];
            struct masters_bed bed;
            struct hash was, is;
            const char *const path[] = {scratch_at("0.safetensors"),
                                        scratch_at("1.safetensors")};
            char line[600];

            shape.compute = PRECISION_BFLOAT16;
            bed_new(&bed, &shape);
            assert_ok(weights_write(path[0], bed.plain.params, dtypes[d]));
            assert_ok(weights_write(path[1], bed.small.params, dtypes[d]));
            snprintf(line, sizeof line, "cmp %s %s", path[0], path[1]);
            assert_int_equal(system(line), 0);
            was = weights_write_hash(bed.plain.params, dtypes[d]);
            is = weights_write_hash(bed.small.params, dtypes[d]);
            assert_memory_equal(&was, &is, sizeof was);
            bed_free(&bed);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_their_halves),     cmocka_unit_test(no_number_stays_none),
        cmocka_unit_test(steps_are_those_of_floats), cmocka_unit_test(the_image_follows),
        cmocka_unit_test(files_are_those_of_floats),
    };

    return cmocka_run_group_tests_name("masters", tests, scratch_open, scratch_close);
}
