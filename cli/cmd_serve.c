/* drover serve: a model behind OpenAI's HTTP interface, for agents, clients and evaluations that
 * were written for it.
 *
 * How it works: the model is opened as `drover generate` opens it; the rest is the library serve.
 * What is printed once it listens says what was not said on the command line: how many tokens have
 * room, how many answers are made at once. SIGTERM and Ctrl-C let what is being answered be done;
 * a second one ends the wait. */
#include "base/mem.h"
#include "cli/command.h"
#include "serve/serve.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    USUAL_LENGTH = 8192
}; /* tokens that have room when nobody says: memory is for each slot */

struct cmd_serve_options {
    char *model, *chat_template_path, *listen, *api_key, *name;
    int max_context, max_length, slots, queue, connections, max_body, timeout, drain;
};

static const struct conf_key keys[] = {
    CONF_TEXT(cmd_serve_options, model, "", "Hugging Face folder, .gguf file or run folder"),
    OPEN_MODEL_CHAT(cmd_serve_options, chat_template_path),
    OPEN_MODEL_REACH(cmd_serve_options, max_context),
    CONF_TEXT(cmd_serve_options, listen, "127.0.0.1:8000", "HOST:PORT; port 0: any"),
    CONF_TEXT(cmd_serve_options, api_key, "",
              "file of the key that requests must have (or $DROVER_API_KEY)"),
    CONF_TEXT(cmd_serve_options, name, "",
              "what requests call the model; unset: its last folder"),
    CONF_INT(cmd_serve_options, max_length, "0", 0, 1 << 20,
             "tokens of a prompt and its answer; 0: the model's context, at most 8192"),
    CONF_INT(cmd_serve_options, slots, "8", 1, 256, "answers made at once"),
    CONF_INT(cmd_serve_options, queue, "128", 1, 4096,
             "requests at once; more are told to wait"),
    CONF_INT(cmd_serve_options, connections, "1024", 4, 65536, "connections at once"),
    CONF_INT(cmd_serve_options, max_body, "4194304", 1024, 64 << 20, "bytes of a request"),
    CONF_INT(cmd_serve_options, timeout, "30", 1, 3600,
             "seconds until a connection is closed that says or takes nothing"),
    CONF_INT(cmd_serve_options, drain, "30", 0, 86400,
             "seconds for answers to be done when it is stopped"),
    CONF_REFUSED("broker", "a fleet's newest version is not served yet: model=RUN_FOLDER is "
                           "its newest checkpoint"),
    CONF_END,
};

static volatile sig_atomic_t ended;

/* The second one is the system's: it ends the process. */
static void end(int number)
{
    ended = 1;
    signal(number, SIG_DFL);
}

/* The last part of a path; of one that ends in '/' the one before. */
static char *name_of(const char *path)
{
    char *copy = mem_text(path), *slash, *name;

    while (strlen(copy) > 1 && copy[strlen(copy) - 1] == '/')
        copy[strlen(copy) - 1] = 0;
    slash = strrchr(copy, '/');
    name = mem_text(slash && slash[1] ? slash + 1 : copy);
    free(copy);
    return name;
}

static int length_of(const struct cmd_serve_options *o, int context)
{
    const int usual = context < USUAL_LENGTH ? context : USUAL_LENGTH;

    return o->max_length ? o->max_length : usual;
}

static enum err serve(const struct cmd_serve_options *o, const struct open_model *loaded)
{
    const int context = model_shape(loaded->model)->context;
    char *name = o->name && *o->name ? mem_text(o->name) : name_of(o->model);
    const struct ask_model model = {loaded, name, length_of(o, context)};
    const struct edition_conf own = {.model = loaded->model, .name = ""};
    const struct serve_conf conf = {.model = &model,
                                    .first = &own,
                                    .listen = o->listen,
                                    .api_key = o->api_key,
                                    .slots = o->slots,
                                    .queue = o->queue,
                                    .connections = o->connections,
                                    .max_body = o->max_body,
                                    .idle_s = o->timeout,
                                    .drain_s = o->drain};
    enum err err = OK;

    if (model.length < 2 || model.length > context)
        err = err_set(ERR_RANGE, "max_length %d: not in 2..%d, the model's context",
                      model.length, context);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    if (!err)
        err = serve_run(&conf, &ended);
    free(name);
    return err;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct cmd_serve_options options;
    struct open_model loaded;
    enum err err;

    (void)status;
    memset(&options, 0, sizeof options);
    memset(&loaded, 0, sizeof loaded);
    err = command_words(command, &options, argc, argv, NULL);
    if (!err)
        err = open_model_all(&loaded, options.model, HEAD_LM);
    if (!err)
        err = open_model_chat(&loaded, options.chat_template_path);
    if (!err)
        err = open_model_reach(&loaded, options.max_context);
    if (!err)
        err = serve(&options, &loaded);
    open_model_close(&loaded);
    command_conf_free(command->keys, &options);
    return err;
}

const struct command cmd_serve = {
    .name = "serve",
    .group = "models",
    .usage = "--model M [listen=127.0.0.1:8000 api_key=FILE ...]",
    .help = "a model behind OpenAI's HTTP interface: /v1/chat/completions, /v1/completions",
    .run = run,
    .keys = keys,
};
