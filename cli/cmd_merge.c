/* drover merge: a base and its adapter as one model.
 *
 * How it works: the adapter names its base, unless the person names one; the two are joined
 * in memory, and a whole model is written, with the base's tokenizer and template, or the
 * adapter's where it brings its own. An adapter put on weights that it was not trained on
 * gives a model that answers nonsense with confidence: that is refused unless any_base says
 * otherwise. */
#include "cli/command.h"
#include "lm/file/adapter.h"
#include "lm/file/model_files.h"
#include "lm/file/weights.h"

#include <stdio.h>
#include <stdlib.h>

struct merge_conf {
    char *model, *adapter, *out, *dtype;
    bool any_base;
};

static const struct conf_key keys[] = {
    CONF_TEXT(merge_conf, adapter, NULL, "folder with adapter_config.json, or a run folder"),
    CONF_TEXT(merge_conf, model, NULL, "the base; unset: the one that the adapter names"),
    CONF_TEXT(merge_conf, out, NULL, "folder to write: a model that needs no adapter"),
    CONF_TEXT(merge_conf, dtype, "float32", "of the written weights: float32 or bfloat16"),
    CONF_BOOL(merge_conf, any_base, "false", "also into a base it was not trained on"),
    CONF_END,
};

/* The adapter's own folder, from that or from a run's. */
static enum err find(char **out, const char *path)
{
    enum err err = model_files_find(out, path);

    if (!err && !adapter_is(*out)) {
        err = err_set(ERR_RANGE, "%s: holds no adapter_config.json", *out);
        free(*out);
        *out = NULL;
    }
    return err;
}

/* The base as the adapter's own file names it. */
static enum err base_of(char **out, const char *folder)
{
    struct adapter *adapter;
    enum err err = adapter_open(&adapter, folder);

    if (!err)
        err = adapter_base(out, adapter);
    adapter_close(adapter);
    return err;
}

/* Everything is read and joined before a file is written. */
static enum err merge(const struct merge_conf *conf)
{
    struct model_files *files = NULL;
    char *folder = NULL, *base = NULL, text[HASH_TEXT];
    struct hash hash;
    enum err err = find(&folder, conf->adapter);

    if (!err && !conf->model)
        err = base_of(&base, folder);
    if (!err)
        err = model_files_open(&files, conf->model ? conf->model : base, MODEL_FILES_ALL);
    if (!err)
        err = model_files_adapt(files, folder, conf->any_base);
    if (!err)
        err = model_files_save(conf->out, files, files->params, conf->dtype);
    if (!err) {
        hash = weights_write_hash(files->params, conf->dtype);
        printf("%s  weights %s\n", conf->out, hash_text(text, &hash));
    }
    model_files_free(files);
    free(folder);
    free(base);
    return err;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct merge_conf conf = {0};
    enum err err = command_conf(keys, &conf, argc, argv);

    if (!err && (!conf.adapter || !conf.out)) {
        fprintf(stderr, "usage: drover merge %s\n", command->usage);
        *status = 2;
    } else if (!err) {
        err = merge(&conf);
    }
    command_conf_free(keys, &conf);
    return err;
}

const struct command cmd_merge = {
    .name = "merge",
    .group = "models",
    .usage = "--adapter A --out FOLDER [--model BASE]",
    .help = "a base and its LoRA adapter as one model",
    .run = run,
    .keys = keys,
};
