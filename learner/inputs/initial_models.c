/* The first start reads the models that the keys name and writes what it takes of each into the
 * run's folder: its meta (config, tokenizer, template: the "card") and its weights packed as the
 * kernels read them, each under its hash. Every start, the first too, then maps these files and
 * checks their hashes; so a model that is moved or trained on afterwards changes nothing, and
 * the pages that go to actors are the file's own.
 *
 * The manifest is written last, by initial_models_seal, when all else about the run is known to
 * be possible: a folder without one is begun anew. */

#include "learner/inputs/initial_models.h"

#include "base/fs.h"
#include "base/mem.h"
#include "learner/run/resume.h"
#include "learner/run/start_model.h"
#include "lm/model/packed.h"
#include "proto/peer.h"
#include "reward/reward_kind.h"

#include <stdlib.h>
#include <string.h>

enum { MANIFEST_MAX = 16 << 20 };

/* What was mapped is unmapped: nobody may serve these bytes any more. */
void initial_models_close(struct initial_models *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->n_model; i++) {
        fs_unmap(o->model[i].card_bytes, o->model[i].card.bytes);
        fs_unmap(o->model[i].image_bytes, o->model[i].image.bytes);
    }
    fs_unmap(o->refreshed.image_bytes, o->refreshed.image.bytes);
    model_files_free(o->policy);
    free(o->generation);
    json_decref(o->manifest);
    free(o->folder);
    free(o);
}

/* A file's name is its hash: what is there under it is it. */
static char *path_of(const struct initial_models *o, const struct hash *hash)
{
    char text[HASH_TEXT];

    return mem_print("%s/%s", o->folder, hash_text(text, hash));
}

/* Writes bytes under their hash, unless they are there. */
static enum err keep(const struct initial_models *o, struct artifact *out, const void *bytes,
                     size_t n)
{
    char *path;
    enum err err = OK;

    out->hash = packed_hash(bytes, n);
    out->bytes = n;
    path = path_of(o, &out->hash);
    if (!fs_exists(path)) /* two rewards may share a model */
        err = fs_write(path, bytes, n);
    free(path);
    return err;
}

/* As what a model is read that is only kept: of bfloat16 the image is made of the files. */
static enum model_files_want first_want(enum precision compute)
{
    return compute == PRECISION_BFLOAT16 ? MODEL_FILES_PACKED : MODEL_FILES_ALL;
}

/* What was read as f32, packed. */
static enum err keep_params(const struct initial_models *o, struct artifact *out,
                            const struct model_files *files)
{
    const size_t bytes = packed_size(&files->shape);
    struct packed_layout *layout = NULL;
    float *image = NULL;
    enum err err = mem_big(&image, bytes, 1, "compute weights");

    if (!err)
        err = packed_layout_new(&layout, &files->shape);
    if (!err) {
        packed_fill(image, layout, files->params);
        err = keep(o, out, image, bytes);
    }
    packed_layout_free(layout);
    free(image);
    return err;
}

/* Packed before it is hashed: the hash of version 0 is that of the bytes that actors will have. */
static enum err keep_model(const struct initial_models *o, struct initial_model *model,
                           const struct model_files *files)
{
    const enum err err = files->params ? keep_params(o, &model->image, files)
                                       : keep(o, &model->image, files->image,
                                              files->layout->size * sizeof *files->image);

    return err ? err : keep(o, &model->card, files->card, files->card_size);
}

/* Its kind says what it needs of a model (reward_kind.h); what reads the policy's tokens limits how
 * long prompt and answer may be. */
static enum err make_reward(struct initial_models *o, const struct reward *reward,
                            const struct tokenizer *policy, int longest)
{
    const struct reward_kind *kind = reward_kind_of(reward->kind);
    struct initial_model *model = &o->model[o->n_model];
    struct model_files *files = NULL;
    enum err err = model_files_open_as(&files, reward->model, first_want(reward->compute),
                                       reward->compute);

    if (!err)
        err = model_files_reach(files, longest);
    if (!err)
        err = kind->fits(reward, files, policy);
    if (!err && !kind->text && (!o->narrowest || files->shape.context < o->narrowest))
        o->narrowest = files->shape.context; /* it reads the policy's tokens, all of them */
    if (!err)
        err = keep_model(o, model, files);
    snprintf(model->name, sizeof model->name, "reward:%s", reward->name);
    o->n_model++;
    model_files_free(files);
    return err ? err_add("reward %s", reward->name) : OK;
}

/* The card says it, and so whoever is sent the card. */
static enum err answer_in_int8(struct model_files *files)
{
    files->shape.answers_int8 = true;
    return model_files_make_meta(files);
}

