/* Counts rule: an item knows how many lines wait for it and how many hold it, and what becomes
 * of it follows (tidy), after every turn. Lines change here alone, and the counts with
 * them.
 *
 * Whoever waits gets the pages when they are here; a guest whose socket is full gets them at the
 * next tick. A stranger's tag is tried against each new item. */

#define _GNU_SOURCE

#include "proto/pages_table.h"

#include "proto/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A card is read and let go of at once, while others still come for it: so many stay. */
enum { CARDS = 4, CARD_BYTES = 64 << 20 };

void pages_table_line_end(struct pages_give *give, struct pages_guest *guest,
                          struct pages_line *line)
{
    if (line->item != PAGES_UNKNOWN) {
        struct pages_item *const item = &give->item[line->item];
        if (line->holds)
            item->holding--;
        else
            item->waiting--;
    }
    *line = guest->line[--guest->lines];
}

void pages_table_dismiss(struct pages_give *give, int at)
{
    struct pages_guest *const guest = give->guest[at];

    while (guest->lines)
        pages_table_line_end(give, guest, &guest->line[0]);
    give->conf.unwatch(give->conf.self, guest->fd);
    close(guest->fd);
    give->strangers -= !guest->plain;
    free(guest);
    give->guest[at] = give->guest[--give->guests];
}

static void answer(const struct pages_guest *guest, const struct pages_item *item,
                   const struct pages_line *line, struct handover_packet *packet,
                   const char *words)
{
    packet->ticket = line->ticket;
    if (item)
        packet->bytes = item->what.bytes;
    if (item && !guest->plain)
        packet->hash = handover_proof(&item->what.hash, line->nonce);
    snprintf(packet->name, sizeof packet->name, "%s", words);
}

/* The pages, now or at a later tick. */
void pages_table_hand(struct pages_give *give, struct pages_guest *guest,
                      struct pages_line *line)
{
    struct handover_packet packet = {.kind = HANDOVER_PAGES};
    struct pages_item *const item = &give->item[line->item];

    answer(guest, item, line, &packet, "");
    if (!handover_send(guest->fd, &packet, item->fd))
        return;
    line->holds = true;
    item->waiting--;
    item->holding++;
}

/* A question that ends without pages. */
void pages_table_none(struct pages_give *give, struct pages_guest *guest,
                      struct pages_line *line, const char *words)
{
    struct handover_packet packet = {.kind = HANDOVER_NONE};

    answer(guest, NULL, line, &packet, words);
    (void)handover_send(guest->fd, &packet, -1); /* lost: the guest's patience ends it */
    pages_table_line_end(give, guest, line);
}

/* ---- items */

struct pages_item *pages_table_find(const struct pages_give *give, const struct hash *hash)
{
    for (int i = 0; i < GIVE_ITEMS; i++)
        if (give->item[i].used && hash_same(&give->item[i].what.hash, hash))
            return (struct pages_item *)&give->item[i];
    return NULL;
}

void pages_table_item_end(struct pages_item *item)
{
    if (item->fd >= 0)
        close(item->fd);
    memset(item, 0, sizeof *item);
}

bool pages_table_fits(const struct pages_guest *guest, const struct pages_line *line,
                      const struct pages_item *item)
{
    const struct hash tag = handover_tag(&item->what.hash, line->nonce, guest->who.uid);

    return hash_same(&tag, &line->tag);
}

/* Lines that have waited for somebody to name it. */
static void recognise(struct pages_give *give, struct pages_item *item)
{
    for (int g = 0; g < give->guests; g++)
        for (int i = 0; i < give->guest[g]->lines; i++) {
            struct pages_line *const line = &give->guest[g]->line[i];
            if (line->item != PAGES_UNKNOWN || !pages_table_fits(give->guest[g], line, item))
                continue;
            line->item = (int)(item - give->item);
            item->waiting++;
        }
}

static bool is_idle(const struct pages_item *item)
{
    return item->fd >= 0 && !item->waiting && !item->holding && !item->holds;
}

