/* Of whom a pull is asked. The broker names a parent: what is on its way from the broker comes, what
 * follows is asked of the parent. The parent fails: all of it is asked of the broker, which is told
 * why. A parent that has to be dialled first gets FETCH_WIRE_HASTE_MS, in which what is on its way
 * still comes; when it is not there then, the broker is asked until it is (next), so that nobody
 * stands still for a line that is full, or a host that is gone.
 *
 * What goes wrong here, and not at the parent (there is no place for one more), is no word against
 * it: the pull stays where it is, and the broker names a parent again when it is asked. */

#include "proto/fetch_state.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* What is on its way comes from where it was asked; the rest is asked of `to`. */
static void turn_to(struct fetch_pull *pull, int to)
{
    if (pull->from == to)
        return;
    blob_pull_move(pull->blob);
    pull->before = pull->from;
    pull->from = to;
}

static void tell(struct fetch_pull *pull, const struct fetch_source *parent, const char *why)
{
    log_info("parent", "state=left artifact=\"%s\" parent=%s reason=\"%s\"",
             blob_pull_what(pull->blob)->name, parent->endpoint, why);
    free(pull->failed);
    pull->failed = mem_text(why);
}

void fetch_parent_leave(struct fetch_wire *wire, struct fetch_pull *pull, const char *why)
{
    tell(pull, &wire->source[pull->from], why);
    blob_pull_move(pull->blob);
    blob_pull_forget(pull->blob);
    pull->from = FETCH_BROKER;
    pull->before = FETCH_NOBODY;
}

void fetch_parent_fail(struct fetch_source *parent, const char *why)
{
    struct fetch_wire *const wire = parent->wire;
    const int n = fetch_source_number(parent);

    parent->failed = true;
    for (int i = 0; i < FETCH_WIRE_PULLS; i++) {
        struct fetch_pull *const pull = &wire->pull[i];
        if (!pull->blob)
            continue;
        if (pull->from == n)
            fetch_parent_leave(wire, pull, why);
        else if (pull->next == n)
            tell(pull, parent, why);
        if (pull->next == n)
            pull->next = FETCH_NOBODY;
    }
}

void fetch_parent_there(struct fetch_source *parent)
{
    struct fetch_wire *const wire = parent->wire;
    const int n = fetch_source_number(parent);

    for (int i = 0; i < FETCH_WIRE_PULLS; i++) {
        struct fetch_pull *const pull = &wire->pull[i];
        if (!pull->blob || pull->next != n)
            continue;
        pull->next = FETCH_NOBODY;
        turn_to(pull, n);
    }
}

/* ---- named */

static struct fetch_source *free_slot(struct fetch_wire *wire)
{
    for (int i = FETCH_BROKER + 1; i < FETCH_SOURCES; i++)
        if (!wire->source[i].peer)
            return &wire->source[i];
    return NULL;
}

static struct fetch_source *parent_at(struct fetch_wire *wire, const char *endpoint)
{
    for (int i = FETCH_BROKER + 1; i < FETCH_SOURCES; i++)
        if (wire->source[i].peer && !wire->source[i].failed &&
            !strcmp(wire->source[i].endpoint, endpoint))
            return &wire->source[i];
    return NULL;
}

/* One that is there, or is dialled now. NULL: it cannot be, by a fault of ours. */
static struct fetch_source *parent_of(struct fetch_wire *wire, const struct msg_parent *p,
                                      int64_t now_ms)
{
    struct fetch_source *parent = parent_at(wire, p->endpoint);
    enum err err = OK;

    if (parent)
        return parent;
    parent = free_slot(wire);
    err = parent ? fetch_source_dial(parent, p->endpoint, p->key, now_ms)
                 : err_set(ERR_STATE, "%d parents already", FETCH_WIRE_PARENTS);
    if (!err)
        return parent;
    if (parent)
        fetch_source_close(parent);
    log_info("parent", "state=not-taken parent=%s reason=\"%s\"", p->endpoint, err_text());
    return NULL;
}

enum err fetch_parent_named(void *self, const struct msg *msg, int64_t now_ms)
{
    struct fetch_wire *const wire = ((struct fetch_source *)self)->wire;
    const struct msg_parent *const p = &msg->parent;
    struct fetch_pull *const pull = fetch_source_pull(wire, &p->hash);
    struct fetch_source *parent = NULL;
    int n = FETCH_BROKER;

