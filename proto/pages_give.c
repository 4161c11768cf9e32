/* Guests come, say what they lack and hold, and leave (heed); what follows of it stands in
 * pages_table.c. A stranger's line may bear a tag that fits nothing yet: it waits for
 * UNKNOWN_MS, as both hear of a version within that time. A guest is let go when it says what
 * no guest says, and with its end all its lines. */

#define _GNU_SOURCE /* F_GET_SEALS, F_DUPFD_CLOEXEC */

#include "proto/pages_give.h"

#include "base/mem.h"
#include "proto/pages_table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    UNKNOWN_MS = 1000,
    NEWS_TICKS = 2,
    TURN = 16,      /* packets of a guest, guests, at once */
    STRANGERS = 32, /* guests of other users, and their lines: they displace nobody of ours */
    STRANGER_LINES = 8,
    SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE
};

enum err pages_give_open(struct pages_give **out, const struct pages_give_conf *conf)
{
    struct pages_give *give = mem_new(1, sizeof *give);
    enum err err;

    *out = NULL;
    give->conf = *conf;
    err = handover_listen(&give->listening, &give->lock, &conf->run, conf->slot);
    if (!err) {
        err = conf->watch(conf->self, give->listening);
        if (err)
            handover_unlisten(give->listening, give->lock, &conf->run, conf->slot);
    }
    if (err)
        free(give);
    else
        *out = give;
    return err;
}

int pages_give_slot(const struct pages_give *give)
{
    return give->conf.slot;
}

/* ---- what guests say */

static struct pages_line *line_new(struct pages_guest *guest,
                                   const struct handover_packet *packet)
{
    struct pages_line *const line = &guest->line[guest->lines++];

    *line = (struct pages_line){.ticket = packet->ticket, .item = PAGES_UNKNOWN};
    return line;
}

static struct artifact artifact_of(const struct handover_packet *packet)
{
    return (struct artifact){.hash = packet->hash,
                             .bytes = packet->bytes,
                             .kind = packet->artifact,
                             .name = packet->name};
}

/* Our own name it. Only what is on its way or here is worth a new line of an owner who does
 * not pull. */
static struct pages_item *asked_for(struct pages_give *give,
                                    const struct handover_packet *packet)
{
    const struct artifact what = artifact_of(packet);
    struct pages_item *const item = pages_table_find(give, &what.hash);

    if (packet->here)
        return item && item->fd >= 0 && item->what.bytes == what.bytes ? item : NULL;
    return item || give->conf.pull ? pages_table_begin(give, &what) : NULL;
}

static void on_ask(struct pages_give *give, struct pages_guest *guest,
                   const struct handover_packet *packet, int64_t now_ms)
{
    struct pages_line *const line = line_new(guest, packet);
    struct pages_item *item = NULL;

    line->since_ms = now_ms;
    memcpy(line->nonce, packet->nonce, sizeof line->nonce);
    line->tag = packet->hash;
    if (guest->plain) {
        item = asked_for(give, packet);
        if (!item) {
            pages_table_none(give, guest, line, "it is not here, and is not pulled");
            return;
        }
    } else
        for (int i = 0; i < GIVE_ITEMS && !item; i++)
            if (give->item[i].used && pages_table_fits(guest, line, &give->item[i]))
                item = &give->item[i];
    if (!item)
        return;
    line->item = (int)(item - give->item);
    item->waiting++;
    if (item->fd >= 0)
        pages_table_hand(give, guest, line);
}

/* Sealed, and of that size: what can still change is of no use to anybody. */
static bool are_pages(int fd, uint64_t bytes)
{
    struct stat stat;
    const int seals = fcntl(fd, F_GET_SEALS);

    return seals >= 0 && (seals & SEALS) == SEALS && !fstat(fd, &stat) && stat.st_size >= 0 &&
           (uint64_t)stat.st_size == bytes;
}

static bool on_put(struct pages_give *give, struct pages_guest *guest,
                   const struct handover_packet *packet, int *pages)
{
    const struct artifact what = artifact_of(packet);
    struct pages_item *item;
    struct pages_line *line;

    if (!guest->plain || !are_pages(*pages, what.bytes))
        return false;
    item = pages_table_begin(give, &what);
    if (!item)
        return true; /* no room: it keeps what it has */
    line = line_new(guest, packet);
    line->item = (int)(item - give->item);
    line->holds = true;
    item->holding++;
    if (item->fd >= 0)
        return true;
    item->fd = *pages;
    *pages = -1;
    item->proved = guest->who.ours && !handover_folder();
    item->put = item->wants;
    item->wants = false;
    pages_table_share_out(give, item);
    if (item->pulled) {
        item->pulled = false;
        give->conf.unpull(give->conf.self, &what.hash);
    }
    return true;
}

static struct pages_line *line_of(struct pages_guest *guest, uint32_t ticket)
{
    for (int i = 0; i < guest->lines; i++)
        if (guest->line[i].ticket == ticket)
            return &guest->line[i];
    return NULL;
}

/* False: it says what no guest says, or more than it may. */
static bool heed(struct pages_give *give, struct pages_guest *guest,
                 const struct handover_packet *packet, int *pages, int64_t now_ms)
{
    struct pages_line *const line = line_of(guest, packet->ticket);
    const int most = guest->plain ? GIVE_LINES : STRANGER_LINES;

    if (packet->kind == HANDOVER_LEAVE) {
        if (line && !line->holds) /* who left because we were stopped hears that we are back */
            pages_table_none(give, guest, line, "");
        else if (line) /* else it was answered with NONE meanwhile */
            pages_table_line_end(give, guest, line);
        return true;
    }
    if (line || guest->lines == GIVE_LINES)
        return false;
    if (packet->kind == HANDOVER_PUT)
        return on_put(give, guest, packet, pages);
    if (packet->kind != HANDOVER_ASK)
        return false;
    if (guest->lines >= most)
        pages_table_none(give, guest, line_new(guest, packet), "too much at once");
    else
        on_ask(give, guest, packet, now_ms);
    return true;
}

