/* drover serve: a model behind OpenAI's HTTP interface, for agents, clients and evaluations that
 * were written for it.
 *
 * How it works: the model is opened as `drover generate` opens it, or comes from a fleet that trains
 * it (serve_fleet.c), version by version; the rest is the library serve.
 * What is printed once it listens says what was not said on the command line: how many tokens have
 * room, how many answers are made at once. SIGTERM and Ctrl-C let what is being answered be done;
 * a second one ends the wait. */
#include "base/mem.h"
#include "cli/command.h"
#include "cli/serve_fleet.h"
#include "deploy/endpoint.h"
#include "lm/gen/draft.h"
#include "lm/kernel/cores.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    USUAL_LENGTH = 8192
}; /* tokens that have room when nobody says: memory is for each slot */

struct cmd_serve_options {
    char *model, *chat_template_path, *compute, *listen, *api_key, *name, *ticket_file;
    struct endpoint_options fleet;
    int prompt_lookup_num_tokens, max_context, max_length, slots, queue, connections, max_body,
        timeout, drain, threads;
};

static const struct conf_key keys[] = {
    CONF_TEXT(cmd_serve_options, model, "", "Hugging Face folder, .gguf file or run folder"),
    OPEN_MODEL_CHAT(cmd_serve_options, chat_template_path),
    OPEN_MODEL_REACH(cmd_serve_options, max_context),
    OPEN_MODEL_COMPUTE(cmd_serve_options, compute),
    CORES_KEY(cmd_serve_options),
    CONF_TEXT(cmd_serve_options, listen, "127.0.0.1:8000", "HOST:PORT; port 0: any"),
    CONF_TEXT(cmd_serve_options, api_key, "",
              "file of the key that requests must have (or $DROVER_API_KEY)"),
    CONF_TEXT(cmd_serve_options, name, "",
              "what requests call the model; unset: its last folder"),
    CONF_INT(cmd_serve_options, max_length, "0", 0, 1 << 20,
             "tokens of a prompt and its answer; 0: the model's context, at most 8192"),
    CONF_INT(cmd_serve_options, slots, "8", 1, 256, "answers made at once"),
    CONF_INT(cmd_serve_options, prompt_lookup_num_tokens, "15", 0, DRAFT_MOST,
             "tokens guessed ahead at most, where it saves time: no answer is another"),
    CONF_INT(cmd_serve_options, queue, "128", 1, 4096,
             "requests at once; more are told to wait"),
    CONF_INT(cmd_serve_options, connections, "1024", 4, 65536, "connections at once"),
    CONF_INT(cmd_serve_options, max_body, "4194304", 1024, 64 << 20, "bytes of a request"),
    CONF_INT(cmd_serve_options, timeout, "30", 1, 3600,
             "seconds until a connection is closed that says or takes nothing"),
    CONF_INT(cmd_serve_options, drain, "30", 0, 86400,
             "seconds for answers to be done when it is stopped"),
    CONF_ROW(
        CONF_TEXT_, cmd_serve_options, fleet.broker, "broker", "", 0, 0,
        "in place of a model: what the fleet at tcp://HOST:5555 trains, each newest version",
        NULL),
    CONF_ROW(CONF_TEXT_, cmd_serve_options, fleet.run, "run", "", 0, 0,
             "the same of the fleet that works in this run folder", NULL),
    CONF_ROW(CONF_TEXT_, cmd_serve_options, fleet.key, "key", "", 0, 0,
             "broker: a key file of the role follower", NULL),
    CONF_TEXT(cmd_serve_options, ticket_file, "",
              "a ticket of the role follower in the place of broker and key; \"-\": standard "
              "input"),
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

/* What requests call it: of a fleet its run's folder, if it is known. */
static char *name_for(const struct cmd_serve_options *o)
{
    if (*o->name)
        return mem_text(o->name);
    if (*o->model || *o->fleet.run)
        return name_of(*o->model ? o->model : o->fleet.run);
    return mem_text("policy");
}

static enum err serve(const struct cmd_serve_options *o, const struct open_model *loaded,
                      const struct edition_conf *first, const struct serve_source *source,
                      const volatile sig_atomic_t *until)
{
    const int context = loaded->files->shape.context;
    char *name = name_for(o);
    const struct ask_model model = {loaded, name, length_of(o, context),
                                    o->prompt_lookup_num_tokens};
    const struct serve_conf conf = {.model = &model,
                                    .first = first,
                                    .source = *source,
                                    .listen = o->listen,
                                    .api_key = o->api_key,
                                    .slots = o->slots,
                                    .queue = o->queue,
                                    .connections = o->connections,
                                    .max_body = o->max_body,
                                    .idle_s = o->timeout,
                                    .drain_s = o->drain};
    enum err err = serve_run(&conf, until);

    free(name);
    return err;
}

static enum err serve_files(const struct cmd_serve_options *o)
{
    struct open_model loaded;
    enum err err;

    signal(SIGTERM, end);
    signal(SIGINT, end);
    err = open_model_all(&loaded, o->model, HEAD_LM, o->compute);
    if (!err)
        err = open_model_chat(&loaded, o->chat_template_path);
    if (!err)
        err = open_model_reach(&loaded, o->max_context);
    if (!err)
        err = serve(o, &loaded, &(struct edition_conf){.model = loaded.model, .name = ""},
                    &(struct serve_source){.self = NULL}, &ended);
    open_model_close(&loaded);
    return err;
}

/* Where it is dialled, and with which key. A run's folder knows its own. */
static enum err reach(const struct cmd_serve_options *o, struct endpoint *out)
{
    struct endpoint_options fleet = o->fleet;
    char none[] = "";
    enum err err;

    if (*o->model)
        return err_set(ERR_RANGE,
                       "model: a fleet's own is served (broker, run or ticket_file)");
    if (o->max_context)
        return err_set(ERR_RANGE, "max_context: it is the fleet's run that says how far its "
                                  "model reaches");
    if (strcmp(o->compute, precision_name(PRECISION_FLOAT32)) != 0)
        return err_set(ERR_RANGE, "compute: it is the fleet's run that says what its model "
                                  "computes in");
    memset(out, 0, sizeof *out);
    if (*o->ticket_file)
        return OK;
    fleet.dashboard = none;
    err = endpoint_find(out, &fleet);
    if (!err && !*o->fleet.broker)
        memcpy(out->key_path, out->follower_path, sizeof out->key_path);
    curve_wipe(&out->keys); /* the follower reads its own */
    return err;
}

/* The fleet's, with another template if one was named. */
static enum err serve_policy(void *self, struct open_model *loaded,
                             const struct edition_conf *first,
                             const struct serve_source *source,
                             const volatile sig_atomic_t *until)
{
    const struct cmd_serve_options *o = self;
    const enum err err = open_model_chat(loaded, o->chat_template_path);

    if (!err)
        return serve(o, loaded, first, source, until);
    first->release(first->self);
    return err;
}

static enum err serve_followed(struct cmd_serve_options *o)
{
    struct endpoint *at = mem_new(1, sizeof *at);
    enum err err = reach(o, at);

    if (!err)
        err = serve_fleet(
            &(struct serve_fleet_conf){.broker = at->control,
                                       .key = *o->ticket_file ? o->fleet.key : at->key_path,
                                       .ticket_file = o->ticket_file,
                                       .serve = serve_policy,
                                       .self = o});
    free(at);
    return err;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct cmd_serve_options o;
    enum err err;

    (void)status;
    memset(&o, 0, sizeof o);
    err = command_words(command, &o, argc, argv, NULL);
    if (!err)
        err = *o.fleet.broker || *o.fleet.run || *o.ticket_file ? serve_followed(&o)
                                                                : serve_files(&o);
    command_conf_free(command->keys, &o);
    return err;
}

const struct command cmd_serve = {
    .name = "serve",
    .group = "models",
    .usage = "--model M | broker=tcp://HOST:5555 key=FILE | run=FOLDER\n"
             "                    [listen=127.0.0.1:8000 api_key=FILE ...]",
    .help = "a model behind OpenAI's HTTP interface: /v1/chat/completions, /v1/completions; or "
            "what a fleet trains, its newest version",
    .run = run,
    .keys = keys,
};
