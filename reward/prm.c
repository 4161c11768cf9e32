/* Two ways in, one reading. A rewarder has a rollout: ids of a prompt and an answer; evaluation
 * has a record: texts, or steps already listed. Both become {"prompt", "completions"} and go
 * through `read_row`; then prm_score puts the steps' values back to the rollout's tokens, while
 * prm_steps returns the list. They differ in one manner: a rollout longer than the model's
 * context is read as far as it goes, since the policy may write what it likes; a record is
 * refused, since somebody can shorten it. */

#include "reward/prm.h"

#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/kernel/real.h"
#include "lm/model/forward.h"
#include "proto/limit.h"
#include "reward/batch.h"
#include "reward/reward_kind.h"

#include <stdlib.h>
#include <string.h>

enum err prm_spec(struct prm_rule *out, json_t **keep, const char *spec)
{
    json_int_t most;

    *keep = json_loads(spec, 0, NULL);
    out->separator = json_string_value(json_object_get(*keep, "separator"));
    most = json_integer_value(json_object_get(*keep, "max_prompt"));
    out->max_prompt = most < 0 || most > MAX_TOKENS ? -1 : (int)most;
    if (!out->separator || !*out->separator || out->max_prompt < 0)
        return err_set(ERR_PARSE, "a process reward needs a separator");
    return OK;
}

/* The model's values at all tokens of a row: *logit, free it; *steps, steps_free it. Longer
 * than the context is an error unless the rule has a max_length. */
static enum err read_row(struct steps *steps, float **logit, const struct model *model,
                         const struct encode *encode, const json_t *row,
                         const struct steps_rule *rule)
{
    const int context = model_shape(model)->context;
    enum err err = steps_encode(steps, row, encode, rule);

    *logit = NULL;
    if (!err && steps->n > context)
        err = err_set(ERR_RANGE, "%d tokens do not fit the model's context of %d", steps->n,
                      context);
    const int seq[] = {0, steps->n};
    if (!err)
        err = mem_big(logit, (size_t)steps->n, sizeof **logit, "values");
    if (!err)
        err = forward_score(model, steps->ids, seq, 1, 1.0f, NULL, NULL, *logit);
    return err;
}

/* ---- a rollout */

/* The answer's bytes, and where each of its tokens ends in them. Special tokens are no text. */
static char *bytes_of(const struct tokenizer *tokenizer, const struct reward_item *it,
                      size_t *end, size_t *n)
{
    char *text = mem_new(1, 1);

    *n = 0;
    for (int i = 0; i < it->n_answer; i++) {
        const int id = it->token[it->n_prompt + i];
        size_t length = 0;
        const char *piece = tokenizer_piece(tokenizer, id, &length);
        if (piece && !tokenizer_is_special(tokenizer, id)) {
            text = mem_grow(text, *n + length + 1, 1);
            memcpy(text + *n, piece, length);
            *n += length;
            text[*n] = 0;
        }
        end[i] = *n;
    }
    return text;
}

/* {"prompt", "completions"}; *bos: the prompt's ids begin with the model's BOS already. */
static enum err row_of(json_t **out, const struct reward_item *it,
                       const struct model_files *files, json_t *steps, bool *bos)
{
    const int *ids = it->token;
    char *prompt;
    size_t n;
    enum err err;

    *bos = it->n_prompt && ids[0] == files->shape.bos;
    err = tokenizer_decode(files->tokenizer, ids, (size_t)it->n_prompt, true, &prompt, &n);
    if (err)
        return err;
    *out = json_pack("{s:o,s:O}", "prompt", json_stringn(prompt, n), "completions", steps);
    free(prompt);
    return *out ? OK : err_set(ERR_PARSE, "a prompt that is not UTF-8");
}

/* Marks value [n_answer] where steps end; at [count]: the byte behind each step. Two steps that
 * end within one token of the policy leave the later's value: it has read more. */
