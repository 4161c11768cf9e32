#include "lm/file/ggufmodel_write.h"

#include "base/fs.h"
#include "base/mem.h"
#include "lm/file/gguf.h"
#include "lm/file/hfrope.h"
#include "lm/file/meta.h"
#include "lm/file/model_files.h"
#include "lm/text/chat.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const golden[] = {"llama5", "qwen5",  "mistral4",
                                     "gpt2_5", "phi3_4", "gemma3_5"};
enum { GOLDEN_MODELS = sizeof golden / sizeof *golden };

static struct model_files *opened(const char *path)
{
    struct model_files *files;

    assert_ok(model_files_open(&files, path, MODEL_FILES_ALL));
    return files;
}

static struct model_files *golden_model(const char *name)
{
    char *path = mem_print(GOLDEN "/model/%s", name);
    struct model_files *files = opened(path);

    free(path);
    return files;
}

static void same_tokens(const struct tokenizer *a, const struct tokenizer *b)
{
    static const char text[] = "the 2024 hat\n\tin <|im_end|>  of its  \xE6\x97\xA5 s</s>";
    int *x, *y;
    size_t n, m;

    assert_int_equal(tokenizer_count(a), tokenizer_count(b));
    assert_ok(tokenizer_encode(a, text, strlen(text), true, &x, &n));
    assert_ok(tokenizer_encode(b, text, strlen(text), true, &y, &m));
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n * sizeof *x);
    for (int id = 0; id < tokenizer_count(a); id++)
        assert_int_equal(tokenizer_is_special(a, id), tokenizer_is_special(b, id));
    free(x);
    free(y);
}

/* Interleaved rows, norms + 1, turned matrices, rope factors: all is undone by the reader, which
 * was held against files of llama.cpp's own converter (test_ggufmodel). */
static void a_model_written_as_f32_is_the_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < GOLDEN_MODELS; i++) {
        struct model_files *a = golden_model(golden[i]), *b;
        const struct hash hash = params_hash(a->params);
        struct ggufmodel_written told;

        assert_ok(model_files_save_gguf(&told, scratch_at("m.gguf"), a, "tiny", "f32", NULL));
        assert_memory_equal(&told.hash, &hash, sizeof hash);
        b = opened(scratch_at("m.gguf"));
        assert_memory_equal(a->params->data, b->params->data, a->params->count * sizeof(float));
        assert_int_equal(!a->chat, !b->chat);
        if (a->chat)
            assert_string_equal(chat_source(a->chat), chat_source(b->chat));
        assert_int_equal(a->shape.bos, b->shape.bos);
        assert_int_equal(a->shape.pad, b->shape.pad);
        assert_int_equal(a->shape.eos_count, b->shape.eos_count);
        assert_memory_equal(a->shape.eos, b->shape.eos, sizeof a->shape.eos);
        same_tokens(a->tokenizer, b->tokenizer);
        model_files_free(a);
        model_files_free(b);
    }
}

/* llama5's shape and chat under another tokenizer, with fresh weights. */
static struct model_files *with_tokenizer(const char *file)
{
    struct model_files *files = golden_model("llama5");
    char *path = mem_print(GOLDEN "/%s", file), *text;
    size_t n;

    assert_ok(fs_read(&text, &n, path, 1 << 22));
    tokenizer_free(files->tokenizer);
    assert_ok(tokenizer_json(&files->tokenizer, text, n, path));
    free(files->card);
    files->card = NULL;
    files->shape.vocab = tokenizer_count(files->tokenizer) + 3;
    params_free(files->params);
    assert_ok(params_new(&files->params, &files->shape));
    params_init(files->params, 1, false);
    assert_ok(model_files_make_meta(files));
    free(text);
    free(path);
    return files;
}

/* As scores that merge in the same order, bytes, and the blank before a text. */
static void sentence_pieces_are_the_same_pieces(void **state)
{
    struct model_files *a = with_tokenizer("pieces_llama.json"), *b;
    struct ggufmodel_written told;

    (void)state;
    assert_ok(model_files_save_gguf(&told, scratch_at("p.gguf"), a, "tiny", "f32", NULL));
    b = opened(scratch_at("p.gguf"));
    same_tokens(a->tokenizer, b->tokenizer);
    assert_int_equal(a->shape.vocab, b->shape.vocab);
    model_files_free(a);
    model_files_free(b);
    a = with_tokenizer("pieces_t5.json");
    assert_err(ERR_RANGE,
               model_files_save_gguf(&told, scratch_at("p.gguf"), a, "tiny", "f32", NULL));
    assert_non_null(strstr(err_text(), "a Unigram model is not written"));
    model_files_free(a);
}

static const char *type_of(const struct gguf *file, const char *name)
{
    const struct gguf_tensor *tensor = gguf_find(file, name);

    assert_non_null(tensor);
    return tensor->kind->name;
}

