/* In this order: is the server called by its name (Host), through its proxy; does the route exist;
 * is there a session, and may its person do this; does it come too often; of POSTs: from the page
 * itself (Origin), as JSON, with the session's token, which no other site can read. Only then is
 * the body parsed, and the route's function called. The first that fails is what is answered.
 *
 * A session's token is random and stands in a cookie that scripts do not see; the store has its
 * hash. The token for POSTs is another hash of it, so that it needs no place of its own. */

#include "annotate/caller.h"

#include "base/mem.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    NESTED_MAX = 4096,                 /* lists and objects in a body */
    SESSION_MS = 7 * 24 * 3600 * 1000, /* since it was seen */
    SEEN_MS = 600 * 1000,              /* noted this often, not with each request */
};

/* ---- answers */

void caller_json(struct caller *caller, unsigned status, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    static const char none[] = "{\"error\":\"the answer could not be made\"}";

    if (text)
        desk_say(caller->request, status, "application/json", text, strlen(text));
    else
        desk_say(caller->request, 500, "application/json", none, sizeof none - 1);
    free(text);
    json_decref(object);
}

void caller_ok(struct caller *caller)
{
    caller_json(caller, 200, json_pack("{s:b}", "ok", true));
}

void caller_refuse(struct caller *caller, unsigned status, const char *words)
{
    char *clean = mem_printable(words, strlen(words), 0);

    caller_json(caller, status, json_pack("{s:s}", "error", clean));
    free(clean);
}

void caller_error(struct caller *caller, enum err err)
{
    static const unsigned status[] = {[ERR_IO] = 500,
                                      [ERR_PARSE] = 400,
                                      [ERR_RANGE] = 404,
                                      [ERR_NOMEM] = 500,
                                      [ERR_STATE] = 409};
    const bool full = err == ERR_IO && strstr(err_text(), "full");

    caller_refuse(caller, full ? 507 : status[err], err_text());
}

/* ---- what a body says */

const char *caller_text(const struct caller *caller, const char *key)
{
    const json_t *value = json_object_get(caller->body, key);
    const char *text = json_string_value(value);

    return text && strlen(text) == json_string_length(value) ? text : NULL;
}

int64_t caller_number(const struct caller *caller, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(caller->body, key);
    const json_int_t most = (json_int_t)1 << 53;

    if (!json_is_integer(value) || json_integer_value(value) > most ||
        json_integer_value(value) < -most)
        return otherwise;
    return json_integer_value(value);
}

/* Lists and objects; brackets in strings count too, which only makes it more. */
static bool nested(const struct strbuf *body)
{
    size_t n = 0;

    for (size_t i = 0; i < body->n; i++)
        n += body->text[i] == '[' || body->text[i] == '{';
    return n > NESTED_MAX;
}

/* Names that stand twice are refused: two readers might believe different ones. */
bool caller_parse(struct caller *caller)
{
    const struct strbuf *body = &caller->request->body;
    json_error_t why;

    if (!body->n || nested(body)) {
        caller_refuse(caller, 400, "the body: expected a JSON object");
        return false;
    }
    caller->body = json_loadb(body->text, body->n, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(caller->body))
        return true;
    caller_refuse(caller, 400, "the body: expected a JSON object");
    return false;
}

/* ---- tokens and sessions */

struct hash caller_token_hash(const char *text)
{
    return hash_of(text, strlen(text));
}

void caller_token(char text[CALLER_TOKEN_TEXT], struct hash *hash)
{
    unsigned char bytes[CALLER_TOKEN];

    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(text, CALLER_TOKEN_TEXT, bytes, sizeof bytes);
    *hash = caller_token_hash(text);
    sodium_memzero(bytes, sizeof bytes);
}

/* What POSTs of a session must say. */
static void csrf_of(char out[CALLER_TOKEN_TEXT], const char *session)
{
    static const char use[] = "drover: csrf";
    unsigned char bytes[CALLER_TOKEN];

    crypto_generichash(bytes, sizeof bytes, (const unsigned char *)session, strlen(session),
                       (const unsigned char *)use, sizeof use - 1);
    sodium_bin2hex(out, CALLER_TOKEN_TEXT, bytes, sizeof bytes);
}

/* Strict: a link from elsewhere opens the page without the session, and the page, once it is loaded,
 * asks for it itself. No script reads it. */