static void place(float *value, const struct reward_item *it, const struct steps *steps,
                  const size_t *at, const size_t *end, const float *logit)
{
    for (int i = 0; i < steps->count; i++) {
        int t = 0;
        if (steps->end[i] < 0)
            continue; /* cut off: nobody read it */
        while (t + 1 < it->n_answer && end[t] < at[i])
            t++;
        value[t] = (float)real_sigmoid((double)logit[steps->end[i]]);
    }
}

static enum err score_item(float *value, const struct reward_item *it,
                           const struct reward_model *with, const struct prm_rule *how)
{
    const struct model_files *files = with->files;
    const struct encode encode = {files->tokenizer, files->chat, files->chat_error, NULL};
    struct steps_rule rule = {.separator = how->separator,
                              .max_prompt = how->max_prompt,
                              .max_length = files->shape.context};
    size_t *end = mem_new((size_t)it->n_answer + 1, sizeof *end), *at = NULL, n;
    char *text = bytes_of(files->tokenizer, it, end, &n);
    struct steps steps = {0};
    json_t *list, *row = NULL;
    float *logit = NULL;
    bool bos = false;
    int count;
    enum err err = OK;

    list = steps_cut(text, n, rule.separator, &at, &count);
    if (count) { /* none: an answer of separators alone, whose values all stay -1 */
        err = row_of(&row, it, files, list, &bos);
        rule.bos = bos ? -1 : files->shape.bos;
        if (!err)
            err = read_row(&steps, &logit, with->model, &encode, row, &rule);
        if (!err)
            place(value, it, &steps, at, end, logit);
    }
    steps_free(&steps);
    json_decref(list);
    json_decref(row);
    free(logit);
    free(text);
    free(end);
    free(at);
    return err;
}

enum err prm_score(struct reward_batch *batch, const struct reward_model *model)
{
    struct prm_rule rule;
    json_t *keep;
    enum err err = prm_spec(&rule, &keep, batch->spec);

    batch->n_value = 0;
    for (uint32_t i = 0; i < batch->n_item && !err; i++) {
        const struct reward_item *it = &batch->item[i];
        float *value = batch->value + batch->n_value;
        for (int t = 0; t < it->n_answer; t++)
            value[t] = -1;
        batch->each[i] = (uint32_t)it->n_answer;
        batch->n_value += (uint32_t)it->n_answer;
        batch->bad = i;
        err = score_item(value, it, model, &rule);
    }
    json_decref(keep);
    return err;
}

/* ---- a record */

/* The solution as a list of steps; a new reference. */
static json_t *steps_of(const json_t *solution, const char *separator)
{
    size_t *end;
    int count;
    json_t *list;

    if (!json_is_string(solution))
        return json_incref((json_t *)(uintptr_t)solution);
    list = steps_cut(json_string_value(solution), json_string_length(solution), separator, &end,
                     &count);
    free(end);
    return list;
}

enum err prm_steps(double **p, int *n, const struct model *model, const struct encode *encode,
                   const struct prm_rule *how, const json_t *prompt, const json_t *solution)
{
    const struct steps_rule rule = {.separator = how->separator,
                                    .bos = model_shape(model)->bos,
                                    .max_prompt = how->max_prompt};
    json_t *list = steps_of(solution, how->separator), *row = json_object();
    struct steps steps = {0};
    float *value = NULL;
    enum err err = OK;

    *n = 0;
    *p = NULL;
    if (list)
        json_object_set(row, "completions", list);
    if (prompt)
        json_object_set(row, "prompt", (json_t *)(uintptr_t)prompt);
    if (!json_is_string(solution) || json_array_size(list))
        err = read_row(&steps, &value, model, encode, row, &rule);
    if (!err && steps.count) {
        *n = steps.count;
        *p = mem_new((size_t)steps.count, sizeof **p);
        for (int i = 0; i < *n; i++)
            (*p)[i] = real_sigmoid((double)value[steps.end[i]]);
    }
    free(value);
    steps_free(&steps);
    json_decref(row);
    json_decref(list);
    return err;
}
