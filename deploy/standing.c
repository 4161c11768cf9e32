/* How it works: the file is a plan of the head with other machines in it. What a running fleet can
 * take on is its counts and its hosts; where it listens, which keys it has and what the head's own
 * workers are stays until it is started again, and that is said. */
#include "deploy/standing.h"

#include "base/config_tree.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "deploy/crew.h"
#include "deploy/hosts.h"
#include "deploy/links.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct own {
    char *folder;
    bool show, background;
};
const struct conf_key standing_keys[] = {
    CONF_TEXT(own, folder, "fleet", "keys, logs and fleet.json"),
    CONF_BOOL_AT(own, show, "plan", "false", "say what would change, and change nothing"),
    CONF_BOOL(own, background, "false",
              "return once it stands; its lines are in FOLDER/run.log"),
    CONF_END,
};
static const struct conf_key *const own_tables[] = {standing_keys, NULL};

/* The keys that are ours leave the tree: the rest is the plan's. */
static enum err take_own(struct standing *out)
{
    json_t *ours = json_object();
    struct own own = {NULL, false, false};
    enum err err;

    for (const struct conf_key *key = standing_keys; key->name; key++) {
        json_t *value = json_object_get(out->tree, key->name);
        if (value)
            json_object_set(ours, key->name, value);
        json_object_del(out->tree, key->name);
    }
    err = conf_load(own_tables, &own, ours, NULL);
    json_decref(ours);
    out->folder = own.folder ? mem_text(own.folder) : NULL;
    out->show = own.show;
    out->background = own.background;
    conf_free(own_tables, &own);
    return err;
}

/* Hosts are read here only to be found wrong early: links.h reads them again, since a list that
 * runs and a list in a file are two things. */
enum err standing_read(struct standing *out, int argc, char **argv)
{
    struct host_list hosts;
    enum err err;

    memset(out, 0, sizeof *out);
    out->argc = argc;
    out->argv = argv;
    out->tree = json_object();
    out->plan.broker = true; /* whose tables free it */
    err = config_tree_args(out->tree, argc, argv);
    if (!err)
        err = take_own(out);
    if (!err)
        err = plan_read_standing(&out->plan, out->tree, out->folder);
    if (err)
        return err;
    err = hosts_read(&hosts, out->plan.hosts);
    hosts_free(&hosts);
    return err;
}

void standing_free(struct standing *s)
{
    plan_free(&s->plan);
    json_decref(s->tree);
    free(s->folder);
    memset(s, 0, sizeof *s);
}

char *standing_words(const struct standing *s)
{
    struct strbuf buf = {0};
    struct host_list hosts;
    char words[HOSTS_WORDS];

    strbuf_print(&buf, "this machine: broker at %s", s->plan.host);
    if (s->plan.port)
        strbuf_print(&buf, ":%d", s->plan.port);
    strbuf_print(&buf, ", %d actors, %d rewarders", s->plan.actors, s->plan.rewarders);
    for (int i = 0; i < s->plan.n_workers; i++)
        strbuf_print(&buf, ", %d %s", s->plan.worker[i].count, s->plan.worker[i].name);
    strbuf_print(&buf, "\n");
    if (!hosts_read(&hosts, s->plan.hosts))
        for (int i = 0; i < hosts.n; i++) {
            hosts_words(words, &hosts.entry[i]);
            strbuf_print(&buf, "%s (ssh %s): %s\n", hosts.entry[i].name, hosts.entry[i].ssh,
                         words);
        }
    hosts_free(&hosts);
    return buf.text;
}

static void note(char *words, size_t room, const char *what)
{
    const size_t n = strlen(words);

    snprintf(words + n, room - n, "this machine: %s\n", what);
}

static enum err scale(struct crew *crew, struct crew_count count, const char *name, bool show,
                      char *words, size_t room, int64_t now_ms)
{
    const int before = crew_wanted(crew, count.role, count.kind);
    char what[120];

    if (before == count.n)
        return OK;
    snprintf(what, sizeof what, "%.60s: %d -> %d", name, before, count.n);
    note(words, room, what);
    return show ? OK : crew_scale(crew, &count, now_ms);
}

static bool text_same(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static bool workers_same(const struct plan *a, const struct plan *b)
{
    bool same = a->n_workers == b->n_workers;

    for (int i = 0; i < a->n_workers && same; i++)
        same = !strcmp(a->worker[i].name, b->worker[i].name) &&
               !strcmp(a->worker[i].run, b->worker[i].run);
    return same;
}

/* What only a start can change. */
static void later(const struct plan *was, const struct plan *now, char *words, size_t room)
{
    if (!text_same(was->host, now->host) || was->port != now->port ||
        !text_same(was->keys, now->keys) || !text_same(was->advertise, now->advertise))
        note(words, room, "where it listens, its keys: after `drover down` and `up`");
    if (!workers_same(was, now) || was->slots != now->slots || was->nice != now->nice ||
        was->actor_threads != now->actor_threads || !text_same(was->hours, now->hours))
        note(words, room, "how its own workers are run: after `drover down` and `up`");
}

/* Of the head's own workers only counts: their commands are those that it was started with. */
static enum err counts(const struct plan *now, struct crew *crew, bool show, char *words,
                       size_t room, int64_t now_ms)
{
    const struct crew_count actors = {PLAN_ACTOR, 0, now->actors, now->force};
    const struct crew_count rewarders = {PLAN_REWARDER, 0, now->rewarders, now->force};
    enum err err = scale(crew, actors, "actors", show, words, room, now_ms);

    if (!err)
        err = scale(crew, rewarders, "rewarders", show, words, room, now_ms);
    for (int i = 0; i < now->n_workers && !err && workers_same(crew->plan, now); i++)
        err = scale(crew, (struct crew_count){PLAN_WORKER, i, now->worker[i].count, now->force},
                    now->worker[i].name, show, words, room, now_ms);
    return err;
}

/* First everything is read, then anything is changed: a file with a fault in it changes nothing. */
enum err standing_apply(const struct standing *standing, struct crew *crew, struct links *links,
                        bool show, char *words, size_t room, int64_t now_ms)
{
    struct standing now;
    struct host_list hosts = {NULL, 0};
    enum err err;

    words[0] = 0;
    if (crew->ending)
        return err_set(ERR_STATE, "this fleet ends: when it has, `drover up` starts it anew");
    err = standing_read(&now, standing->argc, standing->argv);
    if (!err)
        err = hosts_read(&hosts, now.plan.hosts);
    if (!err)
        err = links_ready(links, &hosts);
    if (!err) {
        later(crew->plan, &now.plan, words, room);
        err = counts(&now.plan, crew, show, words, room, now_ms);
    }
    if (!err)
        err = links_apply(links, &hosts, show, words, room);
    if (!err && !*words)
        snprintf(words, room, "nothing changes");
    hosts_free(&hosts);
    standing_free(&now);
    return err;
}
