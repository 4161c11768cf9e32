/* drover-learner: owns a run: trains, evaluates, checkpoints, writes the model. */
#include "base/err.h"
#include "base/log.h"
#include "base/outlet.h"
#include "learner/fleet/fleet_main.h"
#include "learner/methods/cpo.h"
#include "learner/methods/dpo.h"
#include "learner/methods/group_keys.h"
#include "learner/methods/kto.h"
#include "learner/methods/orpo.h"
#include "learner/methods/pairs_keys.h"
#include "learner/methods/ppo_keys.h"
#include "learner/methods/prm.h"
#include "learner/methods/reward.h"
#include "learner/methods/sft.h"
#include "learner/methods/simpo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct method {
    const char *name, *what;
    const struct prepare_method *offline; /* from files, or */
    const struct fleet_method *fleet;     /* over a fleet */
} methods[] = {
    {"sft", "learn from demonstrations", &sft_method, NULL},
    {"reward", "learn a score from pairs of answers", &reward_method, NULL},
    {"prm", "learn which steps of a solution are right", &prm_method, NULL},
    {"dpo", "learn from preferences, without a reward model", &dpo_method, NULL},
    {"simpo", "the same by mean log-probability, without a reference", &simpo_method, NULL},
    {"orpo", "demonstrations and preferences in one", &orpo_method, NULL},
    {"cpo", "preferences and a likelihood, without a reference", &cpo_method, NULL},
    {"kto", "learn from answers called good or not", &kto_method, NULL},
    {"ppo", "learn from rewards, over a fleet", NULL, &ppo_keys_method},
    {"grpo", "learn from answers compared in groups, over a fleet", NULL, &group_keys_grpo},
    {"rloo", "the same, each against the mean of the others", NULL, &group_keys_rloo},
    {"reinforce++", "the same, whitened over the batch", NULL, &group_keys_reinforce},
    {"online-dpo", "learn from pairs made and judged as it goes, over a fleet", NULL,
     &pairs_keys_online},
    {"spin", "learn demonstrations against the model's own answers, over a fleet", NULL,
     &pairs_keys_spin},
    {"raft", "learn the best of each group as demonstrations", NULL, &group_keys_raft},
};
enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

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
    for (int i = 0; i < METHODS; i++)
        fprintf(to, "  %-12s %s\n", methods[i].name, methods[i].what);
}

static int run(const struct method *method, int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            printf("usage: %s %s [FILE.yaml] [key=value | --key value ...]\n"
                   "  %-34s %-12s %s\n",
                   typed(), method->name, "key", "default", "meaning");
            conf_help(method->fleet ? method->fleet->tables : method->offline->tables, stdout);
            return 0;
        }
    outlet_outlive();
    if (method->fleet ? fleet_main(method->fleet, argc, argv)
                      : prepare_main(method->offline, argc, argv)) {
        outlet_look();
        fprintf(stderr, "%s %s: %s\n", typed(), method->name, err_text());
        return 1;
    }
    return 0;
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
    for (int i = 0; argc > 1 && i < METHODS; i++)
        if (!strcmp(argv[1], methods[i].name))
            return run(&methods[i], argc - 2, argv + 2);
    if (argc > 1)
        fprintf(stderr, "drover-learner: '%s': no such method\n", argv[1]);
    usage(stderr);
    return 2;
}

int main(int argc, char **argv)
{
    log_open("learner");
    outlet_open(typed());
    return outlet_end(choose(argc, argv));
}