static enum err make(struct initial_models *o, const struct keys *keys,
                     const struct rewards *rewards, int longest, bool answers_int8)
{
    struct model_files *files = NULL;
    enum precision compute = PRECISION_FLOAT32;
    uint64_t unused;
    char *eos = NULL;
    enum err err = fs_mkdir(o->folder);

    o->fresh = true;
    peer_random(&o->run, &unused);
    if (!err)
        err = precision_named(&compute, keys->compute);
    if (!err)
        err = start_model_open(&files, keys, first_want(compute), longest, &eos);
    if (!err && files->shape.head != HEAD_LM)
        err = err_set(ERR_RANGE, "%s is a reward model: this method trains a language model",
                      keys->model_name_or_path);
    if (!err && answers_int8)
        err = answer_in_int8(files);
    snprintf(o->model[0].name, sizeof o->model[0].name, "policy");
    if (!err)
        err = keep_model(o, &o->model[0], files);
    o->n_model = 1;
    for (int i = 0; i < rewards->n && !err; i++) {
        o->of_reward[i] = rewards->reward[i].model ? o->n_model : -1;
        if (rewards->reward[i].model)
            err = make_reward(o, &rewards->reward[i], files->tokenizer, longest);
    }
    if (!err) { /* the defaults for decoding go back into the model that the run writes */
        o->generation = files->generation;
        files->generation = NULL;
    }
    model_files_free(files);
    free(eos);
    return err;
}

/* As artifact_json wrote it. */
static enum err get_artifact(struct artifact *out, const json_t *from, const char *key)
{
    const json_t *pair = json_object_get(from, key);
    const char *hash = json_string_value(json_array_get(pair, 0));

    out->bytes = (uint64_t)json_integer_value(json_array_get(pair, 1));
    /* [hash, bytes] */
    return hash ? hash_parse(&out->hash, hash) : err_set(ERR_PARSE, "no %s", key);
}

static enum err get_model(struct initial_models *o, const json_t *entry)
{
    struct initial_model *model = &o->model[o->n_model];
    const char *name = json_string_value(json_object_get(entry, "name"));
    enum err err = name && o->n_model <= REWARDS_MAX ? OK : err_set(ERR_PARSE, "no name");

    if (!err)
        err = get_artifact(&model->card, entry, "card");
    if (!err)
        err = get_artifact(&model->image, entry, "image");
    if (err)
        return err;
    snprintf(model->name, sizeof model->name, "%s", name);
    o->n_model++;
    return OK;
}

/* Paths of the keys are not looked at: the artifacts are the models, wherever those went. */
static enum err load(struct initial_models *o, const char *path, const struct rewards *rewards)
{
    const json_t *entry;
    struct hash run;
    size_t i, n;
    char *text = NULL;
    enum err err = fs_read(&text, &n, path, MANIFEST_MAX);

    o->manifest = err ? NULL : json_loadb(text, n, 0, NULL);
    free(text);
    if (!err) {
        const char *id = json_string_value(json_object_get(o->manifest, "run"));
        err = id ? hash_parse(&run, id) : err_set(ERR_PARSE, "no run id");
    }
    if (!err) {
        const char *kept = json_string_value(json_object_get(o->manifest, "generation"));
        /* the id stands there as a hash, of which it is the first half */
        memcpy(o->run.byte, run.byte, sizeof o->run.byte);
        o->generation = kept ? mem_text(kept) : NULL;
    }
    json_array_foreach(json_object_get(o->manifest, "models"), i, entry)
    {
        if (!err)
            err = get_model(o, entry);
    }
    for (int r = 0; r < rewards->n && !err; r++) {
        o->of_reward[r] = -1;
        for (int m = 1; m < o->n_model; m++)
            if (!strcmp(o->model[m].name + 7, rewards->reward[r].name)) /* after "reward:" */
                o->of_reward[r] = m;
    }
    if (!err && !o->n_model)
        err = err_set(ERR_PARSE, "names no model");
    return err ? err_add("%s", path) : OK;
}

static enum err map(const struct initial_models *o, const struct artifact *what,
                    const void **bytes)
{
    char *path = path_of(o, &what->hash);
    struct hash hash;
    size_t n = 0;
    enum err err = fs_map(bytes, &n, path);

    if (!err) {
        hash = packed_hash(*bytes, n);
        if (n != what->bytes || !hash_same(&hash, &what->hash)) {
            err = err_set(ERR_PARSE, "%s: damaged: its bytes do not have its hash", path);
            fs_unmap(*bytes, n);
            *bytes = NULL;
        }
    }
    free(path);
    return err;
}

/* Mapped: what is only hashed here, and asked for by nobody, need not stay in memory. */
static enum err map_all(struct initial_models *o)
{
    enum err err = OK;

    for (int i = 0; i < o->n_model && !err; i++) {
        struct initial_model *const m = &o->model[i];
        m->card.kind = ARTIFACT_CARD;
        m->image.kind = ARTIFACT_IMAGE;
        m->card.name = m->image.name = m->name;
        err = map(o, &m->card, &m->card_bytes);
        if (!err)
            err = map(o, &m->image, &m->image_bytes);
    }
    if (!err)
        err = model_files_from_meta(&o->policy, o->model[0].card_bytes, o->model[0].card.bytes,
                                    "the policy's card");
    if (!err) {
        o->policy->generation = o->generation;
        o->generation = NULL;
    }
    return err;
}

