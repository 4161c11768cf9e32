/* A link is a connection to a giver. It stays, so that its end says at once that the giver is
 * gone. Over a new link to whom hashes may be said goes all that is held; whoever holds
 * something and has no link looks for one at each tick. So a giver that died is followed by one
 * of those who have its pages, and gets those of the others.
 *
 * What is held is known by its ticket at every giver that was told of it, whether it came from
 * there or was put there: one LEAVE to all of them takes it back. */

#include "proto/pages_links.h"

#include "base/log.h"
#include "proto/pages_give.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { QUIET_MAX_MS = 600000, CUTS = 2, CUT_MS = 1000, LOOKS = 8 };

bool pages_links_plain(const struct pages_link *link)
{
    return link->who.ours || handover_folder();
}

bool pages_links_believed(const struct pages_link *link)
{
    return link->who.ours && !handover_folder();
}

bool pages_links_say(const struct pages *p, int slot, struct handover_packet *packet)
{
    return p->link[slot].fd >= 0 && handover_send(p->link[slot].fd, packet, -1);
}

/* Lost, it would be kept for us there for good: the end of the link says it too. */
void pages_links_leave(struct pages *p, int slot, uint32_t ticket)
{
    struct handover_packet packet = {.kind = HANDOVER_LEAVE, .ticket = ticket};

    if (!pages_links_say(p, slot, &packet))
        pages_links_hang_up(p, slot);
}

/* ---- what is held */

static void put_there(const struct pages *p, int slot, const struct pages_held *held)
{
    struct handover_packet packet = {.kind = HANDOVER_PUT,
                                     .ticket = held->ticket,
                                     .artifact = held->what.kind,
                                     .bytes = held->what.bytes,
                                     .hash = held->what.hash};

    memcpy(packet.name, held->name, sizeof packet.name);
    if (p->link[slot].fd >= 0 && pages_links_plain(&p->link[slot]))
        (void)handover_send(p->link[slot].fd, &packet, shared_memory_fd(held->shared));
}

static struct pages_held *find(struct pages *p, const struct hash *hash)
{
    for (int i = 0; i < p->n_held; i++)
        if (hash_same(&p->held[i].what.hash, hash))
            return &p->held[i];
    return NULL;
}

static void let_go(struct pages *p, struct pages_held *held)
{
    const struct hash hash = held->what.hash;

    for (int s = 0; s < HANDOVER_SLOTS; s++)
        pages_links_leave(p, s, held->ticket);
    if (p->give)
        pages_give_let_go(p->give, &hash);
    shared_memory_free(held->shared);
    memmove(held, held + 1, (size_t)(p->held + --p->n_held - held) * sizeof *held);
    for (int i = 0; i < p->n_held; i++)
        p->held[i].what.name = p->held[i].name;
    if (p->conf.let_go)
        p->conf.let_go(p->conf.self, &hash);
}

void pages_links_hold(struct pages *p, const struct artifact *what,
                      struct shared_memory *shared, uint32_t ticket)
{
    struct pages_held *held;

    if (find(p, &what->hash))
        return;
    if (p->n_held == PAGES_HELD)
        let_go(p, &p->held[0]);
    held = &p->held[p->n_held++];
    *held = (struct pages_held){.what = *what, .ticket = ticket};
    snprintf(held->name, sizeof held->name, "%s", what->name ? what->name : "");
    held->what.name = held->name;
    held->shared = shared_memory_share(shared);
    if (p->give)
        pages_give_put(p->give, &held->what, shared);
    for (int s = 0; s < HANDOVER_SLOTS; s++)
        put_there(p, s, held);
}

void pages_links_remove(struct pages *p, const struct hash *hash)
{
    struct pages_held *const held = find(p, hash);

    if (held)
        let_go(p, held);
}

void pages_links_look_through(struct pages *p)
{
    for (int i = p->n_held; i-- > 0;) {
        const struct hash hash = p->held[i].what.hash;
        const unsigned kept = p->conf.shares ? p->conf.shares(p->conf.self, &hash) : 0;
        if (shared_memory_users(p->held[i].shared) <= 1 + kept)
            let_go(p, &p->held[i]);
    }
}

/* ---- links */

void pages_links_hang_up(struct pages *p, int slot)
{
    struct pages_link *const link = &p->link[slot];

    if (link->fd < 0)
        return;
    p->conf.unwatch(p->conf.self, link->fd);
    close(link->fd);
    link->fd = -1;
}

