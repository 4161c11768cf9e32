/* Orders from a command line, on their way to a supervisor and back; leaving.
 *
 * The broker carries out no order. It names the asker in each (ADMIN), by which the answer
 * (ADMIN_OK) finds back, and answers itself only where the supervisor cannot be reached: a person
 * waits at the other end. Orders say what shall be, so to repeat one does no harm. Each machine
 * has a supervisor of its own; an order names the machine, or none: then the head's is meant, who
 * started this broker. One order is about the broker alone and is answered here: `hosts`, which
 * machines there are and how fast each is, from which others decide where actors are wanted.
 *
 * When the head leaves for good the fleet is over, and no other supervisor would hear of that:
 * its BYE becomes their `down`. */

#include "broker/admin.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS = 256, TAKEN_MS = 10000 };

static const char taken_words[] =
    "a supervisor with another key has this name: give one of the two hosts another one";

/* Whoever may ask, by its id: that this is its key's own the hub has seen to. Only who is greeted:
 * else what is sent would be lost. */
static struct broker_member *asker_of(const struct broker *b, const struct id *id)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if ((m->role == ROLE_OPERATOR || m->role == ROLE_GUEST || m->role == ROLE_SUPERVISOR) &&
            m->greeted && !memcmp(&m->id, id, sizeof *id))
            return m;
    return NULL;
}

/* Of two that call themselves so, which have the same key (admin_admits), the one that came last:
 * the other is gone or soon will be.
 * Without a name the head, and while that is away nobody: a host that was told `down` would leave
 * for good, and has no folder of keys. */
static struct broker_member *supervisor_of(const struct broker *b, const char *host)
{
    struct broker_member *found = NULL;

    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == ROLE_SUPERVISOR && m->greeted &&
            (*host ? !strcmp(m->host, host) : m->head))
            found = m;
    return found;
}

/* Another supervisor that has the name. */
static struct broker_member *namesake_of(const struct broker *b,
                                         const struct broker_member *was,
                                         const struct msg_hello *hello, const struct hash *key)
{
    char host[MEMBERS_NAME];

    text_print(host, sizeof host, "%s", hello->host);
    for (struct broker_member *m = b->members.first; m && *host; m = m->next)
        if (m != was && m->role == ROLE_SUPERVISOR && m->greeted && !strcmp(m->host, host) &&
            !hash_same(&m->origin.key, key))
            return m;
    return NULL;
}

/* Each says it again in a second. */
static void say_taken(struct broker *b, const char *host, const char *who, int64_t now_ms)
{
    if (b->taken_ms && now_ms - b->taken_ms < TAKEN_MS)
        return;
    b->taken_ms = now_ms;
    log_warn("host", "host=%s peer=%s reason=\"%s\"", host, who, taken_words);
}

bool admin_admits(struct broker *b, struct broker_member *was, void *link,
                  const struct msg_hello *hello, enum refuse_code *code, const char **words,
                  int64_t now_ms)
{
    struct writer writer = {.address = ""};
    struct broker_member *other;
    char name[MEMBERS_NAME];

    if (hello->role != ROLE_SUPERVISOR)
        return true;
    if (b->sink.origin)
        b->sink.origin(b->sink.self, link, &writer);
    other = namesake_of(b, was, hello, &writer.key);
    if (!other)
        return true;
    /* Not by the key alone, and not for ever: a host that was set up anew comes by another key, and
     * waits for no more than the silence after which the old one is given up.
     *
     * The head's keys decide who is let in at all: nobody keeps it out by its name. */
    if (hello->head && !other->head) {
        say_taken(b, other->host, other->name, now_ms);
        other->greeted = false;
        outbox_refuse(&b->outbox, other, REFUSE_BUSY, taken_words);
        return true;
    }
    text_print(name, sizeof name, "%s", hello->name);
    say_taken(b, other->host, name, now_ms);
    *code = REFUSE_BUSY;
    *words = taken_words;
    return false;
}

/* The entry of `host` in a list, made where it is missing; NULL when the list is full. */
static json_t *entry(json_t *list, const char *host)
{
    json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        if (!strcmp(json_string_value(json_object_get(one, "host")), host))
            return one;
    }
    if (json_array_size(list) >= HOSTS)
        return NULL;
    one = json_pack("{s:s,s:b,s:b,s:i,s:i,s:f}", "host", host, "supervised", 0, "head", 0,
                    "actors", 0, "rewarders", 0, "tokens_s", 0.0);
    json_array_append_new(list, one);
    return one;
}

static void count(json_t *one, const char *key)
{
    json_t *n = json_object_get(one, key);

    json_integer_set(n, json_integer_value(n) + 1);
}

/* What its supervisor says of it; nothing is believed of it that is no number. */
static void add_cores(json_t *one, const char *metrics)
{
    json_t *tree = json_loads(metrics, 0, NULL), *cores = json_object_get(tree, "cores");

    if (json_is_integer(cores))
        json_object_set(one, "cores", cores);
    json_decref(tree);
}

