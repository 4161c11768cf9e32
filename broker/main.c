/* drover-broker: the road between learner, actors and rewarders.
 *
 *     drover-broker --bind tcp://0.0.0.0:5555 --keys keys
 *
 * Keeps nothing on disk: whoever dials says what it holds. One thread, one loop. */

#include "base/config_tree.h"
#include "base/log.h"
#include "base/outlet.h"
#include "broker/serve.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT = 32 << 20, PAD = 1 << 20, MAPPED = 2 << 20 }; /* bytes */

static const struct conf_key *const tables[] = {serve_keys, NULL};

static bool told(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--version")) {
            printf("drover-broker %s\n", DROVER_VERSION);
            return true;
        }
        if (!strcmp(argv[i], "--help")) {
            printf(
                "usage: drover-broker [--bind tcp://HOST:PORT] [--keys FOLDER] [key=value ...]"
                "\n\n");
            conf_help(tables, stdout);
            return true;
        }
    }
    return false;
}

static enum err run(struct serve_options *options, int argc, char **argv)
{
    json_t *tree = json_object();
    enum err err = config_tree_args(tree, argc - 1, argv + 1);

    if (!err)
        err = conf_load(tables, options, config_tree_given(tree), NULL);
    json_decref(tree);
    if (!err)
        err = log_level(options->log_level);
    return err ? err : serve_run(options);
}

/* Messages of some KiB come and go by thousands a second: memory that is free at the top of a
 * thread's heap is given back and taken anew with each of them otherwise: a twentieth of what an
 * answer costs the broker. */
static void keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, KEPT);
    mallopt(M_TOP_PAD, PAD);
    mallopt(M_MMAP_THRESHOLD, MAPPED); /* it would stay at 128 KiB then: pieces and chunks */
}

int main(int argc, char **argv)
{
    struct serve_options options = {.bind = NULL};
    enum err err;

    keep_memory();
    log_open("broker");
    outlet_open("drover-broker");
    if (told(argc, argv))
        return outlet_end(EXIT_SUCCESS);
    outlet_outlive();
    err = run(&options, argc, argv);
    if (err)
        log_error("exit", "reason=\"%s\"", err_text());
    conf_free(tables, &options);
    return outlet_end(err ? EXIT_FAILURE : EXIT_SUCCESS);
}
