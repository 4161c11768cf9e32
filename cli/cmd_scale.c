/* drover scale, drain, down: orders to a fleet and to one of its machines.
 *
 * How it works: an order goes through the broker to a supervisor (deploy/ask.h), who knows what
 * may be done and answers in words, which are printed. With a machine's name it goes to that
 * one's; `actors` without a name are spread over all machines by what each was measured to do
 * (deploy/place.h), one order each. Orders say how many there shall be, so repeating them, or
 * half of them, does no harm. */
#include "base/config_tree.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "deploy/ask.h"
#include "deploy/endpoint.h"
#include "deploy/place.h"
#include "proto/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scale_options {
    struct endpoint_options fleet;
    int actors, rewarders;
    bool force;
};

static const struct conf_key scale_keys[] = {
    CONF_INT(scale_options, actors, "", 0, LIMIT_SLOTS, "actors there should be"),
    CONF_INT(scale_options, rewarders, "", 0, LIMIT_SLOTS, "rewarders there should be"),
    CONF_BOOL(scale_options, force, "false", "as many as asked for, however few the cores"),
    CONF_ROW(CONF_TEXT_, scale_options, fleet.run, "run", "", 0, 0, "run folder", NULL),
    CONF_ROW(CONF_TEXT_, scale_options, fleet.broker, "broker", "", 0, 0, "control port", NULL),
    CONF_ROW(CONF_TEXT_, scale_options, fleet.dashboard, "dashboard", "", 0, 0,
             "dashboard port", NULL),
    CONF_ROW(CONF_TEXT_, scale_options, fleet.key, "key", "", 0, 0, "key file", NULL),
    CONF_END,
};
static const struct conf_key *const scale_tables[] = {scale_keys, NULL};

enum { ANSWER_MS = 10000 };

struct request {
    const char *word, *host; /* host NULL: the head's */
    enum role role;
    int count;
    const char *worker; /* NULL: by role */
    bool force;
};

/* The supervisor's words are printed as they are; what it says no to is the command's error. */
static enum err order(struct endpoint *fleet, const struct request *request)
{
    json_t *more = json_object();
    char *words, *result, *arguments;
    enum err err;

    if (request->force)
        json_object_set_new(more, "force", json_true());
    if (request->worker)
        json_object_set_new(more, "worker", json_string(request->worker));
    arguments = json_dumps(more, JSON_COMPACT);
    err = ask_fleet(fleet,
                    &(struct ask_order){.order = request->word,
                                        .host = request->host,
                                        .role = request->role,
                                        .count = (uint32_t)request->count,
                                        .arguments = arguments,
                                        .timeout_ms = ANSWER_MS},
                    &words, &result);
    free(arguments);
    json_decref(more);
    if (err)
        return request->host ? err_add("%s", request->host) : err;
    if (request->host)
        say(stdout, "%s: %s\n", request->host, words);
    else
        say(stdout, "%s\n", words);
    free(words);
    free(result);
    return OK;
}

/* With one machine, or none that has a name, it is the head's own affair. */
static enum err spread(struct endpoint *fleet, int actors, bool force)
{
    struct placing *place = mem_new(1, sizeof *place);
    char *words = NULL, *hosts = NULL;
    enum err err = ask_fleet(
        fleet, &(struct ask_order){.order = "hosts", .timeout_ms = ANSWER_MS}, &words, &hosts);

    if (!err)
        err = place_read(place, hosts);
    if (!err && place->n < 2) {
        err = order(fleet, &(struct request){"scale", NULL, ROLE_ACTOR, actors, NULL, force});
    } else if (!err) {
        err = place_spread(place, actors, force);
        for (int i = 0; i < place->n && !err; i++)
            err = order(fleet, &(struct request){"scale", place->host[i].name, ROLE_ACTOR,
                                                 place->host[i].wanted, NULL, force});
    }
    free(words);
    free(hosts);
    free(place);
    return err;
}

/* The names of workers are those of the machine's own file: keys that no row has. */
static enum err workers(struct endpoint *fleet, const char *host, json_t *named, bool force)
{
    const char *name;
    json_t *value;
    enum err err = OK;

    json_object_foreach(named, name, value)
    {
        const char *text = json_string_value(value);
        char *end = NULL;
        const long n = text ? strtol(text, &end, 10) : -1;

        if (!end || *end || n < 0 || n > LIMIT_SLOTS)
            err = err_set(ERR_RANGE, "%s: a number of processes is meant", name);
        if (!err)
            err =
                order(fleet, &(struct request){"scale", host, ROLE_NONE, (int)n, name, force});
        if (err)
            break;
    }
    return err;
}