/* width 32, ffn 48: no row is a block of 256, those of ffn_down none of 32. */
static void short_rows_get_the_type_that_llama_cpp_takes(void **state)
{
    static const struct {
        const char *dtype, *embed, *q, *down, *norm;
    } want[] = {
        {"f16", "F16", "F16", "F16", "F32"},      {"bf16", "BF16", "BF16", "BF16", "F32"},
        {"q8_0", "Q8_0", "Q8_0", "F16", "F32"},   {"q4_0", "Q4_0", "Q4_0", "F16", "F32"},
        {"q4_k", "Q5_0", "Q5_0", "F16", "F32"},   {"q5_k", "Q5_1", "Q5_1", "F16", "F32"},
        {"q6_k", "Q8_0", "Q8_0", "F16", "F32"},   {"q4_k_m", "Q8_0", "Q5_0", "F16", "F32"},
        {"q5_k_s", "Q8_0", "Q5_1", "F16", "F32"},
    };
    struct model_files *files = golden_model("llama5"); /* tied */

    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        struct ggufmodel_written told;
        struct gguf *file;
        int64_t type = -1;

        assert_ok(model_files_save_gguf(&told, scratch_at("t.gguf"), files, "tiny",
                                        want[i].dtype, NULL));
        assert_ok(gguf_open(&file, scratch_at("t.gguf")));
        assert_string_equal(type_of(file, "token_embd.weight"), want[i].embed);
        assert_string_equal(type_of(file, "blk.0.attn_q.weight"), want[i].q);
        assert_string_equal(type_of(file, "blk.1.ffn_down.weight"), want[i].down);
        assert_string_equal(type_of(file, "blk.0.attn_norm.weight"), want[i].norm);
        assert_null(gguf_find(file, "output.weight"));
        assert_ok(meta_int(gguf_meta(file), "general.file_type", &type));
        assert_int_equal(type, gguf_mix_find(want[i].dtype)->file_type);
        assert_true(told.fell > 0 || want[i].dtype[0] != 'q');
        gguf_close(file);
        model_files_free(opened(scratch_at("t.gguf")));
    }
    model_files_free(files);
}

/* Of 24 layers that llama-quantize makes Q6_K in Q4_K_M: the first and last three and every third
 * between (its own log of Qwen2.5-0.5B's shape). */
static void mixtures_are_llama_quantizes(void **state)
{
    const struct shape shape = {.layers = 24};
    const struct gguf_mix *mix = gguf_mix_find("q4_k_m");
    const struct part_rows rows = part_rows(PLACE_LAYER);
    struct tensor tensor = {.rows = 256, .cols = 256};
    int finer = 0;
    bool fell;

    (void)state;
    for (int i = 0; i < rows.n; i++) {
        tensor.row = &rows.row[i];
        tensor.part = tensor.row->part;
        for (tensor.layer = 0; tensor.layer < 24 && tensor.part == PART_V; tensor.layer++)
            if (rows.row[i].families >> FAMILY_LLAMA & 1)
                finer += gguf_mix_type(mix, &shape, &tensor, &fell) == QUANT_Q6_K;
    }
    assert_int_equal(finer, 12);
    assert_null(gguf_mix_find("q9"));
    assert_null(gguf_mix_find("Q4_K"));
}

static void refused_gguf(const struct model_files *files, const char *dtype, const char *why)
{
    struct ggufmodel_written told;
    const enum err err =
        model_files_save_gguf(&told, scratch_at("r.gguf"), files, "tiny", dtype, NULL);

    if (!err || !strstr(err_text(), why))
        fail_msg("wanted '%s', got: %d %s", why, err, err ? err_text() : "written");
    assert_false(fs_exists(scratch_at("r.gguf.part")));
}

/* And leaves the old file under its name. */
static void what_gguf_cannot_say_is_refused_by_its_name(void **state)
{
    struct model_files *files = golden_model("reward4");
    char *old;
    size_t n;

    (void)state;
    assert_ok(fs_write(scratch_at("r.gguf"), "old", 3));
    refused_gguf(files, "f16", "reward model");
    model_files_free(files);
    files = golden_model("gemma3_5");
    files->shape.query_scalar = files->params->shape.query_scalar = 24;
    refused_gguf(files, "f16", "query_pre_attn_scalar");
    model_files_free(files);
    files = golden_model("qwen5");
    files->shape.window = files->params->shape.window = 8;
    files->shape.local[0] = files->params->shape.local[0] = 3;
    refused_gguf(files, "f16", "sliding_window");
    model_files_free(files);
    files = golden_model("llama5");
    files->params->shape.family = FAMILY_GLM;
    files->params->shape.head_dim += 2;
    refused_gguf(files, "f16", "llama.cpp's chatglm");
    files->params->shape.family = FAMILY_ERNIE;
    files->params->shape.bias_mlp = true;
    refused_gguf(files, "f16", "llama.cpp's ernie4_5");
    model_files_free(files);
    files = golden_model("llama5");
    refused_gguf(files, "int8", "q4_k_m");
    files->params->data[40] = NAN;
    refused_gguf(files, "q8_0", "token_embd.weight holds nan");
    files->params->data[40] = 70000.0f;
    refused_gguf(files, "f16", "token_embd.weight holds 70000, which F16 does not");
    model_files_free(files);
    assert_ok(fs_read(&old, &n, scratch_at("r.gguf"), 9));
    assert_string_equal(old, "old");
    free(old);
}

