/* Three ways in: the one-time address that the terminal prints, an invite's link, a name with its
 * password. Each ends in the same session. What is wrong with a try is never said more closely than
 * "does not open the door": whether a name exists is nobody's business, and a password is hashed
 * for names that do not exist, too, so that time does not tell it either. */

#include "annotate/account.h"

#include "annotate/caller.h"
#include "annotate/markdown.h"
#include "annotate/study.h"
#include "base/mem.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { PASSWORD_LEAST = 8, PASSWORD_MOST = 256 };

/* ---- who is in */

/* A page that is loaded anew has the newest; an item says which version it was given under, so that
 * the page notices when it has an older one. */
static void put_guideline(json_t *me, struct prefs *prefs)
{
    char *text = NULL, *html;
    int version = 0;
    int64_t at;

    if (prefs_guideline_read(prefs, &text, &version, &at) || !text)
        return;
    html = markdown_html(text, strlen(text));
    json_object_set_new(me, "guideline",
                        json_pack("{s:i, s:s}", "version", version, "html", html));
    free(html);
    free(text);
}

/* The study as the page has it: the first page's words as HTML. */
static json_t *study(struct prefs *prefs)
{
    json_t *out;
    const char *purpose;
    char *html;

    if (study_read(&out, prefs))
        return json_object();
    purpose = json_string_value(json_object_get(out, "purpose"));
    if (purpose && *purpose) {
        html = markdown_html(purpose, strlen(purpose));
        json_object_set_new(out, "purpose", json_string(html));
        free(html);
    }
    return out;
}

/* All that the page needs to begin, in one answer: who it is, the token for its POSTs, the study. A
 * session's cookie alone does not give the token away to another site, which cannot read this. */
static void tell_me(struct caller *caller)
{
    struct prefs *prefs = caller->annotate->prefs;
    const struct prefs_person *p = &caller->person;
    json_t *me = json_pack("{s:I, s:s, s:s, s:s, s:b, s:s, s:I, s:I, s:o}", "id",
                           (json_int_t)p->id, "name", p->name, "role", words_role[p->role],
                           "standing", words_standing[p->standing], "password", p->login,
                           "csrf", caller->csrf, "judged", (json_int_t)p->judged, "skipped",
                           (json_int_t)p->skipped, "study", study(prefs));

    if (me)
        put_guideline(me, prefs);
    if (me && caller->annotate->conf.run)
        json_object_set_new(me, "run", json_string(caller->annotate->conf.run->name));
    caller_json(caller, 200, me);
}

void account_me(void *self, struct desk_request *request)
{
    struct caller *caller = self;

    (void)request;
    if (caller->in)
        tell_me(caller);
    else
        caller_json(caller, 200, json_pack("{s:n}", "name"));
}

/* The way in ends here, whichever it was. The audit says which: who asks later how somebody came in
 * is not left with a guess. */
static void welcome(struct caller *caller, int64_t person, const char *how, enum err err)
{
    if (!err)
        err = caller_enter(caller, person);
    if (!err)
        err = caller_audit(caller, how, NULL);
    if (err)
        caller_error(caller, err);
    else
        tell_me(caller);
}

/* ---- the one-time address */

/* Whoever reads the terminal owns the store anyway: the name becomes an admin again, even one that
 * was paused or closed, so that nobody can lock the owner out from the page. */
static enum err owner_of(struct caller *caller, int64_t *person)
{
    struct prefs *prefs = caller->annotate->prefs;
    const char *name = caller->annotate->conf.owner;
    enum err err = prefs_person_find(prefs, name, person);

    if (err == ERR_RANGE)
        err = prefs_person_add(prefs, person, name, PREFS_ADMIN, caller->now);
    if (!err)
        err = prefs_person_role(prefs, *person, PREFS_ADMIN);
    return err ? err : prefs_person_stand(prefs, *person, PREFS_ACTIVE_PERSON);
}

void account_enter(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    struct annotate *a = caller->annotate;
    const char *token = caller_text(caller, "token");
    const struct hash hash = caller_token_hash(token ? token : "");
    int64_t person = 0;
    enum err err;

    (void)request;
    if (a->used || sodium_memcmp(&hash, &a->token, sizeof hash)) {
        caller_refuse(caller, 403,
                      "this address was used already: the terminal shows a new one");
        return;
    }
    err = owner_of(caller, &person);
    a->used = !err;
    welcome(caller, person, "enter", err);
}

/* ---- passwords and invites */

/* Counted for a name from one address: somebody who guesses at a name from elsewhere does not lock
 * its owner out, and guessing at many names from one address runs into the limit of strangers. */
static bool try_again_later(struct caller *caller, const char *name)
{
    struct annotate *a = caller->annotate;
    const int64_t wait = limiter_try(
        &a->logins, caller_count_by(a, "login", name, caller->request), caller->now);

    if (!wait)
        return false;
    desk_head(caller->request, "Retry-After", mem_print("%lld", (long long)(wait / 1000 + 1)));
    caller_refuse(caller, 429, "too many tries: wait a minute");
    return true;
}

/* Argon2id with what libsodium calls interactive, 64 MiB and some fifty ms: the page waits for it, as
 * this thread does all work, and the limits above keep that rare. */
