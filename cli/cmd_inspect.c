/* drover inspect: what a model is, as text or JSON: a line for each thing, and no weights
 * kept.
 *
 * How it works: lm/file/inspect reads the files and says; here the words are parsed and the
 * text put out. The hash it tells is the one that training prints and a fleet goes by. */
#include "base/say.h"
#include "cli/command.h"
#include "cli/json_out.h"
#include "lm/file/inspect.h"
#include "lm/file/open_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inspect_conf {
    char *json, *compute;
    bool hash;
};

static const struct conf_key keys[] = {
    CONF_TEXT(inspect_conf, json, "", JSON_OUT_HELP),
    CONF_BOOL(inspect_conf, hash, "true",
              "the weights hash, for which all weights are read; false: headers alone"),
    OPEN_MODEL_COMPUTE(inspect_conf, compute),
    CONF_END,
};

static enum err look(char **text, const struct inspect_conf *conf, const char *path, bool json)
{
    enum precision compute;
    const enum err err = precision_named(&compute, conf->compute);

    if (err)
        return err;
    return conf->hash ? inspect_model(text, path, json, compute)
                      : inspect_headers(text, path, json);
}

/* Text for people unless standard output is to hold the object alone. */
static enum err inspect(const struct inspect_conf *conf, const char *path)
{
    struct json_out json;
    char *text = NULL, *object = NULL;
    enum err err = json_out_open(&json, conf->json);

    if (!err && json_out_wanted(&json))
        err = look(&object, conf, path, true);
    if (!err && object)
        err = json_out_text(&json, object);
    if (!err && !json.to)
        err = look(&text, conf, path, false);
    if (!err && text)
        say_text(stdout, text, strlen(text));
    free(text);
    free(object);
    json_out_close(&json);
    return err;
}

/* The model is a word, not a key: there is nothing else that one could inspect. */
static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct inspect_conf conf = {.json = NULL};
    enum err err;

    if (argc > 1 && !strcmp(argv[0], "--model")) { /* as the other commands have it */
        argc--;
        argv++;
    }
    if (argc < 1 || !strncmp(argv[0], "--", 2)) {
        *status = command_usage(command, argc ? argv[0] : NULL);
        return OK;
    }
    err = command_conf(keys, &conf, argc - 1, argv + 1);
    if (!err)
        err = inspect(&conf, argv[0]);
    command_conf_free(keys, &conf);
    return err;
}

const struct command cmd_inspect = {
    .name = "inspect",
    .group = "models",
    .usage = "M [json=true|PATH] [hash=false] [compute=bfloat16]",
    .help = "architecture, tensors, dtypes, parameters, hash, tokenizer, template",
    .run = run,
    .keys = keys,
};
