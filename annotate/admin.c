/* Figures come from the store's counters, not from its judgements, and are counted once for all pages
 * that ask. Whatever is changed here is in the audit.
 *
 * Nobody takes the last admin away: without one nobody could give it back but the terminal. */

#include "annotate/admin.h"

#include "annotate/caller.h"
#include "base/clock.h"
#include "base/mem.h"
#include "prefs/item.h"

#include <stdlib.h>
#include <string.h>

enum {
    AUDIT_SHOWN = 200,
    HOUR_MS = 3600 * 1000,
    HOURS_MOST = 24 * 90,
    TOLD_SHARE = 100,
    TOLD_ROWS = 2000
};

/* ---- what is seen */

/* In the order of the store's own words; the page picks what it shows. */
static json_t *counts(const struct prefs_progress *p)
{
    const struct {
        const char *key;
        int64_t value;
    } row[] = {
        {"items", p->items},         {"gold", p->gold},
        {"withdrawn", p->withdrawn}, {"finished", p->finished},
        {"wanted", p->wanted},       {"judged", p->judged},
        {"extra", p->extra},         {"repeats", p->repeats},
        {"golds", p->golds},         {"adjudicated", p->adjudicated},
        {"skips", p->skips},         {"open", p->open},
        {"differ", p->differ},
    };
    json_t *out = json_object();

    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        json_object_set_new(out, row[i].key, json_integer(row[i].value));
    return out;
}

/* Names, since an admin has to know whom to write to; what is exported has pseudonyms instead. */
static enum err put_person(void *self, const struct prefs_person *p)
{
    json_array_append_new(
        self, json_pack("{s:I, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "id",
                        (json_int_t)p->id, "name", p->name, "role", words_role[p->role],
                        "standing", words_standing[p->standing], "password", p->login, "judged",
                        (json_int_t)p->judged, "skipped", (json_int_t)p->skipped, "gold",
                        (json_int_t)p->gold, "gold_right", (json_int_t)p->gold_right, "last",
                        (json_int_t)p->last));
    return OK;
}

/* {key: object} or the refusal; takes the object. */
static void answer(struct caller *caller, enum err err, json_t *object)
{
    if (!err) {
        caller_json(caller, 200, object);
        return;
    }
    json_decref(object);
    caller_error(caller, err);
}

/* `changes` lets the page ask for what is dearer only when something moved. */
static json_t *state_now(struct caller *caller, int64_t *rows, enum err *err)
{
    struct prefs *prefs = caller->annotate->prefs;
    const struct prefs_settings *settings = prefs_settings(prefs);
    struct prefs_progress progress;
    json_t *people = json_array();

    *err = prefs_progress(prefs, &progress);
    *rows = progress.items + progress.judged;
    if (!*err)
        *err = prefs_person_visit(prefs, put_person, people);
    if (*err) {
        json_decref(people);
        return NULL;
    }
    return json_pack("{s:o, s:o, s:I, s:{s:i, s:i}, s:s}", "progress", counts(&progress),
                     "people", people, "changes", (json_int_t)prefs_changes(prefs), "settings",
                     "overlap", settings->overlap, "overlap_max", settings->overlap_max,
                     "address", caller->annotate->base);
}

/* Of a fleet: how far its pairs are, and what it must still hear. */
static json_t *run_now(const struct annotate_run *run)
{
    if (!run)
        return json_null();
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "run", run->name, "state",
                     run->state, "newest", (json_int_t)run->newest, "pairs",
                     (json_int_t)run->pairs, "waiting", (json_int_t)run->waiting, "late",
                     (json_int_t)run->late, "outbox", (json_int_t)run->outbox, "others",
                     (json_int_t)run->others);
}

/* What is told last stays as it is; the run's part is of now. */
static json_t *told_now(struct caller *caller)
{
    json_t *told = json_copy(caller->annotate->told.state);

    json_object_set_new(told, "fleet", run_now(caller->annotate->conf.run));
    return told;
}

