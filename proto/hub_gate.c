/* Holders by key in a hash table; one without a connection is forgotten when the table is full.
 * What a key may say is a bucket that fills with time and holds two seconds' worth.
 *
 * Ids are remembered beyond their member, so that who was cut off finds its id unused: in places
 * found by the id itself, four each, of which the oldest makes way. A key that is not valid any
 * more owns nothing. */

#include "proto/hub_gate.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/limit.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, HOLDERS = 8192, IDS = 16384, WAYS = 4, BURST_S = 2, LOG_MS = 1000 };

/* All connections of a key may begin at once, twice; and all of them anew in so many seconds. */
enum { HELLOS = 2, HELLOS_S = 4 };

struct hub_holder {
    struct hub_holder *next; /* in its bucket */
    struct hash key;
    uint32_t connections;
    int64_t at_ms;          /* when the two below were reckoned */
    double messages, bytes; /* that it may say now */
    int64_t hello_ms;
    double hellos;   /* the same of HELLO, which costs its hearers more */
    int64_t seen_ms; /* when it was last here */
};

struct owned { /* a peer id */
    struct id id;
    struct hash key;
    uint64_t serial; /* 0: empty */
};

struct hub_gate {
    struct hub_gate_conf conf;
    struct hub_holder *bucket[BUCKETS];
    uint32_t holders;
    struct owned owned[IDS];
    uint64_t serials;
    struct {
        uint64_t count, told;
        int64_t told_ms;
    } refused[HUB_GATE_REASONS];
};

void hub_gate_new(struct hub_gate **out, const struct hub_gate_conf *conf)
{
    *out = mem_new(1, sizeof **out);
    (*out)->conf = *conf;
}

/* Of a bucket, or of all: those who have no connection. */
static void forget(struct hub_gate *gate, bool all)
{
    for (int i = 0; i < BUCKETS; i++)
        for (struct hub_holder **at = &gate->bucket[i]; *at;) {
            struct hub_holder *const holder = *at;
            if (holder->connections && !all) {
                at = &holder->next;
                continue;
            }
            *at = holder->next;
            gate->holders--;
            free(holder);
        }
}

void hub_gate_free(struct hub_gate *gate)
{
    if (!gate)
        return;
    forget(gate, true);
    free(gate);
}

/* Found or made; a new one begins with a full bucket. */
static struct hub_holder *holder_of(struct hub_gate *gate, const struct hash *key,
                                    int64_t now_ms)
{
    struct hub_holder **const at =
        &gate->bucket[hash_crc32c(0, key->byte, sizeof key->byte) % BUCKETS];
    struct hub_holder *holder = *at;

    while (holder && !hash_same(&holder->key, key))
        holder = holder->next;
    if (holder)
        return holder;
    if (gate->holders >= HOLDERS)
        forget(gate, false);
    holder = mem_new(1, sizeof *holder);
    holder->key = *key;
    holder->at_ms = now_ms;
    holder->messages = BURST_S * (double)gate->conf.messages_s;
    holder->bytes = BURST_S * (double)gate->conf.bytes_s;
    holder->hello_ms = now_ms;
    holder->hellos = HELLOS * (double)gate->conf.connections;
    holder->next = *at;
    *at = holder;
    gate->holders++;
    return holder;
}

/* Fills a bucket up to now and takes `cost` out. */
static bool spend(double *left, double rate, double cost, double seconds)
{
    *left += rate * seconds;
    if (*left > BURST_S * rate)
        *left = BURST_S * rate;
    if (rate > 0 && *left < cost)
        return false;
    *left -= cost;
    return true;
}

enum hub_gate_reason hub_gate_hear(struct hub_gate *gate, struct hub_holder **holder,
                                   const struct hash *key, size_t bytes, int64_t now_ms)
{
    struct hub_holder *h = *holder;
    double seconds;
    bool in_time, in_size;

    if (!h && !hub_gate_valid(gate, key))
        return HUB_GATE_KEY; /* revoked between its handshake and its first word */
    if (!h) {
        h = holder_of(gate, key, now_ms);
        if (gate->conf.connections && h->connections >= gate->conf.connections)
            return HUB_GATE_CONNECTIONS;
        h->connections++;
        *holder = h;
    }
    seconds = now_ms > h->at_ms ? (double)(now_ms - h->at_ms) / 1e3 : 0;
    h->at_ms = h->seen_ms = now_ms;
    in_time = spend(&h->messages, gate->conf.messages_s, 1, seconds);
    in_size = spend(&h->bytes, (double)gate->conf.bytes_s, (double)bytes, seconds);
    return in_time && in_size ? HUB_GATE_FINE : HUB_GATE_RATE;
}

void hub_gate_ended(struct hub_holder *holder)
{
    if (holder)
        holder->connections--;
}

bool hub_gate_valid(const struct hub_gate *gate, const struct hash *key)
{
    struct hub_pass unused;

    return gate->conf.pass(gate->conf.self, key, &unused);
}

