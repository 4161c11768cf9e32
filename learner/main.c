/* drover-learner: owns a run: trains, evaluates, checkpoints, writes the model.
 *
 * How it works: the first word is a method of learner/methods/methods.c; one that learns from
 * files runs in this process alone (learner/offline), one over a fleet as its learner
 * (learner/fleet). `drover METHOD` starts this program, and says so by DROVER_TYPED. */
#include "annotate/exchange/store_rows.h"
#include "base/err.h"
#include "base/log.h"
#include "base/outlet.h"
#include "hfhub/hfhub.h"
#include "learner/fleet/fleet_main.h"
#include "learner/methods/methods.h"
#include "learner/offline/prepare.h"
#include "learner/run/stop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the person typed: `drover` starts this program and says so. */
static const char *typed(void)
{
    const char *name = getenv("DROVER_TYPED");

    return name && !strcmp(name, "drover") ? "drover" : "drover-learner";
}

static void usage(FILE *to)
{
    fprintf(to, "usage: drover-learner METHOD [FILE.yaml] [key=value | --key value ...]\n"
                "       drover-learner METHOD --help | --help | --version\n"
                "methods:\n");
    for (size_t i = 0; methods_at(i); i++)
        fprintf(to, "  %-12s %s\n", methods_at(i)->name, methods_at(i)->help);
}

static int run(const struct method *method, int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            printf("usage: %s %s [FILE.yaml] [key=value | --key value ...]\n"
                   "  %-34s %-12s %s\n",
                   typed(), method->name, "key", "default", "meaning");
            conf_help(method->tables, stdout);
            return 0;
        }
    outlet_outlive();
    if (method->plan ? fleet_main(method, argc, argv) : prepare_main(method, argc, argv)) {
        outlet_look();
        fprintf(stderr, "%s %s: %s\n", typed(), method->name, err_text());
        return 1;
    }
    return stop_status();
}

static int choose(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--version")) {
        printf("drover-learner %s\n", DROVER_VERSION);
        return 0;
    }
    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        usage(stdout);
        return 0;
    }
    const struct method *const method = argc > 1 ? methods_find(argv[1]) : NULL;
    if (method)
        return run(method, argc - 2, argv + 2);
    if (argc > 1)
        fprintf(stderr, "drover-learner: '%s': no such method\n", argv[1]);
    usage(stderr);
    return 2;
}

int main(int argc, char **argv)
{
    log_open("learner");
    outlet_open(typed());
    hfhub_serve();
    store_rows_serve();
    return outlet_end(choose(argc, argv));
}
