/* How a worker is put together, and how it leaves.
 *
 * member_open makes the loop, the connection (peer), the puller of artifacts (fetch) and the
 * signals, and introduces them to one another; member_run lets the loop go. The tick asks each
 * of them in turn: the connection first, which may find that there is none; then what is to be
 * pulled; then the process's own; then whether it may leave.
 *
 * Leaving is one way, whoever asks for it (a signal, DRAIN, the supervisor's pipe): `drain` sets
 * the deadline, the process takes no new work; once nothing is in hand BYE goes out, and with
 * BYE_OK, or at the deadline, the loop stops. BYE matters: without it the broker takes the
 * process for dead, and blames its death on the work that it had. */

#include "member/member.h"

#include "base/clock.h"
#include "base/config_tree.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outlet.h"
#include "member/entry.h"
#include "member/health.h"
#include "proto/role.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

const struct conf_key member_keys[] = {
    CONF_TEXT(member_options, broker, "tcp://127.0.0.1:5555",
              "the broker's control port; several with commas: tried in turn"),
    CONF_TEXT(member_options, key, "",
              "its own key file (`drover keys add`); none: loopback only"),
    {"ticket-file", CONF_TEXT_, offsetof(struct member_options, ticket_file), "", 0, 0,
     "a ticket (`drover keys ticket`) in the place of broker and key; \"-\": standard input; "
     "or "
     "in DROVER_TICKET; the key that comes of it is kept in `key`, if that is given",
     NULL, NULL},
    CONF_TEXT(member_options, name, "", "shown to people (default: host:pid)"),
    CONF_INT(member_options, wait, "0", 0, 1 << 20,
             "seconds to wait for the broker's first answer; 0: for ever"),
    CONF_AUTO(member_options, threads, 1024,
              "compute threads; auto: OMP_NUM_THREADS, else the cores that it may use"),
    {"parent-fd", CONF_INT_, offsetof(struct member_options, parent_fd), "-1", -1, 1 << 20,
     "a pipe of the supervisor: its end is a signal to drain", NULL, NULL},
    CONF_INT(member_options, nice, "0", 0, 19, "how far others go before it on the processor"),
    {"log-level", CONF_TEXT_, offsetof(struct member_options, log_level), "info", 0, 0,
     "debug, info, warn or error", NULL, NULL},
    {"health-file", CONF_TEXT_, offsetof(struct member_options, health_file), "", 0, 0,
     "written each second for probes: `ready` once the broker knows it, else `waiting`", NULL,
     NULL},
    CONF_END,
};

struct member {
    const struct member_options *options;
    struct member_conf conf;
    struct entry entry;
    void *context;
    struct loop *loop;
    struct peer *peer;
    struct fetch *fetch;
    struct health health;
    struct id id;
    uint64_t incarnation;
    bool leaving;                /* told to; told again there is less patience */
    bool bye_ok;                 /* BYE_OK came */
    int64_t bye_ms, deadline_ms; /* when BYE went out, 0: not yet; until when to finish */
    char name[128];
};

enum err member_options(const struct conf_key *const *tables, void *options,
                        const char *program, int argc, char **argv, bool *done)
{
    json_t *tree = json_object();
    enum err err = OK;

    *done = false;
    for (int i = 1; i < argc && !*done; i++) {
        *done = !strcmp(argv[i], "--version") || !strcmp(argv[i], "--help");
        if (!strcmp(argv[i], "--version"))
            printf("%s %s\n", program, DROVER_VERSION);
        if (!strcmp(argv[i], "--help")) {
            printf("usage: %s --broker tcp://HOST:PORT [--key FILE] [key=value ...]\n\n",
                   program);
            conf_help(tables, stdout);
        }
    }
    if (!*done)
        err = config_tree_args(tree, argc - 1, argv + 1);
    if (!*done && !err)
        err = conf_load(tables, options, config_tree_given(tree), NULL);
    json_decref(tree);
    if (!*done && !err)
        err = log_level(((const struct member_options *)options)->log_level);
    return err;
}

