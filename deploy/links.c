/* How it works: a list of links (link.h), and what is the same for all of them: the bundle, the
 * letter, and who makes tickets. The bundle is made once, for the first machine, in the loop's pool:
 * it takes seconds, in which a broker would take us for gone. Links wait for it (links_tick); what
 * fails is said and tried again, as all that keeps a machine away. A machine whose supervisor
 * has no key of this fleet yet gets a ticket for one use and a few minutes, over ssh's own
 * connection; the key that it is exchanged for never leaves that machine. */
#include "deploy/links.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "deploy/bundle.h"
#include "deploy/endpoint.h"
#include "deploy/host_file.h"
#include "deploy/link.h"
#include "net/child.h"
#include "net/loop.h"
#include "proto/invite.h"
#include "proto/registrar.h"
#include "proto/text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICKET_S = 600, LINGER_S = 600, NEWS_MS = 60000, PACK_AGAIN_MS = 15000 };

/* The pool's while it runs there: of us it has nothing but the way back. */
struct bundling {
    struct links *links; /* NULL: closed meanwhile */
    struct bundle bundle;
    char *folder;
};

struct links {
    struct links_conf conf;
    struct bundle bundle;     /* without a file until it is made; */
    struct bundling *packing; /* it is being made; */
    int64_t pack_ms;          /* when to begin, after a failure */
    char unpacked[LINK_WORDS];
    struct link_fleet fleet;
    struct ssh_link *link[2 * HOSTS_MAX];
    int n, tickets;
    char note[LINK_WORDS + PLAN_NAME];
};

static enum err ticket(void *self, const char *host, char **line)
{
    struct links *links = self;
    const int64_t now_s = clock_wall_ms() / 1000;
    char *name = mem_print("%s-%lld-%d", host, (long long)now_s, ++links->tickets);
    const struct registrar_want want = {
        .name = name, .role = ROLE_SUPERVISOR, .expires_s = now_s + TICKET_S, .uses = 1};
    struct invite invite = {.n_broker = 1, .expires_s = want.expires_s};
    enum err err = registrar_ticket(&invite.keys, links->conf.fleet->folder, &want, now_s);

    text_print(invite.broker[0], INVITE_ADDRESS, "%s", links->conf.fleet->control);
    if (!err)
        err = invite_write(line, &invite);
    invite_wipe(&invite);
    free(name);
    return err;
}

/* A fleet is known by its folder on its head: started again there, it finds its hosts. A run's
 * hosts do not outlive their head for long, a standing fleet's wait for it. */
static json_t *letter(const struct links_conf *conf)
{
    char head[65] = "", id[HOST_FILE_ID], folder[4096], reached[PLAN_HOST] = "";
    int port = 0;
    char *text;
    json_t *tree;

    gethostname(head, sizeof head - 1);
    if (*conf->plan->output_dir == '/' || !getcwd(folder, sizeof folder))
        folder[0] = 0;
    text = mem_print("%s:%s/%s", head, folder, conf->plan->output_dir);
    host_file_id(id, text);
    free(text);
    if (plan_reached(reached, &port, conf->plan)) /* plan_read has refused it */
        reached[0] = 0;
    tree =
        json_pack("{s:s,s:i,s:s,s:s,s:s,s:i}", "fleet", id, "port", port ? port : conf->port,
                  "advertise", reached, "head", head, "broker_key",
                  conf->fleet->keys.server_key, "linger_s", conf->plan->method ? LINGER_S : 0);
    return tree;
}

static char *cache(void)
{
    const char *folder = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

    return folder && *folder == '/'
               ? mem_print("%s/drover", folder)
               : mem_print("%s/.cache/drover", home && *home ? home : "/tmp");
}

/* ---- the bundle */

static enum err pack(void *self)
{
    struct bundling *p = self;

    return bundle_make(&p->bundle, p->folder);
}

/* Back on the loop, which may be the last thing that is left of us. */
static enum err packed(void *self, enum err result, const char *words, int64_t now_ms)
{
    struct bundling *p = self;
    struct links *links = p->links;

    if (links && !result) {
        links->bundle = p->bundle;
        memset(&p->bundle, 0, sizeof p->bundle);
        log_info("bundle", "file=%s mb=%.1f", links->bundle.file,
                 (double)links->bundle.bytes / 1e6);
    } else if (links) {
        snprintf(links->unpacked, sizeof links->unpacked, "%s", words);
        log_warn("bundle", "reason=\"%s\" next=\"tried again in %d s\"", words,
                 PACK_AGAIN_MS / 1000);
        links->pack_ms = now_ms + PACK_AGAIN_MS;
    }
    if (links)
        links->packing = NULL;
    bundle_free(&p->bundle);
    free(p->folder);
    free(p);
    return OK;
}

/* Only a fleet that has other machines needs a bundle. */
static void need_bundle(struct links *links, int64_t now_ms)
{
    struct bundling *p;

    if (!links->n || links->bundle.file || links->packing || now_ms < links->pack_ms)
        return;
    p = mem_new(1, sizeof *p);
    p->links = links;
    p->folder = cache();
    if (!loop_work(links->conf.loop, pack, packed, p)) {
        links->packing = p;
        return;
    }
    (void)packed(p, ERR_IO, err_text(), now_ms);
}

/* ---- the list */

static enum err add(struct links *links, const struct hosts_entry *entry)
{
    if (links->n == 2 * HOSTS_MAX)
        return err_set(ERR_STATE, "hosts: too many, those that end among them");
    links->link[links->n++] = link_new(&links->fleet, entry);
    return OK;
}

