#include "lm/file/gguf.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"
#include "lm/file/ggufmodel.h"
#include "lm/file/ggufshape.h"
#include "lm/file/meta.h"
#include "lm/file/ropefit.h"
#include "lm/file/source.h"
#include "lm/text/tokenizer.h"

#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TINY GOLDEN "/model/llama.gguf"

enum { U8 = 0, U32 = 4, F32 = 6, BOOL = 7, TEXT = 8, LIST = 9, U64 = 10 };

/* A file under construction. */
static uint8_t bytes[1 << 16];
static size_t n;

static void put(const void *from, size_t size)
{
    assert_true(n + size <= sizeof bytes);
    memcpy(bytes + n, from, size);
    n += size;
}

static void u32(uint32_t v)
{
    put(&v, sizeof v);
}

static void u64(uint64_t v)
{
    put(&v, sizeof v);
}

static void text(const char *t)
{
    u64(strlen(t));
    put(t, strlen(t));
}

static void start(uint32_t version, uint64_t tensors, uint64_t keys)
{
    n = 0;
    put("GGUF", 4);
    u32(version);
    u64(tensors);
    u64(keys);
}

static void tensor(const char *name, uint32_t type, uint64_t cols, uint64_t rows, uint64_t at)
{
    text(name);
    u32(2);
    u64(cols);
    u64(rows);
    u32(type);
    u64(at);
}

static void data(size_t size)
{
    n = (n + 31) / 32 * 32;
    memset(bytes + n, 0, size);
    n += size;
}

static enum err parse_bytes(struct gguf **out, const void *from, size_t size)
{
    struct source *source;

    source_memory(&source, from, size, "evil.gguf");
    return gguf_take(out, source);
}

static void refused(enum err code, const char *why)
{
    uint8_t *exact = mem_new(n, 1);
    struct gguf *file;
    enum err err;

    memcpy(exact, bytes, n);
    err = parse_bytes(&file, exact, n);
    if (err != code || file || !strstr(err_text(), why) ||
        strncmp(err_text(), "evil.gguf: ", 11) != 0)
        fail_msg("wanted %s; got %d %s", why, err, err ? err_text() : "opened");
    free(exact);
}

static void opens(void)
{
    struct gguf *file;

    assert_ok(parse_bytes(&file, bytes, n));
    gguf_close(file);
}

static void evil_metadata_is_refused(void **state)
{
    (void)state;
    n = 0;
    refused(ERR_PARSE, "byte 0");
    put("GGUX\3\0\0\0", 8);
    refused(ERR_PARSE, "does not start with GGUF");
    start(1, 0, 0);
    refused(ERR_RANGE, "version 1");
    start(0x03000000, 0, 0);
    refused(ERR_RANGE, "big-endian");
    start(3, UINT64_MAX, 0);
    refused(ERR_PARSE, "tensors, at most 65536");
    start(3, 0, 65537);
    refused(ERR_PARSE, "65537 metadata keys");
    start(3, 0, 1), u64(UINT64_MAX);
    refused(ERR_PARSE, "18446744073709551615 bytes of text");
    start(3, 0, 1), text("k"), u32(13), u64(0);
    refused(ERR_PARSE, "unknown type of value");
    start(3, 0, 1), text("k"), u32(TEXT), u64(1ull << 63), u64(0);
    refused(ERR_PARSE, "9223372036854775808 bytes of text");
    start(3, 0, 1), text("k"), u32(TEXT), u64((16 << 20) + 1), u64(0);
    refused(ERR_PARSE, "bytes of text");
    start(3, 0, 1), text("k"), u32(U64), u32(0);
    refused(ERR_PARSE, "8 bytes of a value");
    start(3, 0, 1), text("k\x1b[2J"), u32(U32), u32(0);
    refused(ERR_PARSE, "control character");
    start(3, 0, 2), text("k"), u32(U32), u32(0), text("k"), u32(U32), u32(1);
    refused(ERR_PARSE, "'k': key stands twice");
    start(3, 0, 1), text(""), u32(U32), u32(0);
    refused(ERR_PARSE, "empty name");
}

static void evil_lists_are_refused_at_once(void **state)
{
    static const uint32_t kinds[] = {U8, U32, TEXT, LIST, U64};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        start(3, 0, 1), text("k"), u32(LIST), u32(kinds[i]), u64(1ull << 63), u64(0);
        refused(ERR_PARSE, "9223372036854775808 elements");
        start(3, 0, 1), text("k"), u32(LIST), u32(kinds[i]), u64(UINT64_MAX / 8 + 2), u64(0);
        refused(ERR_PARSE, "elements, at most");
    }
    start(3, 0, 1), text("k"), u32(LIST), u32(13), u64(0);
    refused(ERR_PARSE, "unknown type of elements");
    start(3, 0, 1), text("k"), u32(LIST);
    for (int depth = 0; depth < 5; depth++)
        u32(LIST), u64(1);
    u32(U8), u64(0);
    refused(ERR_PARSE, "nest too deep");
    start(3, 0, 1), text("k"), u32(LIST); /* a list of a list of 2^63 lists */
    u32(LIST), u64(1), u32(LIST), u64(1ull << 63);
    refused(ERR_PARSE, "9223372036854775808 elements");
    start(3, 0, 1), text("k"), u32(LIST);
    for (int depth = 0; depth < 3; depth++)
        u32(LIST), u64(1);
    u32(U8), u64(3), put("abc", 3);
    opens();
}

