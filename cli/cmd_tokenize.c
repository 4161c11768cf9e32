/* drover tokenize: {"text"} or {"messages"} to {"ids"}.
 *
 * How it works: the model's tokenizer and template alone are read (no weights); each line is
 * encoded as a trainer would encode it, and answered at once, so that it may stand in a pipe
 * that waits for each answer. Text is taken as it is; messages go through the template. */
#include "cli/command.h"
#include "eval/json_lines.h"
#include "lm/file/open_model.h"

#include <stdlib.h>

struct tokenize_conf {
    char *model, *chat_template_path;
    bool add_generation_prompt;
};

static const struct conf_key keys[] = {
    CONF_TEXT(tokenize_conf, model, "", "Hugging Face folder, .gguf file or run folder"),
    OPEN_MODEL_CHAT(tokenize_conf, chat_template_path),
    CONF_BOOL(tokenize_conf, add_generation_prompt, "false",
              "messages: add the assistant's opening"),
    CONF_END,
};

struct tokenizing {
    struct open_model loaded;
    struct tokenize_conf conf;
};

/* `text` before `messages`, if a line has both. */
static enum err one(struct tokenizing *job, const json_t *in, json_t **out)
{
    json_t *value = json_object_get(in, "text");
    char *text;
    size_t n, count;
    int *ids = NULL;
    enum err err;

    if (!value)
        value = json_object_get(in, "messages");
    if (!value)
        return err_set(ERR_PARSE, "no `text` and no `messages` in the line");
    err = encode_text(&job->loaded.encode, value, json_object_get(in, "tools"),
                      job->conf.add_generation_prompt, &text, &n);
    if (err)
        return err;
    err = tokenizer_encode(job->loaded.encode.tokenizer, text, n, true, &ids, &count);
    if (!err)
        *out = json_pack("{s:o}", "ids", json_lines_ints(ids, (int)count));
    free(ids);
    free(text);
    return err;
}

/* A window is one line here: whoever waits for its answer in a pipe gets it. */
static enum err answer(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad)
        err = one(self, in[*bad], &out[*bad]);
    if (err)
        --*bad;
    return err;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct tokenizing job = {.conf = {.model = NULL}};
    const struct json_lines lines = {answer, &job, 1};
    enum err err = command_words(command, &job.conf, argc, argv, NULL);

    (void)status;
    if (!err)
        err = open_model_text(&job.loaded, job.conf.model);
    if (!err)
        err = open_model_chat(&job.loaded, job.conf.chat_template_path);
    if (!err)
        err = json_lines_run(&lines, stdin, "stdin", stdout);
    open_model_close(&job.loaded);
    command_conf_free(keys, &job.conf);
    return err;
}

const struct command cmd_tokenize = {
    .name = "tokenize",
    .group = "models",
    .usage = "--model M < in.jsonl > out.jsonl",
    .help = "text or messages to token ids, JSON lines in and out",
    .run = run,
    .keys = keys,
};