static void set_cookie(struct caller *caller, const char *value, long seconds)
{
    const struct annotate *a = caller->annotate;

    desk_head(caller->request, "Set-Cookie",
              mem_print("%s=%s; Path=/; Max-Age=%ld; HttpOnly; SameSite=Strict%s", a->cookie,
                        value, seconds, a->guard.secure ? "; Secure" : ""));
}

/* A new token each time, so that one that was planted before the login is worth nothing. */
enum err caller_enter(struct caller *caller, int64_t person)
{
    char text[CALLER_TOKEN_TEXT];
    struct prefs_session session = {.annotator = person,
                                    .at = caller->now,
                                    .seen = caller->now,
                                    .expires = caller->now + SESSION_MS};
    enum err err;

    caller_token(text, &caller->session);
    csrf_of(caller->csrf, text);
    session.csrf = caller_token_hash(caller->csrf);
    err = prefs_session_add(caller->annotate->prefs, &caller->session, &session);
    if (!err)
        err = prefs_person_read(caller->annotate->prefs, person, &caller->person);
    if (!err)
        set_cookie(caller, text, SESSION_MS / 1000);
    caller->in = !err;
    sodium_memzero(text, sizeof text);
    return err;
}

enum err caller_leave(struct caller *caller)
{
    set_cookie(caller, "", 0);
    caller->in = false;
    return prefs_session_end(caller->annotate->prefs, &caller->session);
}

/* Whose session it is, if any. That it was seen is written now and then only: a write is a wait
 * for the disk. */
static void recognise(struct caller *caller)
{
    struct prefs *prefs = caller->annotate->prefs;
    const char *cookie = desk_cookie(caller->request, caller->annotate->cookie);
    struct prefs_session session;

    if (!cookie || strlen(cookie) != CALLER_TOKEN_TEXT - 1)
        return;
    caller->session = caller_token_hash(cookie);
    if (prefs_session_read(prefs, &caller->session, caller->now, &session) ||
        prefs_person_read(prefs, session.annotator, &caller->person))
        return;
    csrf_of(caller->csrf, cookie);
    caller->in = true;
    if (caller->now - session.seen > SEEN_MS &&
        prefs_session_seen(prefs, &caller->session, caller->now, caller->now + SESSION_MS))
        caller->in = false; /* the disk's refusal is no reason to go on unseen */
}

enum err caller_audit(struct caller *caller, const char *action, const char *subject)
{
    return prefs_audit_add(caller->annotate->prefs, caller->in ? caller->person.id : 0, action,
                           subject ? subject : "", caller->now);
}

/* ---- may it be? */

/* The address that a proxy says its client has: the last one of the list, which is the proxy's
 * own word; those before it are the client's. */
static size_t forwarded(char out[64], const struct desk_request *request)
{
    const char *list = desk_header(request, "X-Forwarded-For");
    const char *last = list ? strrchr(list, ',') : NULL;
    size_t n;

    last = last ? last + 1 : list;
    last = last ? last + strspn(last, " ") : "";
    n = strcspn(last, " ");
    if (n > 63)
        n = 63;
    memcpy(out, last, n);
    out[n] = 0;
    return n;
}

uint64_t caller_count_by(const struct annotate *annotate, const char *what, const char *text,
                         const struct desk_request *peer)
{
    unsigned char address[16] = {0}, hash[16];
    crypto_generichash_state state;
    char client[64] = "";
    uint64_t name;

    crypto_generichash_init(&state, annotate->key, sizeof annotate->key, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)what, strlen(what) + 1);
    if (text)
        crypto_generichash_update(&state, (const unsigned char *)text, strlen(text) + 1);
    if (peer) {
        const size_t n = desk_peer(address, peer);

        if (guard_is_proxy(&annotate->guard, address, n))
            forwarded(client, peer);
        crypto_generichash_update(&state, address, sizeof address);
        crypto_generichash_update(&state, (const unsigned char *)client, sizeof client);
    }
    crypto_generichash_final(&state, hash, sizeof hash);
    memcpy(&name, hash, sizeof name);
    return name;
}

/* Behind a proxy nobody else is answered, and only what came to it over TLS. */
static bool comes_right(struct caller *caller)
{
    const struct guard *guard = &caller->annotate->guard;
    const char *proto = desk_header(caller->request, "X-Forwarded-Proto");
    unsigned char peer[16];

    if (guard_host(guard, desk_header(caller->request, "Host"))) {
        caller_refuse(caller, 403, err_text());
        return false;
    }
    if (!guard->n_proxy)
        return true;
    if (!guard_is_proxy(guard, peer, desk_peer(peer, caller->request))) {
        caller_refuse(caller, 403, "only the proxy (behind_proxy) is answered");
        return false;
    }
    if (!proto || strcasecmp(proto, "https") != 0) {
        caller_refuse(caller, 403, "the proxy does not say X-Forwarded-Proto: https");
        return false;
    }
    return true;
}

