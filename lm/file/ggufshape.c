/* A shape out of a .gguf's metadata, the way model_files reads one; its weights are
 * ggufmodel's. The architecture chooses the rows of ggufkeys, which give the numbers; then what
 * follows from them (derive), tokens, rope, window; last, keys that would make another model of
 * it are refused, and shape_check looks at the whole. What is wrong first is what is said:
 * later steps go on with anything and do no harm.
 *
 * Rope comes in three spellings: keys, one tensor of factors (Llama 3, from which ropefit finds
 * the numbers of its formula again), or two lists of factors (Phi-3's longrope). */

#include "lm/file/ggufshape.h"

#include "lm/file/gguf.h"
#include "lm/file/ggufkeys.h"
#include "lm/file/hfrope.h"
#include "lm/file/meta.h"
#include "lm/file/ropefit.h"
#include "lm/file/source.h"
#include "lm/model/part.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char one_list[] = "rope_freqs.weight", short_list[] = "rope_factors_short.weight",
                  long_list[] = "rope_factors_long.weight";

/* Reading one file: what is wrong is set once. */
struct gguf_reader {
    const struct meta *meta;
    const char *name;
    const struct ggufkeys_arch *arch;
    enum err err;
};

static void wrong(struct gguf_reader *reader, const char *key, const char *why)
{
    if (!reader->err)
        reader->err =
            err_set(ERR_RANGE, "%s: %s.%s: %s", reader->name, reader->arch->name, key, why);
}

/* {arch}.suffix, or `otherwise` where the key is missing or something was wrong before. */
static double real_of(struct gguf_reader *reader, const char *suffix, double otherwise)
{
    char key[96];
    double value = otherwise;

    snprintf(key, sizeof key, "%s.%s", reader->arch->name, suffix);
    if (!reader->err)
        reader->err = meta_real(reader->meta, key, &value);
    return value;
}

/* otherwise < 0: the key must be there. Bounded to 2^30, so that products of two still fit
 * before shape_check has seen them. */
static int int_of(struct gguf_reader *reader, const char *suffix, int otherwise)
{
    char key[96];
    int64_t value = otherwise;

    snprintf(key, sizeof key, "%s.%s", reader->arch->name, suffix);
    if (!reader->err)
        reader->err = meta_int(reader->meta, key, &value);
    if (otherwise < 0 && !meta_has(reader->meta, key))
        wrong(reader, suffix, "is missing");
    if (value < -1 || value > 1 << 30)
        wrong(reader, suffix, "is out of range");
    return (int)(value < 0 || value > 1 << 30 ? 0 : value);
}

/* An id; -1: none. Whether it is below the vocabulary, shape_check says. */
static int token_of(struct gguf_reader *reader, const char *key)
{
    int64_t id = -1;

    if (!reader->err)
        reader->err = meta_int(reader->meta, key, &id);
    return id < 0 || id > 1 << 30 ? -1 : (int)id;
}

static void refuse_arch(struct gguf_reader *reader, const char *name)
{
    char shown[SOURCE_SHOWN], known[480] = "";

    for (int f = 0; f < FAMILIES; f++)
        if (ggufkeys_arch[f].name && f != FAMILY_OLMO3) /* which has OLMo 2's */
            snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s",
                     *known ? ", " : "", ggufkeys_arch[f].name);
    reader->err = err_set(ERR_RANGE, "%s: general.architecture '%s' is not supported; %s are",
                          reader->name, source_shown(shown, name, strlen(name)), known);
}

/* The one key that is needed before any other can be named. */
static void read_arch(struct gguf_reader *reader)
{
    char *name = NULL;

    reader->err = meta_text(reader->meta, "general.architecture", &name);
    for (int f = 0; f < FAMILIES && name && !reader->err; f++)
        if (ggufkeys_arch[f].name && !strcmp(ggufkeys_arch[f].name, name))
            reader->arch = &ggufkeys_arch[f];
    if (!reader->err && !reader->arch)
        refuse_arch(reader, name ? name : "");
    free(name);
}

/* What a person would have typed for the f32 that is there: 0.22, not 0.2199999988079071. */
static double short_of(struct gguf_reader *reader, const char *suffix, double otherwise)
{
    const double value = real_of(reader, suffix, otherwise);
    json_t *plain = hfrope_plain((float)value);
    const double typed = json_real_value(plain);

    json_decref(plain);
    return value == otherwise ? otherwise : typed;
}

