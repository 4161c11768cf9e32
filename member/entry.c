/* A key that is there comes before a ticket: so a worker that starts again beside its ticket
 * needs no second use, if it was told where to keep its key. Of the ticket then only the
 * addresses count. */

#include "member/entry.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/role.h"
#include "proto/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 60000 };

static bool given(const char *option)
{
    return option && *option;
}

/* Can a file be written there? Nothing stays. Asked before a use of the ticket is spent, which a
 * process that ends with its key unkept would spend again at each start. */
static enum err keepable(const char *path)
{
    char *new = mem_print("%s.new", path); /* as curve_replace will */
    struct curve_keys unused;
    enum err err = curve_new(&unused);

    unlink(new);
    if (!err)
        err = curve_save(new, &unused);
    unlink(new);
    curve_wipe(&unused);
    free(new);
    return err;
}

static enum err join(struct entry *out, const struct entry_conf *o, const struct invite *invite)
{
    const struct invite_guest guest = {.name = o->name, .host = "", .wait_ms = WAIT_MS};
    char first[INVITE_ADDRESS] = "";
    enum err err = OK;

    if (invite->keys.role != o->role)
        return err_set(ERR_STATE,
                       "this ticket is for the role %s, and this is a process of the "
                       "role %s",
                       role_name(invite->keys.role), role_name(o->role));
    if (given(o->key))
        err = keepable(o->key);
    if (!err)
        err = invite_accept(&out->keys, first, invite, &guest);
    invite_addresses(out->broker, invite, first);
    if (!err && given(o->key)) /* whole or not at all: half a key would never be read */
        err = curve_replace(o->key, &out->keys);
    if (!err)
        log_info("admitted", "name=%s broker=%s", out->keys.name, out->broker);
    return err;
}

/* A key of an earlier fleet finds no broker; the ticket beside it would, and is not looked at. */
static void compare(const struct curve_keys *keys, const struct invite *invite,
                    const char *file)
{
    const struct curve_keys *const new = &invite->keys;

    if (!strcmp(keys->server_key, new->server_key) ||
        (*keys->next_key && !strcmp(keys->next_key, new->server_key)) ||
        (*new->next_key && !strcmp(keys->server_key, new->next_key)))
        return;
    log_warn(
        "key",
        "file=%s reason=\"it was made for another broker's key than the ticket beside it, and "
        "comes first\" next=\"if the broker's key was not rotated since, remove the file: "
        "the ticket is used then\"",
        file);
}

enum err entry_open(struct entry *out, const struct entry_conf *o)
{
    const bool has_ticket = given(o->ticket_file) || given(getenv(INVITE_VARIABLE));
    const bool has_key = given(o->key) && (!has_ticket || fs_exists(o->key));
    struct invite invite;
    enum err err = OK;

    if (o->broker && strlen(o->broker) >= sizeof out->broker)
        return err_set(ERR_RANGE, "broker: more than %d addresses", INVITE_BROKERS);
    text_print(out->broker, sizeof out->broker, "%s", o->broker ? o->broker : "");
    out->secure = has_key || has_ticket;
    if (has_key)
        err = curve_load(&out->keys, o->key);
    if (err || !has_ticket)
        return err;
    err = invite_load(&invite, given(o->ticket_file) ? o->ticket_file : "");
    if (!err && has_key) {
        compare(&out->keys, &invite, o->key);
        invite_addresses(out->broker, &invite, "");
    } else if (!err) {
        err = join(out, o, &invite);
    }
    invite_wipe(&invite);
    return err;
}

/* What a broker says of its keys is believed on a connection that was made with its key. */
void entry_learn(struct entry *entry, const struct peer *peer, const char *file)
{
    if (!entry->secure || !peer_learned(peer, &entry->keys) || !given(file))
        return;
    if (curve_replace(file, &entry->keys))
        log_warn("key",
                 "reason=\"%s\" next=\"the broker's next key is known to this process "
                 "alone: give the file a new one before it starts again\"",
                 err_text());
    else
        log_info("key", "file=%s next=\"the broker's keys as it says them are in it\"", file);
}