/* People often share an address; who is in counts for himself alone. */
static bool not_too_often(struct caller *caller)
{
    struct annotate *a = caller->annotate;
    char id[24];
    int64_t wait;

    snprintf(id, sizeof id, "%lld", (long long)caller->person.id);
    wait = caller->in
               ? limiter_try(&a->people, caller_count_by(a, "person", id, NULL), caller->now)
               : limiter_try(&a->strangers, caller_count_by(a, "peer", NULL, caller->request),
                             caller->now);
    if (!wait)
        return true;
    desk_head(caller->request, "Retry-After", mem_print("%lld", (long long)(wait / 1000 + 1)));
    caller_refuse(caller, 429, "too many requests: a moment, please");
    return false;
}

/* Who is not in yet, or enters anew, has no token: the Origin alone speaks for him. */
static bool post_is_ours(struct caller *caller, const struct route *route)
{
    const struct desk_request *r = caller->request;
    const char *token = desk_header(r, "X-CSRF-Token");

    if (guard_origin(&caller->annotate->guard, desk_header(r, "Origin"), desk_header(r, "Host"),
                     true)) {
        caller_refuse(caller, 403, err_text());
        return false;
    }
    if (!guard_json(desk_header(r, "Content-Type"))) {
        caller_refuse(caller, 415, "Content-Type: expected application/json");
        return false;
    }
    if (route->role && (!token || strlen(token) != CALLER_TOKEN_TEXT - 1 ||
                        sodium_memcmp(token, caller->csrf, CALLER_TOKEN_TEXT - 1))) {
        caller_refuse(caller, 403, "the page's token is missing or old: load the page again");
        return false;
    }
    return true;
}

/* A role reaches all that those below it may. */
static bool may(struct caller *caller, const struct route *route)
{
    if (!route->role)
        return true;
    if (!caller->in) {
        caller_refuse(caller, 403, "not logged in");
        return false;
    }
    if ((int)caller->person.role + 1 < route->role) {
        caller_refuse(caller, 403, "that is for others");
        return false;
    }
    return true;
}

/* A request that is refused has changed nothing, whatever it had done when it was: an invite that
 * let nobody in is not used up, a person is not changed by half. What an admin changes is to be seen
 * in the next answer. */
static void as_one(struct caller *caller, const struct route *route)
{
    struct prefs *prefs = caller->annotate->prefs;
    enum err err = prefs_begin(prefs);

    if (!err) {
        route->answer(caller, caller->request);
        if (caller->request->status >= 400) {
            if (prefs_finish(prefs, ERR_STATE) == ERR_STATE)
                return;
        } else {
            err = prefs_finish(prefs, OK);
        }
    }
    if (err)
        caller_error(caller, err);
    if (route->role == CALLER_ADMIN)
        annotate_forget_told(caller->annotate);
}

/* GET changes nothing of the study: what it notes of itself (the audit) needs no going back. */
static void answer(struct caller *caller, const struct route *route)
{
    route->answer(caller, caller->request);
}

/* HEAD is GET without what the library leaves out. */
/* Strangers count before anything is looked up for them, people by themselves: so the session is read
 * first, which is one look into the store and writes nothing.
 */
void caller_serve(struct annotate *annotate, struct desk_request *request, int64_t now)
{
    struct caller caller = {.annotate = annotate, .request = request, .now = now};
    const bool post = !strcmp(request->method, "POST");
    const char *method = strcmp(request->method, "HEAD") ? request->method : "GET";
    const struct route *route;
    unsigned status;

    if (!comes_right(&caller))
        return;
    route = route_find(annotate->routes, annotate->n_routes, method, request->path, &status);
    recognise(&caller);
    if (!not_too_often(&caller))
        return;
    if (!route)
        caller_refuse(&caller, status, status == 404 ? "nothing here" : "not by this method");
    else if (may(&caller, route) &&
             (!post || (post_is_ours(&caller, route) && caller_parse(&caller))))
        (post ? as_one : answer)(&caller, route);
    json_decref(caller.body);
    sodium_memzero(caller.csrf, sizeof caller.csrf);
}