/* A machine is who says its name. At most HOSTS: the answer has a size. */
static char *hosts(const struct broker *b)
{
    json_t *list = json_array(), *one;
    char *text;

    for (const struct broker_member *m = b->members.first; m; m = m->next) {
        const bool works = m->role == ROLE_ACTOR || m->role == ROLE_REWARDER;
        if (!m->greeted || (!works && m->role != ROLE_SUPERVISOR) ||
            !(one = entry(list, m->host)))
            continue;
        if (works)
            count(one, m->role == ROLE_ACTOR ? "actors" : "rewarders");
        else
            json_object_set_new(one, "supervised", json_true());
        if (m->head)
            json_object_set_new(one, "head", json_true());
        if (m->metrics)
            add_cores(one, m->metrics);
        if (m->role == ROLE_ACTOR)
            json_real_set(json_object_get(one, "tokens_s"),
                          json_real_value(json_object_get(one, "tokens_s")) + members_rate(m));
    }
    text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

static void answer_hosts(struct broker *b, struct broker_member *asker, uint64_t request)
{
    char *list = hosts(b);
    struct msg msg = {.head.type = MSG_ADMIN_OK,
                      .admin_ok = {.request = request,
                                   .asker = asker->id,
                                   .ok = list != NULL,
                                   .words = list ? "" : "a name that is no text",
                                   .result = list ? list : ""}};

    outbox_put(&b->outbox, asker, &msg);
    free(list);
}

/* An order that nobody carries out, in words. The head comes back, as we did: who asks while a fleet
 * starts, or while one of us starts again, is told to ask again; a name that is no host's is told at
 * once. */
static struct msg sorry(const struct broker_member *asker, const struct msg_admin *order,
                        bool there)
{
    return (struct msg){
        .head.type = MSG_ADMIN_OK,
        .admin_ok = {.request = order->request,
                     .asker = asker->id,
                     .away = there || !*order->host,
                     .words = there          ? "the supervisor does not answer: try again"
                              : *order->host ? "no supervisor of that host is connected to "
                                               "this broker: `drover doctor` lists the hosts"
                                             : "no supervisor is connected to this broker",
                     .result = ""}};
}

/* An order is given on with its asker's name in it, whatever it says: what is legal is for the
 * supervisor to know, who may ask is for the table (table.c). If it cannot be given on, the asker
 * hears so at once. */
enum err admin_on_admin(struct broker *b, struct broker_member *from, const struct msg *msg,
                        int64_t now)
{
    struct broker_member *supervisor = supervisor_of(b, msg->admin.host);
    struct msg on = *msg;
    struct msg no = sorry(from, &msg->admin, supervisor != NULL);

    if (!strcmp(msg->admin.order, "hosts")) {
        answer_hosts(b, from, msg->admin.request);
        return OK;
    }
    if (from->role == ROLE_OPERATOR || comings_told(&b->comings, now))
        log_info("admin", "order=%s host=%s peer=%s", msg->admin.order, msg->admin.host,
                 from->name);
    on.admin.asker = from->id;
    on.admin.key = from->origin.key;
    on.admin.address = from->origin.address;
    if (supervisor)
        outbox_put_else(&b->outbox, supervisor, &on, from, &no);
    else
        outbox_put(&b->outbox, from, &no);
    return OK;
}

/* Whoever asks was let in for this alone: who may be let in, and how often, the head decides, which
 * writes the folder of keys; the broker says whose key asks and from where, which is what counts. */
enum err admin_on_admit(struct broker *b, struct broker_member *from, const struct msg *msg,
                        int64_t now)
{
    struct msg head = *msg;

    if (strcmp(msg->admin.order, ADMIN_ADMIT))
        return err_set(ERR_RANGE, "ADMIN: '%.40s' is an operator's order", msg->admin.order);
    /* It comes back, as this broker did: asked again until it is there. */
    if (!supervisor_of(b, "") || !admits_may(&b->admits, &from->origin.key, now))
        return OK;
    head.admin.host = ""; /* the folder is the head's */
    return admin_on_admin(b, from, &head, now);
}

/* The answer goes to the connection that asked, as long as it is there: a person who gave up
 * waiting has lost nothing but the words. */
enum err admin_on_admin_ok(struct broker *b, struct broker_member *from, const struct msg *msg,
                           int64_t now)
{
    struct broker_member *asker = asker_of(b, &msg->admin_ok.asker);
    struct msg on = *msg;

    (void)from;
    if (!asker) /* gone: it gave up waiting; orders are absolute, so it may repeat */
        return OK;
    if (asker->role != ROLE_OPERATOR)
        admits_answered(&b->admits, &asker->origin.key, msg->admin_ok.ok, now);
    outbox_put(&b->outbox, asker, &on);
    return OK;
}

/* They end in their own order, and nobody waits for their answer. */
static void down_with(struct broker *b, const struct broker_member *head)
{
    struct msg down = {.head.type = MSG_ADMIN,
                       .admin = {.order = "down", .arguments = "", .host = ""}};

    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m != head && m->role == ROLE_SUPERVISOR && m->greeted)
            outbox_put(&b->outbox, m, &down);
}

enum err admin_on_bye(struct broker *b, struct broker_member *from, const struct msg *msg,
                      int64_t now)
{
    struct msg ok = {.head.type = MSG_BYE_OK};

    if (comings_told(&b->comings, now))
        log_info("bye", "peer=%s reason=\"%s\"", from->name, msg->bye.reason);
    members_cause(from, *msg->bye.reason ? msg->bye.reason : "it left");
    if (from == b->run.learner) { /* it left on purpose: another run may come at once */
        b->run.left = true;
        b->run.seen_ms = now;
    }
    if (from->head)
        down_with(b, from);
    outbox_put(&b->outbox, from, &ok);
    outbox_release(&b->outbox, from);
    return OK;
}
