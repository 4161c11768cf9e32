/* A question goes along the places of the run (seek): a giver there is asked; a free place is
 * taken, and then the owner is the giver and pulls; at the owner's own place the question ends
 * in its table or on the wire. So of all who begin at once one pulls, also while the first of them
 * has its place and does not listen yet (PAGES_OPENS), and as nobody waits for a place behind its
 * own, there is no circle. Who passes over a silent giver meets the others who
 * did at the next place.
 *
 * A question whose link ends is asked anew from the first place on. Pages that are not believed
 * are looked at a slice a turn; an eventfd is kept readable meanwhile, so that the loop comes
 * back at once. */

#include "proto/pages.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/pages_check.h"
#include "proto/pages_give.h"
#include "proto/pages_links.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    TURN = 16,
    QUIET_MS = 1000,  /* how long who was silent is passed over at first, */
    STILL_MS = 60000, /* who brought nothing, */
    FALSE_MS = 600000 /* who gave what it was not asked for */
};

void pages_new(struct pages **out, const struct pages_conf *conf)
{
    struct pages *p = mem_new(1, sizeof *p);

    p->conf = *conf;
    p->kick = -1;
    for (int s = 0; s < HANDOVER_SLOTS; s++)
        p->link[s].fd = -1;
    *out = p;
}

/* Without it the tick goes on, only more slowly. */
static void kick(struct pages *p, bool on)
{
    if (on == (p->kick >= 0))
        return;
    if (on) {
        p->kick = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
        if (p->kick < 0 || !p->conf.watch(p->conf.self, p->kick))
            return;
    } else
        p->conf.unwatch(p->conf.self, p->kick);
    close(p->kick);
    p->kick = -1;
}

static void question_end(struct pages_question *q)
{
    if (q->state == PAGES_HERE)
        close(q->fd);
    pages_check_free(q->check);
    memset(q, 0, sizeof *q);
}

static void drop(struct pages *p, struct pages_question *q)
{
    if (q->state == PAGES_ASKED)
        pages_links_leave(p, q->slot, q->ticket);
    question_end(q);
}

static void end(struct pages *p)
{
    for (int i = 0; i < PAGES_MAX; i++)
        drop(p, &p->question[i]);
    pages_links_end(p);
    kick(p, false);
}

void pages_free(struct pages *p)
{
    if (!p)
        return;
    end(p);
    free(p);
}

void pages_run(struct pages *p, const struct id *run)
{
    static const struct id none;

    if (!memcmp(&p->run, run, sizeof *run))
        return;
    end(p);
    p->run = *run;
    p->runs = memcmp(run, &none, sizeof none) != 0;
}

/* ---- asking */

static bool ask(struct pages *p, struct pages_question *q, int slot)
{
    struct handover_packet packet = {.kind = HANDOVER_ASK, .ticket = ++p->ticket};

    randombytes_buf(q->nonce, sizeof q->nonce);
    memcpy(packet.nonce, q->nonce, sizeof packet.nonce);
    packet.here = p->conf.guest && !p->conf.waits;
    if (pages_links_plain(&p->link[slot])) {
        packet.hash = q->what.hash;
        packet.bytes = q->what.bytes;
        packet.artifact = q->what.kind;
        memcpy(packet.name, q->name, sizeof packet.name);
    } else
        packet.hash = handover_tag(&q->what.hash, q->nonce, geteuid());
    if (!pages_links_say(p, slot, &packet))
        return false;
    q->state = PAGES_ASKED;
    q->ticket = packet.ticket;
    q->slot = slot;
    q->have = 0;
    q->asked_ms = q->moved_ms = p->now_ms;
    return true;
}