static enum err watch(void *self, void *socket)
{
    struct member *m = self;

    return loop_socket(m->loop, socket, fetch_readable, m->fetch);
}

static void unwatch(void *self, void *socket)
{
    loop_unsocket(((struct member *)self)->loop, socket);
}

static enum err watch_fd(void *self, int fd)
{
    struct member *m = self;

    return loop_fd(m->loop, fd, fetch_handed, m->fetch);
}

static void unwatch_fd(void *self, int fd)
{
    loop_unfd(((struct member *)self)->loop, fd);
}

static enum err got(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms)
{
    const struct member *m = self;

    return m->conf.got(m->conf.self, what, shared, now_ms);
}

static enum err rebuild(void *self, struct fetch_rebuild *job)
{
    const struct member *m = self;

    return m->conf.rebuild(m->conf.self, job);
}

/* ---- leaving */

bool member_draining(const struct member *m)
{
    return m->deadline_ms != 0;
}

/* The earliest deadline counts: said again, it is only ever sooner. */
static void drain(struct member *m, int64_t deadline_ms)
{
    if (!m->deadline_ms || deadline_ms < m->deadline_ms)
        m->deadline_ms = deadline_ms;
    if (m->conf.drain)
        m->conf.drain(m->conf.self, deadline_ms);
}

enum err member_bye(struct member *m, const char *reason, int64_t now_ms)
{
    struct msg msg = {.head.type = MSG_BYE, .bye.reason = reason};
    enum err err;

    if (m->bye_ms)
        return OK;
    err = peer_send(m->peer, &msg);
    if (!err)
        m->bye_ms = now_ms;
    return err == ERR_STATE ? OK : err; /* no broker now, or its pipe is full: the next tick */
}

bool member_gone(const struct member *m, int64_t now_ms)
{
    return m->bye_ok || !peer_welcome(m->peer) ||
           (m->bye_ms && now_ms - m->bye_ms >= MEMBER_BYE_MS);
}

/* A worker waits for BYE_OK until its deadline: whoever is taken for dead is blamed for it. */
static bool finished(const struct member *m, int64_t now_ms)
{
    if (m->conf.finished)
        return m->conf.finished(m->conf.self, now_ms);
    return member_draining(m) && (m->bye_ok || now_ms >= m->deadline_ms);
}

static enum err tick(void *self, int64_t now_ms)
{
    struct member *m = self;
    enum err err = peer_tick(m->peer, now_ms);

    entry_learn(&m->entry, m->peer, m->options->key);
    health_tick(&m->health, peer_welcome(m->peer), now_ms);
    if (!err)
        err = peer_patience(m->peer, (int64_t)m->options->wait * 1000, now_ms);
    if (!err)
        err = fetch_tick(m->fetch, now_ms);
    if (!err)
        err = m->conf.tick(m->conf.self, now_ms);
    if (!err && m->conf.idle && member_draining(m) && m->conf.idle(m->conf.self))
        err = member_bye(m, "drained", now_ms);
    if (finished(m, now_ms))
        loop_stop(m->loop);
    return err;
}

static enum err leave(void *self, int64_t now_ms)
{
    struct member *m = self;
    const int patience_ms = m->leaving ? MEMBER_HURRY_MS : MEMBER_DRAIN_MS;

    m->leaving = true;
    log_info("drain", "deadline_ms=%d", patience_ms);
    peer_leave(m->peer);
    drain(m, now_ms + patience_ms);
    if (!peer_answered(m->peer)) /* nobody to say BYE to */
        loop_stop(m->loop);
    return OK;
}

/* The supervisor's pipe is at its end: it is gone. */
static enum err orphaned(void *self, int64_t now_ms)
{
    struct member *m = self;

    loop_unfd(m->loop, m->options->parent_fd);
    return leave(m, now_ms);
}

/* What the process says of itself, and what came over the wire for it. */
static void beat(void *self, struct msg_hb *out)
{
    const struct member *m = self;

    if (m->conf.hb)
        m->conf.hb(m->conf.self, out);
    out->wire_bytes = fetch_bytes(m->fetch);
    out->wire_rate = (uint64_t)fetch_rate(m->fetch);
}

