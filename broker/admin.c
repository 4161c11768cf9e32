/* Orders from a command line, on their way to the supervisor and back; leaving.
 *
 * The broker carries out no order. It names the asker in each (ADMIN), by which the answer
 * (ADMIN_OK) finds back, and answers itself only where the supervisor cannot be reached: a person
 * waits at the other end. Orders say what shall be, so to repeat one does no harm. */

#include "broker/admin.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* `id` NULL: whoever has that role. Only who is greeted: else what is sent would be lost. */
static struct broker_member *find(const struct broker *b, enum role role, const struct id *id)
{
    for (struct broker_member *m = b->members.first; m; m = m->next)
        if (m->role == role && m->greeted && (!id || !memcmp(&m->id, id, sizeof *id)))
            return m;
    return NULL;
}

/* An order that nobody carries out, in words. */
static struct msg sorry(const struct broker_member *asker, uint64_t request, const char *words)
{
    return (struct msg){
        .head.type = MSG_ADMIN_OK,
        .admin_ok = {.request = request, .asker = asker->id, .words = words, .result = ""}};
}

enum err admin_on_admin(struct broker *b, struct broker_member *from, const struct msg *msg,
                        int64_t now)
{
    struct broker_member *supervisor = find(b, ROLE_SUPERVISOR, NULL);
    struct msg on = *msg;
    struct msg no = sorry(from, msg->admin.request,
                          supervisor ? "the supervisor does not answer: try again"
                                     : "no supervisor is connected to this broker");

    (void)now;
    log_info("admin", "order=%s peer=%s", msg->admin.order, from->name);
    on.admin.asker = from->id;
    if (supervisor)
        outbox_put_else(&b->outbox, supervisor, &on, from, &no);
    else
        outbox_put(&b->outbox, from, &no);
    return OK;
}

enum err admin_on_admin_ok(struct broker *b, struct broker_member *from, const struct msg *msg,
                           int64_t now)
{
    struct broker_member *asker = find(b, ROLE_CLI, &msg->admin_ok.asker);
    struct msg on = *msg;

    (void)from, (void)now;
    if (asker) /* gone: it gave up waiting; orders are absolute, so it may repeat */
        outbox_put(&b->outbox, asker, &on);
    return OK;
}

enum err admin_on_bye(struct broker *b, struct broker_member *from, const struct msg *msg,
                      int64_t now)
{
    struct msg ok = {.head.type = MSG_BYE_OK};

    log_info("bye", "peer=%s reason=\"%s\"", from->name, msg->bye.reason);
    if (from == b->run.learner) { /* it left on purpose: another run may come at once */
        b->run.left = true;
        b->run.seen_ms = now;
    }
    outbox_put(&b->outbox, from, &ok);
    outbox_release(&b->outbox, from);
    return OK;
}
