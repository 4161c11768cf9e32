/* shape_check stands between files and everything that computes: past it sizes are products of
 * ints that fit, and no kernel meets a number that it cannot take. Its words name the key as
 * config.json spells it, since that is where a person can change it. */

#include "lm/model/shape.h"

#include <math.h>
#include <stddef.h>

/* Whole numbers: bounds that keep every product of two of them in an int and every size in a
 * size_t, far above any model that fits a machine. */
struct whole {
    const char *key;
    int value, low, high, multiple;
};

static enum err check_whole(const struct whole *w)
{
    if (w->value < w->low || w->value > w->high)
        return err_set(ERR_RANGE, "%s %d: not in %d..%d", w->key, w->value, w->low, w->high);
    if (w->value % w->multiple != 0)
        return err_set(ERR_RANGE, "%s %d: not a multiple of %d, as this engine needs", w->key,
                       w->value, w->multiple);
    return OK;
}

/* A rotation turns two columns. A window may be longer than the
 * context here; who reads a file drops it then. */
static enum err check_sizes(const struct shape *s)
{
    const struct whole table[] = {
        {"num_hidden_layers", s->layers, 1, SHAPE_LAYERS, 1},
        {"hidden_size", s->width, 2, 1 << 16, 2},
        {"num_attention_heads", s->heads, 1, 1024, 1},
        {"num_key_value_heads", s->kv_heads, 1, 1024, 1},
        {"head_dim", s->head_dim, 2, 1024, 2},
        {"intermediate_size", s->ffn, 2, 1 << 18, 2},
        {"vocab_size", s->vocab, 1, 1 << 20, 1},
        {"max_position_embeddings", s->context, 1, SHAPE_POSITIONS, 1},
        {"bos_token_id", s->bos, -1, s->vocab - 1, 1},
        {"pad_token_id", s->pad, -1, s->vocab - 1, 1},
        {"sliding_window", s->window, 0, 1 << 20, 1},
        {"eos_token_id (count)", s->eos_count, 0, SHAPE_STOPS, 1},
        {"rotary_dim", s->rotary, 0, s->head_dim, 2},
        {"hidden_act", (int)s->act, 0, ACT_KINDS - 1, 1},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (check_whole(&table[i]))
            return ERR_RANGE;
    for (int i = 0; i < s->eos_count; i++)
        if (check_whole(&(struct whole){"eos_token_id", s->eos[i], 0, s->vocab - 1, 1}))
            return ERR_RANGE;
    if (s->heads % s->kv_heads != 0)
        return err_set(ERR_RANGE,
                       "num_attention_heads %d: not a multiple of num_key_value_heads %d",
                       s->heads, s->kv_heads);
    if ((s->heads + 2 * s->kv_heads) * s->head_dim > 1 << 18)
        return err_set(ERR_RANGE, "num_attention_heads x head_dim: more than %d columns",
                       1 << 18);
    return OK;
}

/* Reals of which 0 is one: not below it, and below `high`. */
static enum err check_reals(const struct shape *s)
{
    const struct {
        const char *key;
        double value, high;
    } table[] = {
        {"rms_norm_eps", (double)s->norm_eps, 1},
        {"initializer_range", s->init_std, 10},
        {"query_pre_attn_scalar", s->query_scalar, 1e6},
        {"attn_logit_softcapping", s->attention_cap, 1e6},
        {"final_logit_softcapping", s->logit_cap, 1e6},
        {"rope_local_base_freq", s->rope_local_theta, 1e12},
        {"attention_multiplier", s->attention_scale, 1e6},
        {"embedding_multiplier", s->embed_scale, 1e6},
        {"residual_multiplier", s->residual_scale, 1e6},
        {"logit_scale", s->logit_scale, 1e6},
        {"logits_scaling", s->logit_divisor, 1e6},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (!(table[i].value >= 0 && table[i].value < table[i].high))
            return err_set(ERR_RANGE, "%s %g: not in [0, %g)", table[i].key, table[i].value,
                           table[i].high);
    return OK;
}

/* Both lists, whichever holds now: a run may reach further later (shape_reach). */
static enum err check_long(const struct shape *s)
{
    const int n = shape_rotary(s) / 2;

