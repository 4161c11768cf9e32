/* How it works: a row an order. Each answers with words, and with a result where there is one
 * (JSON); what could not be done is words too. Orders name roles, numbers and names of workers
 * that this machine's own file has: no order brings a command, a path or an option, so whoever
 * may order can start what the machine's owner wrote down and nothing else. Numbers and names
 * come from a peer: the limits of the configuration hold for them, too.
 *
 * One order waits for the network (`doctor`): it is answered when its checks are done. */
#include "deploy/orders.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "deploy/admit.h"
#include "deploy/checks.h"
#include "deploy/crew.h"
#include "deploy/local.h"
#include "deploy/log_piece.h"
#include "proto/limit.h"
#include "proto/peer.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct obeyed {
    char words[ORDERS_WORDS];
    char *result; /* NULL: the list of processes */
    bool later;   /* it will be answered, or is asked again */
};

typedef enum err order_fn(struct orders *o, const struct msg_admin *order, const json_t *more,
                          struct obeyed *out, int64_t now_ms);

static enum err status(struct orders *o, const struct msg_admin *order, const json_t *more,
                       struct obeyed *out, int64_t now_ms)
{
    char words[CREW_WORDS];

    (void)order, (void)more, (void)now_ms;
    crew_words(words, o->crew);
    snprintf(out->words, sizeof out->words, "%s", words);
    return OK;
}

static enum err down(struct orders *o, const struct msg_admin *order, const json_t *more,
                     struct obeyed *out, int64_t now_ms)
{
    (void)order, (void)more;
    snprintf(out->words, sizeof out->words, "%s",
             o->crew->plan->method ? "the learner saves a checkpoint, then the fleet ends"
             : o->apply            ? "the workers hand over what they have, then the fleet ends"
                        : "the workers hand over what they have, then this host ends");
    return o->down(o->self, now_ms);
}

/* Who has a ticket becomes a worker of the fleet: the head keeps the folder of keys. */
static enum err admit(struct orders *o, const struct msg_admin *order, const json_t *more,
                      struct obeyed *out, int64_t now_ms)
{
    (void)more, (void)now_ms;
    if (!o->keys)
        return err_set(ERR_STATE, "no keys folder is here: the head's supervisor has it");
    snprintf(out->words, sizeof out->words, "let in");
    return admit_obey(&out->result, o->keys, order, clock_wall_ms() / 1000, &out->later);
}

/* The place of a worker by its name. */
static enum err which(const struct plan *plan, const char *name, int *kind)
{
    for (*kind = 0; *kind < plan->n_workers; (*kind)++)
        if (!strcmp(plan->worker[*kind].name, name))
            return OK;
    return err_set(ERR_RANGE, "no worker '%.64s' in the file of this host", name);
}

static enum err scale(struct orders *o, const struct msg_admin *order, const json_t *more,
                      struct obeyed *out, int64_t now_ms)
{
    const char *worker = json_string_value(json_object_get(more, "worker"));
    struct crew_count count = {.role = order->role == ROLE_ACTOR ? PLAN_ACTOR : PLAN_REWARDER,
                               .n = (int)order->count,
                               .force = json_is_true(json_object_get(more, "force"))};
    int before;
    enum err err = OK;

    if (worker) {
        count.role = PLAN_WORKER;
        err = which(o->crew->plan, worker, &count.kind);
    } else if (order->role != ROLE_ACTOR && order->role != ROLE_REWARDER) {
        err = err_set(ERR_RANGE, "only actors, rewarders and workers by name are scaled");
    }
    if (err)
        return err;
    before = crew_wanted(o->crew, count.role, count.kind);
    err = crew_scale(o->crew, &count, now_ms);
    snprintf(out->words, sizeof out->words, "%s: %d -> %d%s",
             worker ? worker : plan_roles[count.role], before,
             crew_wanted(o->crew, count.role, count.kind),
             o->crew->asleep ? " when its hours begin" : "");
    return err;
}

/* As scale to none: the supervisor stays, and another scale brings its workers back. */
static enum err drain(struct orders *o, const struct msg_admin *order, const json_t *more,
                      struct obeyed *out, int64_t now_ms)
{
    struct crew_count none = {.role = PLAN_ACTOR};
    enum err err = crew_scale(o->crew, &none, now_ms);

    (void)order, (void)more;
    none.role = PLAN_REWARDER;
    if (!err)
        err = crew_scale(o->crew, &none, now_ms);
    none.role = PLAN_WORKER;
    for (none.kind = 0; none.kind < o->crew->plan->n_workers && !err; none.kind++)
        err = crew_scale(o->crew, &none, now_ms);
    snprintf(
        out->words, sizeof out->words,
        "%s: its workers finish what they have and leave; `drover scale %s actors=N` brings "
        "them back",
        o->host, o->host);
    return err;
}

