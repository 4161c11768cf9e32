/* drover world: the demo's world is an example with a program of its own (examples/world),
 * which this process becomes; it tells its own help. */
#include "cli/command.h"
#include "deploy/program.h"

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    (void)command, (void)status;
    return program_become("drover-world", NULL, argc, argv);
}

const struct command cmd_world = {
    .name = "world",
    .group = "demo",
    .usage = "make|annotate|judge [key=value ...]",
    .help = "the demo's small world: make it, or judge answers by its hidden utility",
    .run = run,
    .tells_itself = true,
};
