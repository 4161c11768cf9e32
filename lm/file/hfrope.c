/* transformers 5 has rope_parameters, 4 has rope_theta and rope_scaling; a family with two
 * kinds of layers has one such object for each, or (4) rope_local_base_freq. What is read
 * becomes one set of numbers, and is written in the older form, which both read. hfconfig calls
 * this after the sizes, since lists of factors are as long as half a head and the default of
 * some numbers is the context. The kinds are those of transformers' modeling_rope_utils.py;
 * another one is refused by name, since a model that is rotated otherwise answers almost as
 * well, and wrongly.
 *
 * longrope: transformers 4 makes its factor out of max_position_embeddings over
 * original_max_position_embeddings, 5 takes a `factor` that is given; where the two differ no
 * reading is exact, and the file is refused.
 *
 * OLMo 3 is written in both forms: each transformers takes the one that it reads rightly. */

#include "lm/file/hfrope.h"

#include "lm/file/hfkeys.h"
#include "lm/file/source.h"
#include "lm/kernel/real.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A real there: some files have it as 8192.0. */
static void read_original(struct hfreader *reader, const json_t *scaling, struct shape *shape)
{
    static const char key[] = "original_max_position_embeddings";
    const double inner = hfreader_real(reader, scaling, key, (double)shape->context);
    double original = inner;

    if (shape->rope == ROPE_LONG) /* the outer key wins, and has a default */
        original = hfreader_real(
            reader, reader->config, key,
            hfreader_given(json_object_get(scaling, key)) ? inner : shape->rope_original);
    if (!(original >= 1 && original <= 1 << 30))
        hfreader_wrong(reader, key, "is out of range");
    else
        shape->rope_original = (int)original;
}

/* What is no number becomes 0 here, and shape_check refuses it. */
static void read_list(struct hfreader *reader, const json_t *scaling, const char *key,
                      const struct shape *shape, float *to)
{
    const json_t *list = json_object_get(scaling, key);
    const size_t n = (size_t)shape_rotary(shape) / 2;

    if (json_array_size(list) != n || n > SHAPE_FACTORS) {
        hfreader_wrong(reader, key, "is not a list of head_dim / 2 numbers, at most 128");
        return;
    }
    for (size_t i = 0; i < n; i++)
        to[i] = (float)json_number_value(json_array_get(list, i));
}

/* Of Phi-3's configuration: longer contexts have sharper attention. */
double hfrope_attention(int whole, int original)
{
    const double factor = (double)whole / original;

    return factor <= 1 ? 1 : sqrt(1 + real_log(factor) / real_log(original));
}

static void read_longrope(struct hfreader *reader, const json_t *scaling, struct shape *shape)
{
    double factor;

    shape->rope = ROPE_LONG;
    /* first, and alone: what follows divides by it */
    read_original(reader, scaling, shape);
    if (reader->err)
        return;
    read_list(reader, scaling, "short_factor", shape, shape->rope_short);
    read_list(reader, scaling, "long_factor", shape, shape->rope_long);
    factor = (double)shape->context / shape->rope_original;
    if (hfreader_real(reader, scaling, "factor", factor) != factor)
        hfreader_wrong(reader, "rope_scaling.factor",
                       "other than max_position_embeddings / original_max_position_embeddings "
                       "is not supported");
    shape->rope_attention =
        hfreader_real(reader, scaling, "attention_factor",
                      hfrope_attention(shape->context, shape->rope_original));
    shape->rope_whole = shape->context;
    shape_reach(shape, 0); /* short until a run says how long its sequences are */
}

/* Not hfreader_wrong: the type is the file's own text. */
static void unknown(struct hfreader *reader, const char *type, const char *known)
{
    char shown[SOURCE_SHOWN];

    if (!reader->err)
        reader->err = err_set(ERR_RANGE, "%s: rope_type %s is not supported; %s", reader->name,
                              source_shown(shown, type, strlen(type)), known);
}

/* transformers infers it from the factor where it is not given. */
static double yarn_attention(double factor, double by)
{
    return factor <= 1 ? 1 : 0.1 * by * real_log(factor) + 1;
}

double hfrope_yarn(double factor)
{
    return yarn_attention(factor, 1);
}