/* NULL: there is no room. */
struct pages_item *pages_table_begin(struct pages_give *give, const struct artifact *what)
{
    struct pages_item *item = pages_table_find(give, &what->hash);
    int idle = -1;

    if (item)
        return item->what.bytes == what->bytes ? item : NULL;
    for (int i = 0; i < GIVE_ITEMS && !item; i++) {
        const struct pages_item *const it = &give->item[i];
        if (!it->used)
            item = &give->item[i];
        else if (is_idle(it))
            idle = i;
    }
    if (!item && idle >= 0) {
        item = &give->item[idle];
        pages_table_item_end(item);
    }
    if (!item || what->bytes > LIMIT_ARTIFACT)
        return NULL;
    *item = (struct pages_item){.what = *what, .used = true, .fd = -1, .came = ++give->begun};
    snprintf(item->name, sizeof item->name, "%s", what->name ? what->name : "");
    item->what.name = item->name;
    recognise(give, item);
    return item;
}

/* All who wait get it. */
void pages_table_share_out(struct pages_give *give, const struct pages_item *item)
{
    for (int g = 0; g < give->guests; g++)
        for (int i = 0; i < give->guest[g]->lines; i++) {
            struct pages_line *const line = &give->guest[g]->line[i];
            if (line->item == item - give->item && !line->holds)
                pages_table_hand(give, give->guest[g], line);
        }
}

static void refuse_all(struct pages_give *give, const struct pages_item *item,
                       const char *words)
{
    for (int g = 0; g < give->guests; g++)
        for (int i = give->guest[g]->lines; i-- > 0;) {
            struct pages_line *const line = &give->guest[g]->line[i];
            if (line->item == item - give->item && !line->holds)
                pages_table_none(give, give->guest[g], line, words);
        }
}

/* The last cards of those that nobody holds. */
static bool stays(const struct pages_give *give, const struct pages_item *item)
{
    int later = 0;

    for (int i = 0; i < GIVE_ITEMS; i++)
        later += give->item[i].used && is_idle(&give->item[i]) &&
                 give->item[i].what.kind == ARTIFACT_CARD && give->item[i].came > item->came;
    return item->what.kind == ARTIFACT_CARD && item->what.bytes <= CARD_BYTES && later < CARDS;
}

/* What follows from the counts. */
static enum err tidy_one(struct pages_give *give, struct pages_item *item, int64_t now_ms)
{
    enum err err = OK;

    if (item->fd >= 0) {
        if (is_idle(item) && !stays(give, item))
            pages_table_item_end(item);
        return OK;
    }
    if (item->wants)
        return OK;
    if (!item->waiting) {
        const struct hash hash = item->what.hash;
        const bool pulled = item->pulled;
        pages_table_item_end(item);
        if (pulled)
            give->conf.unpull(give->conf.self, &hash);
        return OK;
    }
    if (!item->pulled && give->conf.pull)
        err = give->conf.pull(give->conf.self, &item->what, now_ms);
    item->pulled = item->pulled || !err;
    if (err && err != ERR_RANGE && err != ERR_IO) { /* ERR_RANGE: at a later tick */
        refuse_all(give, item, err_text());
        err = OK;
    }
    return err == ERR_RANGE ? OK : err;
}

enum err pages_table_tidy(struct pages_give *give, int64_t now_ms)
{
    enum err err = OK;

    for (int i = 0; i < GIVE_ITEMS && !err; i++)
        if (give->item[i].used)
            err = tidy_one(give, &give->item[i], now_ms);
    return err;
}

void pages_table_tell(struct pages_give *give, const struct pages_guest *guest,
                      const struct pages_line *line)
{
    struct handover_packet packet = {.kind = HANDOVER_NEWS};
    const struct pages_item *const item = &give->item[line->item];

    if (give->conf.progress)
        packet.have = give->conf.progress(give->conf.self, &item->what.hash);
    answer(guest, item, line, &packet, item->name);
    (void)handover_send(guest->fd, &packet, -1); /* lost: the next one says more */
}