static bool hear(struct pages_give *give, struct pages_guest *guest, int64_t now_ms)
{
    for (int i = 0; i < TURN; i++) {
        struct handover_packet packet;
        int pages;
        const int got = handover_receive(guest->fd, &packet, &pages);
        bool fine;
        if (got <= 0)
            return !got;
        fine = heed(give, guest, &packet, &pages, now_ms);
        if (pages >= 0)
            close(pages);
        if (!fine)
            return false;
    }
    return true;
}

/* Beyond the limits of guests the last to come is turned away. */
static enum err admit(struct pages_give *give, int fd, const struct handover_who *who)
{
    const bool plain = who->ours || handover_folder();
    struct pages_guest *guest;
    enum err err;

    if (give->guests == GIVE_GUESTS || (!plain && give->strangers == STRANGERS)) {
        close(fd);
        return OK;
    }
    err = give->conf.watch(give->conf.self, fd);
    if (err) {
        close(fd);
        return err;
    }
    guest = mem_new(1, sizeof *guest);
    guest->fd = fd;
    guest->who = *who;
    guest->plain = plain;
    give->strangers += !plain;
    give->guest[give->guests++] = guest;
    return OK;
}

enum err pages_give_readable(struct pages_give *give, int64_t now_ms)
{
    enum err err = OK;

    for (int i = 0; i < TURN && !err; i++) {
        struct handover_who who;
        const int fd = handover_accept(give->listening, &who);
        if (fd < 0)
            break;
        err = admit(give, fd, &who);
    }
    for (int g = give->guests; g-- > 0 && !err;)
        if (!hear(give, give->guest[g], now_ms))
            pages_table_dismiss(give, g);
    return err ? err : pages_table_tidy(give, now_ms);
}

/* ---- time */

enum err pages_give_tick(struct pages_give *give, int64_t now_ms)
{
    give->tick = (give->tick + 1) % NEWS_TICKS;
    for (int g = 0; g < give->guests; g++)
        for (int i = give->guest[g]->lines; i-- > 0;) {
            struct pages_line *const line = &give->guest[g]->line[i];
            if (line->item == PAGES_UNKNOWN) {
                if (now_ms - line->since_ms >= UNKNOWN_MS)
                    pages_table_none(give, give->guest[g], line, "nobody of us knows it");
            } else if (!line->holds && give->item[line->item].fd >= 0)
                pages_table_hand(give, give->guest[g], line);
            else if (!line->holds && !give->tick)
                pages_table_tell(give, give->guest[g], line);
        }
    return pages_table_tidy(give, now_ms);
}

/* ---- the owner */

void pages_give_close(struct pages_give *give)
{
    if (!give)
        return;
    while (give->guests)
        pages_table_dismiss(give, give->guests - 1);
    for (int i = 0; i < GIVE_ITEMS; i++) {
        if (give->item[i].pulled)
            give->conf.unpull(give->conf.self, &give->item[i].what.hash);
        if (give->item[i].used)
            pages_table_item_end(&give->item[i]);
    }
    give->conf.unwatch(give->conf.self, give->listening);
    handover_unlisten(give->listening, give->lock, &give->conf.run, give->conf.slot);
    free(give);
}

int pages_give_find(const struct pages_give *give, const struct hash *hash, bool *proved)
{
    const struct pages_item *const item = pages_table_find(give, hash);

    if (!item || item->fd < 0)
        return -1;
    *proved = item->proved;
    return fcntl(item->fd, F_DUPFD_CLOEXEC, 0);
}

void pages_give_want(struct pages_give *give, const struct artifact *what)
{
    struct pages_item *const item = pages_table_begin(give, what);

    if (item && item->fd < 0)
        item->wants = true;
}

/* If others wait, it is asked for in their name at the next tick. */
void pages_give_unwant(struct pages_give *give, const struct hash *hash)
{
    struct pages_item *const item = pages_table_find(give, hash);

    if (item)
        item->wants = item->put = false;
}

bool pages_give_waited(const struct pages_give *give, const struct hash *hash)
{
    const struct pages_item *const item = pages_table_find(give, hash);

    return item && item->waiting;
}

bool pages_give_came(struct pages_give *give, struct artifact *out)
{
    for (int i = 0; i < GIVE_ITEMS; i++)
        if (give->item[i].used && give->item[i].put) {
            give->item[i].put = false;
            *out = give->item[i].what;
            return true;
        }
    return false;
}

/* The owner pulls on, and whoever asks from here on waits for that. */
void pages_give_false(struct pages_give *give, const struct hash *hash)
{
    struct pages_item *const item = pages_table_find(give, hash);

    if (!item || item->proved || item->fd < 0)
        return;
    close(item->fd);
    item->fd = -1;
    item->wants = true;
}

void pages_give_put(struct pages_give *give, const struct artifact *what,
                    const struct shared_memory *shared)
{
    struct pages_item *const item = pages_table_begin(give, what);

    if (!item)
        return;
    item->holds = item->proved = true;
    item->wants = item->pulled = item->put = false;
    if (item->fd < 0) {
        item->fd = fcntl(shared_memory_fd(shared), F_DUPFD_CLOEXEC, 0);
        if (item->fd >= 0)
            pages_table_share_out(give, item);
    }
}

void pages_give_let_go(struct pages_give *give, const struct hash *hash)
{
    struct pages_item *const item = pages_table_find(give, hash);

    if (item)
        item->holds = false;
}