enum err initial_models_open(struct initial_models **out, const struct keys *keys,
                             const struct rewards *rewards, int longest, bool answers_int8)
{
    struct initial_models *o = mem_new(1, sizeof *o);
    char *path;
    enum err err;

    *out = NULL;
    o->folder = mem_print("%s/artifacts", keys->output_dir);
    path = mem_print("%s/manifest.json", o->folder);
    err = fs_exists(path) ? load(o, path, rewards)
                          : make(o, keys, rewards, longest, answers_int8);
    if (!err)
        err = map_all(o);
    free(path);
    if (err)
        initial_models_close(o);
    else
        *out = o;
    return err;
}

/* [hash, bytes]: as get_artifact reads it. */
static json_t *artifact_json(const struct artifact *a)
{
    char text[HASH_TEXT];

    return json_pack("[sI]", hash_text(text, &a->hash), (json_int_t)a->bytes);
}

/* Whole or not at all (fs_write): from then on the folder holds a run. */
static enum err write_manifest(struct initial_models *o, const json_t *config, const char *data)
{
    struct hash run = {{0}};
    char id[HASH_TEXT], *path = mem_print("%s/manifest.json", o->folder), *text;
    json_t *models = json_array();
    enum err err;

    memcpy(run.byte, o->run.byte, sizeof o->run.byte);
    for (int i = 0; i < o->n_model; i++)
        json_array_append_new(models, json_pack("{s:s, s:o, s:o}", "name", o->model[i].name,
                                                "card", artifact_json(&o->model[i].card),
                                                "image", artifact_json(&o->model[i].image)));
    o->manifest =
        json_pack("{s:s, s:s, s:O, s:o, s:s*}", "run", hash_text(id, &run), "data", data,
                  "config", config, "models", models, "generation", o->policy->generation);
    text = json_dumps(o->manifest, JSON_INDENT(1));
    err = fs_write(path, text, strlen(text));
    free(text);
    free(path);
    return err;
}

enum err initial_models_seal(struct initial_models *o, const json_t *config,
                             const struct hash *data)
{
    char text[HASH_TEXT];
    const char *was;
    enum err err;

    hash_text(text, data);
    if (o->fresh) /* from here on the folder is this run's */
        return write_manifest(o, config, text);
    err = resume_same(json_object_get(o->manifest, "config"), config);
    was = json_string_value(json_object_get(o->manifest, "data"));
    if (!err && (!was || strcmp(was, text)))
        err =
            err_set(ERR_STATE, "the prompts changed since the run that output_dir holds: take "
                               "another output_dir, or say overwrite_output_dir=true");
    return err;
}

enum err initial_models_keep(const struct initial_models *o, struct artifact *out,
                             const void *bytes, size_t n)
{
    return keep(o, out, bytes, n);
}

/* What a run began with is never removed, though a refresh may have come to the same bytes. */
enum err initial_models_let_go(const struct initial_models *o, const struct hash *image)
{
    char *const path = path_of(o, image);
    bool begun = false;
    enum err err;

    for (int i = 0; i < o->n_model; i++)
        begun |= hash_same(&o->model[i].image.hash, image);
    err = begun || !fs_exists(path) ? OK : fs_remove(path);
    free(path);
    return err;
}

/* The one before stays mapped until the new one is: an error leaves something to serve. */
enum err initial_models_refresh(struct initial_models *o, int model, const struct hash *image,
                                uint64_t bytes)
{
    const struct initial_model was = o->refreshed;
    struct initial_model *const to = &o->refreshed;
    enum err err;

    if (was.image_bytes && hash_same(&was.image.hash, image))
        return OK;
    *to = (struct initial_model){
        .image = {.hash = *image, .bytes = bytes, .kind = ARTIFACT_IMAGE}};
    to->image.name = o->model[model].name;
    err = map(o, &to->image, &to->image_bytes);
    fs_unmap(was.image_bytes, was.image.bytes);
    return err;
}

/* Packing loses nothing: what is unpacked are the bytes of the f32 tensors that were read. */
enum err initial_models_params(const struct initial_models *o, int model, struct params **out)
{
    const struct initial_model *m = &o->model[model];
    struct packed_layout *layout = NULL;
    struct model_files *files = NULL;
    enum err err = model_files_from_meta(&files, m->card_bytes, m->card.bytes, m->name);

    *out = NULL;
    if (!err && packed_size(&files->shape) != m->image.bytes)
        err = err_set(ERR_PARSE, "%s: image and card do not fit together", m->name);
    if (!err)
        err = packed_layout_new(&layout, &files->shape);
    if (!err)
        err = params_new(out, &files->shape);
    if (!err)
        packed_unpack(*out, layout, m->image_bytes);
    packed_layout_free(layout);
    model_files_free(files);
    return err;
}