enum err links_open(struct links **out, const struct links_conf *conf)
{
    struct links *links = mem_new(1, sizeof *links);
    struct host_list hosts;
    enum err err = hosts_read(&hosts, conf->plan->hosts);

    links->conf = *conf;
    links->fleet = (struct link_fleet){.loop = conf->loop,
                                       .bundle = &links->bundle,
                                       .ssh_config = conf->plan->ssh_config,
                                       .letter = letter(conf),
                                       .ticket = ticket,
                                       .self = links};
    for (int i = 0; i < hosts.n && !err; i++)
        err = add(links, &hosts.entry[i]);
    hosts_free(&hosts);
    *out = links;
    return err;
}

/* Sessions end with us, supervisors do not: a head that is started again finds them. */
void links_close(struct links *links)
{
    if (!links)
        return;
    for (int i = 0; i < links->n; i++)
        link_free(links->link[i]);
    json_decref(links->fleet.letter);
    if (links->packing)
        links->packing->links = NULL;
    bundle_free(&links->bundle);
    free(links);
}

void links_rotated(struct links *links)
{
    json_object_set_new(links->fleet.letter, "broker_key",
                        json_string(links->conf.fleet->keys.server_key));
}

/* What has ended and was taken out of the file is forgotten. */
static void forget(struct links *links)
{
    int n = 0;

    for (int i = 0; i < links->n; i++) {
        struct ssh_link *l = links->link[i];

        if (l->state == LINK_ENDED && !l->child && !l->wanted)
            link_free(l);
        else
            links->link[n++] = l;
    }
    links->n = n;
}

/* Each link for itself: one that waits for a machine holds no other. */
void links_tick(struct links *links, int64_t now_ms)
{
    need_bundle(links, now_ms);
    for (int i = 0; i < links->n; i++)
        link_tick(links->link[i], now_ms);
    forget(links);
}

void links_end(struct links *links)
{
    for (int i = 0; i < links->n; i++)
        link_end(links->link[i]);
}

bool links_ended(const struct links *links)
{
    return links->n == 0;
}

void links_leave(struct links *links)
{
    for (int i = 0; i < links->n; i++) {
        links->link[i]->wanted = false;
        links->link[i]->state = LINK_ENDED;
        if (links->link[i]->child)
            child_signal(links->link[i]->child, SIGKILL);
    }
}

/* What is wrong now goes before what was wrong a minute ago. */
const char *links_trouble(struct links *links)
{
    static const char *const state[] = {"waits", "is dialled", "gets the programs",
                                        "is joining"};

    links->note[0] = 0;
    for (int i = 0; i < links->n && !*links->note; i++) {
        const struct ssh_link *l = links->link[i];
        if (l->state < LINK_UP && l->wanted)
            snprintf(links->note, sizeof links->note, "%.40s: %.250s", l->name,
                     *l->said             ? l->said
                     : links->bundle.file ? state[l->state]
                     : *links->unpacked   ? links->unpacked
                                          : "waits for the programs to be packed");
    }
    return links->note;
}

const char *links_note(struct links *links)
{
    links_trouble(links);
    for (int i = 0; i < links->n && !*links->note; i++) {
        const struct ssh_link *l = links->link[i];
        if (*l->news && l->now_ms - l->news_ms < NEWS_MS)
            snprintf(links->note, sizeof links->note, "%.40s: %.250s%s", l->name, l->news,
                     l->state == LINK_UP ? "; it runs again" : "");
    }
    return links->note;
}

static struct ssh_link *find(const struct links *links, const char *name)
{
    for (int i = 0; i < links->n; i++)
        if (links->link[i]->wanted && !strcmp(links->link[i]->name, name))
            return links->link[i];
    return NULL;
}

static void note(char *words, size_t room, const char *name, const char *what)
{
    const size_t n = strlen(words);

    snprintf(words + n, room - n, "%s: %s\n", name, what);
}

/* Two sessions in one folder would undo each other's work. */
enum err links_ready(const struct links *links, const struct host_list *hosts)
{
    for (int i = 0; i < links->n; i++) {
        const struct ssh_link *l = links->link[i];
        const struct hosts_entry *again = hosts_find(hosts, l->name);

        if (again && !l->wanted && !strcmp(l->ssh, again->ssh))
            return err_set(ERR_STATE, "%s still ends: `drover up` once more when it has",
                           l->name);
    }
    return OK;
}

enum err links_apply(struct links *links, const struct host_list *hosts, bool plan, char *words,
                     size_t room)
{
    enum err err = OK;

    for (int i = 0; i < links->n; i++)
        if (links->link[i]->wanted && !hosts_find(hosts, links->link[i]->name)) {
            note(words, room, links->link[i]->name, "ends");
            if (!plan)
                link_end(links->link[i]);
        }
    for (int i = 0; i < hosts->n && !err; i++) {
        const struct hosts_entry *entry = &hosts->entry[i];
        struct ssh_link *l = find(links, entry->name);
        char what[HOSTS_WORDS + 40], counts[HOSTS_WORDS];

        if (l && !strcmp(l->ssh, entry->ssh) && json_equal(l->entry, entry->entry))
            continue;
        hosts_words(counts, entry);
        snprintf(what, sizeof what, "%s: %s", l ? "starts again" : "new", counts);
        note(words, room, entry->name, what);
        if (plan)
            continue;
        if (l && !strcmp(l->ssh, entry->ssh)) {
            link_change(l, entry);
            continue;
        }
        if (l) /* the same name on another machine: what runs on the old one ends */
            link_end(l);
        err = add(links, entry);
    }
    return err;
}
