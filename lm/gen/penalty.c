/* How often a token stands in the answer is counted first, in a table of the vocabulary's size of which only
 * the tokens that were said are written and read; PROMPTED marks one that stands in the prompt alone. Then each token that was
 * said is met once more, changed where it is met first, and its count taken away: what is not said is
 * not looked at, so the cost is a copy of the row and the length of what was said. */

#include "lm/gen/penalty.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define PROMPTED ((uint32_t)1 << 31)

static float repetition(const struct penalties *p)
{
    return p->repetition > 0 ? p->repetition : 1;
}

bool penalty_any(const struct penalties *p)
{
    return repetition(p) != 1 || p->frequency != 0 || p->presence != 0 || p->biases;
}

static enum err check_bias(const struct penalty_bias *bias, int vocab)
{
    if (bias->token < 0 || (vocab && bias->token >= vocab))
        return err_set(ERR_RANGE, "logit_bias: token %d: not in 0..%d", bias->token, vocab - 1);
    if (!(bias->by >= -100 && bias->by <= 100))
        return err_set(ERR_RANGE, "logit_bias: %g: not in -100..100", (double)bias->by);
    return OK;
}

enum err penalty_check(const struct penalties *p, int vocab)
{
    enum err err = OK;

    if (p->repetition != 0 && !(p->repetition >= .01f && p->repetition <= 100))
        return err_set(ERR_RANGE, "repetition_penalty %g: not in 0.01..100",
                       (double)p->repetition);
    if (!(p->frequency >= -2 && p->frequency <= 2))
        return err_set(ERR_RANGE, "frequency_penalty %g: not in -2..2", (double)p->frequency);
    if (!(p->presence >= -2 && p->presence <= 2))
        return err_set(ERR_RANGE, "presence_penalty %g: not in -2..2", (double)p->presence);
    if (p->biases < 0 || p->biases > PENALTY_BIASES)
        return err_set(ERR_RANGE, "logit_bias: %d tokens: at most %d", p->biases,
                       PENALTY_BIASES);
    for (int i = 0; i < p->biases && !err; i++)
        err = check_bias(&p->bias[i], vocab);
    return err;
}

enum err penalty_biases(struct penalty_bias **out, int *n, const json_t *object, int vocab)
{
    const size_t all = json_object_size(object);
    const char *key;
    json_t *value;
    enum err err = OK;

    *out = NULL;
    *n = 0;
    if (object && !json_is_object(object))
        return err_set(ERR_PARSE, "logit_bias: expected an object of token ids and numbers");
    if (all > PENALTY_BIASES)
        return err_set(ERR_RANGE, "logit_bias: %zu tokens: at most %d", all, PENALTY_BIASES);
    *out = mem_new(all + 1, sizeof **out);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        struct penalty_bias *one = &(*out)[(*n)++];
        char *end;
        const long token = strtol(key, &end, 10);

        one->token = token >= 0 && token < INT32_MAX ? (int)token : -1;
        one->by = (float)json_number_value(value);
        if (*end || !isdigit((unsigned char)*key) || !json_is_number(value))
            err = err_set(ERR_PARSE, "logit_bias: '%.20s': expected \"token id\": number", key);
    }
    if (!err)
        err = penalty_check(&(struct penalties){.bias = *out, .biases = *n}, vocab);
    if (!err)
        return OK;
    free(*out);
    *out = NULL;
    *n = 0;
    return err;
}

/* Each operation rounds once, in the order that the header has: as torch does it on f32. */
static float changed(const struct penalties *p, float l, uint32_t count)
{
    const float r = repetition(p), n = (float)(count & ~PROMPTED);

    if (r != 1)
        l = l < 0 ? l * r : l / r;
    if (n > 0) {
        l -= p->frequency * n;
        l -= p->presence;
    }
    return l;
}

void penalty_apply(const struct penalties *p, const struct penalty_said *said,
                   const float *logit, int vocab, uint32_t *count, float *to)
{
    memcpy(to, logit, (size_t)vocab * sizeof *to);
    for (int i = 0; i < p->biases; i++)
        to[p->bias[i].token] += p->bias[i].by;
    for (int i = 0; i < said->n; i++)
        count[said->token[i]] = 0;
    for (int i = said->n_prompt; i < said->n; i++)
        count[said->token[i]]++;
    for (int i = 0; i < said->n_prompt; i++)
        count[said->token[i]] |= PROMPTED;
    for (int i = 0; i < said->n; i++) {
        const int token = said->token[i];

        if (!count[token])
            continue;
        to[token] = changed(p, to[token], count[token]);
        count[token] = 0;
    }
}