/* Takes what no row knows out of the tree. */
static json_t *others(json_t *tree)
{
    json_t *out = json_object(), *value;
    const char *name;
    void *next;

    json_object_foreach_safe(tree, next, name, value)
    {
        bool known = false;
        for (const struct conf_key *key = scale_keys; key->name; key++)
            known = known || !strcmp(key->name, name);
        if (known)
            continue;
        json_object_set(out, name, value);
        json_object_del(tree, name);
    }
    return out;
}

/* Each count is an order of its own, so that what one supervisor refuses (more than its cores)
 * does not take the others with it; the first refusal ends the command, with its words. */
static enum err scale_all(const struct scale_options *o, const char *host, json_t *named)
{
    struct endpoint fleet;
    enum err err;

    if (!conf_has_int(o->actors) && !conf_has_int(o->rewarders) && !json_object_size(named))
        return err_set(ERR_PARSE, "say how many: actors=N, rewarders=N, or NAME=N of a worker");
    err = endpoint_find(&fleet, &o->fleet);
    if (!err && conf_has_int(o->actors) && !host)
        err = spread(&fleet, o->actors, o->force);
    else if (!err && conf_has_int(o->actors))
        err = order(&fleet,
                    &(struct request){"scale", host, ROLE_ACTOR, o->actors, NULL, o->force});
    if (!err && conf_has_int(o->rewarders))
        err = order(&fleet, &(struct request){"scale", host, ROLE_REWARDER, o->rewarders, NULL,
                                              o->force});
    return err ? err : workers(&fleet, host, named, o->force);
}

/* The first word may be a machine's name. */
static bool names_host(int argc, char **argv)
{
    return argc > 0 && !strchr(argv[0], '=') && strncmp(argv[0], "--", 2);
}

/* Several orders when several are asked for: a supervisor may take one and refuse the other. */
static enum err run_scale(const struct command *command, int argc, char **argv, int *status)
{
    const bool named = names_host(argc, argv);
    struct scale_options options;
    json_t *tree = json_object(), *more = NULL;
    enum err err = config_tree_args(tree, argc - named, argv + named);

    (void)command, (void)status;
    memset(&options, 0, sizeof options);
    if (!err) {
        more = others(tree);
        err = conf_load(scale_tables, &options, config_tree_given(tree), NULL);
    }
    if (!err)
        err = scale_all(&options, named ? argv[0] : NULL, more);
    conf_free(scale_tables, &options);
    json_decref(tree);
    json_decref(more);
    return err;
}

/* Orders without a number: the command's own word is the order's. */
static enum err to_one(const struct command *command, const char *host, int argc, char **argv)
{
    struct endpoint_options options = {0};
    struct endpoint fleet;
    enum err err = command_conf(command->keys, &options, argc, argv);

    if (!err)
        err = endpoint_find(&fleet, &options);
    if (!err)
        err = order(&fleet, &(struct request){command->name, host, ROLE_NONE, 0, NULL, false});
    command_conf_free(command->keys, &options);
    return err;
}

static enum err run_drain(const struct command *command, int argc, char **argv, int *status)
{
    (void)status;
    if (!names_host(argc, argv))
        return err_set(ERR_PARSE, "which host? `drover doctor` lists them");
    return to_one(command, argv[0], argc - 1, argv + 1);
}

/* Asks; the end itself takes as long as a checkpoint does, and nobody waits for it here. */
static enum err run_down(const struct command *command, int argc, char **argv, int *status)
{
    const bool named = names_host(argc, argv);

    (void)status;
    return to_one(command, named ? argv[0] : NULL, argc - named, argv + named);
}

const struct command cmd_scale = {
    .name = "scale",
    .group = "the fleet",
    .usage = "[HOST] [actors=N] [rewarders=M] [WORKER=K] [run=DIR]",
    .help = "change how many workers a running fleet has, here or on one of its hosts",
    .run = run_scale,
    .keys = scale_keys,
};
const struct command cmd_scale_drain = {
    .name = "drain",
    .group = "the fleet",
    .usage = "HOST [run=DIR]",
    .help = "a host's workers finish what they have and leave; scale brings them back",
    .run = run_drain,
    .keys = endpoint_keys,
};
const struct command cmd_scale_down = {
    .name = "down",
    .group = "the fleet",
    .usage = "[HOST] [run=DIR]",
    .help = "end a run (it saves a checkpoint first), a standing fleet, or one of its hosts",
    .run = run_down,
    .keys = endpoint_keys,
};