static void greet(void *self, struct msg_hello *out)
{
    const struct member *m = self;

    out->isa = m->conf.isa;
    out->threads = m->conf.threads > 0 ? (uint32_t)m->conf.threads : 0;
    if (m->conf.hello)
        m->conf.hello(m->conf.self, out);
}

/* For people alone: two processes may have one name, ids tell them apart. */
static void name_it(struct member *m)
{
    char host[64] = "";

    if (*m->options->name) {
        snprintf(m->name, sizeof m->name, "%s", m->options->name);
        return;
    }
    gethostname(host, sizeof host - 1);
    snprintf(m->name, sizeof m->name, "%s:%d", host, (int)getpid());
}

/* Control and bulk connection say the same id and incarnation: so the broker knows that they
 * are one process. */
static enum err connect_it(struct member *m)
{
    const struct curve_keys *keys = m->entry.secure ? &m->entry.keys : NULL;
    struct peer_conf peer = {.role = m->conf.role,
                             .broker = m->entry.broker,
                             .keys = keys,
                             .name = m->name,
                             .hello = greet,
                             .hb = beat,
                             .self = m};
    struct fetch_conf fetch = {.context = m->context,
                               .role = m->conf.role,
                               .keys = keys,
                               .name = m->name,
                               .watch = watch,
                               .unwatch = unwatch,
                               .watch_fd = watch_fd,
                               .unwatch_fd = unwatch_fd,
                               .got = got,
                               .rebuild = m->conf.rebuild ? rebuild : NULL,
                               .self = m};

    peer_random(&m->id, &m->incarnation);
    peer.id = fetch.id = m->id;
    peer.incarnation = fetch.incarnation = m->incarnation;
    fetch_new(&m->fetch, &fetch);
    if (m->conf.serve && *m->conf.serve) {
        const enum err err = fetch_serve(m->fetch, m->conf.serve);
        if (err && err != ERR_IO)
            return err_add("serve");
        if (err) /* another process of this host has the port: that one serves */
            log_warn("serve", "reason=\"%s\" next=\"gives nothing to other hosts\"",
                     err_text());
    }
    return peer_open(&m->peer, m->context, &peer, clock_mono_ms());
}

/* The learner found work of this process false: whose machine it is wants to know. */
static enum err on_refused(void *self, const struct msg *msg, int64_t now_ms)
{
    const struct msg_refused *const r = &msg->refused;

    (void)self, (void)now_ms;
    log_warn("refused", "task=%llu sample=%u reason=\"%s\" next=\"others do the work\"",
             (unsigned long long)r->task, r->sample, r->words);
    return OK;
}

/* BUSY passes, and so do strikes: HELLO is said again. What else a broker refuses it will refuse
 * the next time, too. */
static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    const struct member *m = self;

    (void)now_ms;
    if (msg->refuse.code == REFUSE_BUSY || msg->refuse.code == REFUSE_STRIKES)
        return OK;
    return err_set(ERR_STATE, "the broker refuses this %s: %s", role_name(m->conf.role),
                   msg->refuse.words);
}

static enum err on_drain(void *self, const struct msg *msg, int64_t now_ms)
{
    drain(self, now_ms + msg->drain.deadline_ms);
    return OK;
}

static enum err on_bye_ok(void *self, const struct msg *msg, int64_t now_ms)
{
    ((struct member *)self)->bye_ok = true;
    return (void)msg, (void)now_ms, OK;
}

static void hear(struct member *m)
{
    peer_on(m->peer, MSG_REFUSED, on_refused, m);
    peer_on(m->peer, MSG_REFUSE, on_refuse, m);
    peer_on(m->peer, MSG_BYE_OK, on_bye_ok, m);
    if (m->conf.idle) /* a learner stays: another broker may come */
        peer_on(m->peer, MSG_DRAIN, on_drain, m);
}