    if (!pull)
        return OK;
    if (*p->endpoint && strncmp(p->endpoint, "tcp://", 6) != 0)
        return err_set(ERR_RANGE, "a parent that is no tcp://host:port");
    if (*p->endpoint) {
        parent = parent_of(wire, p, now_ms);
        if (!parent)
            return OK;
        n = fetch_source_number(parent);
    }
    if (n == pull->from || n == pull->next) /* it may be said again */
        return OK;
    pull->next = FETCH_NOBODY;
    if (parent) {
        log_info("parent", "state=named artifact=\"%s\" parent=%s",
                 blob_pull_what(pull->blob)->name, parent->endpoint);
        peer_leave(parent->peer); /* whether it can be reached is told as `left` */
    }
    turn_to(pull, n);
    fetch_source_ask(wire, now_ms);
    fetch_wire_pump(wire);
    return OK;
}

/* ---- time */

static bool is_promised(const struct fetch_wire *wire, int source)
{
    for (int i = 0; i < FETCH_WIRE_PULLS; i++)
        if (wire->pull[i].blob && wire->pull[i].from == source &&
            blob_pull_promised(wire->pull[i].blob))
            return true;
    return false;
}

/* What is wrong with a parent; NULL: nothing. One that waits itself for what is asked of it gets
 * more time than one that has it. */
static const char *trouble(struct fetch_source *parent, int64_t now_ms)
{
    const int64_t quiet_ms = now_ms - parent->heard_ms;

    if (parent->welcome && !peer_there(parent->peer))
        return "its connection ended";
    if (!peer_welcome(parent->peer))
        return now_ms - parent->welcome_ms >= FETCH_WIRE_DIAL_MS ? "no connection within 10 s"
                                                                 : NULL;
    parent->welcome_ms = now_ms;
    if (!parent->owes || quiet_ms < FETCH_WIRE_OWED_MS)
        return NULL;
    if (is_promised(parent->wire, fetch_source_number(parent)))
        return "nothing for 5 s of what it has";
    return quiet_ms >= FETCH_WIRE_WAIT_MS ? "nothing for 20 s" : NULL;
}

/* It is not there yet: whoever waits for it asks the broker meanwhile. */
static void hurry(struct fetch_source *parent, int64_t now_ms)
{
    struct fetch_wire *const wire = parent->wire;
    const int n = fetch_source_number(parent);

    if (peer_welcome(parent->peer) || now_ms - parent->welcome_ms < FETCH_WIRE_HASTE_MS)
        return;
    for (int i = 0; i < FETCH_WIRE_PULLS; i++) {
        struct fetch_pull *const pull = &wire->pull[i];
        if (!pull->blob || pull->from != n)
            continue;
        turn_to(pull, FETCH_BROKER);
        pull->next = n;
    }
}

static bool is_used(const struct fetch_wire *wire, int source)
{
    for (int i = 0; i < FETCH_WIRE_PULLS; i++) {
        const struct fetch_pull *const pull = &wire->pull[i];
        if (pull->blob && (pull->from == source || pull->next == source ||
                           (pull->before == source && blob_pull_owed(pull->blob, true))))
            return true;
    }
    return false;
}

/* Its place may be another's next. */
static void close_parent(struct fetch_source *parent)
{
    struct fetch_wire *const wire = parent->wire;

    for (int i = 0; i < FETCH_WIRE_PULLS; i++) {
        struct fetch_pull *const pull = &wire->pull[i];
        if (!pull->blob || pull->before != fetch_source_number(parent))
            continue;
        blob_pull_forget(pull->blob);
        pull->before = FETCH_NOBODY;
    }
    fetch_source_close(parent);
}

void fetch_parent_tick(struct fetch_wire *wire, int64_t now_ms)
{
    for (int i = FETCH_BROKER + 1; i < FETCH_SOURCES; i++) {
        struct fetch_source *const parent = &wire->source[i];
        const char *const why =
            parent->peer && !parent->failed ? trouble(parent, now_ms) : NULL;
        if (why)
            fetch_parent_fail(parent, why);
        else if (parent->peer && !parent->failed)
            hurry(parent, now_ms);
        if (parent->peer && (parent->failed || !is_used(wire, i)))
            close_parent(parent);
    }
}
