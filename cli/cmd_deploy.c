/* drover deploy: files for those who start processes themselves: Slurm, Kubernetes, systemd, ...
 *
 * How it works: the file is a standing fleet's (deploy/plan.h); its figures, and those of the few
 * keys here, go into the ready files (deploy/generate.h). Its other machines become so many
 * actors and rewarders more, since where they run is the scheduler's to say; what such a scheduler
 * does not start, processes of the user's, is told. */
#include "base/config_tree.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "deploy/bundle.h"
#include "deploy/generate.h"
#include "deploy/hosts.h"
#include "deploy/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct deploy_options {
    char *out, *image, *method, *folder;
};
static const struct conf_key deploy_keys[] = {
    CONF_TEXT(deploy_options, out, "", "folder that the files go into; default: KIND"),
    CONF_TEXT(deploy_options, image, "localhost/drover:" DROVER_VERSION, "container image"),
    CONF_TEXT(deploy_options, method, "ppo", "what the learner does"),
    CONF_TEXT(deploy_options, folder, "fleet", "keys and logs, as `drover up` has it"),
    CONF_END,
};
static const struct conf_key *const deploy_tables[] = {deploy_keys, NULL};

enum { PORT = 5555, THREADS = 4, DIGITS = 12 };

/* Ours leave the tree: the rest is the plan's. */
static enum err take_own(struct deploy_options *out, json_t *tree)
{
    json_t *ours = json_object();
    enum err err;

    for (const struct conf_key *key = deploy_keys; key->name; key++) {
        json_t *value = json_object_get(tree, key->name);
        if (value)
            json_object_set(ours, key->name, value);
        json_object_del(tree, key->name);
    }
    err = conf_load(deploy_tables, out, ours, NULL);
    json_decref(ours);
    return err;
}

/* Those of all machines. */
static enum err count(struct plan *total, const struct plan *plan)
{
    struct host_list hosts;
    enum err err = hosts_read(&hosts, plan->hosts);

    *total = *plan;
    for (int i = 0; i < hosts.n && !err; i++) {
        struct plan one;
        json_t *entry = hosts_elsewhere(&hosts.entry[i]);

        err = plan_read_host(&one, entry, "");
        total->actors += one.actors;
        total->rewarders += one.rewarders;
        total->n_workers += one.n_workers;
        plan_free(&one);
        json_decref(entry);
    }
    if (!err && hosts.n)
        say(stderr,
            "drover: `hosts` (%d) count as %d actors more: where they run "
            "is the scheduler's to say\n",
            hosts.n, total->actors - plan->actors);
    if (!err && total->n_workers)
        say(stderr, "drover: `workers` are not in these files: start them with DROVER_BROKER, "
                    "DROVER_KEY and DROVER_WORKER\n");
    hosts_free(&hosts);
    return err;
}

static void told(const char *path)
{
    say(stdout, "%s\n", path);
}

static enum err generate(const char *kind, const struct deploy_options *o,
                         const struct plan *plan)
{
    char actors[DIGITS], rewarders[DIGITS], slots[DIGITS], threads[DIGITS], port[DIGITS],
        most[DIGITS];
    const struct generate_value values[] = {
        {"actors", actors},   {"rewarders", rewarders}, {"slots", slots},
        {"threads", threads}, {"port", port},           {"most", most},
        {"image", o->image},  {"method", o->method},    {"version", DROVER_VERSION},
        {NULL, NULL},
    };

    snprintf(actors, DIGITS, "%d", plan->actors);
    snprintf(most, DIGITS, "%d", plan->actors > 4 ? plan->actors * 4 : 16);
    snprintf(rewarders, DIGITS, "%d", plan->rewarders);
    snprintf(slots, DIGITS, "%d", plan->slots ? plan->slots : 16);
    snprintf(threads, DIGITS, "%d", plan->actor_threads ? plan->actor_threads : THREADS);
    snprintf(port, DIGITS, "%d", plan->port ? plan->port : PORT);
    return generate_write(kind, *o->out ? o->out : kind, values, told);
}

/* An image is made of the bundle, and rented machines have nothing else: it lies beside the file. */
static enum err bring_bundle(const char *folder)
{
    struct bundle bundle;
    enum err err = bundle_make(&bundle, folder);

    if (!err)
        told(bundle.file);
    bundle_free(&bundle);
    return err;
}

static enum err run_deploy(const struct command *command, int argc, char **argv, int *status)
{
    struct deploy_options options = {0};
    struct plan plan = {.broker = true}, total;
    json_t *tree = json_object();
    enum err err;

    if (!argc || strchr(argv[0], '=') || argv[0][0] == '-' || strchr(argv[0], '.')) {
        char *kinds = generate_kinds();
        fprintf(stderr, "usage: drover deploy %s\nKIND: %s\n", command->usage, kinds);
        free(kinds);
        json_decref(tree);
        *status = 2;
        return OK;
    }
    err = config_tree_args(tree, argc - 1, argv + 1);
    if (!err)
        err = take_own(&options, tree);
    if (!err)
        err = plan_read_standing(&plan, tree, options.folder);
    if (!err)
        err = count(&total, &plan);
    if (!err)
        err = generate(argv[0], &options, &total);
    if (!err && (!strcmp(argv[0], "container") || !strcmp(argv[0], "sky")))
        err = bring_bundle(*options.out ? options.out : argv[0]);
    plan_free(&plan);
    json_decref(tree);
    conf_free(deploy_tables, &options);
    return err;
}

const struct command cmd_deploy = {
    .name = "deploy",
    .group = "the fleet",
    .usage = "KIND [fleet.yaml] [out=DIR] [image=NAME] [method=ppo] [key=value ...]",
    .help = "write files for Slurm, Kubernetes, systemd and others, with a fleet's figures",
    .run = run_deploy,
    .keys = deploy_keys,
};
