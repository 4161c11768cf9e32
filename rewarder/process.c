#include "rewarder/process.h"

#include "base/mem.h"
#include "lm/file/model_files.h"
#include "lm/kernel/real.h"
#include "lm/model/forward.h"
#include "lm/text/steps.h"
#include "proto/limit.h"

#include <stdlib.h>
#include <string.h>

/* The answer's bytes, and where each of its tokens ends in them. Special tokens are no text. */
static char *bytes_of(const struct tokenizer *tokenizer, const struct work_item *it,
                      size_t *end, size_t *n)
{
    char *text = mem_new(1, 1);

    *n = 0;
    for (int i = 0; i < it->answer; i++) {
        const int id = it->token[it->prompt + i];
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

static enum err read_spec(struct steps_rule *rule, json_t **tree, const char *spec)
{
    *tree = json_loads(spec, 0, NULL);
    rule->separator = json_string_value(json_object_get(*tree, "separator"));
    const json_int_t most = json_integer_value(json_object_get(*tree, "max_prompt"));
    rule->max_prompt = most < 0 || most > MAX_TOKENS ? -1 : (int)most;
    if (!rule->separator || !*rule->separator || rule->max_prompt < 0)
        return err_set(ERR_PARSE, "a process reward needs a separator");
    return OK;
}

/* {"prompt", "completions"} of one rollout. */
static enum err row_of(json_t **out, const struct work_item *it,
                       const struct model_files *files, json_t *steps, bool *bos)
{
    const int *ids = it->token;
    char *prompt;
    size_t n;
    enum err err;

    *bos = it->prompt && ids[0] == files->shape.bos;
    err = tokenizer_decode(files->tokenizer, ids, (size_t)it->prompt, true, &prompt, &n);
    if (err)
        return err;
    *out = json_pack("{s:o,s:O}", "prompt", json_stringn(prompt, n), "completions", steps);
    free(prompt);
    return *out ? OK : err_set(ERR_PARSE, "a prompt that is not UTF-8");
}

/* Marks value [answer] where steps end; at [count] byte behind each step. */
static void place(float *value, const struct work_item *it, const struct steps *steps,
                  const size_t *at, const size_t *end, const float *logit)
{
    for (int i = 0; i < steps->count; i++) {
        int t = 0;
        if (steps->end[i] < 0)
            continue; /* cut off: nobody read it */
        while (t + 1 < it->answer && end[t] < at[i])
            t++;
        value[t] = (float)real_sigmoid((double)logit[steps->end[i]]);
    }
}

static enum err judge(float *value, const struct work_item *it, const struct model *model,
                      const struct model_files *files, struct steps_rule rule)
{
    const struct encode encode = {files->tokenizer, files->chat, files->chat_error, NULL};
    size_t *end = mem_new((size_t)it->answer + 1, sizeof *end), *at = NULL, n;
    char *text = bytes_of(files->tokenizer, it, end, &n);
    struct steps steps = {0};
    json_t *list, *row = NULL;
    float *logit = NULL;
    bool bos = false;
    int count;
    enum err err = OK;

    list = steps_cut(text, n, rule.separator, &at, &count);
    if (count) {
        err = row_of(&row, it, files, list, &bos);
        rule.bos = bos ? -1 : files->shape.bos;
        rule.max_length = files->shape.context;
        if (!err)
            err = steps_encode(&steps, row, &encode, &rule);
        const int seq[] = {0, steps.n};
        if (!err)
            err = mem_big(&logit, (size_t)steps.n, sizeof *logit, "values");
        if (!err)
            err = forward_score(model, steps.ids, seq, 1, 1.0f, NULL, NULL, logit);
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

enum err process_score(struct work *work, const struct model *model,
                       const struct model_files *files)
{
    struct steps_rule rule = {.separator = NULL};
    json_t *tree;
    enum err err = read_spec(&rule, &tree, work->spec);

    work->values = 0;
    for (uint32_t i = 0; i < work->items && !err; i++) {
        const struct work_item *it = &work->item[i];
        float *value = work->value + work->values;
        for (int t = 0; t < it->answer; t++)
            value[t] = -1;
        work->each[i] = (uint32_t)it->answer;
        work->values += (uint32_t)it->answer;
        err = judge(value, it, model, files, rule);
    }
    json_decref(tree);
    return err;
}
