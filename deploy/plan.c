/* How it works: the keys under `fleet` are a table (base/conf.h) with offsets into the plan
 * itself, so reading them fills it. Workers are the rewards that say how they are run; the
 * learner reads the same list for what they are worth, and both by reward/kind_worker.h.
 *
 * Limits are per machine and stand here, since orders to a running fleet (orders.c) have to
 * keep them too: the numbers of a peer are no better than those of a file. */
#include "deploy/plan.h"

#include "base/cpu_limit.h"
#include "base/log.h"
#include "base/mem.h"
#include "deploy/hours.h"
#include "reward/kind_worker.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const plan_roles[] = {"broker", "learner", "actor", "rewarder", "worker"};

#define THREADS \
    { \
        "actor_threads", CONF_INT_, offsetof(struct plan, actor_threads), "auto", 0, 1024, \
            "threads of an actor; auto: cores shared", "threads", conf_auto \
    }

static const struct conf_key head_keys[] = {
    CONF_INT(plan, actors, "2", 0, INT_MAX, "local actors"),
    CONF_INT(plan, rewarders, "1", 0, INT_MAX, "local rewarders"),
    CONF_TREE(plan, hosts, "other machines, over ssh: a list of entries"),
    CONF_TEXT(plan, listen, "", "HOST:PORT to listen at, in place of host and port"),
    CONF_TEXT(plan, advertise, "",
              "HOST or HOST:PORT at which others reach this machine; default: found"),
    CONF_TEXT(plan, ssh_config, "", "file that ssh reads; default: its own"),
    CONF_TEXT(plan, host, "127.0.0.1", "address to listen at; 0.0.0.0: others may join"),
    CONF_INT(plan, port, "0", 0, 65530, "control port; 0: any that is free"),
    CONF_TEXT(plan, keys, "", "keys folder (`drover keys new`); unset: a new one a start"),
    CONF_REFUSED("key", "a fleet has a keys folder, in which each worker's key stands: "
                        "fleet.keys=FOLDER (`drover keys new FOLDER` makes one)"),
    CONF_END,
};
const struct conf_key plan_host_keys[] = {
    CONF_INT(plan, actors, "1", 0, INT_MAX, "actors of this machine"),
    CONF_INT(plan, rewarders, "0", 0, INT_MAX, "rewarders of this machine"),
    CONF_END,
};
/* The same wherever the machine is. */
static const struct conf_key machine_keys[] = {
    CONF_BOOL(plan, force, "false", "as many as asked for, however few the cores"),
    CONF_INT(plan, slots, "0", 0, 256, "sequences an actor decodes at once; 0: its default"),
    THREADS,
    CONF_INT(plan, nice, "0", 0, 19, "how far others go before its workers on the processor"),
    CONF_TEXT(plan, hours, "", "18:00-08:00: outside them no worker runs here"),
    CONF_TEXT(plan, name, "", "of this machine, as others see it; default: the system's"),
    CONF_TEXT(plan, serve, "", "tcp://HOST:PORT where it gives weights to other machines"),
    CONF_TREE(plan, workers, "of your own: {NAME: {command: ..., count: N}}"),
    CONF_TEXT(plan, actor_isa, "", "DROVER_ISA of the actors in turn, for tests"),
    CONF_END,
};
static const struct conf_key *const head_tables[] = {head_keys, machine_keys, NULL};
static const struct conf_key *const host_tables[] = {plan_host_keys, machine_keys, NULL};

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
        struct plan_worker one = {.count = 1};
        one.run = kind_worker_run(reward, &one.name);
        if (one.run && plan->n_workers == PLAN_WORKERS)
            return err_set(ERR_RANGE, "rewards: at most %d workers are started here",
                           PLAN_WORKERS);
        if (one.run)
            plan->worker[plan->n_workers++] = one;
    }
    return OK;
}

