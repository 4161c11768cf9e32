/* How it works: the keys under `fleet` are a table (base/conf.h) with offsets into the plan
 * itself, so reading them fills it. Workers are the rewards that say how they are run; the
 * learner reads the same list for what they are worth, and both by reward/kind_worker.h.
 *
 * Limits are per machine and stand here, since orders to a running fleet (supervise.c) have to
 * keep them too: the numbers of a peer are no better than those of a file. */
#include "deploy/plan.h"

#include "base/conf.h"
#include "base/log.h"
#include "reward/kind_worker.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

const char *const plan_roles[] = {"broker", "learner", "actor", "rewarder", "worker"};

static const struct conf_key plan_keys[] = {
    CONF_INT(plan, actors, "2", 0, INT_MAX, "local actors"),
    CONF_INT(plan, rewarders, "1", 0, INT_MAX, "local rewarders"),
    CONF_BOOL(plan, force, "false", "as many as asked for, however few the cores"),
    CONF_TEXT(plan, host, "127.0.0.1", "address to listen at; 0.0.0.0: others may join"),
    CONF_INT(plan, port, "0", 0, 65530, "control port; 0: any that is free"),
    CONF_TEXT(plan, key, "", "key file (`drover keys new`); unset: a new one a start"),
    CONF_INT(plan, slots, "0", 0, 256, "sequences an actor decodes at once; 0: its default"),
    CONF_INT(plan, actor_threads, "0", 0, 1024, "threads of an actor; 0: cores shared"),
    CONF_TEXT(plan, actor_isa, "", "DROVER_ISA of the actors in turn, for tests"),
    CONF_END,
};
static const struct conf_key *const plan_tables[] = {plan_keys, NULL};

/* An empty value counts as none: that is how a key is unset on the command line. */
static const char *text_at(const json_t *tree, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(tree, key));

    return text && *text ? text : otherwise;
}

/* Each reward that says how its process is run. */
static enum err take_workers(struct plan *plan, const json_t *rewards)
{
    const json_t *reward;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)rewards, i, reward)
    {
        struct plan_worker one = {NULL, NULL};
        one.run = kind_worker_run(reward, &one.name);
        if (one.run && plan->n_workers == PLAN_WORKERS)
            return err_set(ERR_RANGE, "rewards: at most %d workers are started here",
                           PLAN_WORKERS);
        if (one.run)
            plan->worker[plan->n_workers++] = one;
    }
    return OK;
}

enum err plan_read(struct plan *out, const char *method, const json_t *tree,
                   char *const *learner)
{
    json_t *empty = json_object();
    const json_t *fleet = json_object_get(tree, "fleet");
    enum err err;

    memset(out, 0, sizeof *out);
    err = conf_load(plan_tables, out, fleet ? fleet : empty, NULL);
    json_decref(empty);
    if (!err)
        err = plan_check("actors", (uint32_t)out->actors, out->force);
    if (!err)
        err = plan_check("rewarders", (uint32_t)out->rewarders, out->force);
    if (err)
        return err_add("fleet");
    out->method = method;
    out->output_dir = text_at(tree, "output_dir", "trainer_output");
    out->learner = learner;
    return take_workers(out, json_object_get(tree, "rewards"));
}

void plan_free(struct plan *plan)
{
    conf_free(plan_tables, plan);
}

enum err plan_check(const char *key, uint32_t n, bool force)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const long many = cores * PLAN_A_CORE > PLAN_FREE ? cores * PLAN_A_CORE : PLAN_FREE;

    if (n > PLAN_MAX)
        return err_set(ERR_RANGE, "%s: %u are more than the %d that one machine may run", key,
                       n, PLAN_MAX);
    if (!force && n > (uint32_t)many)
        return err_set(
            ERR_RANGE,
            "%s: %u on %ld cores, each with its own memory: above %ld say force=true "
            "if that is meant",
            key, n, cores, many);
    return OK;
}

const char *plan_standing(const json_t *tree)
{
    return text_at(tree, "broker", "");
}

void plan_unused(const json_t *tree)
{
    const char *broker = plan_standing(tree), *name;
    const json_t *reward;
    size_t i;

    if (json_object_size(json_object_get(tree, "fleet")))
        log_warn("unused",
                 "key=fleet reason=\"broker=%s is a standing fleet: its broker and "
                 "workers are started elsewhere, and stay as they are\"",
                 broker);
    json_array_foreach(json_object_get(tree, "rewards"), i, reward)
    {
        if (kind_worker_run(reward, &name))
            log_warn("unused",
                     "key=rewards[%zu].worker.run reason=\"only a fleet that is "
                     "started here starts it\" next=\"start it with "
                     "DROVER_BROKER=%s DROVER_WORKER=%s and DROVER_KEY\"",
                     i, broker, name);
    }
}