void pages_links_pass_over(struct pages *p, int slot, int ms)
{
    struct pages_link *const link = &p->link[slot];
    int64_t long_ms = ms;

    if (p->now_ms < link->until_ms) /* it is already, for another question */
        return;
    for (int i = 0; i < link->quiet && long_ms < QUIET_MAX_MS; i++)
        long_ms *= 2;
    link->quiet++;
    log_info("giver", "state=passed-over place=%d process=%d ms=%lld", slot, link->who.pid,
             (long long)long_ms);
    link->until_ms = p->now_ms + long_ms;
}

/* One of ours that runs and says nothing does not get the processor: whoever took its place would
 * pull the same once more, and take more of it. */
int pages_links_patience_ms(const struct pages *p, int slot)
{
    const struct handover_who *const who = &p->link[slot].who;

    return who->ours && who->pid && p->conf.stopped && !p->conf.stopped(who->pid)
               ? PAGES_STARVED_MS
               : PAGES_SILENT_MS;
}

void pages_links_good(struct pages *p, int slot)
{
    struct pages_link *const link = &p->link[slot];

    link->heard_ms = p->now_ms;
    link->until_ms = link->quiet = link->cut = 0;
}

void pages_links_gone(struct pages *p, int slot)
{
    struct pages_link *const link = &p->link[slot];

    pages_links_hang_up(p, slot);
    if (!link->heard_ms && ++link->cut > CUTS)
        pages_links_pass_over(p, slot, CUT_MS);
}

static enum err watch(void *self, int fd)
{
    const struct pages *p = self;

    return p->conf.watch(p->conf.self, fd);
}

static void unwatch(void *self, int fd)
{
    const struct pages *p = self;

    p->conf.unwatch(p->conf.self, fd);
}

static enum err pull(void *self, const struct artifact *what, int64_t now_ms)
{
    const struct pages *p = self;

    return p->conf.pull(p->conf.self, what, now_ms);
}

static void unpull(void *self, const struct hash *hash)
{
    const struct pages *p = self;

    if (p->conf.unpull)
        p->conf.unpull(p->conf.self, hash);
}

static uint64_t progress(void *self, const struct hash *hash)
{
    const struct pages *p = self;

    return p->conf.progress ? p->conf.progress(p->conf.self, hash) : 0;
}

bool pages_links_own(const struct pages *p, int slot)
{
    return p->give && pages_give_slot(p->give) == slot;
}

/* A free place becomes ours. */
static bool take(struct pages *p, int slot)
{
    const struct pages_give_conf conf = {.run = p->run,
                                         .slot = slot,
                                         .watch = watch,
                                         .unwatch = unwatch,
                                         .pull = p->conf.pull ? pull : NULL,
                                         .unpull = unpull,
                                         .progress = progress,
                                         .self = p};

    if (p->give || p->conf.guest || pages_give_open(&p->give, &conf))
        return false;
    log_debug("giver", "place=%d", slot);
    for (int i = 0; i < p->n_held; i++)
        pages_give_put(p->give, &p->held[i].what, p->held[i].shared);
    return true;
}

/* Who takes a place between two looks at it is the one to ask, as soon as it listens. */
static bool dial(struct pages *p, int slot)
{
    struct pages_link *const link = &p->link[slot];

    for (int i = 0; i < LOOKS && link->fd < 0; i++) {
        bool nobody;
        link->fd = handover_dial(&p->run, slot, &link->who, &nobody);
        if (link->fd < 0 && (!nobody || take(p, slot)))
            return false;
        if (link->fd < 0 && (p->give || p->conf.guest))
            return false; /* it is free, and not for us */
        link->opens = link->fd < 0;
        if (link->fd < 0)
            sched_yield();
    }
    if (link->fd < 0)
        return false;
    if (p->conf.watch(p->conf.self, link->fd)) {
        close(link->fd);
        link->fd = -1;
        return false;
    }
    link->heard_ms = 0;
    for (int i = 0; i < p->n_held; i++)
        put_there(p, slot, &p->held[i]);
    return true;
}

bool pages_links_reach(struct pages *p, int slot)
{
    struct pages_link *const link = &p->link[slot];

    link->opens = false;
    if (!p->runs || p->now_ms < link->until_ms)
        return false;
    return link->fd >= 0 || dial(p, slot);
}

void pages_links_attach(struct pages *p)
{
    for (int s = 0; s < HANDOVER_SLOTS && p->n_held; s++)
        if (pages_links_own(p, s) || pages_links_reach(p, s) || pages_links_own(p, s))
            return;
}

void pages_links_end(struct pages *p)
{
    while (p->n_held)
        let_go(p, &p->held[0]);
    for (int s = 0; s < HANDOVER_SLOTS; s++) {
        pages_links_hang_up(p, s);
        p->link[s] = (struct pages_link){.fd = -1};
    }
    pages_give_close(p->give);
    p->give = NULL;
}