static bool bool_of(struct gguf_reader *reader, const char *suffix, bool otherwise)
{
    char key[96];
    bool value = otherwise;

    snprintf(key, sizeof key, "%s.%s", reader->arch->name, suffix);
    if (!reader->err)
        reader->err = meta_bool(reader->meta, key, &value);
    return value;
}

/* Into the member that the row names. It holds the family's `missing` before, which stays where
 * the file says nothing. */
static void read_number(struct gguf_reader *reader, const struct ggufkeys_number *row,
                        struct shape *shape)
{
    char *at = (char *)shape + row->at;
    double real;
    float single;
    int whole;

    if (row->type == GGUFKEYS_INT) {
        memcpy(&whole, at, sizeof whole);
        whole = int_of(reader, row->key, row->needed ? -1 : whole);
        memcpy(at, &whole, sizeof whole);
    } else if (row->type == GGUFKEYS_FLOAT) {
        memcpy(&single, at, sizeof single);
        single = (float)real_of(reader, row->key, (double)single);
        memcpy(at, &single, sizeof single);
    } else if (row->type == GGUFKEYS_BOOL) {
        *(bool *)at = bool_of(reader, row->key, *(bool *)at);
    } else {
        memcpy(&real, at, sizeof real);
        real = row->type == GGUFKEYS_SHORT ? short_of(reader, row->key, real)
                                           : real_of(reader, row->key, real);
        memcpy(at, &real, sizeof real);
    }
}

/* llama.cpp has the ramp of transformers, and its factor of sines built in. */
static void read_yarn(struct gguf_reader *reader, struct shape *shape)
{
    shape->rope = ROPE_YARN;
    shape->rope_factor = short_of(reader, "rope.scaling.factor", 1);
    shape->rope_original =
        int_of(reader, "rope.scaling.original_context_length", shape->context);
    shape->rope_high = short_of(reader, "rope.scaling.yarn_beta_fast", 32);
    shape->rope_low = short_of(reader, "rope.scaling.yarn_beta_slow", 1);
    if (shape->rope_factor > 0) /* else shape_check says it */
        shape->rope_attention = hfrope_yarn(shape->rope_factor);
}

/* {arch}.rope.scaling.*: a factor on positions, or none. */
static void read_scaling(struct gguf_reader *reader, struct shape *shape)
{
    char *type = NULL, key[96];

    shape->rope_factor =
        real_of(reader, "rope.scaling.factor", real_of(reader, "rope.scale_linear", 1));
    snprintf(key, sizeof key, "%s.rope.scaling.type", reader->arch->name);
    if (!reader->err)
        reader->err = meta_text(reader->meta, key, &type);
    if (type && !strcmp(type, "yarn")) {
        free(type);
        read_yarn(reader, shape);
        return;
    }
    if (type && !strcmp(type, "none"))
        shape->rope_factor = 1;
    else if (type && strcmp(type, "linear") != 0)
        wrong(reader, "rope.scaling.type",
              "only none, linear, yarn and llama3 (rope_freqs.weight) are supported");
    free(type);
    if (shape->rope_factor != 1)
        shape->rope = ROPE_LINEAR;
    else
        shape->rope_factor = 0; /* as a config.json without scaling gives it */
}

/* A tensor of a factor for each pair of columns; false: absent or wrong. */
static bool read_list(struct gguf_reader *reader, const struct shape *shape, struct gguf *file,
                      const char *name, float *to, size_t room)
{
    const struct gguf_tensor *factors = gguf_find(file, name);

    if (reader->err || !factors)
        return false;
    if (factors->dims != 1 || factors->dim[0] != (size_t)shape_rotary(shape) / 2 ||
        factors->dim[0] > room) {
        reader->err = err_set(ERR_RANGE, "%s: %s.rope.dimension_count: does not fit %s",
                              reader->name, reader->arch->name, name);
        return false;
    }
    reader->err = gguf_read(file, factors, 0, 1, to);
    return !reader->err;
}

/* rope_freqs.weight, which llama.cpp's converter writes for Llama 3's scaling. */
static void read_llama3(struct gguf_reader *reader, struct shape *shape, struct gguf *file)
{
    float f[512];

    if (!read_list(reader, shape, file, one_list, f, sizeof f / sizeof *f))
        return;
    if (shape->rope != ROPE_PLAIN)
        wrong(reader, "rope.scaling.factor", "beside rope_freqs.weight is not supported");
    else if (ropefit_factors(shape, f))
        reader->err = err_add("%s", reader->name);
}

