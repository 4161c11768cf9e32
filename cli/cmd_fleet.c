/* drover scale, down: orders to a fleet.
 *
 * How it works: an order goes through the broker to the fleet's supervisor (deploy/ask.h), who
 * knows what may be done and answers in words, which are printed. Nothing is decided here, so
 * that a fleet obeys the same rules whoever asks. scale has rows for the endpoint's options
 * beside its own: their offsets are the same, since the struct begins with them. */
#include "base/say.h"
#include "cli/command.h"
#include "deploy/ask.h"
#include "deploy/endpoint.h"
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
    {"run", CONF_TEXT_, offsetof(struct endpoint_options, run), "", 0, 0, "run folder", NULL,
     NULL},
    {"broker", CONF_TEXT_, offsetof(struct endpoint_options, broker), "", 0, 0, "control port",
     NULL, NULL},
    {"dashboard", CONF_TEXT_, offsetof(struct endpoint_options, dashboard), "", 0, 0,
     "dashboard port", NULL, NULL},
    {"key", CONF_TEXT_, offsetof(struct endpoint_options, key), "", 0, 0, "key file", NULL,
     NULL},
    CONF_END,
};

enum { ANSWER_MS = 10000 };

/* The supervisor's words are printed as they are; what it says no to is the command's error. */
static enum err order(struct endpoint *fleet, const char *word, enum role role, int count,
                      bool force)
{
    char *words, *result;
    enum err err = ask_fleet(fleet,
                             &(struct ask_order){.order = word,
                                                 .role = role,
                                                 .count = (uint32_t)count,
                                                 .arguments = force ? "{\"force\":true}" : "",
                                                 .timeout_ms = ANSWER_MS},
                             &words, &result);

    if (err)
        return err;
    say(stdout, "%s\n", words);
    free(words);
    free(result);
    return OK;
}

/* Two orders when both are asked for: the supervisor may take one and refuse the other. */
static enum err run_scale(const struct command *command, int argc, char **argv, int *status)
{
    struct scale_options options;
    struct endpoint fleet;
    enum err err;

    (void)status;
    memset(&options, 0, sizeof options);
    err = command_conf(command->keys, &options, argc, argv);
    if (!err && !conf_has_int(options.actors) && !conf_has_int(options.rewarders))
        err = err_set(ERR_PARSE, "say how many: actors=N or rewarders=N");
    if (!err)
        err = endpoint_find(&fleet, &options.fleet);
    if (!err && conf_has_int(options.actors))
        err = order(&fleet, "scale", ROLE_ACTOR, options.actors, options.force);
    if (!err && conf_has_int(options.rewarders))
        err = order(&fleet, "scale", ROLE_REWARDER, options.rewarders, options.force);
    command_conf_free(command->keys, &options);
    return err;
}

/* Asks; the end itself takes as long as a checkpoint does, and nobody waits for it here. */
static enum err run_down(const struct command *command, int argc, char **argv, int *status)
{
    struct endpoint_options options = {0};
    struct endpoint fleet;
    enum err err = command_conf(command->keys, &options, argc, argv);

    (void)status;
    if (!err)
        err = endpoint_find(&fleet, &options);
    if (!err)
        err = order(&fleet, "down", ROLE_NONE, 0, false);
    command_conf_free(command->keys, &options);
    return err;
}

const struct command cmd_fleet_scale = {
    .name = "scale",
    .group = "the fleet",
    .usage = "actors=N [rewarders=M] [run=DIR]",
    .help = "change how many workers a running fleet has",
    .run = run_scale,
    .keys = scale_keys,
};
const struct command cmd_fleet_down = {
    .name = "down",
    .group = "the fleet",
    .usage = "[run=DIR]",
    .help = "end a run: it saves a checkpoint first",
    .run = run_down,
    .keys = endpoint_keys,
};
