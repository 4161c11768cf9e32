/* How it works: between reading a configuration and giving it to the tables, each row of
 * `renamed` moves a value under today's name; then come the keys that mean something else than
 * they say: the handbook's two ways to name a mixture, a penalty that became a second loss, the
 * switches that argparse makes of truths (no_KEY). Each is told, so that a person learns the
 * names. Nothing here looks at what a value means: that is conf_load's, under the new name.
 *
 * A mixture's weight is a share of its own part (the handbook's), a fraction TRL's share of the
 * whole: `weight` keeps its name in `datasets:`. */
#include "learner/run/keys_older.h"

#include "base/mem.h"
#include "lm/model/precision.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct older {
    json_t *tree;
    const struct conf_key *const *tables;
    void (*told)(const char *key, const char *words);
};

static const struct {
    const char *older, *now;
} renamed[] = {
    {"torch_dtype", "dtype"},
    {"max_seq_length", "max_length"},
    {"evaluation_strategy", "eval_strategy"},
    {"per_gpu_train_batch_size", "per_device_train_batch_size"},
    {"per_gpu_eval_batch_size", "per_device_eval_batch_size"},
    {"text_column", "dataset_text_field"},
};

/* Keys whose null says "the usual": an empty place would be no value of theirs. */
static const char *const usual_when_null[] = {"dtype",
                                              "torch_dtype",
                                              "optim",
                                              "lr_scheduler_type",
                                              "truncation_mode",
                                              "dataset_text_field",
                                              "eval_strategy",
                                              "save_strategy",
                                              "logging_strategy",
                                              "train_sampling_strategy",
                                              "output_dir",
                                              "loss_type"};

/* By name or alias; a row whose name ends in a star is none: its keys are noted anyway. */
static const struct conf_key *row_of(const struct older *o, const char *name)
{
    for (const struct conf_key *const *t = o->tables; *t; t++)
        for (const struct conf_key *k = *t; k->name; k++)
            if (!strcmp(k->name, name) || (k->alias && !strcmp(k->alias, name)))
                return k;
    return NULL;
}

/* True when there is such a key that no table of the method has: it is ours to read. */
static bool given(const struct older *o, const char *name)
{
    return json_object_get(o->tree, name) && !row_of(o, name);
}

/* Whoever reads only for a check hears nothing. */
static void tell(const struct older *o, const char *key, const char *words)
{
    if (o->told)
        o->told(key, words);
}

/* A key of today wins: it was written by someone who knew its name. */
static void rename_all(const struct older *o)
{
    for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++) {
        const char *older = renamed[i].older, *now = renamed[i].now;
        char *words;

        if (!given(o, older) || !row_of(o, now))
            continue;
        if (json_object_get(o->tree, now)) {
            words = mem_print("an older name of %s, whose value counts", now);
        } else {
            words = mem_print("an older name of %s", now);
            json_object_set(o->tree, now, json_object_get(o->tree, older));
        }
        json_object_del(o->tree, older);
        tell(o, older, words);
        free(words);
    }
}

/* As base/conf reads a truth; all else is left to it. */
static bool is_true(const json_t *value)
{
    const char *text = json_string_value(value);

    return text && (!strcasecmp(text, "true") || !strcasecmp(text, "yes") ||
                    !strcasecmp(text, "on") || !strcmp(text, "1"));
}

/* group_by_length: true is an order of records; false asks for nothing. */
static void group_by_length(const struct older *o)
{
    if (!given(o, "group_by_length"))
        return;
    if (is_true(json_object_get(o->tree, "group_by_length"))) {
        json_object_set_new(o->tree, "train_sampling_strategy", json_string("group_by_length"));
        tell(o, "group_by_length", "an older name of train_sampling_strategy: group_by_length");
    }
    json_object_del(o->tree, "group_by_length");
}

/* transformers 4's own switch for one rule of a step. */
static void adafactor(const struct older *o)
{
    if (!given(o, "adafactor") || !row_of(o, "optim"))
        return;
    if (is_true(json_object_get(o->tree, "adafactor"))) {
        json_object_set_new(o->tree, "optim", json_string("adafactor"));
        tell(o, "adafactor", "an older name of optim: adafactor");
    }
    json_object_del(o->tree, "adafactor");
}

/* TRL's switches for what is computed in; weights are written as they were computed with, unless
 * the configuration says another dtype. */