/* From a place on. False: the wire must. */
static bool seek(struct pages *p, struct pages_question *q, int from)
{
    for (int s = from; s < HANDOVER_SLOTS; s++) {
        if (!pages_links_own(p, s) && pages_links_reach(p, s) && ask(p, q, s))
            return true;
        if (!pages_links_own(p, s) && p->link[s].opens && q->opens < PAGES_OPENS_TICKS) {
            q->state = PAGES_OPENS;
            q->slot = s;
            return true;
        }
        if (!pages_links_own(p, s))
            continue;
        q->slot = s;
        q->fd = pages_give_find(p->give, &q->what.hash, &q->proved);
        if (q->fd < 0) {
            pages_give_want(p->give, &q->what);
            return false;
        }
        q->state = PAGES_HERE;
        kick(p, true);
        return true;
    }
    return false;
}

static struct pages_question *question_new(struct pages *p, const struct artifact *what)
{
    for (int i = 0; i < PAGES_MAX; i++) {
        struct pages_question *const q = &p->question[i];
        if (q->state != PAGES_UNUSED)
            continue;
        q->what = *what;
        snprintf(q->name, sizeof q->name, "%s", what->name ? what->name : "");
        q->what.name = q->name;
        return q;
    }
    return NULL;
}

bool pages_want(struct pages *p, const struct artifact *what)
{
    struct pages_question *const q = p->runs ? question_new(p, what) : NULL;

    if (!q)
        return false;
    if (seek(p, q, 0))
        return true;
    question_end(q);
    return false;
}

void pages_drop(struct pages *p, const struct hash *hash)
{
    for (int i = 0; i < PAGES_MAX; i++)
        if (p->question[i].state != PAGES_UNUSED && hash_same(&p->question[i].what.hash, hash))
            drop(p, &p->question[i]);
    if (p->give)
        pages_give_unwant(p->give, hash);
}

bool pages_wanted(const struct pages *p, const struct hash *hash)
{
    return p->give && pages_give_waited(p->give, hash);
}

void pages_put(struct pages *p, const struct artifact *what, struct shared_memory *shared)
{
    if (!p->runs)
        return;
    pages_links_hold(p, what, shared, ++p->ticket);
    pages_links_attach(p);
}

void pages_remove(struct pages *p, const struct hash *hash)
{
    pages_links_remove(p, hash);
}

/* ---- answers */

static enum err finish(struct pages *p, struct pages_question *q, struct shared_memory *shared,
                       int64_t now_ms)
{
    const struct hash hash = q->what.hash;

    if (shared) {
        pages_links_hold(p, &q->what, shared, q->ticket);
        p->moved++;
    }
    question_end(q); /* `answer` may want the next one */
    return p->conf.answer(p->conf.self, &hash, shared, now_ms);
}

static enum err resume(struct pages *p, struct pages_question *q, int from, int64_t now_ms)
{
    if (q->state == PAGES_HERE)
        close(q->fd);
    pages_check_free(q->check);
    q->check = NULL;
    q->state = PAGES_UNUSED;
    return seek(p, q, from) ? OK : finish(p, q, NULL, now_ms);
}

/* Its giver is not asked again for a while. What another put into our own table is no reason
 * to: the wire has it. */
static enum err was_false(struct pages *p, struct pages_question *q, int64_t now_ms)
{
    const int slot = q->slot;
    const bool own = pages_links_own(p, slot);

    log_warn("false-pages", "name=%s place=%d uid=%u reason=\"%s\" next=\"the wire\"", q->name,
             slot, own ? 0 : p->link[slot].who.uid, err_text());
    if (own) {
        pages_give_false(p->give, &q->what.hash);
        return finish(p, q, NULL, now_ms);
    }
    pages_links_pass_over(p, slot, FALSE_MS);
    pages_links_hang_up(p, slot);
    return resume(p, q, slot + 1, now_ms);
}

/* `fd` is taken. */
static enum err take(struct pages *p, struct pages_question *q, int fd, bool believed,
                     int64_t now_ms)
{
    struct shared_memory *shared = NULL;
    enum err err;

    q->state = PAGES_UNUSED; /* `fd` is not the question's now */
    if (believed)
        err = shared_memory_open(&shared, fd, (size_t)q->what.bytes, q->name);
    else
        err = pages_check_new(&q->check, fd, &q->what);
    if (err)
        return was_false(p, q, now_ms);
    if (shared)
        return finish(p, q, shared, now_ms);
    q->state = PAGES_CHECKED;
    kick(p, true);
    return OK;
}