static void alignment(uint32_t value)
{
    start(3, 1, 1), text("general.alignment"), u32(U32), u32(value);
    tensor("a", 0, 4, 1, 0), data(4096);
}

static void evil_tensors_are_refused(void **state)
{
    static const uint32_t bad[] = {0, 1, 7, 24, 8192, 1u << 31, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        alignment(bad[i]);
        refused(ERR_RANGE, "general.alignment");
    }
    alignment(64);
    opens();
    start(3, 1, 0), tensor("a", 0, 0, 1, 0), data(64);
    refused(ERR_PARSE, "dimension is zero");
    start(3, 1, 0), tensor("a", 0, 1ull << 32, 1ull << 32, 0), data(64);
    refused(ERR_PARSE, "product of its dimensions overflows");
    start(3, 1, 0), tensor("a", 0, 1ull << 62, 1, 0), data(64);
    refused(ERR_PARSE, "size overflows");
    start(3, 1, 0), tensor("a", 0, 1ull << 61, 1, 0), data(64);
    refused(ERR_PARSE, "beyond the end");
    start(3, 1, 0), tensor("a", 0, 17, 1, 0), data(64);
    refused(ERR_PARSE, "beyond the end");
    start(3, 1, 0), tensor("a", 0, 16, 1, UINT64_MAX - 31), data(64);
    refused(ERR_PARSE, "beyond the end");
    start(3, 1, 0), tensor("a", 0, 4, 1, 4), data(64);
    refused(ERR_PARSE, "not aligned");
    start(3, 1, 0), tensor("a", 8, 16, 1, 0), data(64);
    refused(ERR_PARSE, "no whole blocks");
    start(3, 1, 0), tensor("a", 24, 256, 1, 0), data(256);
    refused(ERR_RANGE, "type 24 (I8); F32, F16");
    start(3, 1, 0), tensor("a", 3000, 256, 1, 0), data(256);
    refused(ERR_RANGE, "type 3000 (unknown); F32, F16");
    start(3, 2, 0), tensor("a", 0, 16, 1, 0), tensor("b", 0, 8, 1, 32), data(64);
    refused(ERR_PARSE, "overlaps");
    start(3, 2, 0), tensor("a", 0, 8, 1, 0), tensor("a", 0, 8, 1, 32), data(64);
    refused(ERR_PARSE, "stands twice");
    start(3, 1, 0), text("a"), u32(5), data(64);
    refused(ERR_PARSE, "1 to 4 dimensions");
    start(3, 1, 0), text("a"), u32(0), data(64);
    refused(ERR_PARSE, "1 to 4 dimensions");
    start(3, 1, 0), text("a name of sixty-five bytes is one byte longer than a name may be.");
    data(64);
    refused(ERR_PARSE, "65 bytes of text");
    start(3, 3, 0), tensor("a", 0, 8, 1, 0); /* two are missing */
    refused(ERR_PARSE, "byte");
    start(2, 2, 0), tensor("a", 0, 8, 1, 32), tensor("b", 0, 8, 1, 0), data(64);
    opens();
}

static void values_keep_their_kinds(void **state)
{
    struct gguf *file;
    const struct meta *meta;
    int64_t i = 5;
    double r = 0;
    bool b = false;
    char *t = NULL, **list;
    int32_t *ints;
    size_t count;
    const float half = 0.5f;

    (void)state;
    start(3, 0, 6), text("i8"), u32(1), put("\xFE", 1), text("f"), u32(F32), put(&half, 4);
    text("b"), u32(BOOL), put("\1", 1), text("odd"), u32(BOOL), put("\2", 1);
    text("zero"), u32(TEXT), u64(3), put("a\0b", 3);
    text("l"), u32(LIST), u32(TEXT), u64(2), text("one"), text("");
    assert_ok(parse_bytes(&file, bytes, n));
    meta = gguf_meta(file);
    assert_ok(meta_int(meta, "absent", &i));
    assert_int_equal(i, 5);
    assert_ok(meta_int(meta, "i8", &i));
    assert_int_equal(i, -2);
    assert_ok(meta_real(meta, "f", &r));
    assert_true(r == 0.5);
    assert_ok(meta_real(meta, "i8", &r));
    assert_true(r == -2);
    assert_ok(meta_bool(meta, "b", &b));
    assert_true(b);
    assert_err(ERR_PARSE, meta_bool(meta, "odd", &b));
    assert_err(ERR_PARSE, meta_int(meta, "f", &i));
    assert_err(ERR_PARSE, meta_text(meta, "zero", &t));
    assert_null(t);
    assert_ok(meta_texts(meta, "l", &list, &count));
    assert_int_equal(count, 2);
    assert_string_equal(list[0], "one");
    assert_string_equal(list[1], "");
    free(list);
    assert_err(ERR_PARSE, meta_ints(meta, "l", &ints, &count));
    assert_null(ints);
    gguf_close(file);
}