/* llama.cpp has transformers' ramp and its factor of sines: other ends go along, another factor of
 * sines has no key that means the same. */
static void yarn_has_keys_of_its_own(void **state)
{
    struct ggufmodel_written told;

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct model_files *files = golden_model("llama5"), *again;
        struct shape *shape = &files->params->shape;

        shape->rope = ROPE_YARN;
        shape->rope_factor = i ? 3.7 : 4; /* no f32 is 3.7 */
        shape->rope_original = shape->context / 4;
        shape->rope_high = i ? 24 : 32;
        shape->rope_low = i ? 1.5 : 1;
        shape->rope_attention = hfrope_yarn(shape->rope_factor);
        if (i == 2) {
            shape->rope_attention = 1.5;
            files->shape = *shape;
            refused_gguf(files, "f32", "rope_scaling");
            model_files_free(files);
            return;
        }
        files->shape = *shape;
        assert_ok(
            model_files_save_gguf(&told, scratch_at("y.gguf"), files, "tiny", "f32", NULL));
        again = opened(scratch_at("y.gguf"));
        assert_int_equal(again->shape.rope, ROPE_YARN);
        assert_true(again->shape.rope_factor == shape->rope_factor &&
                    again->shape.rope_high == shape->rope_high &&
                    again->shape.rope_low == shape->rope_low &&
                    again->shape.rope_attention == shape->rope_attention);
        assert_int_equal(again->shape.rope_original, shape->rope_original);
        model_files_free(again);
        model_files_free(files);
    }
}

/* A window that llama.cpp does not have for Mistral: shorter, and the same up to there. */
static void mistrals_window_ends_the_context(void **state)
{
    struct model_files *files = golden_model("mistral4"), *again;
    struct ggufmodel_written told;

    (void)state;
    files->shape.window = files->params->shape.window = 24;
    files->shape.local[0] = files->params->shape.local[0] = 3;
    assert_ok(model_files_save_gguf(&told, scratch_at("w.gguf"), files, "tiny", "f32", NULL));
    assert_int_equal(told.context, 24);
    again = opened(scratch_at("w.gguf"));
    assert_int_equal(again->shape.context, 24);
    assert_int_equal(again->shape.window, 0);
    model_files_free(again);
    model_files_free(files);
}

/* GGUF has keys for the end of a text, a turn and a message: the fourth is told. */
static void ends_beyond_the_third_are_told(void **state)
{
    struct model_files *files = golden_model("llama5"), *again;
    struct ggufmodel_written told;

    (void)state;
    for (int i = 0; i < 5; i++)
        files->shape.eos[i] = files->params->shape.eos[i] = 20 + i;
    files->shape.eos_count = files->params->shape.eos_count = 3;
    assert_ok(model_files_save_gguf(&told, scratch_at("e.gguf"), files, "tiny", "f16", NULL));
    assert_int_equal(told.ends_cut, 0);
    files->shape.eos_count = files->params->shape.eos_count = 5;
    assert_ok(model_files_save_gguf(&told, scratch_at("e.gguf"), files, "tiny", "f16", NULL));
    assert_int_equal(told.ends_cut, 2);
    again = opened(scratch_at("e.gguf"));
    assert_int_equal(again->shape.eos_count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(again->shape.eos[i], 20 + i);
    model_files_free(again);
    model_files_free(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_written_as_f32_is_the_model),
        cmocka_unit_test(sentence_pieces_are_the_same_pieces),
        cmocka_unit_test(short_rows_get_the_type_that_llama_cpp_takes),
        cmocka_unit_test(mixtures_are_llama_quantizes),
        cmocka_unit_test(what_gguf_cannot_say_is_refused_by_its_name),
        cmocka_unit_test(yarn_has_keys_of_its_own),
        cmocka_unit_test(mistrals_window_ends_the_context),
        cmocka_unit_test(ends_beyond_the_third_are_told),
    };

    return cmocka_run_group_tests_name("gguf_write", tests, scratch_open, scratch_close);
}