static enum err wire_it(struct member *m)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    enum err err;

    hear(m);
    err = loop_socket(m->loop, peer_socket(m->peer), peer_readable, m->peer);

    if (!err)
        err = loop_every(m->loop, PEER_TICK_MS, tick, m);
    for (int i = 0; i < 3 && !err; i++)
        err = loop_signal(m->loop, signals[i], leave, m);
    if (!err && m->options->parent_fd >= 0)
        err = loop_fd(m->loop, m->options->parent_fd, orphaned, m);
    return err;
}

enum err member_open(struct member **out, const struct member_options *options,
                     const struct member_conf *conf)
{
    struct member *m = mem_new(1, sizeof *m);
    enum err err = OK;

    m->options = options;
    m->conf = *conf;
    m->health.file = options->health_file;
    name_it(m);
    if (options->nice && setpriority(PRIO_PROCESS, 0, options->nice))
        log_warn("nice", "reason=\"%s\"", strerror(errno));
    err = entry_open(&m->entry, &(struct entry_conf){.broker = options->broker,
                                                     .key = options->key,
                                                     .ticket_file = options->ticket_file,
                                                     .name = m->name,
                                                     .role = conf->role});
    if (!err)
        err = loop_new(&m->loop);
    if (!err) {
        m->context = zmq_ctx_new();
        err = connect_it(m);
    }
    if (!err)
        err = wire_it(m);
    if (err) {
        member_close(m);
        m = NULL;
    }
    *out = m;
    return err;
}

void member_close(struct member *m)
{
    if (!m)
        return;
    health_end(&m->health);
    fetch_free(m->fetch);
    if (m->peer)
        loop_unsocket(m->loop, peer_socket(m->peer));
    peer_close(m->peer);
    loop_free(m->loop);
    if (m->context)
        zmq_ctx_term(m->context);
    curve_wipe(&m->entry.keys);
    free(m);
}

struct loop *member_loop(struct member *m)
{
    return m->loop;
}

struct peer *member_peer(struct member *m)
{
    return m->peer;
}

struct fetch *member_fetch(struct member *m)
{
    return m->fetch;
}

void member_room(struct member *m, const struct credit *credit, uint32_t room, uint32_t step,
                 int64_t now_ms)
{
    if (peer_welcome(m->peer) && room >= credit_left(credit) + step)
        peer_hb(m->peer, now_ms);
}

const char *member_name(const struct member *m)
{
    return m->name;
}

struct peer_conf member_peer_conf(const struct member *m)
{
    return (struct peer_conf){.role = m->conf.role,
                              .keys = m->entry.secure ? &m->entry.keys : NULL,
                              .name = m->name,
                              .id = m->id,
                              .incarnation = m->incarnation};
}

void *member_context(struct member *m)
{
    return m->context;
}

enum err member_run(struct member *m)
{
    log_info("ready", "broker=%s name=%s", m->entry.broker, m->name);
    return loop_run(m->loop);
}

/* The thread ends before the member closes: what it gives last finds a loop that still stands. */
enum err member_work(const struct member_options *options, const struct member_work *work)
{
    struct member *m = NULL;
    struct worker *worker = NULL;
    enum err err = member_open(&m, options, &work->conf);

    if (!err)
        err = worker_start(&worker, m->loop, &work->worker);
    if (!err) {
        work->meet(work->self, m, worker);
        err = member_run(m);
    }
    worker_stop(worker);
    member_close(m);
    return err;
}

/* The last word is said here and nowhere else: an error that ends a process is logged once. */
int member_main(const char *name, const struct conf_key *const *tables, void *options,
                enum err (*run)(const void *options), int argc, char **argv)
{
    char program[64];
    bool done;
    enum err err;

    snprintf(program, sizeof program, "drover-%s", name);
    log_open(name);
    outlet_open(program);
    err = member_options(tables, options, program, argc, argv, &done);
    outlet_outlive();
    if (!err && !done)
        err = run(options);
    if (err)
        log_error("exit", "reason=\"%s\"", err_text());
    conf_free(tables, options);
    return outlet_end(err ? EXIT_FAILURE : EXIT_SUCCESS);
}