/* Asked every few seconds by each open page, and counted over all that was given: the pages share what
 * was counted last, until something moved and a hundred times as long as it took is over, as with
 * the figures (figures.c). A small study is counted each time, and nobody sees anything old. */
void admin_state(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    struct state_told *told = &caller->annotate->told;
    const int64_t begun = clock_mono_ms();
    const uint64_t changes = prefs_changes(caller->annotate->prefs);
    int64_t rows;
    enum err err;

    (void)request;
    if (told->state && (told->changes == changes || begun < told->next_ms)) {
        caller_json(caller, 200, told_now(caller));
        return;
    }
    json_decref(told->state);
    told->state = state_now(caller, &rows, &err);
    told->changes = changes;
    told->next_ms = rows < TOLD_ROWS ? begun : begun + (clock_mono_ms() - begun) * TOLD_SHARE;
    answer(caller, err, err ? NULL : told_now(caller));
}

void admin_agreement(void *self, struct desk_request *request)
{
    struct caller *caller = self;

    (void)request;
    caller_json(
        caller, 200,
        figures_look(&caller->annotate->figures, caller->annotate->prefs, clock_mono_ms()));
}

static enum err put_invite(void *self, const struct prefs_invite *i)
{
    json_array_append_new(self, json_pack("{s:I, s:s, s:s, s:I, s:I, s:I}", "id",
                                          (json_int_t)i->id, "role", words_role[i->role],
                                          "label", i->label, "at", (json_int_t)i->at, "expires",
                                          (json_int_t)i->expires, "used", (json_int_t)i->used));
    return OK;
}

void admin_invites(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    json_t *list = json_array();
    const enum err err = prefs_invite_visit(caller->annotate->prefs, put_invite, list);

    (void)request;
    answer(caller, err, json_pack("{s:o}", "invites", list));
}

static enum err put_audit(void *self, const struct prefs_audit *e)
{
    json_array_append_new(self, json_pack("{s:I, s:I, s:I, s:s?, s:s?}", "seq",
                                          (json_int_t)e->seq, "at", (json_int_t)e->at,
                                          "annotator", (json_int_t)e->annotator, "action",
                                          e->action, "subject", e->subject));
    return OK;
}

void admin_audit(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    json_t *list = json_array();
    const enum err err =
        prefs_audit_visit(caller->annotate->prefs, AUDIT_SHOWN, put_audit, list);

    (void)request;
    answer(caller, err, json_pack("{s:o}", "audit", list));
}

void admin_routes(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    json_t *list = json_array();

    (void)request;
    for (size_t i = 0; i < caller->annotate->n_routes; i++) {
        const struct route *r = &caller->annotate->routes[i];

        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "method", r->method, "path", r->path,
                                        "role", r->role ? words_role[r->role - 1] : "anyone"));
    }
    caller_json(caller, 200, json_pack("{s:o}", "routes", list));
}

/* ---- what is done */

/* The link is told once, here: the store has its hash alone. The token stands behind '#', which no
 * browser sends, so it is in no log of a proxy, and in no Referer. */
void admin_invite(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    const char *role = caller_text(caller, "role"), *label = caller_text(caller, "label");
    const int64_t hours = caller_number(caller, "hours", 72);
    struct prefs_invite invite = {.by = caller->person.id, .at = caller->now};
    char token[CALLER_TOKEN_TEXT], *link;
    struct hash hash;
    int which = 0;
    int64_t id;
    enum err err = words_find(&which, words_role, "role", role ? role : "annotator");

    (void)request;
    if (err || hours < 1 || hours > HOURS_MOST || (label && strlen(label) >= PREFS_NAME_MAX)) {
        caller_refuse(caller, 400, err ? err_text() : "hours: 1 to 2160; label: shorter");
        return;
    }
    invite.role = (enum prefs_role)which;
    invite.expires = caller->now + hours * HOUR_MS;
    memcpy(invite.label, label ? label : "", label ? strlen(label) : 0);
    caller_token(token, &hash);
    err = prefs_invite_add(caller->annotate->prefs, &id, &hash, &invite);
    if (!err)
        err = caller_audit(caller, "invite", words_role[which]);
    link = mem_print("%s/#invite=%s", caller->annotate->base, token);
    answer(caller, err,
           json_pack("{s:I, s:s, s:I}", "id", (json_int_t)id, "link", link, "expires",
                     (json_int_t)invite.expires));
    free(link);
}

