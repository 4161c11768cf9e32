/* A run asks here whether it trains an adapter, and how to write what it has trained, so that no
 * method has to know of adapters: peft_save writes a whole model or an adapter, peft_hash says
 * the hash that `drover inspect` will say of it. A checkpoint holds the adapter alone; its meta
 * keeps the hash of the base, without which the adapter's numbers mean nothing. */
#define _XOPEN_SOURCE 700 /* realpath */

#include "learner/run/peft.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/repo.h"
#include "base/say.h"
#include "lm/file/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct lora_conf *peft_lora(const struct keys_plan *plan)
{
    return plan->peft ? &plan->lora : NULL;
}

/* Dropout changes the learner's log-probabilities and not the actors', which decode the
 * merged weights: the first ratio would not be 1. */
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

/* RUN/base, of RUN/model or RUN/checkpoints/model-9. */
static char *base_beside(const char *folder)
{
    char *run = mem_text(folder), *slash = strrchr(run, '/'), *found;

    if (slash)
        *slash = 0;
    slash = strrchr(run, '/');
    if (slash && !strcmp(slash + 1, "checkpoints"))
        *slash = 0;
    found = mem_print("%s/base", strcmp(run, folder) ? run : ".");
    free(run);
    return found;
}

/* Whether the folder holds these weights, as an earlier save of the run left it. By hash: a run
 * that was begun anew with another start model has a folder of the same name. */
static bool holds(const char *folder, const struct params *params)
{
    const struct hash wanted = params_hash(params);
    struct weights *weights = NULL;
    struct hash has;
    const bool same = fs_is_dir(folder) && !weights_open(&weights, folder) &&
                      !weights_file_hash(&has, weights, &params->shape) &&
                      !memcmp(&has, &wanted, sizeof has);

    weights_close(weights);
    return same;
}

/* peft opens folders alone: the base that came out of a .gguf is written as one, once a run, in
 * f32, which all that a GGUF holds is exactly. A reward model's has the head with which its run
 * began, in whose place the adapter puts its own. */
static enum err base_folder(char **base, const char *folder, const struct model_files *card,
                            const struct params *params)
{
    char *beside, *whole;
    enum err err = OK;

    if (fs_is_dir(*base))
        return OK;
    beside = base_beside(folder);
    if (!holds(beside, params)) {
        err = model_files_save(beside, card, params, "float32");
        if (!err)
            say(stderr, "%s: the adapter's base as a folder, for peft opens no .gguf\n",
                beside);
    }
    whole = err ? NULL : realpath(beside, NULL);
    if (whole) {
        free(*base);
        *base = whole;
    }
    free(beside);
    return err;
}

/* A base of the hub is named as such, at the commit that was trained on: a path into one machine's
 * cache is worth nothing on another. */
static void base_named(char **base, const char *model)
{
    char name[REPO_NAME], revision[REPO_NAME];
    const struct repo *repo;

    if (fs_exists(model) || !fs_is_dir(*base) || !repo_parts(model, name, revision) ||
        repo_open(&repo, REPO_MODEL, model, NULL) || repo_find(repo, "config.json") < 0)
        return; /* of a .gguf's repository peft could open nothing */
    free(*base);
    *base = mem_print("%s@%s", repo->name, repo->commit);
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
        err = base_folder(&base, folder, card, trainable_params(step));
    if (!err)
        base_named(&base, model);
    if (!err)
        err = model_files_save_adapter(folder, card, trainable_lora(step), base, dtype);
    free(base);
    return err;
}

/* Of what is written, in the dtype in which it is written. */
struct hash peft_hash(const struct trainable *step, const char *dtype)
{
    return trainable_lora(step) ? weights_write_hash_lora(trainable_lora(step), dtype)
                                : weights_write_hash(trainable_params(step), dtype);
}

const char *peft_computed(char out[PEFT_COMPUTED], const struct trainable *step,
                          const char *dtype)
{
    const struct params *params = trainable_params(step);
    char text[HASH_TEXT];
    struct hash hash;

    *out = 0;
    if (trainable_lora(step) || params->shape.compute == PRECISION_FLOAT32 ||
        !strcmp(dtype, "bfloat16"))
        return out;
    hash = weights_write_hash(params, "bfloat16");
    snprintf(out, PEFT_COMPUTED, " (masters; computed with %s)", hash_text(text, &hash));
    return out;
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

/* By hash, not by name: a folder of the same name may hold other weights today. */
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
