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

static enum err check_sizes(const struct shape *s)
{
    const struct whole table[] = {
        {"num_hidden_layers", s->layers, 1, 512, 1},
        {"hidden_size", s->width, 16, 1 << 16, 16},
        {"num_attention_heads", s->heads, 1, 1024, 1},
        {"num_key_value_heads", s->kv_heads, 1, 1024, 1},
        {"head_dim", s->head_dim, 16, 1024, 16},
        {"intermediate_size", s->ffn, 16, 1 << 18, 16},
        {"vocab_size", s->vocab, 1, 1 << 20, 1},
        {"max_position_embeddings", s->context, 1, 1 << 20, 1},
        {"bos_token_id", s->bos, -1, s->vocab - 1, 1},
        {"pad_token_id", s->pad, -1, s->vocab - 1, 1},
        {"eos_token_id (count)", s->eos_count, 0, SHAPE_STOPS, 1},
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

static enum err check_rope(const struct shape *s)
{
    if (s->rope != ROPE_PLAIN && s->rope != ROPE_LINEAR && s->rope != ROPE_LLAMA3)
        return err_set(ERR_RANGE, "rope_scaling: kind %d is not known", (int)s->rope);
    if (!(s->rope_theta > 0 && s->rope_theta < 1e12))
        return err_set(ERR_RANGE, "rope_theta %g: not in (0, 1e12)", s->rope_theta);
    if (s->rope != ROPE_PLAIN && !(s->rope_factor > 0 && s->rope_factor < 1e6))
        return err_set(ERR_RANGE, "rope_scaling.factor %g: not in (0, 1e6)", s->rope_factor);
    if (s->rope != ROPE_LLAMA3)
        return OK;
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

enum err shape_check(const struct shape *s)
{
    if (s->family != FAMILY_LLAMA && s->family != FAMILY_MISTRAL && s->family != FAMILY_QWEN2)
        return err_set(ERR_RANGE, "model_type: kind %d is not known", (int)s->family);
    if (s->head != HEAD_LM && s->head != HEAD_SCALAR && s->head != HEAD_STEP)
        return err_set(ERR_RANGE, "head: kind %d is not known", (int)s->head);
    if (!(s->norm_eps >= 0 && s->norm_eps < 1))
        return err_set(ERR_RANGE, "rms_norm_eps %g: not in [0, 1)", (double)s->norm_eps);
    if (!(s->init_std >= 0 && s->init_std < 10))
        return err_set(ERR_RANGE, "initializer_range %g: not in [0, 10)", s->init_std);
    if (check_sizes(s))
        return ERR_RANGE;
    return check_rope(s);
}