void admin_uninvite(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    enum err err = prefs_invite_drop(caller->annotate->prefs, caller_number(caller, "id", 0));

    (void)request;
    if (!err)
        err = caller_audit(caller, "uninvite", NULL);
    answer(caller, err, json_pack("{s:b}", "ok", true));
}

/* People but one who can still come in as admin. */
struct admins {
    int64_t but;
    int n;
};

static enum err count_admin(void *self, const struct prefs_person *p)
{
    struct admins *admins = self;

    admins->n += p->id != admins->but && p->role == PREFS_ADMIN && words_comes_in(p->standing);
    return OK;
}

static enum err keeps_an_admin(struct prefs *prefs, int64_t but)
{
    struct admins admins = {.but = but};
    const enum err err = prefs_person_visit(prefs, count_admin, &admins);

    if (err || admins.n)
        return err;
    return err_set(ERR_STATE, "that would leave nobody who is admin");
}

/* What is asked for, as numbers; -1: stays as it is. */
static enum err words_of_change(const char *role, const char *standing, int *which, int *stand)
{
    enum err err = OK;

    *which = *stand = -1;
    if (role)
        err = words_find(which, words_role, "role", role);
    if (!err && standing)
        err = words_find(stand, words_standing, "standing", standing);
    if (!err && *stand == PREFS_FORGOTTEN)
        err = err_set(ERR_STATE, "forgetting is final: drover prefs forget, at the terminal");
    return err;
}

static enum err change_person(struct caller *caller, int64_t id, const char *role,
                              const char *standing)
{
    struct prefs *prefs = caller->annotate->prefs;
    struct prefs_person person;
    int which, stand;
    enum err err = words_of_change(role, standing, &which, &stand);

    if (!err)
        err = prefs_person_read(prefs, id, &person);
    if (!err && person.role == PREFS_ADMIN &&
        ((which >= 0 && which != PREFS_ADMIN) || stand == PREFS_CLOSED))
        err = keeps_an_admin(prefs, id);
    if (!err && which >= 0)
        err = prefs_person_role(prefs, id, (enum prefs_role)which);
    if (!err && stand >= 0)
        err = prefs_person_stand(prefs, id, (enum prefs_standing)stand);
    return err;
}

void admin_person(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    const int64_t id = caller_number(caller, "id", 0);
    const char *role = caller_text(caller, "role"), *standing = caller_text(caller, "standing");
    char *subject =
        mem_print("%lld %s %s", (long long)id, role ? role : "", standing ? standing : "");
    enum err err = change_person(caller, id, role, standing);

    (void)request;
    if (!err)
        err = caller_audit(caller, "person", subject);
    answer(caller, err, json_pack("{s:b}", "ok", true));
    free(subject);
}

/* Versions are never changed: what was judged under an old one stays readable beside its words. */
void admin_guideline(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    const char *text = caller_text(caller, "text");
    int version = 0;
    enum err err = text && *text ? OK : err_set(ERR_PARSE, "text: is missing");

    (void)request;
    if (!err)
        err = prefs_guideline_add(caller->annotate->prefs, &version, text, caller->now);
    if (!err)
        err = caller_audit(caller, "guideline", NULL);
    answer(caller, err, json_pack("{s:i}", "version", version));
}

/* What a new version begins with: as it was written, not as it is shown. */
void admin_guideline_text(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    char *text = NULL;
    int version = 0;
    int64_t at;
    const enum err err = prefs_guideline_read(caller->annotate->prefs, &text, &version, &at);

    (void)request;
    answer(caller, err,
           json_pack("{s:i, s:s}", "version", text ? version : 0, "text", text ? text : ""));
    free(text);
}
