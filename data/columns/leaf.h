/* leaf: one leaf column of a row group: its pages read one after the other, its entries given
 * one at a time with their levels. */

#ifndef DATA_COLUMNS_LEAF_H
#define DATA_COLUMNS_LEAF_H

#include "base/err.h"
#include "data/columns/footer.h"
#include "data/columns/values.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes;

enum { LEAF_PAGE_MAX = 256 << 20 };     /* bytes of a page, unpacked */
#define LEAF_HELD_MAX ((size_t)1 << 30) /* of the pages that all columns hold at once */

struct leaf {
    const struct schema_node *node; /* borrowed, as the next two */
    struct bytes *file;
    size_t *held;     /* bytes that all leaves hold, this one's among them */
    uint64_t at, end; /* what is left of the chunk */
    enum codec codec;
    int64_t left;    /* entries of the chunk that no page has brought yet */
    int64_t in_page; /* entries of the page that are not taken */
    uint8_t *page;   /* [room] unpacked */
    size_t room, n_page;
    struct values values;
    struct values_dictionary dictionary;
    bool has_dictionary;
    struct hybrid reps, defs;
    bool peeked; /* rep and def are those of the next entry */
    int rep, def;
};

void leaf_begin(struct leaf *leaf, const struct schema_node *node, struct bytes *file,
                const struct footer_chunk *chunk, size_t *held);
void leaf_free(struct leaf *leaf); /* all zeros is fine */

/* Levels of the next entry into rep and def; *end: there is none. Errors: ERR_IO (the file
 * cannot be read, or is damaged), ERR_RANGE (an encoding that is not read, too large a page). */
enum err leaf_peek(struct leaf *leaf, bool *end) MUST_CHECK;

/* Takes the entry that was peeked; a value (def is the node's) comes as its bytes, else n is 0
 * and bytes NULL. Errors: ERR_IO. */
enum err leaf_take(struct leaf *leaf, const uint8_t **bytes, size_t *n) MUST_CHECK;

#endif
