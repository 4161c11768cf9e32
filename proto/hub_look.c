/* What becomes of a connection because of its key. A hub without a gate (no keys: loopback)
 * passes all. The gate judges, here the connection hears of it: a key that is not valid, an id
 * that is another's and a role that is not its own end in REFUSE; too much is a strike, since a
 * worker in a hurry is no enemy yet. */

#include "proto/hub.h"
#include "proto/hub_state.h"

#include "base/log.h"

enum { REVOKED_LAST_MS = 200 }; /* for REFUSE to get out, of one whose key was revoked */

static void refuse(struct hub *hub, struct conn *conn, enum hub_gate_reason why, int64_t now_ms)
{
    static const enum refuse_code code[HUB_GATE_REASONS] = {
        [HUB_GATE_KEY] = REFUSE_KEY,
        [HUB_GATE_ROLE] = REFUSE_ROLE,
        [HUB_GATE_ID] =
            REFUSE_BUSY, /* it passes: that key is revoked, or the id is forgotten */
        [HUB_GATE_CONNECTIONS] = REFUSE_BUSY,
    };

    hub_gate_refused(hub->conf.gate, why, hub_gate_name(hub->conf.gate, &conn->key),
                     conn->address, now_ms);
    if (why == HUB_GATE_RATE) /* a worker in a hurry is no enemy yet */
        hub_strike_conn(hub, conn, hub_gate_words(why), now_ms);
    else
        hub_turn_away(hub, conn, code[why], hub_gate_words(why), now_ms);
}

/* Before a message is looked at: bytes that a key may not send cost their receiver nothing more. */
bool hub_look_hears(struct hub *hub, struct conn *conn, size_t bytes, int64_t now_ms)
{
    enum hub_gate_reason why;

    if (!hub->conf.gate)
        return true;
    why = hub_gate_hear(hub->conf.gate, &conn->holder, &conn->key, bytes, now_ms);
    if (why == HUB_GATE_FINE)
        return true;
    refuse(hub, conn, why, now_ms);
    return false;
}

/* The role that HELLO names is the key's, or it is not heard. The gate forgets ids, of which a key
 * may say as many as it likes; who is here keeps its own. */
bool hub_look_hello(struct hub *hub, struct conn *conn, const struct msg_hello *hello,
                    const struct hub_member *of_id, uint32_t *role, int64_t now_ms)
{
    enum hub_gate_reason why;

    *role = hello->role;
    if (!hub->conf.gate)
        return true;
    why = of_id && !hash_same(&of_id->pub.key, &conn->key) &&
                  hub_gate_valid(hub->conf.gate, &of_id->pub.key)
              ? HUB_GATE_ID
              : hub_gate_hello(hub->conf.gate, &conn->key, &hello->peer, role, now_ms);
    if (why == HUB_GATE_FINE)
        return true;
    refuse(hub, conn, why, now_ms);
    return false;
}

/* A connection that has said nothing yet is met by its first message: until then it gets nothing. */
void hub_look(struct hub *hub, int64_t now_ms)
{
    for (struct conn *c = hub_conn_next(&hub->conns, NULL); hub->conf.gate && c;
         c = hub_conn_next(&hub->conns, c)) {
        if (c->doomed_ms || !c->holder || hub_gate_valid(hub->conf.gate, &c->key))
            continue;
        log_warn("cut", "peer=%s address=%s reason=\"%s\"",
                 c->member ? c->member->pub.name : "?", c->address,
                 hub_gate_words(HUB_GATE_KEY));
        refuse(hub, c, HUB_GATE_KEY, now_ms);
        c->doomed_ms = now_ms - (HUB_CONN_LAST_MS - REVOKED_LAST_MS);
    }
}

bool hub_look_heard(void *self, int fd)
{
    const struct hub_conns *const conns = &((struct hub *)self)->conns;

    return fd < conns->fds && conns->of_fd[fd] && hub_conn_lives(conns, conns->of_fd[fd]);
}

void hub_look_shut(void *self, const char *address, int64_t now_ms)
{
    struct hub *hub = self;

    if (hub->conf.gate)
        hub_gate_refused(hub->conf.gate, HUB_GATE_SILENT, "?", address, now_ms);
    else
        log_debug("silent", "address=%s", address);
}