/* 0 and null are "not given" there, as in Python's `or`. */
static double real_or(struct hfreader *reader, const json_t *scaling, const char *key,
                      double otherwise)
{
    const double value = hfreader_real(reader, scaling, key, otherwise);

    return value == 0 ? otherwise : value;
}

static void read_yarn(struct hfreader *reader, const json_t *scaling, struct shape *shape)
{
    const double one = hfreader_real(reader, scaling, "mscale", 0);
    const double all = hfreader_real(reader, scaling, "mscale_all_dim", 0);
    const json_t *truncate = json_object_get(scaling, "truncate");
    double usual;

    shape->rope = ROPE_YARN;
    read_original(reader, scaling, shape);
    if (reader->err)
        return;
    shape->rope_factor =
        hfreader_real(reader, scaling, "factor", (double)shape->context / shape->rope_original);
    shape->rope_high = real_or(reader, scaling, "beta_fast", 32);
    shape->rope_low = real_or(reader, scaling, "beta_slow", 1);
    shape->rope_stepless = json_is_false(truncate);
    usual = one != 0 && all != 0 ? yarn_attention(shape->rope_factor, one) /
                                       yarn_attention(shape->rope_factor, all)
                                 : yarn_attention(shape->rope_factor, 1);
    shape->rope_attention = hfreader_real(reader, scaling, "attention_factor", usual);
}

/* How far it may go is not said: so far as the factor stretches a context elsewhere. */
static void read_dynamic(struct hfreader *reader, struct shape *shape)
{
    const double whole = shape->rope_factor * shape->context;

    if (!(shape->rope_factor >= 1)) {
        hfreader_wrong(reader, "rope_scaling.factor", "is below 1");
        return;
    }
    shape->rope = ROPE_DYNAMIC;
    shape->rope_original = shape->context;
    shape->rope_whole = whole < SHAPE_POSITIONS ? (int)whole : SHAPE_POSITIONS;
    shape_reach(shape, 0);
}

/* transformers rotates (int)(head_dim x factor) columns of each head. */
static void read_rotary(struct hfreader *reader, const json_t *scaling, struct shape *shape)
{
    static const char key[] = "partial_rotary_factor";
    const struct hfkeys_family *family = &hfkeys_family[shape->family];
    double factor = family->rotary_key ? family->rotary : 1;

    if (family->rotary_key)
        factor = hfreader_real(reader, reader->config, family->rotary_key, factor);
    else
        factor = hfreader_real(reader, reader->config, key, factor);
    if (json_is_object(scaling))
        factor = hfreader_real(reader, scaling, key, factor);
    if (!(factor > 0 && factor <= 1))
        hfreader_wrong(reader, key, "is not in (0, 1]");
    else if (!family->rotary_key && factor != 1)
        hfreader_wrong(reader, key, "is not supported");
    else if (factor < 1)
        shape->rotary = (int)(shape->head_dim * factor);
    if (factor < 1 && shape->rotary < 2)
        hfreader_wrong(reader, key, "leaves no column to rotate");
}

/* One object: its theta and its scaling. */
static void read_scaling(struct hfreader *reader, const json_t *scaling, struct shape *shape)
{
    const char *type;

    if (!json_is_object(scaling)) {
        hfreader_wrong(reader, "rope_scaling", "is not an object");
        return;
    }
    shape->rope_theta = hfreader_real(reader, scaling, "rope_theta", shape->rope_theta);
    /* "type" is its older name, and many files still have it */
    type = hfreader_text(reader, scaling, "rope_type");
    if (!type)
        type = hfreader_text(reader, scaling, "type");
    if (!type || !strcmp(type, "default"))
        return;
    if (shape->family == FAMILY_PHI3) { /* "su" and "yarn" are its older names of it */
        if (strcmp(type, "longrope") != 0 && strcmp(type, "su") != 0 &&
            strcmp(type, "yarn") != 0)
            unknown(reader, type, "default and longrope are");
        else
            read_longrope(reader, scaling, shape);
        return;
    }
    if (!strcmp(type, "yarn")) {
        read_yarn(reader, scaling, shape);
        return;
    }
    shape->rope_factor = hfreader_real(reader, scaling, "factor", NAN);
    if (!strcmp(type, "linear")) {
        shape->rope = ROPE_LINEAR;
    } else if (!strcmp(type, "llama3")) {
        shape->rope = ROPE_LLAMA3;
        shape->rope_low = hfreader_real(reader, scaling, "low_freq_factor", NAN);
        shape->rope_high = hfreader_real(reader, scaling, "high_freq_factor", NAN);
        read_original(reader, scaling, shape);
    } else if (!strcmp(type, "dynamic")) {
        read_dynamic(reader, shape);
    } else {
        unknown(reader, type, "default, linear, llama3, dynamic and yarn are");
    }
}