/* What a worker is called becomes part of a file's name. */
static bool plain(const char *name)
{
    static const char *const taken[] = {"broker", "learner", "actor", "rewarder", "worker"};

    for (int i = 0; i < 5; i++)
        if (!strcmp(name, taken[i]))
            return false;
    return *name && *name != '.' && strlen(name) < PLAN_NAME / 2 &&
           !name[strspn(name,
                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")];
}

struct one_worker {
    char *command;
    int count;
};
static const struct conf_key worker_keys[] = {
    CONF_TEXT(one_worker, command, "", "shell command"),
    CONF_INT(one_worker, count, "1", 0, PLAN_WORKER_MAX, "processes of it"),
    CONF_END,
};
static const struct conf_key *const worker_tables[] = {worker_keys, NULL};

/* `workers`: by name. The command stays in the tree, which the plan holds. */
static enum err take_named(struct plan *plan)
{
    const char *name;
    json_t *entry;

    json_object_foreach(plan->workers, name, entry)
    {
        struct one_worker one = {NULL, 0};
        enum err err = conf_load(worker_tables, &one, entry, NULL);
        const bool said = !err && one.command && *one.command;

        conf_free(worker_tables, &one);
        if (err)
            return err_add("workers: %s", name);
        if (!said || !plain(name))
            return err_set(ERR_RANGE, "workers: '%s': %s", name,
                           said ? "a name has letters, digits, . _ -, and is no role's"
                                : "it has no `command`");
        if (plan->n_workers == PLAN_WORKERS)
            return err_set(ERR_RANGE, "workers: at most %d on one machine", PLAN_WORKERS);
        plan->worker[plan->n_workers++] =
            (struct plan_worker){.name = name,
                                 .run = json_string_value(json_object_get(entry, "command")),
                                 .count = one.count,
                                 .named = true};
    }
    return OK;
}

/* HOST:PORT of `listen` into host and port. */
static enum err take_listen(struct plan *plan)
{
    char *colon, *end;
    long port;

    if (!plan->listen || !*plan->listen)
        return OK;
    colon = strrchr(plan->listen, ':');
    port = colon ? strtol(colon + 1, &end, 10) : -1;
    if (!colon || colon == plan->listen || *end || port < 0 || port > 65530)
        return err_set(ERR_RANGE, "listen: '%.100s' is no address: HOST:PORT is meant",
                       plan->listen);
    free(plan->host);
    plan->host = plan->listen[0] == '[' && colon[-1] == ']'
                     ? mem_print("%.*s", (int)(colon - plan->listen - 2), plan->listen + 1)
                     : mem_print("%.*s", (int)(colon - plan->listen), plan->listen);
    plan->port = (int)port;
    return OK;
}

/* The colon before the port, or NULL. A bare IPv6 address is all colons: with a port it has
 * brackets. */
static const char *port_colon(const char *address)
{
    const char *bracket = strchr(address, ']'), *colon = strrchr(address, ':');

    if (bracket)
        return bracket[1] == ':' ? bracket + 1 : NULL;
    return strchr(address, ':') == colon ? colon : NULL;
}

enum err plan_reached(char host[PLAN_HOST], int *port, const struct plan *plan)
{
    const char *as = plan->advertise ? plan->advertise : "", *colon;
    bool bracketed;
    size_t n;
    char *end = NULL;
    long number = 0;

    if (!strncmp(as, "tcp://", 6)) /* a bracket alone would begin a list in YAML */
        as += 6;
    colon = port_colon(as);
    n = colon ? (size_t)(colon - as) : strlen(as);
    bracketed = n > 1 && as[0] == '[' && as[n - 1] == ']';
    snprintf(host, PLAN_HOST, "%.*s", (int)(bracketed ? n - 2 : n), as + bracketed);
    if (colon)
        number = strtol(colon + 1, &end, 10);
    *port = (int)number;
    if ((*as && !*host) || strpbrk(host, "[]/ \t\n,;") ||
        (colon && (*end || number < 1 || number > 65530)))
        return err_set(ERR_RANGE,
                       "advertise: '%.100s' is no address: HOST or HOST:PORT is meant, an IPv6 "
                       "address with a port in brackets",
                       as);
    return OK;
}

static enum err take(struct plan *out, const struct conf_key *const *tables, const json_t *tree)
{
    json_t *empty = json_object();
    struct hours hours;
    char host[PLAN_HOST];
    int port;
    enum err err = conf_load(tables, out, tree ? tree : empty, NULL);

    json_decref(empty);
    if (!err)
        err = plan_check("actors", (uint32_t)out->actors, out->force);
    if (!err)
        err = plan_check("rewarders", (uint32_t)out->rewarders, out->force);
    if (!err)
        err = hours_read(&hours, out->hours);
    if (!err && out->name && *out->name && !plain(out->name))
        err = err_set(ERR_RANGE, "name: '%.64s': letters, digits, . _ - are meant", out->name);
    if (!err)
        err = take_listen(out);
    if (!err)
        err = plan_reached(host, &port, out);
    return err ? err : take_named(out);
}

/* Who names other machines listens for them, unless it is said where. */
static void open_to_hosts(struct plan *plan, bool said)
{
    if (said || !json_array_size(plan->hosts))
        return;
    free(plan->host);
    plan->host = mem_text("0.0.0.0");
}

enum err plan_read(struct plan *out, const char *method, const json_t *tree,
                   char *const *learner)
{
    const json_t *fleet = json_object_get(tree, "fleet");
    enum err err;

    memset(out, 0, sizeof *out);
    out->broker = true;
    out->method = method;
    out->output_dir = text_at(tree, "output_dir", "trainer_output");
    out->learner = learner;
    err = take(out, head_tables, fleet);
    if (err)
        return err_add("fleet");
    open_to_hosts(out, json_object_get(fleet, "host") || *out->listen);
    return take_workers(out, json_object_get(tree, "rewards"));
}

enum err plan_read_standing(struct plan *out, const json_t *tree, const char *folder)
{
    static char *const none[] = {NULL};
    enum err err;

    memset(out, 0, sizeof *out);
    out->broker = true;
    out->output_dir = folder;
    out->learner = none;
    err = take(out, head_tables, tree);
    if (!err)
        open_to_hosts(out, json_object_get(tree, "host") || *out->listen);
    return err;
}

enum err plan_read_host(struct plan *out, const json_t *tree, const char *folder)
{
    static char *const none[] = {NULL};

    memset(out, 0, sizeof *out);
    out->output_dir = folder;
    out->learner = none;
    return take(out, host_tables, tree);
}

/* Members that only one of the tables knows are NULL otherwise, and freed as such. */
void plan_free(struct plan *plan)
{
    conf_free(plan->broker ? head_tables : host_tables, plan);
}

void plan_name(char out[PLAN_NAME], const struct plan *plan, enum plan_role role, int number)
{
    const int kind = (number - 1) % PLAN_WORKERS;

    if (!number)
        snprintf(out, PLAN_NAME, "%s", plan_roles[role]);
    else if (role == PLAN_WORKER && kind < plan->n_workers && plan->worker[kind].named)
        snprintf(out, PLAN_NAME, "%.40s-%d", plan->worker[kind].name,
                 (number - 1) / PLAN_WORKERS + 1);
    else
        snprintf(out, PLAN_NAME, "%s-%d", plan_roles[role], number);
}

void plan_host_name(char out[PLAN_NAME], const struct plan *plan)
{
    const char *told = getenv("DROVER_HOST");

    memset(out, 0, PLAN_NAME);
    if (plan->name && *plan->name)
        snprintf(out, PLAN_NAME, "%s", plan->name);
    else if (told && *told)
        snprintf(out, PLAN_NAME, "%s", told);
    else
        gethostname(out, PLAN_NAME - 1);
}

enum err plan_check(const char *key, uint32_t n, bool force)
{
    struct cpu_limit cpu;
    long many;

    cpu_limit_look(&cpu);
    many = (long)cpu.cores * PLAN_A_CORE;
    many = many > PLAN_FREE ? many : PLAN_FREE;

    if (n > PLAN_MAX)
        return err_set(ERR_RANGE, "%s: %u are more than the %d that one machine may run", key,
                       n, PLAN_MAX);
    if (!force && n > (uint32_t)many)
        return err_set(ERR_RANGE,
                       "%s: %u on %d cores, each with its own memory: above %ld say force=true "
                       "if that is meant",
                       key, n, cpu.cores, many);
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
