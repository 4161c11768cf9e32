#define _XOPEN_SOURCE 700 /* realpath */

#include "learner/run/peft.h"

#include "base/mem.h"
#include "lm/file/weights.h"

#include <stdlib.h>
#include <string.h>

/* A list of words, or one. */
static enum err words(const char *key, const json_t *tree, const char **out, int *n)
{
    const size_t count = json_is_array(tree) ? json_array_size(tree) : tree ? 1 : 0;

    *n = 0;
    if (count > LORA_WORDS)
        return err_set(ERR_RANGE, "%s: at most %d modules", key, LORA_WORDS);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(tree) ? json_array_get(tree, i) : tree;
        const char *word = json_string_value(item);

        if (json_is_null(item))
            continue;
        if (!word || !*word || strpbrk(word, " ,"))
            return err_set(ERR_PARSE, "%s: expected a list such as [q_proj, v_proj]", key);
        out[(*n)++] = word;
    }
    return OK;
}

static enum err check_task(const char *task)
{
    static const char *const known[] = {"CAUSAL_LM", "SEQ_CLS", "TOKEN_CLS"};

    for (size_t i = 0; task && i < sizeof known / sizeof *known; i++)
        if (!strcmp(task, known[i]))
            return OK;
    return task ? err_set(ERR_RANGE,
                          "lora_task_type: '%s': expected CAUSAL_LM, SEQ_CLS or "
                          "TOKEN_CLS",
                          task)
                : OK;
}

enum err peft_conf(struct keys_plan *out, const struct keys *keys)
{
    struct lora_conf *lora = &out->lora;
    enum err err;

    out->peft = keys->use_peft;
    if (!keys->use_peft)
        return OK;
    if (keys->use_dora)
        return err_set(ERR_RANGE, "use_dora: not available; set it to false");
    if (keys->lora_target_parameters && !json_is_null(keys->lora_target_parameters))
        return err_set(ERR_RANGE, "lora_target_parameters: not available; name modules in "
                                  "lora_target_modules");
    *lora = (struct lora_conf){.r = keys->lora_r,
                               .alpha = keys->lora_alpha,
                               .dropout = keys->disable_dropout ? 0 : keys->lora_dropout,
                               .rslora = keys->use_rslora};
    err = check_task(keys->lora_task_type);
    if (!err)
        err = words("lora_target_modules", keys->lora_target_modules, lora->target,
                    &lora->targets);
    if (!err)
        err =
            words("lora_modules_to_save", keys->lora_modules_to_save, lora->save, &lora->saves);
    return err;
}

const struct lora_conf *peft_lora(const struct keys_plan *plan)
{
    return plan->peft ? &plan->lora : NULL;
}

enum err peft_check_fleet(const struct keys_plan *plan)
{
    if (plan->peft && plan->lora.dropout > 0)
        return err_set(ERR_RANGE,
                       "lora_dropout: %g: answers come from a fleet that has no dropout, and "
                       "the first ratio must be 1: set it to 0",
                       plan->lora.dropout);
    return OK;
}

/* The base as peft on this machine finds it: the folder itself, by its whole path. */
static enum err base_path(char **out, const char *model)
{
    char *found;
    const enum err err = model_files_find(&found, model);

    *out = NULL;
    if (err)
        return err;
    *out = realpath(found, NULL);
    if (*out)
        free(found);
    else
        *out = found;
    return OK;
}

enum err peft_save(const char *folder, const struct model_files *card,
                   const struct trainable *step, const char *model, const char *dtype)
{
    char *base;
    enum err err;

    if (!trainable_lora(step))
        return model_files_save(folder, card, trainable_params(step), dtype);
    err = base_path(&base, model);
    if (!err)
        err = model_files_save_adapter(folder, card, trainable_lora(step), base, dtype);
    free(base);
    return err;
}

struct hash peft_hash(const struct trainable *step, const char *dtype)
{
    return trainable_lora(step) ? weights_hash_lora(trainable_lora(step), dtype)
                                : weights_hash(trainable_params(step), dtype);
}

void peft_put_base(json_t *meta, struct trainable *step)
{
    char text[HASH_TEXT];
    struct hash base;

    if (!trainable_lora(step))
        return;
    base = trainable_base(step);
    json_object_set_new(meta, "base", json_string(hash_text(text, &base)));
}

enum err peft_check_base(const json_t *meta, struct trainable *step)
{
    const char *was = json_string_value(json_object_get(meta, "base"));
    char now[HASH_TEXT];
    struct hash base;

    if (!trainable_lora(step))
        return OK;
    base = trainable_base(step);
    if (was && !strcmp(was, hash_text(now, &base)))
        return OK;
    return err_set(ERR_STATE,
                   "the checkpoint's adapter belongs to a base with the hash %.16s, "
                   "model_name_or_path holds %.16s now",
                   was ? was : "?", now);
}
