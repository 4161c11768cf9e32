/* drover-actor: decodes rollouts for whichever run its broker serves.
 *
 *     drover-actor --broker tcp://head:5555 --key fleet.key
 *
 * and nothing else: model, tokenizer and weights arrive over the wire, by hash. Two threads:
 * the loop owns sockets and time, compute owns the model. */

#include "actor/actor.h"
#include "actor/compute.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/tree.h"
#include "net/loop.h"
#include "net/worker.h"
#include "proto/curve.h"
#include "proto/fetch.h"

#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

struct actor_options {
    char *broker, *key, *name, *log_level;
    int slots, threads, parent_fd;
};

static const struct conf_key keys[] = {
    CONF_TEXT(actor_options, broker, "tcp://127.0.0.1:5555", "the broker's control port"),
    CONF_TEXT(actor_options, key, "",
              "fleet key file (`drover keys new`); none: loopback only"),
    CONF_TEXT(actor_options, name, "", "shown to people (default: host:pid)"),
    CONF_INT(actor_options, slots, "16", 1, 256, "sequences decoded at once"),
    CONF_INT(actor_options, threads, "0", 0, 1024, "compute threads; 0: as OpenMP finds"),
    {"parent-fd", CONF_INT_, offsetof(struct actor_options, parent_fd), "-1", -1, 1 << 20,
     "a pipe of the supervisor: its end is a signal to drain", NULL},
    {"log-level", CONF_TEXT_, offsetof(struct actor_options, log_level), "info", 0, 0,
     "debug, info, warn or error", NULL},
    CONF_END,
};
static const struct conf_key *const tables[] = {keys, NULL};

struct process {
    struct actor_options options;
    struct curve_keys keys;
    void *context;
    struct loop *loop;
    struct compute *compute;
    struct actor *actor;
    struct fetch *fetch;
    struct peer *peer;
    struct worker *worker;
    char name[128];
};

enum { DRAIN_MS = 8000 };

static enum err watch(void *self, void *socket)
{
    struct process *p = self;

    return loop_socket(p->loop, socket, fetch_readable, p->fetch);
}

static void unwatch(void *self, void *socket)
{
    loop_unsocket(((struct process *)self)->loop, socket);
}

static enum err got(void *self, const struct artifact *what, void *bytes, size_t n,
                    int64_t now_ms)
{
    return actor_got(((struct process *)self)->actor, what, bytes, n, now_ms);
}

static enum err compute(void *self, struct worker *worker)
{
    return compute_main(((struct process *)self)->compute, worker);
}

static enum err given(void *self, void *item, int64_t now_ms)
{
    return actor_given(((struct process *)self)->actor, item, now_ms);
}

static enum err tick(void *self, int64_t now_ms)
{
    struct process *p = self;
    enum err err = peer_tick(p->peer, now_ms);

    if (!err)
        err = fetch_tick(p->fetch, now_ms);
    if (!err)
        err = actor_tick(p->actor, now_ms);
    if (actor_finished(p->actor, now_ms))
        loop_stop(p->loop);
    return err;
}

static enum err leave(void *self, int64_t now_ms)
{
    struct process *p = self;

    log_info("drain", "deadline_ms=%d", DRAIN_MS);
    actor_drain(p->actor, now_ms + DRAIN_MS);
    return OK;
}

/* The supervisor's pipe is at its end: it is gone. */
static enum err orphaned(void *self, int64_t now_ms)
{
    struct process *p = self;

    loop_unfd(p->loop, p->options.parent_fd);
    return leave(self, now_ms);
}

static enum err parse(struct process *p, int argc, char **argv)
{
    json_t *tree = json_object();
    enum err err = tree_args(tree, argc - 1, argv + 1);

    if (!err)
        err = conf_load(tables, &p->options, tree, NULL);
    json_decref(tree);
    if (!err)
        err = log_level(p->options.log_level);
    if (!err && *p->options.key)
        err = curve_load(&p->keys, p->options.key);
    if (*(p->options.name ? p->options.name : "")) {
        snprintf(p->name, sizeof p->name, "%s", p->options.name);
    } else {
        char host[64] = "";
        gethostname(host, sizeof host - 1);
        snprintf(p->name, sizeof p->name, "%s:%d", host, (int)getpid());
    }
    return err;
}

static enum err build(struct process *p)
{
    const struct curve_keys *curve = *p->options.key ? &p->keys : NULL;
    struct peer_conf peer = {.role = ROLE_ACTOR,
                             .broker = p->options.broker,
                             .keys = curve,
                             .name = p->name,
                             .hello = actor_hello,
                             .hb = actor_hb};
    struct fetch_conf fetch = {.role = ROLE_ACTOR,
                               .keys = curve,
                               .name = p->name,
                               .watch = watch,
                               .unwatch = unwatch,
                               .got = got,
                               .self = p};
    enum err err = loop_new(&p->loop);

    if (err)
        return err;
    if (p->options.threads)
        omp_set_num_threads(p->options.threads);
    p->context = zmq_ctx_new();
    compute_new(&p->compute, p->options.slots);
    actor_new(&p->actor, &(struct actor_conf){p->options.slots, p->compute, (size_t)256 << 20});
    peer_random(&peer.id, &peer.incarnation);
    fetch.context = p->context;
    fetch.id = peer.id;
    fetch.incarnation = peer.incarnation;
    fetch_new(&p->fetch, &fetch);
    peer.self = p->actor;
    err = worker_start(&p->worker, p->loop,
                       &(struct worker_conf){64, compute, given, compute_item_free, p});
    if (!err)
        err = peer_open(&p->peer, p->context, &peer, clock_mono_ms());
    return err;
}

static enum err wire(struct process *p)
{
    enum err err;

    actor_meet(p->actor, p->peer, p->fetch, p->worker);
    actor_listen(p->actor);
    err = loop_socket(p->loop, peer_socket(p->peer), peer_readable, p->peer);
    if (!err)
        err = loop_every(p->loop, PEER_TICK_MS, tick, p);
    if (!err)
        err = loop_signal(p->loop, SIGTERM, leave, p);
    if (!err)
        err = loop_signal(p->loop, SIGINT, leave, p);
    if (!err && p->options.parent_fd >= 0)
        err = loop_fd(p->loop, p->options.parent_fd, orphaned, p);
    return err;
}

static void close_all(struct process *p)
{
    worker_stop(p->worker);
    fetch_free(p->fetch);
    if (p->peer && p->loop)
        loop_unsocket(p->loop, peer_socket(p->peer));
    peer_close(p->peer);
    actor_free(p->actor);
    compute_free(p->compute);
    loop_free(p->loop);
    if (p->context)
        zmq_ctx_term(p->context);
    curve_wipe(&p->keys);
    conf_free(tables, &p->options);
}

int main(int argc, char **argv)
{
    struct process p = {.context = NULL};
    enum err err;

    log_open("actor");
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--version"))
            return puts("drover-actor " DROVER_VERSION) < 0;
        if (!strcmp(argv[i], "--help")) {
            puts("usage: drover-actor --broker tcp://HOST:PORT [--key FILE] [key=value ...]\n");
            conf_help(tables, stdout);
            return EXIT_SUCCESS;
        }
    }
    err = parse(&p, argc, argv);
    if (!err)
        err = build(&p);
    if (!err)
        err = wire(&p);
    if (!err) {
        log_info("ready", "broker=%s slots=%d name=%s", p.options.broker, p.options.slots,
                 p.name);
        err = loop_run(p.loop);
    }
    if (err)
        log_error("exit", "reason=\"%s\"", err_text());
    close_all(&p);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
