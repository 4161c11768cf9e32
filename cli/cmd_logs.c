/* drover logs: what a process of the fleet said, wherever it runs.
 *
 * How it works: HOST/NAME names a process; its supervisor gives its log in pieces (the order
 * `logs`), the last lines first; with -f what comes behind them is asked for again and again until
 * someone ends it. The pieces come through the broker, so a machine needs no ssh for it. */
#include "base/config_tree.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "deploy/ask.h"
#include "deploy/endpoint.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct logs_options {
    struct endpoint_options fleet;
    int lines;
    bool follow;
};

static const struct conf_key logs_keys[] = {
    CONF_INT(logs_options, lines, "20", 0, 1000, "the last so many lines"),
    CONF_BOOL(logs_options, follow, "false", "and what comes behind them; also -f"),
    CONF_ROW(CONF_TEXT_, logs_options, fleet.run, "run", "", 0, 0, "run folder", NULL),
    CONF_ROW(CONF_TEXT_, logs_options, fleet.broker, "broker", "", 0, 0, "control port", NULL),
    CONF_ROW(CONF_TEXT_, logs_options, fleet.dashboard, "dashboard", "", 0, 0, "dashboard port",
             NULL),
    CONF_ROW(CONF_TEXT_, logs_options, fleet.key, "key", "", 0, 0, "key file", NULL),
    CONF_END,
};

enum { ANSWER_MS = 10000, AGAIN_MS = 500 };

struct log {
    const char *host, *name; /* host NULL: the head */
    int lines;
    json_int_t to, left; /* where the next piece begins; bytes behind it */
    bool begun;
};

/* Prints one piece. */
static enum err piece(struct endpoint *fleet, struct log *log)
{
    json_t *more = json_pack("{s:s,s:i}", "name", log->name, "lines", log->lines), *tree;
    char *words, *result, *arguments;
    const char *text;
    enum err err;

    if (log->begun)
        json_object_set_new(more, "from", json_integer(log->to));
    arguments = json_dumps(more, JSON_COMPACT);
    json_decref(more);
    err = ask_fleet(fleet,
                    &(struct ask_order){.order = "logs",
                                        .host = log->host,
                                        .arguments = arguments,
                                        .timeout_ms = ANSWER_MS},
                    &words, &result);
    free(arguments);
    if (err)
        return err;
    tree = json_loads(result, 0, NULL);
    text = json_string_value(json_object_get(tree, "text"));
    log->to = json_integer_value(json_object_get(tree, "to"));
    log->left = json_integer_value(json_object_get(tree, "left"));
    log->begun = true;
    if (text)
        say_text(stdout, text, strlen(text));
    fflush(stdout);
    json_decref(tree);
    free(words);
    free(result);
    return text ? OK : err_set(ERR_PARSE, "the supervisor's answer is no piece of a log");
}

static enum err print(const struct logs_options *options, struct log *log)
{
    struct endpoint fleet;
    enum err err = endpoint_find(&fleet, &options->fleet);

    if (!err)
        err = piece(&fleet, log);
    while (!err && (options->follow || log->left > 0) && !ferror(stdout)) {
        if (log->left <= 0)
            poll(NULL, 0, AGAIN_MS);
        err = piece(&fleet, log);
    }
    return err;
}

/* -f is what fingers type. */
static int take_f(int argc, char **argv, bool *follow)
{
    int n = 0;

    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "-f"))
            *follow = true;
        else
            argv[n++] = argv[i];
    return n;
}

/* The word before the keys is not a key=value: HOST/NAME, or NAME alone for the head's own. */
static enum err run_logs(const struct command *command, int argc, char **argv, int *status)
{
    struct logs_options options;
    struct log log = {.host = NULL};
    bool follow = false;
    char *what, *slash;
    enum err err;

    (void)status;
    argc = take_f(argc, argv, &follow);
    if (argc < 1 || strchr(argv[0], '='))
        return err_set(ERR_PARSE, "whose? HOST/actor-1, or actor-1 for one of the head's own; "
                                  "`drover doctor` lists them");
    what = mem_text(argv[0]);
    slash = strchr(what, '/');
    if (slash)
        *slash = 0;
    log.host = slash ? what : NULL;
    log.name = slash ? slash + 1 : what;
    memset(&options, 0, sizeof options);
    err = command_conf(command->keys, &options, argc - 1, argv + 1);
    options.follow = options.follow || follow;
    log.lines = options.lines;
    if (!err)
        err = print(&options, &log);
    command_conf_free(command->keys, &options);
    free(what);
    return err;
}

const struct command cmd_logs = {
    .name = "logs",
    .group = "the fleet",
    .usage = "[HOST/]NAME [-f] [lines=N] [run=DIR]",
    .help = "what a process of the fleet said, on whichever host",
    .run = run_logs,
    .keys = logs_keys,
};