const char *hub_gate_name(const struct hub_gate *gate, const struct hash *key)
{
    struct hub_pass pass;

    return gate->conf.pass(gate->conf.self, key, &pass) ? pass.name : "?";
}

/* ---- who was here */

void hub_gate_watches(struct hub_gate *gate, const struct hash *key, int64_t now_ms)
{
    if (hub_gate_valid(gate, key))
        holder_of(gate, key, now_ms)->seen_ms = now_ms;
}

static int by_age(const void *a, const void *b)
{
    const struct hub_gate_seen *x = a, *y = b;

    return (x->age_ms > y->age_ms) - (x->age_ms < y->age_ms);
}

/* Of more than there is room for those that are found first: a fleet that large has a list that
 * nobody reads to its end. */
uint32_t hub_gate_seen(const struct hub_gate *gate, struct hub_gate_seen *out, uint32_t max,
                       int64_t now_ms)
{
    uint32_t n = 0;

    for (int i = 0; i < BUCKETS; i++)
        for (const struct hub_holder *h = gate->bucket[i]; h && n < max; h = h->next) {
            const int64_t ms = now_ms - h->seen_ms;

            if (!gate->conf.pass(gate->conf.self, &h->key, &out[n].pass))
                continue;
            out[n].connections = h->connections;
            out[n++].age_ms = ms < 0 ? 0 : ms > LIMIT_MS ? LIMIT_MS : (uint32_t)ms;
        }
    qsort(out, n, sizeof *out, by_age);
    return n;
}

/* ---- ids */

/* Is this id the key's? Nobody's becomes it. An id of a key that was revoked is nobody's. */
static bool owns(struct hub_gate *gate, const struct hash *key, const struct id *id)
{
    struct owned *const place =
        &gate->owned[hash_crc32c(0, id->byte, sizeof id->byte) % (IDS / WAYS) * WAYS];
    struct owned *oldest = place;

    for (int i = 0; i < WAYS; i++) {
        struct owned *const at = &place[i];
        if (at->serial && !memcmp(at->id.byte, id->byte, sizeof id->byte)) {
            if (!hash_same(&at->key, key) && hub_gate_valid(gate, &at->key))
                return false;
            oldest = at;
            break;
        }
        if (at->serial < oldest->serial)
            oldest = at;
    }
    *oldest = (struct owned){*id, *key, ++gate->serials};
    return true;
}

static bool hello_is_due(struct hub_gate *gate, const struct hash *key, int64_t now_ms)
{
    struct hub_holder *const h = holder_of(gate, key, now_ms);
    const double most = HELLOS * (double)gate->conf.connections;

    if (!gate->conf.connections)
        return true;
    h->hellos += (double)(now_ms - h->hello_ms) / 1e3 * gate->conf.connections / HELLOS_S;
    h->hello_ms = now_ms;
    if (h->hellos > most)
        h->hellos = most;
    if (h->hellos < 1)
        return false;
    h->hellos--;
    return true;
}

enum hub_gate_reason hub_gate_hello(struct hub_gate *gate, const struct hash *key,
                                    const struct id *id, uint32_t *role, int64_t now_ms)
{
    struct hub_pass pass;

    if (!gate->conf.pass(gate->conf.self, key, &pass))
        return HUB_GATE_KEY;
    if (!hello_is_due(gate, key, now_ms))
        return HUB_GATE_RATE;
    /* A learner starts an actor of its own with its own key; whether it is that one, the broker
     * knows. */
    if (*role != pass.role &&
        (pass.is_ticket || pass.role != ROLE_LEARNER || *role != ROLE_ACTOR))
        return HUB_GATE_ROLE;
    if (!owns(gate, key, id))
        return HUB_GATE_ID;
    if (pass.is_ticket)
        *role = ROLE_GUEST;
    return HUB_GATE_FINE;
}

/* ---- what was refused */

const char *hub_gate_words(enum hub_gate_reason why)
{
    static const char *const words[HUB_GATE_REASONS] = {
        "",
        "a key that is unknown, or may not come in by this port",
        "this key was revoked or has expired",
        "this key is for another role",
        "this peer id is another key's",
        "a message that this role may not send",
        "more messages or bytes than a key may send",
        "more connections than a key may have",
        "a ticket that is used up, expired or revoked",
        "a connection that said nothing",
    };

    return words[why];
}

void hub_gate_refused(struct hub_gate *gate, enum hub_gate_reason why, const char *who,
                      const char *address, int64_t now_ms)
{
    gate->refused[why].count++;
    if (gate->refused[why].told && now_ms - gate->refused[why].told_ms < LOG_MS)
        return;
    log_warn("refused", "key=\"%s\" address=%s count=%llu reason=\"%s\"", who, address,
             (unsigned long long)(gate->refused[why].count - gate->refused[why].told),
             hub_gate_words(why));
    gate->refused[why].told = gate->refused[why].count;
    gate->refused[why].told_ms = now_ms;
}

uint64_t hub_gate_count(const struct hub_gate *gate, enum hub_gate_reason why)
{
    return gate->refused[why].count;
}
