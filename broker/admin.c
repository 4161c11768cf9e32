/* admin: orders from a command line, on their way to the supervisor and back; leaving. */

#include "broker/admin.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

static struct broker_member *find(const struct broker *b, enum role role, const struct id *id)
{
    for (struct broker_member *m = b->first; m; m = m->next)
        if (m->role == role && m->greeted && (!id || !memcmp(&m->id, id, sizeof *id)))
            return m;
    return NULL;
}

static void refuse(struct broker *b, struct broker_member *to, uint64_t request,
                   const char *words)
{
    struct msg msg = {
        .head.type = MSG_ADMIN_OK,
        .admin_ok = {.request = request, .asker = to->id, .words = words, .result = ""}};

    broker_send(b, to, &msg);
}

enum err admin_on_admin(struct broker *b, struct broker_member *from, const struct msg *msg,
                        int64_t now)
{
    struct broker_member *supervisor = find(b, ROLE_SUPERVISOR, NULL);
    struct msg on = *msg;

    (void)now;
    log_info("admin", "order=%s peer=%s", msg->admin.order, from->name);
    on.admin.asker = from->id;
    if (!supervisor)
        refuse(b, from, msg->admin.request, "no supervisor is connected to this broker");
    else if (!broker_send(b, supervisor, &on))
        refuse(b, from, msg->admin.request, "the supervisor does not answer: try again");
    return OK;
}

enum err admin_on_admin_ok(struct broker *b, struct broker_member *from, const struct msg *msg,
                           int64_t now)
{
    struct broker_member *asker = find(b, ROLE_CLI, &msg->admin_ok.asker);
    struct msg on = *msg;

    (void)from, (void)now;
    if (asker) /* gone: it gave up waiting; orders are absolute, so it may repeat */
        broker_send(b, asker, &on);
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
    broker_send(b, from, &ok);
    b->sink.release(b->sink.self, from->link);
    return OK;
}