/* Both lists or neither, and only for the family that the kernels rotate so. llama.cpp's
 * converter writes attn_factor as f32: where it is the one that transformers computes, the
 * exact one is kept, so that both files give one model. */
static void read_longrope(struct gguf_reader *reader, struct shape *shape, struct gguf *file)
{
    const bool near =
        read_list(reader, shape, file, short_list, shape->rope_short, SHAPE_FACTORS);
    const bool far = read_list(reader, shape, file, long_list, shape->rope_long, SHAPE_FACTORS);
    double given;

    if (reader->err || (!near && !far))
        return;
    if (!near || !far || shape->rope != ROPE_PLAIN || shape->family != FAMILY_PHI3) {
        wrong(reader, "rope.scaling", "one list of factors, or lists beside a factor");
        return;
    }
    shape->rope = ROPE_LONG;
    shape->rope_original =
        int_of(reader, "rope.scaling.original_context_length", shape->context);
    if (shape->rope_original < 1)
        wrong(reader, "rope.scaling.original_context_length", "is out of range");
    if (reader->err)
        return;
    shape->rope_attention = hfrope_attention(shape->context, shape->rope_original);
    given = real_of(reader, "rope.scaling.attn_factor", shape->rope_attention);
    if (fabs(given / shape->rope_attention - 1) > 1e-6) /* else the same in f32 */
        shape->rope_attention = given;
    shape->rope_whole = shape->context;
    shape_reach(shape, 0);
}

/* Scaling first: lists beside a factor contradict it. */
static void read_rope(struct gguf_reader *reader, struct shape *shape, struct gguf *file)
{
    if (shape->family == FAMILY_GPT2 || shape->family == FAMILY_BIGCODE)
        return;
    read_scaling(reader, shape);
    read_llama3(reader, shape, file);
    read_longrope(reader, shape, file);
}

bool ggufshape_is_factors(const char *tensor)
{
    return !strcmp(tensor, one_list) || !strcmp(tensor, short_list) ||
           !strcmp(tensor, long_list);
}

/* Which layers the window is for is built into llama.cpp. */
static void read_window(struct gguf_reader *reader, struct shape *shape)
{
    const int every = reader->arch->global_every;
    const int whole = shape->rope == ROPE_LONG ? shape->rope_whole : shape->context;

    /* who has a pattern of layers keeps it, as with config.json (hfwindow) */
    if ((!every || every > SHAPE_LAYERS) && shape->window >= whole)
        shape->window = 0; /* never slides */
    if (shape->window && !every)
        wrong(reader, "attention.sliding_window", "below context_length is not supported");
    for (int i = 0; shape->window && i < shape->layers && i < SHAPE_LAYERS; i++)
        if (every && (i + 1) % every != 0)
            shape->local[i / 64] |= (uint64_t)1 << i % 64;
}

/* Built in, too. */
static void read_unrotated(const struct gguf_reader *reader, struct shape *shape)
{
    for (int i = 0; reader->arch->unrotated && i < shape->layers && i < SHAPE_LAYERS; i++)
        if ((i + 1) % reader->arch->unrotated == 0)
            shape->unrotated[i / 64] |= (uint64_t)1 << i % 64;
}

/* No key says which of these weights there are: the first layer's tensors do. */
static bool has_all(const struct shape *shape, struct gguf *file, enum part_when when)
{
    const struct part_rows rows = part_rows(PLACE_LAYER);
    char name[96];
    bool any = false;

    for (int i = 0; i < rows.n; i++) {
        if (!(rows.row[i].families >> shape->family & 1) || rows.row[i].when != when)
            continue;
        part_name(name, sizeof name, rows.row[i].gguf, 0);
        any = gguf_find(file, name);
        if (!any)
            return false;
    }
    return any;
}

/* Each row of a kind or none: half of the biases would be missing tensors, which the walk names. */
static void read_presence(struct shape *shape, struct gguf *file)
{
    shape->bias_qkv = has_all(shape, file, WHEN_BIAS_QKV);
    shape->bias_o = has_all(shape, file, WHEN_BIAS_O);
    shape->bias_mlp = has_all(shape, file, WHEN_BIAS_MLP);
    shape->two_norms = has_all(shape, file, WHEN_TWO_NORMS);
}