static enum err switch_compute(const struct older *o)
{
    const json_t *compute = json_object_get(o->tree, "compute");
    const bool bf16 = is_true(json_object_get(o->tree, "bf16"));
    const bool fp16 = is_true(json_object_get(o->tree, "fp16"));
    enum precision as;

    json_object_del(o->tree, "bf16");
    json_object_del(o->tree, "fp16");
    if (fp16)
        return err_set(ERR_RANGE, "fp16: float16 is not computed in; say bf16: true, which has "
                                  "the range of float32 and needs no loss scaling");
    if (bf16 && compute && !json_is_null(compute))
        tell(o, "bf16", "compute, whose value counts");
    else if (bf16)
        json_object_set_new(o->tree, "compute", json_string("bfloat16"));
    if (precision_named(&as, json_string_value(json_object_get(o->tree, "compute"))))
        return ERR_RANGE;
    if (precision_halves(as) && !json_object_get(o->tree, "dtype") &&
        !is_true(json_object_get(o->tree, "use_peft"))) /* an adapter learns, and is, f32 */
        json_object_set_new(o->tree, "dtype", json_string("bfloat16"));
    return OK;
}

/* TRL's first packing took the first row with room, today's the one that is filled best. */
static void packing_strategy(const struct older *o)
{
    const char *word = json_string_value(json_object_get(o->tree, "packing_strategy"));

    if (!word || strcmp(word, "ffd") != 0 || !row_of(o, "packing_strategy"))
        return;
    json_object_set_new(o->tree, "packing_strategy", json_string("bfd"));
    tell(o, "packing_strategy", "ffd is today bfd: the row with the least room that fits");
}

/* A tokenizer of another model would make other tokens than the model knows: refused, unless it
 * is the model's own. */
static enum err tokenizer(const struct older *o)
{
    static const char *const names[] = {"tokenizer_name_or_path", "tokenizer", "tokenizer_name",
                                        "processing_class"};
    const json_t *model = json_object_get(o->tree, "model_name_or_path");

    if (!model)
        model = json_object_get(o->tree, "model");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const json_t *value = json_object_get(o->tree, names[i]);
        if (!value || row_of(o, names[i]))
            continue;
        if (!json_is_null(value) && !(model && json_equal(value, model)))
            return err_set(ERR_RANGE,
                           "%s: the tokenizer is that of the model's folder; put the files "
                           "of another one there (its chat template: chat_template_path)",
                           names[i]);
        json_object_del(o->tree, names[i]);
    }
    return OK;
}

/* DPO's older way to add the chosen answer's own loss: rpo_alpha times it. */
static enum err rpo_alpha(const struct older *o)
{
    json_t *alpha = json_object_get(o->tree, "rpo_alpha");
    const json_t *types = json_object_get(o->tree, "loss_type");
    const char *first;

    if (!given(o, "rpo_alpha") || !row_of(o, "loss_weights"))
        return OK;
    if (json_is_null(alpha)) {
        json_object_del(o->tree, "rpo_alpha");
        return OK;
    }
    first = json_string_value(json_is_array(types) ? json_array_get(types, 0) : types);
    if (json_array_size(types) > 1 || json_object_get(o->tree, "loss_weights"))
        return err_set(ERR_RANGE, "rpo_alpha: is today loss_type: [LOSS, sft] with "
                                  "loss_weights: [1, alpha]; there is a list already");
    alpha = json_incref(alpha);
    json_object_set_new(o->tree, "loss_type",
                        json_pack("[s,s]", first ? first : "sigmoid", "sft"));
    json_object_set_new(o->tree, "loss_weights", json_pack("[s,o]", "1", alpha));
    json_object_del(o->tree, "rpo_alpha");
    tell(o, "rpo_alpha", "today a second loss: loss_type [.., sft], loss_weights [1, alpha]");
    return OK;
}

/* A name of a part's configuration that says nothing. */
static bool plain(const json_t *name)
{
    const char *text = json_string_value(name);

    return !name || json_is_null(name) || (text && !strcmp(text, "default"));
}

/* One entry of dataset_mixture as one of `datasets:`; a new reference in *out. */
static enum err part(json_t **out, const json_t *entry)
{
    static const char *const names[][2] = {{"id", "path"},
                                           {"config", "name"},
                                           {"split", "split"},
                                           {"columns", "columns"},
                                           {"weight", "weight"},
                                           {"path", "path"},
                                           {"data_files", "data_files"}};
    const char *key;
    json_t *value;

