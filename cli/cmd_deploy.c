/* drover deploy: files for those who start processes themselves: Slurm, Kubernetes, systemd, ...
 *
 * How it works: the file is a standing fleet's (deploy/plan.h); its figures, and those of the few
 * keys here, go into the ready files (deploy/generate.h). Its other machines become so many
 * actors, rewarders and processes of the user's more, since where they run is the scheduler's to
 * say: actors by themselves, the others beside the broker. */
#include "base/config_tree.h"
#include "base/mem.h"
#include "base/say.h"
#include "base/strbuf.h"
#include "cli/command.h"
#include "deploy/bundle.h"
#include "deploy/generate.h"
#include "deploy/hosts.h"
#include "deploy/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct deploy_options {
    char *out, *image, *method, *folder, *share;
};
static const struct conf_key deploy_keys[] = {
    CONF_TEXT(deploy_options, out, "", "folder that the files go into; default: KIND"),
    CONF_TEXT(deploy_options, image, "localhost/drover:" DROVER_VERSION, "container image"),
    CONF_TEXT(deploy_options, share, "",
              "kubernetes: folder of each node by which its pods give one another weights"),
    CONF_TEXT(deploy_options, method, "ppo", "what the learner does"),
    CONF_TEXT(deploy_options, folder, "fleet", "keys and logs, as `drover up` has it"),
    CONF_END,
};
static const struct conf_key *const deploy_tables[] = {deploy_keys, NULL};

enum { PORT = 5555, THREADS = 4, DIGITS = 12 };

/* Of all machines together. */
struct total {
    struct plan plan; /* the head's, with everybody's counts */
    json_t *workers;
};

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

/* The same worker of several machines is one with so many processes. */
static enum err add_workers(struct total *total, const struct plan *plan)
{
    for (int i = 0; i < plan->n_workers; i++) {
        const struct plan_worker *one = &plan->worker[i];
        const json_t *before = json_object_get(total->workers, one->name);
        const char *run = json_string_value(json_object_get(before, "command"));
        int n = one->count + (int)json_integer_value(json_object_get(before, "count"));

        if (run && strcmp(run, one->run) != 0)
            return err_set(
                ERR_RANGE,
                "workers: '%s' has two commands: beside one broker each needs a name "
                "of its own",
                one->name);
        if (n > PLAN_WORKER_MAX)
            say(stderr, "drover: workers: %d of '%s', of which one machine runs %d\n", n,
                one->name, PLAN_WORKER_MAX);
        n = n < PLAN_WORKER_MAX ? n : PLAN_WORKER_MAX;
        json_object_set_new(total->workers, one->name,
                            json_pack("{s:s,s:i}", "command", one->run, "count", n));
    }
    return OK;
}

static enum err count(struct total *total, const struct plan *plan)
{
    struct host_list hosts;
    enum err err = hosts_read(&hosts, plan->hosts);

    total->plan = *plan;
    total->workers = json_object();
    if (!err)
        err = add_workers(total, plan);
    for (int i = 0; i < hosts.n && !err; i++) {
        struct plan one;
        json_t *entry = hosts_elsewhere(&hosts.entry[i]);

        err = plan_read_host(&one, entry, "");
        total->plan.actors += one.actors;
        total->plan.rewarders += one.rewarders;
        if (!err)
            err = add_workers(total, &one);
        plan_free(&one);
        json_decref(entry);
    }
    if (!err && hosts.n)
        say(stderr,
            "drover: `hosts` (%d) count as %d actors more: where they run "
            "is the scheduler's to say\n",
            hosts.n, total->plan.actors - plan->actors);
    hosts_free(&hosts);
    return err;
}

/* Who starts them: a fleet's own file does it where that is what is started. */
static void tell_workers(const char *kind, const struct total *total)
{
    static const char *const beside[] = {"slurm", "kubernetes", "compose"};

    if (!json_object_size(total->workers) || !strcmp(kind, "systemd"))
        return;
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        if (!strcmp(kind, beside[i])) {
            say(stderr,
                "drover: `workers` (%zu) run beside the broker: what their commands need "
                "has to be there\n",
                json_object_size(total->workers));
            return;
        }
    say(stderr, "drover: `workers` are not in these files: start them with DROVER_BROKER, "
                "DROVER_KEY and DROVER_WORKER\n");
}

/* ---- how values stand in a file */

