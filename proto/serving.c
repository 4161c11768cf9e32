/* A hub like the broker's, on which only HELLO, HB and WREQ are said. Answers come out of the
 * store of whoever owns this: what is not there yet waits in its guest's queue, and goes out when
 * it came (serving_pump). A pipe that is full is tried again in the next tick, and holds up its
 * own guest alone.
 *
 * Who may come in is the broker's to say. A key that it has taken off the list is refused at the
 * door (ZAP), and who is inside with it is sent away: REFUSE, then the connection is shut. */

#include "proto/serving.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/hub.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { KEY_TEXT = CURVE_TEXT };

struct serving {
    struct serving_conf conf;
    struct hub *hub;
    struct curve_zap *zap; /* NULL: plain */
    struct hash *guest;    /* [guests] who may come in */
    uint32_t guests;
    int64_t beat_ms;
    struct serving_stats stats;
};

static bool is_guest(const struct serving *s, const struct hash *key)
{
    for (uint32_t i = 0; i < s->guests; i++)
        if (hash_same(&s->guest[i], key))
            return true;
    return !s->zap;
}

static void joined(void *self, struct hub_peer *peer, const struct msg_hello *hello,
                   uint32_t *code, const char **words)
{
    (void)hello;
    if (is_guest(self, &peer->key))
        return;
    *code = REFUSE_ROLE;
    *words = "this host serves those whom its broker names";
}

static void gone(void *self, struct hub_peer *peer, const char *why, int64_t now_ms)
{
    (void)self, (void)why, (void)now_ms;
    blob_asks_free(peer->owner);
    peer->owner = NULL;
}

static void tell(struct serving *s, struct hub_peer *to, struct msg *msg)
{
    if (hub_send(s->hub, to, msg))
        log_debug("guest", "peer=%s words=\"%s\"", to->name, err_text());
}

static enum err on_hello(void *self, struct hub_peer *from, const struct msg *msg,
                         int64_t now_ms)
{
    struct msg welcome = {.head.type = MSG_WELCOME};
    struct blob_asks *asks = from->owner;

    (void)msg, (void)now_ms;
    if (!asks)
        blob_asks_new(&asks, SERVING_ASKS);
    from->owner = asks;
    blob_asks_clear(asks); /* it asks anew after WELCOME */
    tell(self, from, &welcome);
    return OK;
}

static enum err on_beat(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms)
{
    (void)self, (void)from, (void)msg, (void)now_ms; /* that it was heard, the hub has noted */
    return OK;
}

/* Until its pipe is full. */
static void give(struct serving *s, struct hub_peer *to)
{
    struct msg msg;

    while (blob_asks_next(to->owner, s->conf.store, &msg) && !hub_send(s->hub, to, &msg)) {
        s->stats.pieces += msg.head.type == MSG_WCHUNK;
        s->stats.bytes += msg.head.type == MSG_WCHUNK ? msg.wchunk.bytes : 0;
        blob_asks_sent(to->owner);
    }
}

static enum err on_wreq(void *self, struct hub_peer *from, const struct msg *msg,
                        int64_t now_ms)
{
    struct serving *const s = self;
    struct msg none = {.head.type = MSG_WNONE,
                       .wnone = {0, msg->wreq.hash, "too many requests wait here"}};
    struct msg_wreq ask = msg->wreq;

    (void)now_ms;
    ask.route = 0; /* a guest passes nothing on */
    if (blob_asks_add(from->owner, &ask))
        tell(s, from, &none);
    else
        give(s, from);
    return OK;
}

/* The doorkeeper comes before any bind: libzmq lets everybody in where there is none. */
static enum err open_door(struct serving *s)
{
    enum err err = curve_zap_open(&s->zap, s->conf.context);

    if (!err)
        err = curve_zap_allow(s->zap, s->conf.keys->public_key);
    if (!err)
        err = curve_zap_self_test(s->zap, s->conf.context, s->conf.keys);
    if (!err) {
        curve_zap_deny(s->zap, s->conf.keys->public_key);
        err = s->conf.watch(s->conf.self, curve_zap_socket(s->zap));
    }
    return err;
}

static enum err open_hub(struct serving *s)
{
    static const enum role guests[] = {ROLE_ACTOR, ROLE_REWARDER, ROLE_LEARNER, ROLE_FOLLOWER};
    const struct hub_conf conf = {.endpoint = s->conf.endpoint,
                                  .listen_fd = -1,
                                  .keys = s->conf.keys,
                                  .peers_max = SERVING_GUESTS,
                                  .joined = joined,
                                  .gone = gone,
                                  .self = s};
    enum err err = hub_open(&s->hub, s->conf.context, &conf);

