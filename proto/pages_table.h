/* pages_table: a giver's artifacts (items), guests and their lines, each of which says that its
 * guest waits for an item or holds it. For pages_give.c alone.
 *
 * An item without a descriptor is on its way: the owner wants it itself, or pulls it for others
 * (conf.pull). */

#ifndef PROTO_PAGES_TABLE_H
#define PROTO_PAGES_TABLE_H

#include "proto/handover.h"
#include "proto/pages_conf.h"

enum { PAGES_UNKNOWN = -1 }; /* pages_line.item of a tag that fits nothing yet */

struct pages_item {
    struct artifact what;
    char name[HANDOVER_NAME];
    bool used, wants, holds; /* the owner */
    bool pulled;             /* conf.pull was called */
    bool put, proved;        /* by a guest while the owner wants it; who put it is believed */
    int fd;                  /* -1: on its way */
    uint64_t came;           /* in which order */
    uint32_t waiting, holding;
};

struct pages_line {
    uint32_t ticket;
    int item;
    bool holds;
    uint8_t nonce[HANDOVER_NONCE];
    struct hash tag;
    int64_t since_ms;
};

struct pages_guest {
    int fd;
    struct handover_who who;
    bool plain; /* speaks of hashes: our user, or let into our folder */
    int lines;
    struct pages_line line[GIVE_LINES];
};

struct pages_give {
    struct pages_give_conf conf;
    int listening, lock, tick;
    uint64_t begun; /* items so far */
    struct pages_item item[GIVE_ITEMS];
    struct pages_guest *guest[GIVE_GUESTS];
    int guests, strangers;
};

void pages_table_dismiss(struct pages_give *give, int guest);
/* Its item's counts follow. */
void pages_table_line_end(struct pages_give *give, struct pages_guest *guest,
                          struct pages_line *line);
/* The pages, at once or at a later tick; how far they are; that they will not come. */
void pages_table_hand(struct pages_give *give, struct pages_guest *guest,
                      struct pages_line *line);
void pages_table_tell(struct pages_give *give, const struct pages_guest *guest,
                      const struct pages_line *line);
void pages_table_none(struct pages_give *give, struct pages_guest *guest,
                      struct pages_line *line, const char *words);
bool pages_table_fits(const struct pages_guest *guest, const struct pages_line *line,
                      const struct pages_item *item); /* a stranger's tag */

struct pages_item *pages_table_find(const struct pages_give *give, const struct hash *hash);
/* The same, or a new one; NULL: there is no room, or its size is another. */
struct pages_item *pages_table_begin(struct pages_give *give, const struct artifact *what);
void pages_table_item_end(struct pages_item *item);
/* It is here: all who wait get it. */
void pages_table_share_out(struct pages_give *give, const struct pages_item *item);
/* What follows from the counts: what nobody waits for is not pulled, what nobody holds goes.
 * Errors: ERR_IO of conf.pull. */
enum err pages_table_tidy(struct pages_give *give, int64_t now_ms) MUST_CHECK;

#endif
