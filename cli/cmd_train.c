/* drover sft, reward, dpo, ppo: start a learner, alone or in the middle of a fleet.
 *
 * How it works: an offline method is the learner, which this process becomes. A fleet method
 * is a supervisor around a learner, which reads the same arguments; of them the supervisor
 * itself reads `fleet`, `output_dir` and the commands under `rewards`. With `broker` the
 * fleet stands already: then only the learner is ours. */
#include "base/config_tree.h"
#include "cli/commands.h"
#include "deploy/head.h"
#include "deploy/plan.h"
#include "deploy/program.h"
#include "learner/methods/methods.h"

/* Offline methods: this process becomes the learner. */
static enum err run_offline(const struct command *command, int argc, char **argv, int *status)
{
    (void)status;
    return program_become("drover-learner", command->name, argc, argv);
}

/* The plan is the supervisor's; the words go to the learner as they were typed. */
static enum err supervise(const struct command *command, const json_t *tree, char **argv,
                          int *status)
{
    struct plan plan;
    enum err err = plan_read(&plan, command->name, tree, argv);

    if (!err)
        err = head_run(&plan, NULL, status);
    plan_free(&plan);
    return err;
}

/* The words are read twice, here for the plan and by the learner for all else: there is one
 * configuration for both. */
static enum err run_fleet(const struct command *command, int argc, char **argv, int *status)
{
    json_t *tree = json_object();
    enum err err = config_tree_args(tree, argc, argv);
    const bool help = json_object_get(tree, "help") != NULL, standing = *plan_standing(tree);

    if (!err && standing && !help)
        plan_unused(tree);
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
                            .run = method->plan ? run_fleet : run_offline,
                            .tells_itself = true};
}