/* A slice of what is not believed; at its end the pages, or the next place. */
static enum err check(struct pages *p, struct pages_question *q, int64_t now_ms)
{
    struct shared_memory *shared;

    if (!pages_check_step(q->check, &shared))
        return OK;
    if (shared)
        return finish(p, q, shared, now_ms);
    (void)err_set(ERR_RANGE, "not the bytes of that hash");
    return was_false(p, q, now_ms);
}

/* Turns of the loop: one slice in all, so that none takes long. */
static enum err work(struct pages *p, int64_t now_ms)
{
    enum err err = OK;
    bool more = false, sliced = false;

    for (int i = 0; i < PAGES_MAX && !err; i++) {
        struct pages_question *const q = &p->question[i];
        if (q->state == PAGES_HERE) {
            err = take(p, q, q->fd, q->proved, now_ms);
        } else if (q->state == PAGES_CHECKED && !sliced) {
            sliced = true;
            err = check(p, q, now_ms);
        }
    }
    for (int i = 0; i < PAGES_MAX; i++)
        more =
            more || p->question[i].state == PAGES_HERE || p->question[i].state == PAGES_CHECKED;
    kick(p, more);
    return err;
}

static void on_news(struct pages *p, struct pages_question *q,
                    const struct handover_packet *packet)
{
    if (packet->have <= q->have || packet->have > q->what.bytes)
        return;
    q->have = packet->have;
    q->moved_ms = p->now_ms;
    p->moved++;
}

/* Another user must show that it knows the hash: else it is nobody of ours. */
static bool shown(const struct pages_link *link, const struct pages_question *q,
                  const struct handover_packet *packet)
{
    const struct hash proof = handover_proof(&q->what.hash, q->nonce);

    return pages_links_plain(link) || packet->kind == HANDOVER_NONE ||
           hash_same(&proof, &packet->hash);
}

static struct pages_question *question_of(struct pages *p, int slot, uint32_t ticket)
{
    for (int i = 0; i < PAGES_MAX; i++)
        if (p->question[i].state == PAGES_ASKED && p->question[i].slot == slot &&
            p->question[i].ticket == ticket)
            return &p->question[i];
    return NULL;
}

/* About what we wait for no longer. Pages that come too late we do not hold. */
static void late(struct pages *p, int slot, const struct handover_packet *packet)
{
    if (packet->kind == HANDOVER_PAGES)
        pages_links_leave(p, slot, packet->ticket);
    if (packet->kind != HANDOVER_NEWS && pages_links_plain(&p->link[slot]))
        pages_links_good(p, slot); /* it was stopped, and is back */
}

/* `pages` is taken. */
static enum err heed(struct pages *p, int slot, const struct handover_packet *packet, int pages,
                     int64_t now_ms)
{
    const struct pages_link *const link = &p->link[slot];
    struct pages_question *const q = question_of(p, slot, packet->ticket);
    const bool good = q && shown(link, q, packet);

    if (good)
        pages_links_good(p, slot);
    if (good && packet->kind == HANDOVER_PAGES && pages >= 0)
        return take(p, q, pages, pages_links_believed(link), now_ms);
    if (pages >= 0)
        close(pages);
    if (!q)
        late(p, slot, packet);
    if (good && packet->kind == HANDOVER_NONE)
        return resume(p, q, slot + 1, now_ms);
    if (good && packet->kind == HANDOVER_NEWS)
        on_news(p, q, packet);
    return OK;
}

/* The end of a giver: what it was asked for is asked anew. */
static enum err gone(struct pages *p, int slot, int64_t now_ms)
{
    enum err err = OK;

    pages_links_gone(p, slot);
    for (int i = 0; i < PAGES_MAX && !err; i++)
        if (p->question[i].state == PAGES_ASKED && p->question[i].slot == slot)
            err = resume(p, &p->question[i], 0, now_ms);
    pages_links_attach(p);
    return err;
}