static enum err set_password(struct caller *caller, int64_t person, const char *password)
{
    char hashed[crypto_pwhash_STRBYTES];

    if (strlen(password) < PASSWORD_LEAST || strlen(password) > PASSWORD_MOST)
        return err_set(ERR_PARSE, "the password: %d to %d bytes", PASSWORD_LEAST,
                       PASSWORD_MOST);
    if (crypto_pwhash_str(hashed, password, strlen(password),
                          crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE))
        return err_set(ERR_NOMEM, "the password: no memory for its hash");
    return prefs_login_write(caller->annotate->prefs, person, hashed);
}

/* Somebody who sets a password perhaps does it because somebody else is in: all other sessions of
 * the person end, and this one goes on. */
static enum err end_other_sessions(struct caller *caller)
{
    struct prefs *prefs = caller->annotate->prefs;
    struct prefs_session session;
    enum err err = prefs_session_read(prefs, &caller->session, caller->now, &session);

    if (!err)
        err = prefs_session_end_all(prefs, caller->person.id, caller->now);
    return err ? err : prefs_session_add(prefs, &caller->session, &session);
}

void account_password(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    const char *password = caller_text(caller, "password");
    enum err err;

    (void)request;
    if (try_again_later(caller, "password"))
        return;
    err = set_password(caller, caller->person.id, password ? password : "");
    if (!err)
        err = end_other_sessions(caller);
    if (!err)
        err = caller_audit(caller, "password", NULL);
    if (err)
        caller_error(caller, err);
    else
        caller_ok(caller);
}

/* A hash that no password has, of the same cost. */
static const char *decoy(void)
{
    static char hashed[crypto_pwhash_STRBYTES];
    unsigned char random[16];

    if (!*hashed) {
        randombytes_buf(random, sizeof random);
        if (crypto_pwhash_str(hashed, (const char *)random, sizeof random,
                              crypto_pwhash_OPSLIMIT_INTERACTIVE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE))
            *hashed = 0;
    }
    return hashed;
}

/* One cost for every try: a name that does not exist, one without a password, a wrong one and one of
 * somebody who was closed out all pay for a hash and hear the same words.
 */
void account_login(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    struct prefs *prefs = caller->annotate->prefs;
    const char *name = caller_text(caller, "name"), *password = caller_text(caller, "password");
    struct prefs_person who;
    char *hashed = NULL;
    int64_t person = 0;
    bool right;

    (void)request;
    if (try_again_later(caller, name ? name : ""))
        return;
    if (!name || !password || strlen(password) > PASSWORD_MOST)
        name = "", password = "";
    if (prefs_person_find(prefs, name, &person) || prefs_person_read(prefs, person, &who) ||
        !words_comes_in(who.standing) || prefs_login_read(prefs, person, &hashed))
        hashed = NULL;
    right = !crypto_pwhash_str_verify(hashed ? hashed : decoy(), password, strlen(password)) &&
            hashed;
    free(hashed);
    if (right)
        welcome(caller, person, "login", OK);
    else
        caller_refuse(caller, 403, "name and password do not open the door");
}

/* For the page, before it asks for a name: a link that is of no use is told at once, by the same words
 * whether it never was, was used, or is too old.
 */
void account_invited(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    const char *token = caller_text(caller, "invite");
    const struct hash hash = caller_token_hash(token ? token : "");
    struct prefs_invite invite;
    const enum err err =
        prefs_invite_read(caller->annotate->prefs, &hash, caller->now, &invite);

    (void)request;
    if (err)
        caller_error(caller, err);
    else
        caller_json(caller, 200, json_pack("{s:s}", "role", words_role[invite.role]));
}

/* The password is looked at first: a link is used up only by who comes in. */
void account_join(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    const char *token = caller_text(caller, "invite"), *name = caller_text(caller, "name"),
               *password = caller_text(caller, "password");
    const struct hash hash = caller_token_hash(token ? token : "");
    int64_t person = 0;
    enum err err;

    (void)request;
    if (!name) {
        caller_refuse(caller, 400, "a name is missing");
        return;
    }
    if (password && (strlen(password) < PASSWORD_LEAST || strlen(password) > PASSWORD_MOST)) {
        caller_refuse(caller, 400, "the password: 8 to 256 bytes");
        return;
    }
    err = prefs_invite_use(caller->annotate->prefs, &hash, 0, name, caller->now, &person);
    if (!err && password)
        err = set_password(caller, person, password);
    welcome(caller, person, "join", err);
}

void account_logout(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    enum err err = caller_audit(caller, "logout", NULL);

    (void)request;
    if (!err)
        err = caller_leave(caller);
    if (err)
        caller_error(caller, err);
    else
        caller_ok(caller);
}

/* Nothing new comes until the same person goes on; what is open stays open. A pause that an admin has
 * set is none of his. */
void account_pause(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    const json_t *paused = json_object_get(caller->body, "paused");
    enum err err;

    (void)request;
    if (!json_is_boolean(paused)) {
        caller_refuse(caller, 400, "paused: true or false");
        return;
    }
    err = prefs_person_pause(caller->annotate->prefs, caller->person.id, json_is_true(paused));
    if (err)
        caller_error(caller, err);
    else
        caller_ok(caller);
}
