/* How it works: a process that has no key file yet waits, and is tried again by its crew each
 * second; the first try makes a pair and asks for it. An answer that is lost is asked for again
 * with the same pair, which the head takes for the same one. */
#include "deploy/host_keys.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/invite.h"
#include "proto/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum role role_of(enum plan_role role)
{
    return role == PLAN_ACTOR ? ROLE_ACTOR : ROLE_REWARDER; /* a worker scores */
}

static void file_of(char path[4096], const struct host_keys *k, const char *name)
{
    snprintf(path, 4096, "%.3900s/keys/%s.key", k->folder, name);
}

/* A free place is one without a name. */
static struct host_keys_asked *find(struct host_keys *k, const char *name)
{
    for (int i = 0; i < HOST_KEYS; i++)
        if (!strcmp(k->asked[i].name, name))
            return &k->asked[i];
    return NULL;
}

static enum err ask(struct host_keys *k, struct host_keys_asked *one, enum plan_role role,
                    int64_t now_ms)
{
    const struct invite_guest guest = {.name = one->name, .host = k->host};
    char *arguments = invite_accept_ask(&one->keys, &guest);
    struct msg msg = {.head.type = MSG_ADMIN,
                      .admin = {.request = one->request,
                                .order = ADMIN_ADMIT,
                                .role = role_of(role),
                                .host = "",
                                .arguments = arguments}};
    const enum err err = peer_send(k->peer, &msg);

    free(arguments);
    if (!err)
        one->asked_ms = now_ms;
    return err;
}

enum err host_keys_path(struct host_keys *k, enum plan_role role, const char *name,
                        char path[4096], int64_t now_ms)
{
    struct host_keys_asked *one = find(k, name);
    enum err err = OK;

    file_of(path, k, name);
    if (fs_exists(path))
        return OK;
    if (!one) {
        one = find(k, "");
        if (!one)
            return err_set(ERR_STATE, "waits for its key: %d others are asked for", HOST_KEYS);
        err = curve_new(&one->keys);
        if (err)
            return err;
        one->keys.role = role_of(role);
        snprintf(one->keys.server_key, CURVE_TEXT, "%s", k->own->server_key);
        snprintf(one->keys.next_key, CURVE_TEXT, "%s", k->own->next_key);
        snprintf(one->name, sizeof one->name, "%s", name);
        one->request = ++k->requests;
        one->asked_ms = now_ms - HOST_KEYS_AGAIN_MS;
    }
    if (now_ms - one->asked_ms >= HOST_KEYS_AGAIN_MS && peer_welcome(k->peer))
        err = ask(k, one, role, now_ms);
    return err ? err : err_set(ERR_STATE, "waits for its key");
}

/* Written before the process is started, and then never again: a key's file is the sign that it
 * was let in. A refusal is said and asked again: the head may be about to let it in. */
enum err host_keys_on_admin_ok(void *self, const struct msg *msg, int64_t now_ms)
{
    struct host_keys *k = self;
    char path[4096];

    (void)now_ms;
    for (int i = 0; i < HOST_KEYS; i++) {
        struct host_keys_asked *one = &k->asked[i];
        if (!*one->name || one->request != msg->admin_ok.request)
            continue;
        if (!msg->admin_ok.ok) {
            log_warn("key", "name=%s reason=\"%s\"", one->name, msg->admin_ok.words);
            continue; /* it is asked for again */
        }
        invite_accept_answer(&one->keys, msg->admin_ok.result);
        file_of(path, k, one->name);
        /* Half a file would be taken for let in; and what cannot be written is asked for again
         * with the same pair: a new one each time would fill the head's folder of keys. */
        if (curve_replace(path, &one->keys)) {
            log_warn("key", "name=%s reason=\"%s\"", one->name, err_text());
            continue;
        }
        curve_wipe(&one->keys);
        memset(one, 0, sizeof *one);
    }
    return OK;
}

void host_keys_wipe(struct host_keys *k)
{
    for (int i = 0; i < HOST_KEYS; i++)
        curve_wipe(&k->asked[i].keys);
}