    if (err)
        return err;
    for (size_t i = 0; i < sizeof guests / sizeof *guests; i++) {
        hub_on(s->hub, guests[i], MSG_HELLO, on_hello, s);
        hub_on(s->hub, guests[i], MSG_HB, on_beat, s);
        hub_on(s->hub, guests[i], MSG_WREQ, on_wreq, s);
    }
    return s->conf.watch(s->conf.self, hub_socket(s->hub));
}

enum err serving_open(struct serving **out, const struct serving_conf *conf)
{
    struct serving *s = mem_new(1, sizeof *s);
    enum err err;

    s->conf = *conf;
    err = conf->keys ? open_door(s) : OK;
    if (!err)
        err = open_hub(s);
    s->conf.endpoint = NULL; /* both were borrowed */
    s->conf.keys = NULL;
    if (err) {
        serving_close(s);
        s = NULL;
    } else {
        log_info("serves", "endpoint=%s", hub_endpoint(s->hub));
    }
    *out = s;
    return err;
}

void serving_close(struct serving *s)
{
    if (!s)
        return;
    for (struct hub_peer *p = s->hub ? hub_next(s->hub, NULL) : NULL; p;
         p = hub_next(s->hub, p))
        gone(s, p, "", 0);
    if (s->hub)
        s->conf.unwatch(s->conf.self, hub_socket(s->hub));
    hub_close(s->hub);
    if (s->zap)
        s->conf.unwatch(s->conf.self, curve_zap_socket(s->zap));
    curve_zap_close(s->zap);
    free(s->guest);
    free(s);
}

const char *serving_endpoint(const struct serving *s)
{
    return hub_endpoint(s->hub);
}

/* ---- who may come in */

static void door(struct serving *s, const struct hash *key, bool open)
{
    char text[KEY_TEXT];

    if (!s->zap || !zmq_z85_encode(text, key->byte, HASH_BYTES))
        return;
    if (!open)
        curve_zap_deny(s->zap, text);
    else if (curve_zap_allow(s->zap, text))
        log_warn("guest", "reason=\"%s\"", err_text());
}

static bool is_in(const struct hash *key, const struct hash *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (hash_same(key, &list[i]))
            return true;
    return false;
}

/* Those inside whose key is not on the list. The one that was sent away is gone from the hub's
 * list: it is walked anew. */
static void send_away(struct serving *s, int64_t now_ms)
{
    struct hub_peer *p = s->zap ? hub_next(s->hub, NULL) : NULL;

    while (p) {
        struct hub_peer *const next = hub_next(s->hub, p);
        if (!is_guest(s, &p->key)) {
            s->stats.cut++;
            log_info("guest", "state=sent-away peer=%s", p->name);
            hub_refuse(s->hub, p, REFUSE_ROLE, "the broker names it no longer", true, now_ms);
        }
        p = next;
    }
}

void serving_guests(struct serving *s, const struct hash *key, uint32_t n, int64_t now_ms)
{
    struct hash *const list = mem_new((size_t)n + 1, sizeof *list);

    if (n)
        memcpy(list, key, n * sizeof *list);
    for (uint32_t i = 0; i < s->guests; i++)
        if (!is_in(&s->guest[i], list, n))
            door(s, &s->guest[i], false);
    for (uint32_t i = 0; i < n; i++)
        door(s, &list[i], true);
    free(s->guest);
    s->guest = list;
    s->guests = n;
    send_away(s, now_ms);
}

/* ---- time */

void serving_pump(struct serving *s)
{
    for (struct hub_peer *p = hub_next(s->hub, NULL); p; p = hub_next(s->hub, p))
        if (p->owner)
            give(s, p);
}

enum err serving_tick(struct serving *s, int64_t now_ms)
{
    const enum err err = hub_tick(s->hub, now_ms);

    serving_pump(s);
    if (now_ms - s->beat_ms < SERVING_BEAT_MS)
        return err;
    s->beat_ms = now_ms;
    for (struct hub_peer *p = hub_next(s->hub, NULL); p; p = hub_next(s->hub, p)) {
        struct msg beat = {.head.type = MSG_HB};

        tell(s, p, &beat);
    }
    return err;
}

enum err serving_readable(struct serving *s, int64_t now_ms)
{
    const enum err err = s->zap ? curve_zap_readable(s->zap, now_ms) : OK;

    return err ? err : hub_readable(s->hub, now_ms);
}

const struct serving_stats *serving_stats(const struct serving *s)
{
    return &s->stats;
}