/* Names are compared with those that are there: none becomes a path unseen. */
static enum err logs(struct orders *o, const struct msg_admin *order, const json_t *more,
                     struct obeyed *out, int64_t now_ms)
{
    const char *name = json_string_value(json_object_get(more, "name"));
    const json_int_t lines = json_integer_value(json_object_get(more, "lines"));
    const json_t *from = json_object_get(more, "from");
    enum err err =
        err_set(ERR_RANGE, "no process '%.64s' here: see `drover doctor`", name ? name : "");

    (void)order, (void)now_ms;
    for (int i = 0; i < o->crew->replicas.n && name && !out->result; i++) {
        const struct replica *p = o->crew->replicas.replica[i];
        char here[PLAN_NAME], *path;

        plan_name(here, o->crew->plan, p->role, p->number);
        if (strcmp(here, name))
            continue;
        path = local_log(o->crew->plan, p->role, p->number);
        err = path ? log_piece(&out->result, path, json_is_integer(from),
                               json_integer_value(from),
                               (int)(lines < 0      ? 0
                                     : lines > 1000 ? 1000
                                                    : lines))
                   : err_set(ERR_STATE, "%s has no log: it shares the supervisor's terminal",
                             name);
        free(path);
        break;
    }
    return err;
}

/* Only a head has a fleet's file; a host's own changes by a letter of the head's. */
static enum err apply(struct orders *o, const struct msg_admin *order, const json_t *more,
                      struct obeyed *out, int64_t now_ms)
{
    (void)order;
    if (!o->apply)
        return err_set(ERR_STATE, "this supervisor has no fleet's file: ask the head's");
    return o->apply(o->self, json_is_true(json_object_get(more, "plan")), out->words, now_ms);
}

static void answer(struct orders *o, uint64_t request, const struct id *asker, bool ok,
                   const char *words, const char *result)
{
    struct msg msg = {
        .head.type = MSG_ADMIN_OK,
        .admin_ok = {
            .request = request, .asker = *asker, .ok = ok, .words = words, .result = result}};
    enum err err;

    if (!o->peer) /* the supervisor ended while its checks were under way: nobody is answered */
        return;
    err = peer_send(o->peer, &msg);
    if (err == ERR_RANGE) { /* too large: the words alone are an answer, too */
        msg.admin_ok.result = "";
        err = peer_send(o->peer, &msg);
    }
    if (err)
        log_warn("answer", "reason=\"%s\"", err_text());
}

static void checked(void *self, const struct checks *done)
{
    struct orders *o = self;

    answer(o, done->request, &done->asker, true, "", done->result);
}

static enum err doctor(struct orders *o, const struct msg_admin *order, const json_t *more,
                       struct obeyed *out, int64_t now_ms)
{
    const enum err err = checks_start(o->loop,
                                      &(struct checks_conf){.crew = o->crew,
                                                            .host = o->host,
                                                            .control = o->control,
                                                            .bulk = o->bulk,
                                                            .done = checked,
                                                            .self = o},
                                      order, now_ms);

    (void)more;
    out->later = !err;
    return err;
}

/* As WELCOME has it, "*" for the host where control was reached. */
enum err orders_on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct orders *o = self;

    (void)now_ms;
    snprintf(o->bulk, sizeof o->bulk, "%s", msg->welcome.bulk);
    return OK;
}

static const struct {
    const char *name;
    order_fn *fn;
} rows[] = {{ADMIN_ADMIT, admit}, {"status", status}, {"scale", scale}, {"drain", drain},
            {"down", down},       {"logs", logs},     {"apply", apply}, {"doctor", doctor}};

enum err orders_on_admin(void *self, const struct msg *msg, int64_t now_ms)
{
    struct orders *o = self;
    const struct msg_admin *order = &msg->admin;
    struct obeyed *out = mem_new(1, sizeof *out);
    json_t *more = json_loads(order->arguments, 0, NULL);
    enum err err = err_set(ERR_RANGE,
                           "order '%s' is not known here: status, scale, drain, down, logs, "
                           "apply, doctor",
                           order->order);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].name, order->order)) {
            err = rows[i].fn(o, order, more, out, now_ms);
            break;
        }
    if (!out->later) {
        char *result = out->result ? out->result : replica_list(&o->crew->replicas);

        answer(o, order->request, &order->asker, !err, err ? err_text() : out->words, result);
        free(result);
    }
    json_decref(more);
    free(out);
    return OK;
}