/* transformers 5's objects by kind of layer; false: the file has the older form. */
static bool read_two(struct hfreader *reader, const json_t *both, struct shape *shape)
{
    const json_t *full = json_object_get(both, "full_attention");
    const json_t *sliding = json_object_get(both, "sliding_attention");
    const char *type = hfreader_text(reader, sliding, "rope_type");

    if (!json_is_object(full) && !json_is_object(sliding)) /* transformers 4's keys */
        return false;
    if (hfreader_given(full))
        read_scaling(reader, full, shape);
    if (type && strcmp(type, "default") != 0)
        unknown(reader, type, "local layers have the default");
    shape->rope_local_theta =
        hfreader_real(reader, sliding, "rope_theta", shape->rope_local_theta);
    return true;
}

/* OLMo 3: in either form; of local layers only theta is asked, and is the one of the others. */
static void read_local(struct hfreader *reader, const json_t *both, const json_t *scaling,
                       struct shape *shape)
{
    double theta = shape->rope_theta;

    if (read_two(reader, both, shape))
        theta = shape->rope_local_theta != 0 ? shape->rope_local_theta : theta;
    else if (hfreader_given(scaling))
        read_scaling(reader, scaling, shape);
    if (shape->rope == ROPE_PLAIN || shape->rope == ROPE_LINEAR)
        shape->rope_original = 0;
    if (shape->window && theta != shape->rope_theta)
        hfreader_wrong(reader, "rope_parameters.sliding_attention.rope_theta",
                       "other than full_attention's is not supported");
    shape->rope_local_theta = shape->window && shape->rope != ROPE_PLAIN ? theta : 0;
}

void hfrope_read(struct hfreader *reader, struct shape *shape)
{
    const enum hfkeys_rope kind = hfkeys_family[shape->family].rope;
    const json_t *both = json_object_get(reader->config, "rope_parameters");
    const json_t *scaling =
        hfreader_given(both) ? both : json_object_get(reader->config, "rope_scaling");

    if (kind == HFROPE_NONE)
        return;
    /* an object's own theta, read later, wins over this one */
    shape->rope_theta = hfreader_real(reader, reader->config, "rope_theta", shape->rope_theta);
    if (shape->family == FAMILY_NEOX)
        shape->rope_theta =
            hfreader_real(reader, reader->config, "rotary_emb_base", shape->rope_theta);
    if (shape->family != FAMILY_GPTJ) /* which has a key of its own (hfkeys), and no scaling */
        read_rotary(reader, scaling, shape);
    if (kind == HFROPE_TWO) {
        shape->rope_local_theta = hfreader_real(reader, reader->config, "rope_local_base_freq",
                                                shape->rope_local_theta);
        if (read_two(reader, both, shape))
            return;
    }
    if (kind == HFROPE_LOCAL) {
        read_local(reader, both, scaling, shape);
        return;
    }
    if (hfreader_given(scaling))
        read_scaling(reader, scaling, shape);
    if (shape->rope == ROPE_PLAIN || shape->rope == ROPE_LINEAR)
        shape->rope_original = 0; /* the default of a key that nothing asked for */
}

/* ---- writing */

/* The real that a person would have typed for this float: 1e-05, not 9.9999997e-06. */
json_t *hfrope_plain(float value)
{
    char text[32];

    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return json_real(strtod(text, NULL));
}

static json_t *list_of(const float *factor, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, hfrope_plain(factor[i]));
    return list;
}

