/* An adapter's base is frozen, so it lies as the kernels read it and in the files' own precision,
 * once, where nothing else is asked of it: a live reference would be a copy of the merged image, a
 * GGUF start is written out as a folder from f32, a start that is an adapter itself was merged in
 * f32, and a matrix that is trained whole has values that no pair of bfloat16 holds. Of a model that
 * computes in bfloat16 all weights learn from what it computes with, which is packed as it is read, too. All
 * else is loaded as f32 weights. The bits are the same. */

#include "learner/offline/load.h"

#include "learner/run/peft.h"

#include <stdlib.h>
#include <string.h>

struct shape load_shape(const struct offline_job *job)
{
    struct shape shape = job->card->shape;

    shape.head = job->head;
    return shape;
}

/* A matrix is trained whole; words that mean nothing are refused by whoever makes the adapter. */
static bool whole_matrix(const struct shape *shape, const struct lora_conf *conf)
{
    struct params *base = NULL;
    struct lora *lora = NULL;
    bool found = false;

    if (!params_outline(&base, shape) && !lora_outline(&lora, base, conf, NULL))
        for (int i = 0; i < base->n; i++)
            found = found || (lora->site[i].whole && part_in_panels(base->tensor[i].row));
    lora_free(lora);
    params_free(base);
    return found;
}

bool load_packs(const struct offline_job *o)
{
    const struct lora_conf *lora = peft_lora(&o->plan);
    const struct shape shape = load_shape(o);

    return o->card->start && !o->card->merged && !(o->reference && o->reference->live) &&
           !(lora && whole_matrix(&shape, lora));
}

/* What was merged comes as whole numbers where it runs in int8. */
static bool reads_packed(const struct offline_job *o)
{
    if (peft_lora(&o->plan))
        return load_packs(o);
    return precision_halves(o->plan.compute) && !o->card->merged;
}

/* Under another head the old block is there until the new one is. */
size_t load_size(const struct offline_job *o)
{
    return o->card->shape.head == o->head ? 0
                                          : 2 * packed_size_as(&o->card->shape, o->card->store);
}

static enum err check_head(const struct offline_job *o, enum head has)
{
    if (has == o->head || o->head != HEAD_LM)
        return OK;
    return err_set(ERR_RANGE, "%s is a reward model: %s needs a language model",
                   o->keys->model_name_or_path, o->objective->name);
}

/* An adapter's start was read anew: reach and stops are those that the run has chosen, as its own meta has them. */
static void like_card(struct shape *shape, const struct shape *card)
{
    shape_reach(shape, card->context);
    memcpy(shape->eos, card->eos, sizeof shape->eos);
    shape->eos_count = card->eos_count;
}

static enum err step_of_params(struct trainable **out, const struct offline_job *o,
                               const struct train_options *options, struct model_files *files)
{
    const uint64_t seed = (uint64_t)o->keys->seed;
    struct params *params = NULL;
    enum err err = OK;

    like_card(&files->params->shape, &o->card->shape);
    if (files->params->shape.head == o->head) {
        params = files->params;
        files->params = NULL;
    } else {
        err = params_reheaded(&params, files->params, o->head, seed, false);
    }
    model_files_free(files);
    return err ? err : trainable_new(out, params, options, peft_lora(&o->plan), seed);
}

static enum err step_of_image(struct trainable **out, const struct offline_job *o,
                              const struct train_options *options, struct model_files *files)
{
    const uint64_t seed = (uint64_t)o->keys->seed;
    struct packed_layout *layout;
    struct shape shape;
    float *image;
    enum err err = OK;

    like_card(&files->shape, &o->card->shape);
    if (files->shape.head != o->head)
        err =
            packed_reheaded(&files->image, &files->layout, &files->shape, o->head, seed, false);
    shape = files->shape;
    shape.head = o->head;
    image = files->image;
    layout = files->layout;
    if (!err) {
        files->image = NULL;
        files->layout = NULL;
    }
    model_files_free(files);
    return err ? err
               : trainable_new_packed(out, &shape, image, layout, options, peft_lora(&o->plan),
                                      seed);
}

enum err load_step(struct trainable **out, const struct offline_job *o,
                   const struct train_options *options)
{
    const bool packed = reads_packed(o);
    const double noise = o->keys->neftune_noise_alpha;
    struct model_files *files = NULL;
    enum err err = model_files_weights(&files, o->card, o->keys->model_name_or_path,
                                       packed ? MODEL_FILES_PACKED : MODEL_FILES_ALL);

    *out = NULL;
    if (!err)
        err = check_head(o, files->shape.head);
    if (err) {
        model_files_free(files);
        return err;
    }
    err =
        packed ? step_of_image(out, o, options, files) : step_of_params(out, o, options, files);
    if (!err && conf_has_real(noise))
        trainable_noise(*out, noise);
    return err;
}
