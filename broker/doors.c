/* Asked at three moments: by ZeroMQ once a handshake (may_enter), by the hubs with each message
 * and HELLO (pass), and by the tick, which looks at the folder, as does the first when it does not
 * know a key. All three see the same set; a key lives at most a tick longer than it should.
 *
 * Each port is a domain of the doorkeeper's: the dashboard lets in who may look, the others who
 * may do something. */

#include "broker/doors.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/hub_gate.h"
#include "proto/hub_peer.h"
#include "proto/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMPLAIN_MS = 60000, LOOK_MS = 10 };

struct doors {
    struct keyring *ring;
    struct curve_zap *zap;
    struct hub_gate *gate;
    char at[CURVE_TEXT]; /* the broker's public key at the ports */
    bool changed;        /* a look between two ticks found something */
    int64_t now_s, now_ms, told_ms, looked_ms;
};

/* Who may read the dashboard: it shows who is there, from where, and what fails. */
static bool may_look(enum role role)
{
    return role == ROLE_OPERATOR || role == ROLE_WATCHER || role == ROLE_SUPERVISOR;
}

/* What the folder says now: a key may be made and used within a moment, and whose handshake is
 * refused does not try again soon. A folder that has not changed costs three looks at its time.
 * Strangers may knock as often as they like, so not each of them is a look: a change is believed
 * settled after so many (proto/keyring.c), and those must last. */
static const struct keyring_entry *find_now(struct doors *d, const struct hash *key)
{
    const struct keyring_entry *entry = keyring_find(d->ring, key);
    bool changed = false;
    enum err err;

    if (entry || (d->looked_ms && d->now_ms - d->looked_ms < LOOK_MS))
        return entry;
    d->looked_ms = d->now_ms;
    err = keyring_look(d->ring, d->now_s, &changed);
    d->changed |= changed; /* a revocation that was seen counts, whatever else failed */
    return err ? NULL : keyring_find(d->ring, key); /* the tick tells */
}

/* Whose handshake ends here never hears why: ZeroMQ hands on no words. So it is told here. */
static bool may_enter(void *self, const struct hash *key, const char *domain)
{
    struct doors *d = self;
    const struct keyring_entry *entry = find_now(d, key);
    const bool is_board = !strcmp(domain, CURVE_BOARD);
    char text[CURVE_TEXT];
    bool may = entry && keyring_valid(entry, d->now_s, NULL);

    if (may && is_board)
        may = may_look(entry->role) && !entry->is_ticket;
    else if (may)
        may = entry->role != ROLE_WATCHER;
    if (may)
        return true;
    curve_text(text, key);
    hub_gate_refused(d->gate, entry && entry->is_ticket ? HUB_GATE_TICKET : HUB_GATE_DOOR,
                     entry ? entry->name : text, is_board ? "dashboard" : "?", d->now_ms);
    return false;
}

/* For the gate, which knows no doors. */
static bool pass(void *self, const struct hash *key, struct hub_pass *out)
{
    const struct doors *d = self;
    const struct keyring_entry *entry = keyring_find(d->ring, key);

    if (!entry || !keyring_valid(entry, d->now_s, NULL))
        return false;
    *out = (struct hub_pass){entry->role, entry->is_ticket, entry->name};
    return true;
}

/* A learner's key opens to an actor only as the one that this learner starts itself. Orders go to
 * the head's supervisor, which keeps the folder: none that came in by a ticket is that one. */
uint32_t doors_objects(const struct doors *d, const struct hub_peer *peer,
                       const struct msg_hello *hello, bool own, const char **words)
{
    const struct keyring_entry *entry = keyring_find(d->ring, &peer->key);

    if (entry && peer->role == ROLE_ACTOR && entry->role == ROLE_LEARNER && !own) {
        *words = "this key is a learner's, and its learner named no such actor";
        return REFUSE_BUSY; /* its learner says HELLO soon, too */
    }
    if (entry && peer->role == ROLE_SUPERVISOR && hello->head && *entry->ticket) {
        *words = "this supervisor came in by a ticket: the head's is another one";
        return REFUSE_ROLE;
    }
    return 0;
}