static json_t *longrope(const struct shape *shape)
{
    const int n = shape_rotary(shape) / 2;
    json_t *scaling =
        json_pack("{s:s,s:o,s:o}", "type", "longrope", "short_factor",
                  list_of(shape->rope_short, n), "long_factor", list_of(shape->rope_long, n));

    /* transformers 4 takes three keys and no more: the fourth only where it says something */
    if (shape->rope_attention != hfrope_attention(shape->rope_whole, shape->rope_original))
        json_object_set_new(scaling, "attention_factor", json_real(shape->rope_attention));
    return scaling;
}

static json_t *yarn(const struct shape *shape)
{
    json_t *scaling =
        json_pack("{s:s,s:f,s:i,s:f,s:f}", "rope_type", "yarn", "factor", shape->rope_factor,
                  "original_max_position_embeddings", shape->rope_original, "beta_fast",
                  shape->rope_high, "beta_slow", shape->rope_low);

    if (shape->rope_attention != yarn_attention(shape->rope_factor, 1))
        json_object_set_new(scaling, "attention_factor", json_real(shape->rope_attention));
    if (shape->rope_stepless)
        json_object_set_new(scaling, "truncate", json_false());
    return scaling;
}

/* The least factor that gives so many columns: 32 of 80 are 0.4, and (int)(80 x 0.4) is 32. */
static json_t *rotary(const struct shape *shape)
{
    double factor = (double)shape_rotary(shape) / shape->head_dim;

    while ((int)(shape->head_dim * factor) < shape_rotary(shape))
        factor = nextafter(factor, 1);
    return json_real(factor);
}

static json_t *scaling_of(const struct shape *shape)
{
    switch (shape->rope) {
    case ROPE_LINEAR:
        return json_pack("{s:s,s:f}", "rope_type", "linear", "factor", shape->rope_factor);
    case ROPE_LLAMA3:
        return json_pack("{s:s,s:f,s:f,s:f,s:i}", "rope_type", "llama3", "factor",
                         shape->rope_factor, "low_freq_factor", shape->rope_low,
                         "high_freq_factor", shape->rope_high,
                         "original_max_position_embeddings", shape->rope_original);
    case ROPE_LONG:
        return longrope(shape);
    case ROPE_DYNAMIC:
        return json_pack("{s:s,s:f}", "rope_type", "dynamic", "factor", shape->rope_factor);
    case ROPE_YARN:
        return yarn(shape);
    default:
        return json_null();
    }
}

/* An object for each kind of layer, as transformers 5 has them. */
static json_t *both_of(const struct shape *shape)
{
    json_t *full = scaling_of(shape);

    if (!json_is_object(full)) {
        json_decref(full);
        full = json_pack("{s:s}", "rope_type", "default");
    }
    json_object_set_new(full, "rope_theta", json_real(shape->rope_theta));
    return json_pack("{s:o,s:{s:s,s:f}}", "full_attention", full, "sliding_attention",
                     "rope_type", "default", "rope_theta", shape->rope_theta);
}

void hfrope_write(json_t *config, const struct shape *shape)
{
    const enum hfkeys_rope kind = hfkeys_family[shape->family].rope;

    if (kind == HFROPE_NONE)
        return;
    json_object_set_new(config, "rope_theta", json_real(shape->rope_theta));
    json_object_set_new(config, "rope_scaling", scaling_of(shape));
    if (hfkeys_family[shape->family].rotary_key &&
        (shape->rotary || shape->family != FAMILY_PHI3))
        json_object_set_new(config, hfkeys_family[shape->family].rotary_key, rotary(shape));
    if (shape->family == FAMILY_NEOX) {
        json_object_del(config, "rope_theta"); /* transformers 4 knows it by this name alone */
        json_object_set_new(config, "rotary_emb_base", json_real(shape->rope_theta));
    }
    if (kind == HFROPE_TWO)
        json_object_set_new(config, "rope_local_base_freq", json_real(shape->rope_local_theta));
    if (kind == HFROPE_LOCAL) /* transformers 5 has another theta for local layers without it */
        json_object_set_new(config, "rope_parameters", both_of(shape));
    if (shape->family == FAMILY_PHI3)
        json_object_set_new(
            config, "original_max_position_embeddings",
            json_integer(shape->rope == ROPE_LONG ? shape->rope_original : shape->context));
}
