/* drover inspect: what a model is, as text or JSON: a line for each thing, and no weights
 * kept.
 *
 * How it works: lm/file/inspect reads the files and says; here the words are parsed and the
 * text put out. The hash it tells is the one that training prints and a fleet goes by. */
#include "base/say.h"
#include "cli/command.h"
#include "lm/file/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inspect_conf {
    bool json, hash;
};

static const struct conf_key keys[] = {
    CONF_BOOL(inspect_conf, json, "false", "one JSON object instead of text"),
    CONF_BOOL(inspect_conf, hash, "true",
              "the weights hash, for which all weights are read; false: headers alone"),
    CONF_END,
};

/* The model is a word, not a key: there is nothing else that one could inspect. */
static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct inspect_conf conf = {.json = false};
    char *text = NULL;
    enum err err;

    if (argc > 1 && !strcmp(argv[0], "--model")) { /* as the other commands have it */
        argc--;
        argv++;
    }
    if (argc < 1 || !strncmp(argv[0], "--", 2)) {
        fprintf(stderr, "usage: drover inspect %s\n", command->usage);
        *status = 2;
        return OK;
    }
    err = command_conf(keys, &conf, argc - 1, argv + 1);
    if (!err)
        err = conf.hash ? inspect_model(&text, argv[0], conf.json)
                        : inspect_headers(&text, argv[0], conf.json);
    if (!err)
        say_text(stdout, text, strlen(text));
    free(text);
    return err;
}

const struct command cmd_inspect = {
    .name = "inspect",
    .group = "models",
    .usage = "M [json=true] [hash=false]",
    .help = "architecture, tensors, dtypes, parameters, hash, tokenizer, template",
    .run = run,
    .keys = keys,
};
