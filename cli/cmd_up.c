/* drover up: a fleet that stands, on this machine and on others, from one file.
 *
 * How it works: the words are read as the fleet's file with keys over it (deploy/standing.h). If
 * nothing runs in its folder, this process becomes the fleet's supervisor, or starts one in the
 * background; if one runs, it is asked to read its words again and to do what changed. `plan=true`
 * says in either case what would be done, and does nothing. */
#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "deploy/ask.h"
#include "deploy/detach.h"
#include "deploy/endpoint.h"
#include "deploy/head.h"
#include "deploy/replica.h"
#include "deploy/run_folder.h"
#include "deploy/standing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 20000 };

/* The supervisor compares its own file: the words of its first start count. */
static enum err change(const struct standing *standing)
{
    struct endpoint fleet;
    char *words, *result;
    enum err err = endpoint_living(&fleet, standing->folder, 0);

    if (!err)
        err =
            ask_fleet(&fleet,
                      &(struct ask_order){.order = "apply",
                                          .arguments = standing->show ? "{\"plan\":true}" : "",
                                          .timeout_ms = ANSWER_MS},
                      &words, &result);
    if (err)
        return err;
    say_text(stdout, words, strlen(words));
    if (*words && words[strlen(words) - 1] != '\n')
        putchar('\n');
    free(words);
    free(result);
    return OK;
}

/* Until it hears orders: what is typed behind this command is the next one, and a `down` that found
 * nobody would leave a fleet behind. A supervisor that ended meanwhile has said why. */
static enum err first_answer(const struct standing *standing, long pid, const char *log)
{
    char last[REPLICA_WORDS];
    struct endpoint fleet;
    char *words, *result;
    enum err err = endpoint_living(&fleet, standing->folder, pid);

    if (!err)
        err = ask_fleet(&fleet, &(struct ask_order){.order = "status", .timeout_ms = ANSWER_MS},
                        &words, &result);
    if (!err) {
        free(words);
        free(result);
        return OK;
    }
    if (run_folder_holder(standing->folder) == pid)
        return err_add("the fleet starts, process %ld, and does not answer yet: see %s", pid,
                       log);
    replica_words(last, log, 0);
    return err_set(ERR_IO, "it does not start: %s", *last ? last : log);
}

/* The same words once more: the later `background` counts. */
static enum err behind(const struct standing *standing)
{
    char *log = mem_print("%s/run.log", standing->folder);
    char **words = mem_new((size_t)standing->argc + 4, sizeof *words);
    char drover[] = "drover", up[] = "up", here[] = "background=false";
    long pid = 0;
    enum err err = fs_mkdir(standing->folder);

    words[0] = drover;
    words[1] = up;
    for (int i = 0; i < standing->argc; i++)
        words[2 + i] = standing->argv[i];
    words[2 + standing->argc] = here;
    if (!err)
        err = detach_start(&pid, words, standing->folder, log);
    if (!err)
        err = first_answer(standing, pid, log);
    if (!err)
        say(stdout,
            "the fleet stands, process %ld: `drover top run=%s`, `drover down run=%s`; "
            "its lines are in %s\n",
            pid, standing->folder, standing->folder, log);
    free(words);
    free(log);
    return err;
}

/* Who holds the folder's lock decides which of the two it is, not a file that may be stale: a
 * fleet that was killed left fleet.json behind, and no lock. */
static enum err run_up(const struct command *command, int argc, char **argv, int *status)
{
    struct standing standing;
    enum err err;
    char *words;

    (void)command;
    detach_now();
    err = standing_read(&standing, argc, argv);
    if (!err && run_folder_holder(standing.folder)) {
        err = change(&standing);
    } else if (!err && standing.show) {
        words = standing_words(&standing);
        say_text(stdout, words, strlen(words));
        free(words);
    } else if (!err && standing.background) {
        err = behind(&standing);
    } else if (!err) {
        err = head_run(&standing.plan, &standing, status);
    }
    standing_free(&standing);
    return err;
}

const struct command cmd_up = {
    .name = "up",
    .group = "the fleet",
    .usage = "FILE.yaml [plan=true] [background=true] [folder=DIR] [key=value ...]",
    .help = "start a fleet on this machine and others, or change it to what its file says now",
    .run = run_up,
    .keys = standing_keys,
};
