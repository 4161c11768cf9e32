/* drover sft, reward, dpo, ppo: start a learner, alone or in the middle of a fleet.
 *
 * How it works: an offline method is the learner, which this process becomes. A fleet method is
 * a supervisor around a learner, which reads the same arguments; of them the supervisor itself
 * reads `fleet`, `output_dir` and the commands under `rewards`. With `broker` the fleet stands
 * already: then only the learner is ours. */
#include "base/config_tree.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "deploy/process.h"
#include "deploy/program.h"
#include "deploy/supervise.h"
#include "learner/methods/methods.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Offline methods: this process becomes the learner. */
static enum err run_offline(const struct command *command, int argc, char **argv, int *status)
{
    char **words = mem_new((size_t)argc + 3, sizeof *words);
    enum err err;

    (void)status;
    words[0] = mem_text("drover-learner");
    words[1] = mem_text(command->name);
    for (int i = 0; i < argc; i++)
        words[i + 2] = argv[i];
    err = program_exec("drover-learner", words);
    free(words[0]);
    free(words[1]);
    free(words);
    return err;
}

/* What the supervisor itself reads of the configuration; the learner reads and checks the rest.
 */
struct fleet_part {
    int actors, rewarders, slots, actor_threads, port;
    bool force;
    char *actor_isa, *host, *key;
};

static const struct conf_key fleet_part_keys[] = {
    CONF_INT(fleet_part, actors, "2", 0, INT_MAX, "local actors"),
    CONF_INT(fleet_part, rewarders, "1", 0, INT_MAX, "local rewarders"),
    CONF_BOOL(fleet_part, force, "false", "as many as asked for, however few the cores"),
    CONF_TEXT(fleet_part, host, "127.0.0.1", "address to listen at; 0.0.0.0: others may join"),
    CONF_INT(fleet_part, port, "0", 0, 65530, "control port; 0: any that is free"),
    CONF_TEXT(fleet_part, key, "", "key file (`drover keys new`); unset: a new one a start"),
    CONF_INT(fleet_part, slots, "0", 0, 256,
             "sequences an actor decodes at once; 0: its default"),
    CONF_INT(fleet_part, actor_threads, "0", 0, 1024, "threads of an actor; 0: cores shared"),
    CONF_TEXT(fleet_part, actor_isa, "", "DROVER_ISA of the actors in turn, for tests"),
    CONF_END,
};
static const struct conf_key *const fleet_part_tables[] = {fleet_part_keys, NULL};

static const char *text_at(const json_t *tree, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(tree, key));

    return text && *text ? text : otherwise;
}

/* The command of a reward {worker: {run: ...}}; NULL: it has none. *name: what it registers as,
 * by the rule of the learner's own reader. */
static const char *worker_run(const json_t *reward, const char **name)
{
    const json_t *worker = json_object_get(reward, "worker");

    *name = text_at(worker, "name", text_at(reward, "name", "worker"));
    return text_at(worker, "run", NULL);
}

static enum err take_workers(struct supervise_plan *plan, const json_t *rewards)
{
    const json_t *reward;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)rewards, i, reward)
    {
        struct supervise_worker one = {NULL, NULL};
        one.run = worker_run(reward, &one.name);
        if (one.run && plan->workers == SUPERVISE_WORKERS)
            return err_set(ERR_RANGE, "rewards: at most %d workers are started here",
                           SUPERVISE_WORKERS);
        if (one.run)
            plan->worker[plan->workers++] = one;
    }
    return OK;
}

static enum err supervise(const struct command *command, const json_t *tree, char **argv,
                          int *status)
{
    json_t *empty = json_object();
    const json_t *fleet = json_object_get(tree, "fleet");
    struct fleet_part part = {0};
    struct supervise_plan plan = {.method = command->name,
                                  .output_dir = text_at(tree, "output_dir", "trainer_output"),
                                  .learner = argv};
    enum err err = conf_load(fleet_part_tables, &part, fleet ? fleet : empty, NULL);

    if (!err)
        err = process_check("actors", (uint32_t)part.actors, part.force);
    if (!err)
        err = process_check("rewarders", (uint32_t)part.rewarders, part.force);
    if (err)
        err = err_add("fleet");
    plan.actors = part.actors;
    plan.rewarders = part.rewarders;
    plan.slots = part.slots;
    plan.actor_threads = part.actor_threads;
    plan.actor_isa = part.actor_isa;
    plan.host = part.host;
    plan.port = part.port;
    plan.key = part.key && *part.key ? part.key : NULL;
    if (!err)
        err = take_workers(&plan, json_object_get(tree, "rewards"));
    if (!err)
        err = supervise_run(&plan, status);
    conf_free(fleet_part_tables, &part);
    json_decref(empty);
    return err;
}

/* What of the configuration says nothing to a fleet that stands already. */
static void tell_unused(const json_t *tree)
{
    const char *broker = text_at(tree, "broker", ""), *name;
    const json_t *reward;
    size_t i;

    if (json_object_size(json_object_get(tree, "fleet")))
        log_warn("unused",
                 "key=fleet reason=\"broker=%s is a standing fleet: its broker and "
                 "workers are started elsewhere, and stay as they are\"",
                 broker);
    json_array_foreach(json_object_get(tree, "rewards"), i, reward)
    {
        if (worker_run(reward, &name))
            log_warn("unused",
                     "key=rewards[%zu].worker.run reason=\"only a fleet that is "
                     "started here starts it\" next=\"start it with "
                     "DROVER_BROKER=%s DROVER_WORKER=%s and DROVER_KEY\"",
                     i, broker, name);
    }
}

static enum err run_fleet(const struct command *command, int argc, char **argv, int *status)
{
    json_t *tree = json_object();
    enum err err = config_tree_args(tree, argc, argv);
    const bool help = json_object_get(tree, "help") != NULL,
               standing = *text_at(tree, "broker", "");

    if (!err && standing && !help)
        tell_unused(tree);
    /* help is the learner's; of a standing fleet only the learner is ours */
    if (!err && (help || standing))
        err = run_offline(command, argc, argv, status);
    else if (!err)
        err = supervise(command, tree, argv, status);
    json_decref(tree);
    return err;
}

struct command cmd_train(const struct method *method)
{
    return (struct command){.name = method->name,
                            .group = "training",
                            .usage = "[FILE.yaml] [key=value | --key value] ...",
                            .help = method->help,
                            .run = method->plan ? run_fleet : run_offline};
}