    *out = json_object();
    if (!json_is_object(entry))
        return err_set(ERR_PARSE, "dataset_mixture: expected {datasets: [{id, ...}]}");
    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        size_t i = 0;
        while (i < sizeof(names) / sizeof(names[0]) && strcmp(key, names[i][0]))
            i++;
        if (i == sizeof(names) / sizeof(names[0]))
            return err_set(ERR_PARSE,
                           "dataset_mixture: '%s': no such key; there are id, config, split, "
                           "columns, weight",
                           key);
        if (i != 1 || !plain(value))
            json_object_set(*out, names[i][1], value);
    }
    return OK;
}

/* The mixture's own keys beside its parts: what is held out, and a seed of its own. */
static void mixture_rest(const struct older *o, const json_t *mixture)
{
    json_t *held = json_object_get(mixture, "test_split_size");
    const json_t *seed = json_object_get(mixture, "seed");

    if (held && !json_is_null(held) && !json_object_get(o->tree, "test_split_size"))
        json_object_set(o->tree, "test_split_size", held);
    if (seed && !json_is_null(seed) && !json_object_get(o->tree, "data_seed"))
        tell(o, "dataset_mixture.seed",
             "records are held out and shuffled by seed and data_seed of the run");
}

/* {datasets: [{id, config, split, columns, weight}], test_split_size, seed}. */
static enum err dataset_mixture(const struct older *o)
{
    const json_t *mixture = json_object_get(o->tree, "dataset_mixture"), *list;
    json_t *parts, *entry, *made;
    size_t i;
    enum err err = OK;

    if (!given(o, "dataset_mixture"))
        return OK;
    list = json_object_get(mixture, "datasets");
    if (json_is_null(mixture)) {
        json_object_del(o->tree, "dataset_mixture");
        return OK;
    }
    if (!json_is_array(list) || !json_array_size(list))
        return err_set(ERR_PARSE, "dataset_mixture: expected {datasets: [{id, ...}]}");
    if (json_object_get(o->tree, "datasets"))
        return err_set(ERR_RANGE, "dataset_mixture and datasets: give one of the two");
    parts = json_array();
    json_array_foreach((json_t *)(uintptr_t)list, i, entry)
    {
        if (err)
            break;
        err = part(&made, entry);
        json_array_append_new(parts, made);
    }
    if (err) {
        json_decref(parts);
        return err;
    }
    mixture_rest(o, mixture);
    json_object_set_new(o->tree, "datasets", parts);
    json_object_del(o->tree, "dataset_mixture");
    tell(o, "dataset_mixture", "read as datasets: [{path, split, columns, weight}]");
    return OK;
}

/* A list of names, or one; the i-th, or NULL. */
static const char *nth(const json_t *names, size_t i)
{
    return json_string_value(json_is_array(names) ? json_array_get(names, i)
                             : i                  ? NULL
                                                  : names);
}

/* Of dataset_splits the i-th that is (or is not) one of tests. */
static const char *split_of(const json_t *splits, bool test, size_t i)
{
    const char *name;

    for (size_t k = 0; (name = nth(splits, k)); k++)
        if ((strstr(name, "test") != NULL) == test && !i--)
            return name;
    return NULL;
}

/* One data set whole: its own name and splits, so that its test split is evaluated. */
static bool one_whole(const struct older *o, const json_t *mixer, const json_t *splits)
{
    void *iter = json_object_iter((json_t *)(uintptr_t)mixer);
    const char *train = split_of(splits, false, 0), *test = split_of(splits, true, 0);
    const char *share = json_string_value(json_object_iter_value(iter));

    if (json_object_size(mixer) != 1 || split_of(splits, false, 1) || !share ||
        strtod(share, NULL) != 1)
        return false;
    json_object_set_new(o->tree, "dataset_name", json_string(json_object_iter_key(iter)));
    if (train)
        json_object_set_new(o->tree, "dataset_train_split", json_string(train));
    if (test)
        json_object_set_new(o->tree, "dataset_test_split", json_string(test));
    tell(o, "dataset_mixer", "read as dataset_name, dataset_train_split, dataset_test_split");
    return true;
}

/* The i-th of dataset_configs; NULL: it says nothing. */
static const char *config_of(const json_t *configs, size_t i)
{
    const char *name = nth(configs, i);

    return name && strcmp(name, "default") != 0 ? name : NULL;
}

/* {name: share, ...} with dataset_splits: each of the training splits of each; dataset_configs
 * has a configuration for each data set, in their order. */