enum err doors_open(struct doors **out, void *context, const struct doors_conf *conf,
                    int64_t now_s)
{
    struct doors *d = mem_new(1, sizeof *d);
    const struct hub_gate_conf gate = {.pass = pass,
                                       .self = d,
                                       .messages_s = (uint32_t)conf->messages_s,
                                       .connections = (uint32_t)conf->connections,
                                       .bytes_s = (uint64_t)conf->bytes_s};
    uint32_t n;
    enum err err;

    d->now_s = now_s;
    hub_gate_new(&d->gate, &gate);
    err = keyring_open(&d->ring, conf->folder, now_s);
    if (!err)
        err = curve_zap_open(&d->zap, context);
    if (!err) {
        curve_zap_ask(d->zap, may_enter, d);
        err = curve_zap_self_test(d->zap, context, keyring_broker(d->ring));
    }
    if (err) {
        doors_close(d);
        return err;
    }
    memcpy(d->at, doors_keys(d)->public_key, sizeof d->at);
    d->changed =
        true; /* what is there already, a rotation under way, nobody has been told yet */
    keyring_list(d->ring, &n);
    log_info("keys", "folder=%s known=%u", conf->folder, n);
    *out = d;
    return OK;
}

void doors_close(struct doors *d)
{
    if (!d)
        return;
    curve_zap_close(d->zap);
    keyring_close(d->ring);
    hub_gate_free(d->gate);
    free(d);
}

void doors_place(const struct doors *d, const struct hub_peer *peer, struct msg_hello *hello)
{
    const struct keyring_entry *entry = keyring_find(d->ring, &peer->key);
    const char *host = entry ? keyring_host(d->ring, entry, hello->host) : NULL;

    if (!host)
        return;
    log_info("host", "peer=%s says=%s is=%s", peer->name, hello->host, host);
    hello->host = host;
}

const struct curve_keys *doors_keys(const struct doors *d)
{
    return keyring_broker(d->ring);
}

const char *doors_next(const struct doors *d)
{
    int64_t from_s;

    return keyring_next(d->ring, &from_s);
}

struct hub_gate *doors_gate(const struct doors *d)
{
    return d->gate;
}

/* A folder that cannot be read shuts nobody out and lets nobody in: as it was, until it can. */
void doors_look(struct doors *d, int64_t now_s, int64_t now_ms, bool *changed, bool *rekey)
{
    d->now_s = now_s;
    d->now_ms = now_ms;
    if (keyring_look(d->ring, now_s, changed) &&
        (!d->told_ms || now_ms - d->told_ms >= COMPLAIN_MS)) {
        log_warn("keys", "reason=\"%s\" next=\"those that were read last count\"", err_text());
        d->told_ms = now_ms;
    }
    *changed |= d->changed;
    d->changed = false;
    *rekey = strcmp(d->at, doors_keys(d)->public_key) != 0;
    memcpy(d->at, doors_keys(d)->public_key, sizeof d->at);
}

void doors_invalid(struct doors *d, void (*tell)(void *self, const struct hash *key),
                   void *self)
{
    uint32_t n;
    const struct keyring_entry *entry;
    const struct hash *lost = keyring_lost(d->ring, &n);

    for (uint32_t i = 0; i < n; i++)
        tell(self, &lost[i]);
    entry = keyring_list(d->ring, &n);
    for (uint32_t i = 0; i < n; i++)
        if (!keyring_valid(&entry[i], d->now_s, NULL))
            tell(self, &entry[i].key);
}

void *doors_socket(const struct doors *d)
{
    return curve_zap_socket(d->zap);
}

enum err doors_readable(void *self, int64_t now_ms)
{
    struct doors *d = self;

    d->now_ms = now_ms;
    return curve_zap_readable(d->zap, now_ms);
}
