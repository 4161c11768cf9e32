/* drover join: this machine becomes part of a fleet, by a ticket.
 *
 * How it works: the ticket says as what. An actor's or a rewarder's makes this process that one
 * worker; a supervisor's is exchanged for a key of this host's own, and from then on this process
 * (or one in the background) keeps as many workers here as its options say (deploy/host.h). It
 * comes from a file or from standard input: words of a command can be read by all users of a
 * machine. `letter` is how the head starts it over ssh (deploy/attach.h), `folder` how it starts
 * again what has joined before. */
#include "base/config_tree.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "deploy/attach.h"
#include "deploy/detach.h"
#include "deploy/host.h"
#include "deploy/plan.h"
#include "deploy/program.h"
#include "deploy/run_folder.h"
#include "proto/invite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct join_options {
    char *folder;
    bool letter, background;
    int linger;
};

static const struct conf_key join_keys[] = {
    CONF_TEXT(join_options, folder, "",
              "what belongs to it here (default: found by the fleet)"),
    CONF_BOOL(join_options, letter, "false", "as the head asks over ssh, on standard input"),
    CONF_BOOL(join_options, background, "false", "return once it runs"),
    CONF_INT(join_options, linger, "0", 0, 1 << 24,
             "seconds without a broker until it ends; 0: it stays"),
    CONF_END,
};
static const struct conf_key *const join_tables[] = {join_keys, NULL};

/* Ours leave the tree: what is left is the host's entry. */
static enum err take(struct join_options *out, json_t *tree)
{
    json_t *ours = json_object();
    enum err err;

    for (const struct conf_key *key = join_keys; key->name; key++) {
        json_t *value = json_object_get(tree, key->name);
        if (value)
            json_object_set(ours, key->name, value);
        json_object_del(tree, key->name);
    }
    err = conf_load(join_tables, out, ours, NULL);
    json_decref(ours);
    return err;
}

/* Runs here, or starts in the background what goes on with the folder alone. */
static enum err begin(const char *folder, bool background, int *status)
{
    long pid;
    enum err err;

    if (!background)
        return host_run(folder, status);
    err = attach_start(&pid, folder);
    if (!err)
        say(stdout, "this host has joined, process %ld; its lines are in %s/supervisor.log\n",
            pid, folder);
    return err;
}

/* A ticket is used once a folder: who has joined goes on with the key that it has, after a restart
 * of the machine, say. A key that was taken from it is not there any more (deploy/host.c). */
static enum err enter(struct host_file *file, const char *folder, const struct invite *invite)
{
    char broker[INVITE_ADDRESSES];

    if (!attach_keyed(folder, invite->keys.server_key))
        return attach_by_ticket(file, folder, invite);
    say(stderr,
        "drover: this host has joined before: it goes on with its key in %s/keys, the "
        "ticket is not used\n",
        folder);
    free(file->broker);
    invite_addresses(broker, invite, "");
    file->broker = mem_text(broker);
    return OK;
}

static enum err as_host(const struct invite *invite, const struct join_options *options,
                        json_t *entry, int *status)
{
    struct host_file file = {.linger_s = options->linger, .entry = json_incref(entry)};
    char id[HOST_FILE_ID], name[PLAN_NAME];
    struct plan plan;
    char *folder = NULL;
    enum err err = plan_read_host(&plan, entry, ".");

    plan_host_name(name, &plan);
    plan_free(&plan);
    host_file_id(id, invite->keys.server_key);
    file.host = mem_text(name);
    file.broker = mem_text("");
    file.broker_key = mem_text(invite->keys.server_key);
    if (!err && *options->folder) {
        folder = mem_text(options->folder);
        err = fs_mkdir(folder);
    } else if (!err) {
        err = host_file_folder(&folder, id, name);
    }
    if (!err && run_folder_holder(folder))
        err = err_set(ERR_STATE, "this host has joined already: process %ld, in %s",
                      run_folder_holder(folder), folder);
    if (!err)
        err = enter(&file, folder, invite);
    if (!err)
        err = host_file_write(&file, folder);
    if (!err)
        err = begin(folder, options->background, status);
    host_file_free(&file);
    free(folder);
    return err;
}

/* One worker: its own program takes the ticket, out of its environment. */
static enum err as_worker(const struct invite *invite, const json_t *entry)
{
    const char *const program =
        invite->keys.role == ROLE_ACTOR ? "drover-actor" : "drover-rewarder";
    char **words = mem_new(json_object_size(entry) + 1, sizeof *words), *line;
    const char *key;
    json_t *value;
    int n = 0;
    enum err err = invite_write(&line, invite);

    if (err) {
        free(words);
        return err;
    }
    setenv(INVITE_VARIABLE, line, 1);
    memset(line, 0, strlen(line));
    free(line);
    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        if (json_is_string(value))
            words[n++] = mem_print("--%s=%s", key, json_string_value(value));
    }
    err = program_become(program, NULL, n, words); /* comes back with an error alone */
    for (int i = 0; i < n; i++)
        free(words[i]);
    free(words);
    return err;
}

/* The role is the ticket's, not the caller's: what a machine may become is decided where the
 * ticket was made. */
static enum err by_ticket(const char *file, const struct join_options *options, json_t *entry,
                          int *status)
{
    struct invite invite;
    enum err err = invite_load(&invite, file);

    if (err)
        return err;
    if (invite.keys.role == ROLE_SUPERVISOR)
        err = as_host(&invite, options, entry, status);
    else if (invite.keys.role == ROLE_ACTOR || invite.keys.role == ROLE_REWARDER)
        err = as_worker(&invite, entry);
    else
        err = err_set(ERR_STATE, "this ticket is neither an actor's, a rewarder's nor a "
                                 "supervisor's: no machine joins by it");
    invite_wipe(&invite);
    return err;
}

/* The first word, if it is none of the keys, is the ticket's file. Without one the ticket may be
 * in the environment; with a folder alone a host that has joined before goes on. */
static enum err run_join(const struct command *command, int argc, char **argv, int *status)
{
    const bool named = argc > 0 && !strchr(argv[0], '=') && strncmp(argv[0], "--", 2);
    struct join_options options = {.folder = NULL};
    json_t *tree = json_object();
    enum err err = config_tree_args(tree, argc - named, argv + named);

    (void)command;
    detach_now();
    if (!err)
        err = take(&options, tree);
    if (!err && options.letter)
        err = attach_run(status);
    else if (!err && !named && *options.folder && !getenv(INVITE_VARIABLE))
        err = begin(options.folder, options.background, status);
    else if (!err)
        err = by_ticket(named ? argv[0] : "", &options, tree, status);
    conf_free(join_tables, &options);
    json_decref(tree);
    return err;
}

const struct command cmd_join = {
    .name = "join",
    .group = "the fleet",
    .usage = "FILE|- [actors=N] [rewarders=N] [threads=N] [nice=N] [hours=18:00-08:00] ...",
    .help = "this machine joins a fleet with a ticket (a file, or - for standard input)",
    .run = run_join,
    .keys = join_keys,
};