    if (n > SHAPE_FACTORS)
        return err_set(ERR_RANGE, "head_dim %d: longrope has at most %d factors", s->head_dim,
                       SHAPE_FACTORS);
    for (int i = 0; i < n; i++)
        if (!(s->rope_short[i] > 0 && s->rope_short[i] < 1e6f && s->rope_long[i] > 0 &&
              s->rope_long[i] < 1e6f))
            return err_set(ERR_RANGE,
                           "rope_scaling: factor %d (short %g, long %g): not in (0, 1e6)", i,
                           (double)s->rope_short[i], (double)s->rope_long[i]);
    if (!(s->rope_attention > 0 && s->rope_attention < 1e3))
        return err_set(ERR_RANGE, "rope_scaling.attention_factor %g: not in (0, 1000)",
                       s->rope_attention);
    if (s->rope_original < 1 || s->rope_original > 1 << 20)
        return err_set(ERR_RANGE, "original_max_position_embeddings %d: not in 1..%d",
                       s->rope_original, 1 << 20);
    if (s->rope_whole < s->context || s->rope_whole > 1 << 20)
        return err_set(ERR_RANGE, "max_position_embeddings %d: not in %d..%d", s->rope_whole,
                       s->context, 1 << 20);
    return OK;
}

/* low below high, or the ramp between them divides by 0. */
static enum err check_llama3(const struct shape *s)
{
    if (!(s->rope_low > 0 && s->rope_high > s->rope_low && s->rope_high < 1e6))
        return err_set(ERR_RANGE,
                       "rope_scaling: low_freq_factor %g, high_freq_factor %g: not 0 < low < "
                       "high < 1e6",
                       s->rope_low, s->rope_high);
    if (s->rope_original < 1 || s->rope_original > 1 << 20)
        return err_set(ERR_RANGE,
                       "rope_scaling.original_max_position_embeddings %d: not in 1..%d",
                       s->rope_original, 1 << 20);
    return OK;
}

/* theta^(…) with L, the length that the run allows: 1 up to the original one. */
static enum err check_dynamic(const struct shape *s)
{
    if (s->rope_original < 1 || s->rope_original > SHAPE_POSITIONS ||
        s->rope_whole < s->rope_original || s->rope_whole > SHAPE_POSITIONS)
        return err_set(ERR_RANGE, "max_position_embeddings %d (to %d): not in 1..%d",
                       s->rope_original, s->rope_whole, SHAPE_POSITIONS);
    if (s->context < s->rope_original || s->context > s->rope_whole)
        return err_set(ERR_RANGE, "max_position_embeddings %d: not in %d..%d", s->context,
                       s->rope_original, s->rope_whole);
    if (!(s->rope_factor >= 1))
        return err_set(ERR_RANGE, "rope_scaling.factor %g: not in [1, 1e6)", s->rope_factor);
    if (shape_rotary(s) < 4) /* its exponent is d / (d - 2) */
        return err_set(ERR_RANGE, "rotary_dim %d: dynamic scaling needs 4", shape_rotary(s));
    return OK;
}

/* Turns over the original context at which the ramp ends and begins; logarithms are taken of
 * both, and of theta. */
static enum err check_yarn(const struct shape *s)
{
    if (!(s->rope_low > 0 && s->rope_high >= s->rope_low && s->rope_high < 1e6))
        return err_set(ERR_RANGE,
                       "rope_scaling: beta_slow %g, beta_fast %g: not 0 < slow <= fast < 1e6",
                       s->rope_low, s->rope_high);
    if (s->rope_original < 1 || s->rope_original > SHAPE_POSITIONS)
        return err_set(ERR_RANGE,
                       "rope_scaling.original_max_position_embeddings %d: not in 1..%d",
                       s->rope_original, SHAPE_POSITIONS);
    if (!(s->rope_attention > 0 && s->rope_attention < 1e3))
        return err_set(ERR_RANGE, "rope_scaling.attention_factor %g: not in (0, 1000)",
                       s->rope_attention);
    if (!(s->rope_theta > 1))
        return err_set(ERR_RANGE, "rope_theta %g: yarn needs more than 1", s->rope_theta);
    return OK;
}

/* Numbers of a kind that the shape does not have are not looked at. */
static enum err check_rope(const struct shape *s)
{
    if (s->rope < ROPE_PLAIN || s->rope > ROPE_YARN)
        return err_set(ERR_RANGE, "rope_scaling: kind %d is not known", (int)s->rope);
    if (!(s->rope_theta > 0 && s->rope_theta < 1e12))
        return err_set(ERR_RANGE, "rope_theta %g: not in (0, 1e12)", s->rope_theta);
    if (s->rope == ROPE_PLAIN)
        return OK;
    if (s->rope == ROPE_LONG)
        return check_long(s);
    if (!(s->rope_factor > 0 && s->rope_factor < 1e6))
        return err_set(ERR_RANGE, "rope_scaling.factor %g: not in (0, 1e6)", s->rope_factor);
    if (s->rope == ROPE_LINEAR)
        return OK;
    if (s->rope == ROPE_DYNAMIC)
        return check_dynamic(s);
    return s->rope == ROPE_YARN ? check_yarn(s) : check_llama3(s);
}

/* Family and head first: both are indices of tables. */
enum err shape_check(const struct shape *s)
{
    if ((int)s->family < 0 || s->family >= FAMILIES)
        return err_set(ERR_RANGE, "model_type: kind %d is not known", (int)s->family);
    if (s->head != HEAD_LM && s->head != HEAD_SCALAR && s->head != HEAD_STEP)
        return err_set(ERR_RANGE, "head: kind %d is not known", (int)s->head);
    if ((int)s->compute < 0 || s->compute >= PRECISIONS)
        return err_set(ERR_RANGE, "compute: kind %d is not known", (int)s->compute);
    if (s->answers_int8 && !precision_halves(s->compute))
        return err_set(ERR_RANGE, "generation: int8 is made of bfloat16, compute is float32");
    if (check_reals(s))
        return ERR_RANGE;
    if (check_sizes(s))
        return ERR_RANGE;
    return check_rope(s);
}

/* Without a window no bit counts, whatever a file said of its layers. */
bool shape_local(const struct shape *shape, int layer)
{
    return shape->window && shape->local[layer / 64] >> layer % 64 & 1;
}

bool shape_rotates(const struct shape *shape, int layer)
{
    return !(shape->unrotated[layer / 64] >> layer % 64 & 1);
}

int shape_rotary(const struct shape *shape)
{
    return shape->rotary ? shape->rotary : shape->head_dim;
}

int shape_widest(const struct shape *shape)
{
    const int heads = shape->heads * shape->head_dim;
    const int most = heads > shape->width ? heads : shape->width;

    return shape->ffn > most ? shape->ffn : most;
}

bool shape_reaches(const struct shape *shape)
{
    return shape->rope == ROPE_LONG || shape->rope == ROPE_DYNAMIC;
}

void shape_reach(struct shape *shape, int longest)
{
    if (shape->rope == ROPE_DYNAMIC) {
        /* transformers takes theta anew for each longer sequence: here one holds for all */
        shape->context = longest < shape->rope_original ? shape->rope_original
                         : longest > shape->rope_whole  ? shape->rope_whole
                                                        : longest;
        return;
    }
    if (shape->rope != ROPE_LONG)
        return;
    /* once for the whole run, so that every sequence is rotated by one list: transformers
     * chooses for each */
    shape->rope_far =
        longest > shape->rope_original && shape->rope_whole > shape->rope_original;
    shape->context = shape->rope_far || shape->rope_whole < shape->rope_original
                         ? shape->rope_whole
                         : shape->rope_original;
}