static void many_parts(const struct older *o, const json_t *mixer, const json_t *splits,
                       const json_t *configs)
{
    json_t *parts = json_array(), *share;
    const char *name;
    size_t n = 0;

    json_object_foreach((json_t *)(uintptr_t)mixer, name, share)
    {
        const char *train = split_of(splits, false, 0);
        size_t i = 0;
        do {
            json_array_append_new(parts, json_pack("{s:s,s:s,s:O,s:s*}", "path", name, "split",
                                                   train ? train : "train", "weight", share,
                                                   "name", config_of(configs, n)));
            train = split_of(splits, false, ++i);
        } while (train);
        n++;
    }
    json_object_set_new(o->tree, "datasets", parts);
    tell(o, "dataset_mixer",
         n && config_of(configs, 0) ? "read as datasets: [{path, name, split, weight}]"
                                    : "read as datasets: [{path, split, weight}]");
    if (split_of(splits, true, 0))
        tell(o, "dataset_splits",
             "test splits of a mixture are not read: test_split_size holds records out");
}

/* The handbook's first way: dataset_mixer, dataset_splits, dataset_configs. */
static enum err dataset_mixer(const struct older *o)
{
    const json_t *mixer = json_object_get(o->tree, "dataset_mixer");
    const json_t *splits = json_object_get(o->tree, "dataset_splits");
    const json_t *configs = json_object_get(o->tree, "dataset_configs");

    if (!given(o, "dataset_mixer"))
        return OK;
    if (!json_is_object(mixer) || !json_object_size(mixer))
        return err_set(ERR_PARSE, "dataset_mixer: expected {name: share, ...}");
    if (json_object_get(o->tree, "datasets") || json_object_get(o->tree, "dataset_name"))
        return err_set(ERR_RANGE,
                       "dataset_mixer beside dataset_name or datasets: give one of them");
    if (nth(configs, json_object_size(mixer)))
        return err_set(ERR_RANGE, "dataset_configs: more of them than of dataset_mixer");
    if (config_of(configs, 0) || !one_whole(o, mixer, splits))
        many_parts(o, mixer, splits, configs);
    json_object_del(o->tree, "dataset_mixer");
    json_object_del(o->tree, "dataset_splits");
    json_object_del(o->tree, "dataset_configs");
    return OK;
}

/* The value that no_KEY gives KEY, or NULL when KEY is none that can be switched off. */
static const struct conf_key *switched(const struct older *o, const char *name)
{
    const struct conf_key *key = strncmp(name, "no_", 3) ? NULL : row_of(o, name + 3);

    return key && (key->type == CONF_BOOL_ || key->type == CONF_IGNORED_) ? key : NULL;
}

/* argparse gives every truth that is true by itself a second switch: --no_KEY. */
static void switches(const struct older *o)
{
    const char *name;
    json_t *value, *off = json_object();
    void *next;

    json_object_foreach_safe(o->tree, next, name, value)
    {
        if (row_of(o, name) || !switched(o, name))
            continue;
        if (is_true(value))
            json_object_set_new(off, name + 3, json_string("false"));
        json_object_del(o->tree, name);
    }
    json_object_update(o->tree, off);
    json_decref(off);
}

/* null asks for the usual; of a number that has one it would else be none at all. Two mean
 * something by it: no limit. */
static void drop_nulls(const struct older *o)
{
    const char *name;
    json_t *value;
    void *next;

    for (size_t i = 0; i < sizeof(usual_when_null) / sizeof(usual_when_null[0]); i++)
        if (json_is_null(json_object_get(o->tree, usual_when_null[i])))
            json_object_del(o->tree, usual_when_null[i]);
    json_object_foreach_safe(o->tree, next, name, value)
    {
        const struct conf_key *key = json_is_null(value) ? row_of(o, name) : NULL;
        if (key && (key->type == CONF_INT_ || key->type == CONF_REAL_) && key->initial &&
            *key->initial && strcmp(key->name, "max_length") != 0 &&
            strcmp(key->name, "save_total_limit") != 0)
            json_object_del(o->tree, name);
    }
}

enum err keys_older(json_t *tree, const struct conf_key *const *tables,
                    void (*told)(const char *key, const char *words))
{
    const struct older o = {tree, tables, told};
    enum err err;

    drop_nulls(&o);
    rename_all(&o);
    group_by_length(&o);
    adafactor(&o);
    packing_strategy(&o);
    switches(&o);
    err = tokenizer(&o);
    if (!err)
        err = switch_compute(&o);
    if (!err)
        err = rpo_alpha(&o);
    if (!err)
        err = dataset_mixture(&o);
    return err ? err : dataset_mixer(&o);
}