/* Everything that can be asked of a file, whatever its bytes are. */
static enum err use(const void *from, size_t size)
{
    struct params *params = NULL;
    struct tokenizer *tokenizer = NULL;
    struct shape shape;
    struct gguf *file;
    char *template_text = NULL;
    enum err err = parse_bytes(&file, from, size);

    if (err)
        return err;
    err = ggufshape_read(&shape, file);
    if (!err)
        err = ggufmodel_weights(&params, file, &shape);
    params_free(params);
    if (!err)
        err = ggufmodel_tokenizer(&tokenizer, file);
    tokenizer_free(tokenizer);
    if (!err)
        err = ggufmodel_template(&template_text, file);
    free(template_text);
    gguf_close(file);
    return err;
}

static void every_truncation_is_refused(void **state)
{
    char *whole;
    size_t size;

    (void)state;
    assert_ok(fs_read(&whole, &size, TINY, 1 << 20));
    assert_ok(use(whole, size));
    for (size_t cut = 0; cut < size; cut += cut < 9000 ? 1 : 97) {
        char *exact = mem_new(cut, 1);
        memcpy(exact, whole, cut);
        if (use(exact, cut) == OK)
            fail_msg("opened when cut at %zu", cut);
        free(exact);
    }
    free(whole);
}

static void flipped_bytes_never_crash(void **state)
{
    char *whole, *copy;
    size_t size;
    int opened = 0;

    (void)state;
    assert_ok(fs_read(&whole, &size, TINY, 1 << 20));
    copy = mem_new(size, 1);
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t w[4];
        memcpy(copy, whole, size);
        rng_words(w, 12, RNG_TEST, i, 0, 0);
        for (uint32_t k = 0; k <= w[0] % 3; k++)
            copy[w[1 + k] % 9300] ^= (char)(1 << (w[1 + k] >> 29));
        opened += !use(copy, size);
    }
    assert_true(opened > 0 && opened < 20000);
    free(copy);
    free(whole);
}

/* f as llama.cpp's converter makes them. */
static void factors(float *f, const struct shape *s)
{
    for (int i = 0; i < s->head_dim / 2; i++) {
        const double wl = 6.283185307179586 * pow(s->rope_theta, 2.0 * i / s->head_dim);
        const double smooth =
            (s->rope_original / wl - s->rope_low) / (s->rope_high - s->rope_low);
        f[i] = wl < s->rope_original / s->rope_high ? 1.0f
               : wl > s->rope_original / s->rope_low
                   ? (float)s->rope_factor
                   : (float)(1 / ((1 - smooth) / s->rope_factor + smooth));
    }
}

static void rope_factors_give_back_the_scaling(void **state)
{
    static const struct shape known[] = {
        {.head_dim = 128,
         .rope_theta = 5e5,
         .rope_factor = 8,
         .rope_low = 1,
         .rope_high = 4,
         .rope_original = 8192},
        {.head_dim = 64,
         .rope_theta = 5e5,
         .rope_factor = 32,
         .rope_low = 1,
         .rope_high = 4,
         .rope_original = 8192},
        {.head_dim = 64,
         .rope_theta = 1e4,
         .rope_factor = 4,
         .rope_low = 1,
         .rope_high = 4,
         .rope_original = 2048},
        {.head_dim = 128,
         .rope_theta = 1e6,
         .rope_factor = 16,
         .rope_low = 1,
         .rope_high = 8,
         .rope_original = 3000},
    };
    float f[64];

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct shape got = {.head_dim = known[i].head_dim, .rope_theta = known[i].rope_theta};
        factors(f, &known[i]);
        assert_ok(ropefit_factors(&got, f));
        assert_int_equal(got.rope, ROPE_LLAMA3);
        assert_true(got.rope_factor == known[i].rope_factor &&
                    got.rope_low == known[i].rope_low);
        assert_true(got.rope_high == known[i].rope_high);
        assert_int_equal(got.rope_original, known[i].rope_original);
        f[5] = f[5] * 1.01f;
        assert_err(ERR_RANGE, ropefit_factors(&got, f));
        f[5] = NAN;
        assert_err(ERR_RANGE, ropefit_factors(&got, f));
    }
    struct shape flat = {.head_dim = 16, .rope_theta = 1e4};
    for (int i = 0; i < 8; i++)
        f[i] = 1;
    assert_ok(ropefit_factors(&flat, f));
    assert_int_equal(flat.rope, ROPE_PLAIN);
    for (int i = 0; i < 8; i++)
        f[i] = 2;
    assert_ok(ropefit_factors(&flat, f));
    assert_int_equal(flat.rope, ROPE_LINEAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evil_metadata_is_refused),
        cmocka_unit_test(evil_lists_are_refused_at_once),
        cmocka_unit_test(evil_tensors_are_refused),
        cmocka_unit_test(values_keep_their_kinds),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(flipped_bytes_never_crash),
        cmocka_unit_test(rope_factors_give_back_the_scaling),
    };

    return cmocka_run_group_tests_name("gguf", tests, NULL, NULL);
}