static enum err hear(struct pages *p, int64_t now_ms)
{
    enum err err = OK;

    for (int s = 0; s < HANDOVER_SLOTS; s++)
        for (int i = 0; i < TURN && p->link[s].fd >= 0 && !err; i++) {
            struct handover_packet packet;
            int pages;
            const int got = handover_receive(p->link[s].fd, &packet, &pages);
            if (!got)
                break;
            err = got > 0 ? heed(p, s, &packet, pages, now_ms) : gone(p, s, now_ms);
        }
    return err;
}

/* What the owner pulls, and somebody here has made: looked at as any answer is. */
static void came(struct pages *p)
{
    struct artifact what;

    while (p->give && pages_give_came(p->give, &what)) {
        struct pages_question *const q = question_new(p, &what);
        if (!q)
            continue; /* the wire has it too */
        q->slot = pages_give_slot(p->give);
        q->fd = pages_give_find(p->give, &what.hash, &q->proved);
        q->state = q->fd < 0 ? PAGES_UNUSED : PAGES_HERE;
    }
}

enum err pages_readable(struct pages *p, int64_t now_ms)
{
    enum err err;

    p->now_ms = now_ms;
    err = hear(p, now_ms);
    if (!err && p->give)
        err = pages_give_readable(p->give, now_ms);
    came(p);
    return err ? err : work(p, now_ms);
}

/* ---- time */

/* Who is silent, and who has nothing to say. */
static enum err judge(struct pages *p, struct pages_question *q, int64_t now_ms)
{
    const struct pages_link *const link = &p->link[q->slot];
    const int still_ms = link->who.ours ? PAGES_STILL_MS : PAGES_STRANGER_STILL_MS;
    const int slot = q->slot;
    int64_t since_ms;

    if (!q->asked_ms)
        q->asked_ms = q->moved_ms = now_ms;
    since_ms = q->asked_ms > link->heard_ms ? q->asked_ms : link->heard_ms;
    if (now_ms - since_ms >= PAGES_SILENT_MS &&
        now_ms - since_ms >= pages_links_patience_ms(p, slot))
        pages_links_pass_over(p, slot, QUIET_MS);
    else if (now_ms - q->moved_ms >= still_ms)
        pages_links_pass_over(p, slot, STILL_MS);
    else
        return OK;
    pages_links_leave(p, slot, q->ticket);
    return resume(p, q, slot + 1, now_ms);
}

/* What has come is heard first: only then is silence the other's. */
enum err pages_tick(struct pages *p, int64_t now_ms)
{
    enum err err = pages_readable(p, now_ms);

    for (int i = 0; i < PAGES_MAX && !err; i++) {
        struct pages_question *const q = &p->question[i];
        if (q->state == PAGES_ASKED) {
            err = judge(p, q, now_ms);
        } else if (q->state == PAGES_OPENS) {
            q->opens++;
            err = resume(p, q, q->slot, now_ms);
        }
    }
    if (err)
        return err;
    pages_links_look_through(p);
    pages_links_attach(p);
    return p->give ? pages_give_tick(p->give, now_ms) : OK;
}

/* ---- for people */

uint64_t pages_moved(const struct pages *p)
{
    return p->moved;
}

const char *pages_note(struct pages *p, const struct hash *hash)
{
    for (int i = 0; i < PAGES_MAX; i++) {
        const struct pages_question *const q = &p->question[i];
        if (q->state == PAGES_UNUSED || !hash_same(&q->what.hash, hash))
            continue;
        if (q->state == PAGES_ASKED)
            snprintf(p->note, sizeof p->note,
                     "%s: %.1f of %.1f MB, pulled by process %d of this host", q->name,
                     (double)q->have / 1e6, (double)q->what.bytes / 1e6,
                     p->link[q->slot].who.pid);
        else
            snprintf(p->note, sizeof p->note, "%s: pages of this host are %s", q->name,
                     q->state == PAGES_OPENS ? "waited for" : "being checked");
        return p->note;
    }
    return "";
}
