/* Rewards from any process that speaks the protocol (examples/reward.py): for the learner such
 * a reward is a name and how long to wait; the broker asks whoever registered under it. A
 * command under `run` is for the supervisor, which starts it (kind_worker_run reads it for
 * whoever does); what registers, and so the scorer and its hash, is the name alone. */

#include "reward/kind_worker.h"

#include "base/mem.h"
#include "reward/entry.h"
#include "reward/reward.h"
#include "reward/reward_kind.h"

#include <string.h>

/* The text itself, or of a map {run, name} the name, else the reward's. */
static const char *registered(const json_t *entry)
{
    const json_t *worker = json_object_get(entry, "worker");
    const char *own = entry_text(worker, "name");

    if (!json_is_object(worker))
        return json_string_value(worker);
    if (!own)
        own = entry_text(entry, "name");
    return own ? own : "worker";
}

const char *kind_worker_run(const json_t *entry, const char **name)
{
    const char *run = entry_text(json_object_get(entry, "worker"), "run");

    *name = registered(entry);
    return run && *run ? run : NULL;
}

static bool knows(const char *key, bool alone)
{
    (void)alone;
    return !strcmp(key, "worker");
}

/* A name is taken as it is: whether anybody registers under it, a run finds out by waiting, and
 * says so. */
static enum err read_worker(struct reward *to, const json_t *entry, bool alone)
{
    json_t *worker = json_object_get(entry, "worker"), *value;
    const char *key;

    (void)alone;
    to->worker = mem_text(registered(entry));
    if (!json_is_object(worker))
        return OK;
    json_object_foreach(worker, key, value)
    {
        if ((strcmp(key, "run") && strcmp(key, "name")) || !json_is_string(value) ||
            !*json_string_value(value))
            return err_set(ERR_PARSE,
                           "worker: '%s': expected a name, or {run: a command, "
                           "name: what it registers as}",
                           key);
    }
    return entry_text(worker, "run") ? OK : err_set(ERR_PARSE, "worker: run is missing");
}

const struct reward_kind kind_worker = {.number = SCORER_WORKER,
                                        .word = "worker",
                                        .whose = "a worker",
                                        .text = true,
                                        .impure = true,
                                        .knows = knows,
                                        .name = registered,
                                        .read = read_worker};