/* What follows from others, in llama.cpp as here. */
static void derive(struct gguf_reader *reader, struct shape *shape)
{
    const bool large = shape->layers == reader->arch->large;

    if (!shape->kv_heads && !reader->err)
        shape->kv_heads = shape->heads;
    if (!shape->head_dim && shape->heads)
        shape->head_dim = shape->width / shape->heads;
    if (reader->arch->partial) {
        const int rotary = int_of(reader, "rope.dimension_count", shape->head_dim);

        shape->rotary = rotary == shape->head_dim ? 0 : rotary;
    }
    if (reader->arch->large)
        shape->query_scalar =
            large && shape->heads ? shape->width / shape->heads : shape->head_dim;
}

/* Keys that change the forward pass in ways it does not have here: a value that leaves it as it
 * is passes. value_length: keys and values of one head have one length here. */
static void refuse(struct gguf_reader *reader, const struct shape *shape)
{
    const unsigned family = 1u << shape->family;
    int64_t parts = 1;

    for (int i = 0; i < ggufkeys_changes; i++) {
        const struct ggufkeys_change *row = &ggufkeys_change[i];

        if (row->families & family && real_of(reader, row->key, row->idle) != row->idle)
            wrong(reader, row->key, "is not supported");
    }
    if (!reader->arch->partial &&
        int_of(reader, "rope.dimension_count", shape->head_dim) != shape->head_dim)
        wrong(reader, "rope.dimension_count",
              "a rotation of part of the head is not supported");
    if (int_of(reader, "attention.value_length", shape->head_dim) != shape->head_dim)
        wrong(reader, "attention.value_length", "other than key_length is not supported");
    if (!reader->err)
        reader->err = meta_int(reader->meta, "split.count", &parts);
    if (!reader->err && parts > 1)
        reader->err = err_set(ERR_RANGE,
                              "%s: one of %" PRId64 " parts; merge them first "
                              "(llama-gguf-split --merge)",
                              reader->name, parts);
}

/* llama.cpp has a key for each of the ways to end (text, turn, message); all of them stop, and
 * the first is the one that is written. */
static void read_tokens(struct gguf_reader *reader, struct shape *shape)
{
    static const char *const stops[] = {"tokenizer.ggml.eos_token_id",
                                        "tokenizer.ggml.eot_token_id",
                                        "tokenizer.ggml.eom_token_id"};

    shape->bos = token_of(reader, "tokenizer.ggml.bos_token_id");
    shape->pad = token_of(reader, "tokenizer.ggml.padding_token_id");
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        const int id = token_of(reader, stops[i]);
        bool known = id < 0;
        for (int k = 0; k < shape->eos_count; k++)
            known = known || shape->eos[k] == id;
        if (!known)
            shape->eos[shape->eos_count++] = id;
    }
}

enum err ggufshape_read(struct shape *out, struct gguf *file)
{
    struct gguf_reader reader = {gguf_meta(file), gguf_name(file), NULL, OK};
    const struct gguf_tensor *embed = gguf_find(file, "token_embd.weight");

    memset(out, 0, sizeof *out);
    read_arch(&reader);
    if (reader.err)
        return reader.err;
    if (!embed || embed->dims != 2 || embed->dim[1] > 1 << 30)
        return err_set(ERR_RANGE, "%s: no token_embd.weight [vocab, width]", reader.name);
    *out = reader.arch->missing;
    out->head = HEAD_LM;
    for (int i = 0; i < ggufkeys_numbers; i++)
        if (ggufkeys_number[i].families >> out->family & 1)
            read_number(&reader, &ggufkeys_number[i], out);
    if (out->family == FAMILY_OLMO2 && out->window) {
        reader.arch = &ggufkeys_arch[FAMILY_OLMO3];
        out->family = FAMILY_OLMO3;
    }
    /* the file's own count of tokens may be less than the embedding's rows, which are padded */
    out->vocab = (int)embed->dim[1];
    out->tied = !gguf_find(file, "output.weight"); /* no key says it */
    derive(&reader, out);
    read_presence(out, file);
    read_tokens(&reader, out);
    read_rope(&reader, out, file);
    read_window(&reader, out);
    read_unrotated(&reader, out);
    if (out->family == FAMILY_OLMO3 && out->rope != ROPE_PLAIN) /* built in: as hfrope has it */
        out->rope_local_theta = out->rope_theta;
    refuse(&reader, out);
    if (reader.err)
        return reader.err;
    return shape_check(out) ? err_add("%s", reader.name) : OK;
}
