/* What a configuration's words mean for a model: which modules they name, and what a word that
 * fits none is told. lora.c asks here when it lists what learns; an adapter from a file has no
 * words, its tensors say it themselves. */

#include "lm/model/lora_words.h"

#include <stdio.h>
#include <string.h>

enum { NAME = LORA_WORDS_NAME };

bool lora_words_linear(const struct tensor *tensor)
{
    return tensor->row->kind == KIND_LINEAR;
}

/* The module of a weight; of a matrix's bias "…q_proj.bias", which no word means. A norm's bias
 * goes with its norm. */
void lora_words_module(char out[NAME], const struct tensor *tensor)
{
    const enum part part = tensor->part;
    const bool norms = part == PART_NORM_ATTN_BIAS || part == PART_NORM_MLP_BIAS ||
                       part == PART_NORM_FINAL_BIAS;
    const char *end = norms ? ".bias" : ".weight";
    const size_t n = strlen(tensor->name), m = strlen(end);

    snprintf(out, NAME, "%s", tensor->name);
    if (n > m && !strcmp(out + n - m, end))
        out[n - m] = 0;
}

/* PEFT's rule: the whole name, or its end after a dot: "q_proj" means every layer's, and
 * "0.self_attn.q_proj" the first one's alone. */
static bool means(const char *word, const char *module)
{
    const size_t n = strlen(word), m = strlen(module);

    return !strcmp(word, module) ||
           (m > n && module[m - n - 1] == '.' && !strcmp(module + m - n, word));
}

/* Before any file is read: a run's keys are refused as early as they can be. */
enum err lora_words_numbers(const struct lora_conf *c)
{
    if (c->r < 1 || c->r > LORA_RANK)
        return err_set(ERR_RANGE, "lora_r %d: not in 1..%d", c->r, LORA_RANK);
    if (!(c->alpha > 0 && c->alpha <= 1e6))
        return err_set(ERR_RANGE, "lora_alpha %g: not in (0, 1e6]", c->alpha);
    if (!(c->dropout >= 0 && c->dropout < 1))
        return err_set(ERR_RANGE, "lora_dropout %g: not in [0, 1)", c->dropout);
    return OK;
}

/* "q_proj, k_proj, …": the last words of the modules that carry adapters. */
static const char *linears(const struct params *base, char *out, size_t size)
{
    size_t at = 0;

    out[0] = 0;
    for (int i = 0; i < base->n && base->tensor[i].layer < 1; i++) {
        char module[NAME];
        const char *last;

        if (!lora_words_linear(&base->tensor[i]))
            continue;
        lora_words_module(module, &base->tensor[i]);
        last = strrchr(module, '.') + 1;
        if (!strstr(out, last) && at + strlen(last) + 3 < size)
            at += (size_t)snprintf(out + at, size - at, at ? ", %s" : "%s", last);
    }
    return out;
}

/* A word that means nothing here is refused: with a slip in one name of several, half of what
 * was asked for would be trained. */
static enum err check_target(const struct params *base, const char *word)
{
    char known[200];
    bool found = false;

    if (!strcmp(word, "all-linear"))
        return OK;
    for (int i = 0; i < base->n; i++) {
        char module[NAME];
        lora_words_module(module, &base->tensor[i]);
        if (!means(word, module))
            continue;
        if (!lora_words_linear(&base->tensor[i])) {
            char *and;
            linears(base, known, sizeof known);
            and = strrchr(known, ',');
            return err_set(ERR_RANGE,
                           "lora_target_modules: %.60s: only %.*s%s%s carry adapters", word,
                           and? (int)(and-known) : (int)strlen(known), known, and? " and" : "",
                           and? and+1 : "");
        }
        found = true;
    }
    if (found)
        return OK;
    return err_set(ERR_RANGE,
                   "lora_target_modules: '%.60s': this model has %s (or say all-linear)", word,
                   linears(base, known, sizeof known));
}

/* Only what can stand beside a frozen base: a matrix that carries adapters may not be whole as
 * well. */
static enum err check_save(const struct params *base, const char *word)
{
    bool found = false;

    for (int i = 0; i < base->n; i++) {
        const enum part part = base->tensor[i].part;
        char module[NAME];
        lora_words_module(module, &base->tensor[i]);
        if (!means(word, module))
            continue;
        if (part == PART_EMBED && base->shape.tied && base->shape.head == HEAD_LM)
            return err_set(ERR_RANGE,
                           "lora_modules_to_save: %s is tied to the head in this "
                           "model: training it alone would untie them",
                           word);
        if (lora_words_linear(&base->tensor[i]))
            return err_set(ERR_RANGE,
                           "lora_modules_to_save: %.60s: only embed_tokens, lm_head, score and "
                           "norms are trained whole",
                           word);
        found = true;
    }
    if (found || !strcmp(word, "classifier")) /* PEFT adds it for every SEQ_CLS */
        return OK;
    return err_set(ERR_RANGE,
                   "lora_modules_to_save: '%.60s': no such module here: embed_tokens, %s and "
                   "norms may be trained whole",
                   word, base->shape.head == HEAD_LM ? "lm_head" : "score");
}

enum err lora_words_check(const struct params *base, const struct lora_conf *c)
{
    enum err err = OK;

    for (int i = 0; i < c->targets && !err; i++)
        err = check_target(base, c->target[i]);
    for (int i = 0; i < c->saves && !err; i++)
        err = check_save(base, c->save[i]);
    return err;
}

/* Without words, PEFT's choice for the family: part.c marks it. */
static bool is_target(const struct lora_conf *c, const struct tensor *t, const char *module)
{
    if (!c->targets)
        return t->row->usual;
    for (int i = 0; i < c->targets; i++)
        if (means(c->target[i], module) || !strcmp(c->target[i], "all-linear"))
            return true;
    return false;
}

/* A head that gives values always learns: it was not in the base that the adapter is for. */
enum lora_kind lora_words_kind(const struct lora_conf *c, const struct tensor *t,
                               const char *module)
{
    if (lora_words_linear(t))
        return is_target(c, t, module) ? LORA_PAIR : LORA_FROZEN;
    if (t->part == PART_SCORE || t->part == PART_SCORE_BIAS)
        return LORA_WHOLE;
    for (int i = 0; i < c->saves; i++)
        if (means(c->save[i], module))
            return LORA_WHOLE;
    return LORA_FROZEN;
}