static void put_escaped(struct strbuf *to, const char *text, char what, const char *as)
{
    for (; *text; text++)
        if (*text == what)
            strbuf_put(to, as, strlen(as));
        else
            strbuf_put(to, text, 1);
}

/* The option `workers=...` as a string of JSON, which is one of YAML. Kubernetes and compose take a
 * dollar for a variable, two for one dollar. */
static char *workers_option(const json_t *workers)
{
    char *tree = json_dumps(workers, JSON_COMPACT | JSON_SORT_KEYS);
    char *option = mem_print("workers=%s", tree ? tree : "{}");
    json_t *string = json_string(option);
    char *text = json_dumps(string, JSON_ENCODE_ANY);
    struct strbuf buf = {0};

    put_escaped(&buf, text ? text : "\"\"", '$', "$$");
    json_decref(string);
    free(tree);
    free(option);
    free(text);
    return buf.text;
}

/* As one word of a shell. */
static char *workers_word(const json_t *workers)
{
    char *tree = json_dumps(workers, JSON_COMPACT | JSON_SORT_KEYS);
    struct strbuf buf = {0};

    strbuf_put(&buf, "'", 1);
    put_escaped(&buf, tree ? tree : "{}", '\'', "'\\''");
    strbuf_put(&buf, "'", 1);
    free(tree);
    return buf.text;
}

/* Where others reach the broker, HOST:PORT; "" where the fleet's file does not say. */
static char *reached(const struct plan *plan, int port)
{
    char host[PLAN_HOST];
    int other = 0;

    if (plan_reached(host, &other, plan) || !*host)
        return mem_text("");
    return mem_print(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, other ? other : port);
}

/* Where the head listens: for others, unless the file names an address. */
static char *listen_at(const struct plan *plan, int port)
{
    const char *host = strcmp(plan->host, "127.0.0.1") ? plan->host : "0.0.0.0";

    return mem_print(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

static void told(const char *path)
{
    say(stdout, "%s\n", path);
}

/* A pod's own is nobody else's; of a node's folder Kubernetes says when it is not there. */
static char *volume(const char *folder)
{
    json_t *string = json_string(folder);
    char *quoted = json_dumps(string, JSON_ENCODE_ANY), *text;

    text = *folder && quoted ? mem_print("hostPath: {path: %s, type: Directory}", quoted)
                             : mem_text("emptyDir: {}");
    json_decref(string);
    free(quoted);
    return text;
}

static enum err generate(const char *kind, const struct deploy_options *o,
                         const struct total *total)
{
    const struct plan *plan = &total->plan;
    const int port = plan->port ? plan->port : PORT;
    char *option = workers_option(total->workers), *word = workers_word(total->workers);
    char *at = reached(plan, port), *listen = listen_at(plan, port);
    char *head = *at ? mem_text(at) : mem_print("HEAD:%d", port);
    char *share = volume(o->share);
    char number[8][DIGITS];
    const int figure[] = {plan->actors,
                          plan->rewarders,
                          plan->slots ? plan->slots : 16,
                          plan->actor_threads ? plan->actor_threads : THREADS,
                          port,
                          port + 1,
                          port + 5,
                          plan->actors > 4 ? plan->actors * 4 : 16};
    const struct generate_value values[] = {
        {"actors", number[0]},    {"rewarders", number[1]},    {"slots", number[2]},
        {"threads", number[3]},   {"port", number[4]},         {"bulk", number[5]},
        {"dashboard", number[6]}, {"most", number[7]},         {"image", o->image},
        {"method", o->method},    {"workersoption", option},   {"workersword", word},
        {"reached", at},          {"listen", listen},          {"head", head},
        {"share", share},         {"version", DROVER_VERSION}, {NULL, NULL},
    };
    enum err err;

    for (int i = 0; i < 8; i++)
        snprintf(number[i], DIGITS, "%d", figure[i]);
    err = generate_write(kind, *o->out ? o->out : kind, values, told);
    free(option);
    free(word);
    free(at);
    free(listen);
    free(head);
    free(share);
    return err;
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
    struct plan plan = {.broker = true};
    struct total total = {.workers = NULL};
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
    if (!err)
        tell_workers(argv[0], &total);
    if (!err && (!strcmp(argv[0], "container") || !strcmp(argv[0], "sky")))
        err = bring_bundle(*options.out ? options.out : argv[0]);
    plan_free(&plan);
    json_decref(total.workers);
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
