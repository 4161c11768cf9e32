/* How it works: a chunk is pages: perhaps a dictionary, then data, each behind a header whose
 * length nobody says: it is read with more and more bytes until it is whole. A data page is three
 * parts, repetition levels, definition levels and values (of which there are as many as entries
 * with the full definition level); version 1 packs all three, version 2 the values alone. Only
 * the page that is being read and the dictionary are in memory.
 *
 * What must hold: a page's two sizes are held against the chunk and LEAF_PAGE_MAX before
 * anything is reserved, its checksum (if it has one) against its bytes; a level above what the
 * schema allows is damage. */
#include "data/columns/leaf.h"

#include "base/mem.h"
#include "data/columns/bytes.h"
#include "data/columns/thrift.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { HEADER_FIRST = 512, HEADER_MAX = 16 << 20 };
enum page_kind { PAGE_DATA, PAGE_INDEX, PAGE_DICTIONARY, PAGE_DATA_2 };

struct page_header {
    int64_t kind, unpacked, packed, crc;
    bool has_crc;
    int64_t entries, encoding, def_encoding, rep_encoding;
    int64_t n_defs, n_reps; /* version 2: bytes of levels */
    bool plain;             /* version 2: the values are not packed */
    size_t n;               /* bytes of the header itself */
};

static enum err damaged(void)
{
    return err_set(ERR_IO, "a page's header is damaged");
}

/* Nothing is read before the first entry is asked for. */
void leaf_begin(struct leaf *leaf, const struct schema_node *node, struct bytes *file,
                const struct footer_chunk *chunk, size_t *held)
{
    *leaf = (struct leaf){.node = node,
                          .file = file,
                          .held = held,
                          .at = chunk->at,
                          .end = chunk->end,
                          .codec = chunk->codec,
                          .left = chunk->values};
}

/* Some writers put several into one chunk: each is for the pages behind it. */
static void drop_dictionary(struct leaf *leaf)
{
    if (leaf->has_dictionary)
        *leaf->held -= leaf->dictionary.n;
    leaf->has_dictionary = false;
    values_dictionary_free(&leaf->dictionary);
}

void leaf_free(struct leaf *leaf)
{
    if (!leaf->node)
        return;
    drop_dictionary(leaf);
    *leaf->held -= leaf->room;
    free(leaf->page);
    values_free(&leaf->values);
    *leaf = (struct leaf){.at = 0};
}

/* The header of one of the three kinds of page: field 5, 7 or 8 of the page's. */
static void read_kind(struct thrift *t, struct page_header *head, int kind)
{
    int64_t *const places[4][7] = {
        {NULL, &head->entries, &head->encoding, &head->def_encoding, &head->rep_encoding},
        {NULL}, /* an index has none */
        {NULL, &head->entries, &head->encoding},
        {NULL, &head->entries, NULL, NULL, &head->encoding, &head->n_defs, &head->n_reps}};
    struct thrift_field field = {.id = 0};

    while (thrift_next(t, &field)) {
        int64_t *to = field.id > 0 && field.id < 7 ? places[kind - 5][field.id] : NULL;
        if (to)
            *to = thrift_int(t, &field);
        else if (field.id == 7 && kind == 8)
            head->plain = !thrift_bool(t, &field);
        else
            thrift_skip(t, &field);
    }
}

/* Fields that newer writers add are skipped; those that are missing stay at what
 * check_header refuses. */
static void parse_header(struct thrift *t, struct page_header *head)
{
    struct thrift_field field = {.id = 0};

    *head = (struct page_header){.kind = -1, .unpacked = -1, .packed = -1, .entries = -1};
    while (thrift_next(t, &field))
        if (field.id == 1)
            head->kind = thrift_int(t, &field);
        else if (field.id == 2)
            head->unpacked = thrift_int(t, &field);
        else if (field.id == 3)
            head->packed = thrift_int(t, &field);
        else if (field.id == 4) {
            head->crc = thrift_int(t, &field);
            head->has_crc = true;
        } else if ((field.id == 5 || field.id == 7 || field.id == 8) &&
                   field.type == THRIFT_STRUCT)
            read_kind(t, head, field.id);
        else
            thrift_skip(t, &field);
}

/* Statistics may make a header long; most are short. */
static enum err read_header(struct leaf *leaf, struct page_header *head)
{
    uint8_t *text = NULL;
    enum err err = OK;

    for (size_t room = HEADER_FIRST;; room *= 8) {
        const uint64_t there = leaf->end - leaf->at;
        const size_t n = there < room ? (size_t)there : room;
        struct thrift t;
        text = mem_grow(text, n, 1);
        err = bytes_read(leaf->file, leaf->at, text, n);
        t = (struct thrift){.at = text, .end = text + n};
        if (!err)
            parse_header(&t, head);
        if (!err && !t.bad)
            head->n = (size_t)(t.at - text);
        if (err || !t.bad)
            break;
        if (n == there || room >= HEADER_MAX) {
            err = damaged();
            break;
        }
    }
    free(text);
    return err;
}

/* Both sizes before anything is reserved: the one of the file, and the one that memory pays
 * for. */
static enum err check_header(const struct leaf *leaf, const struct page_header *head)
{
    if (head->unpacked < 0 || head->packed < 0 ||
        (uint64_t)head->packed > leaf->end - leaf->at - head->n || head->n_defs < 0 ||
        head->n_reps < 0)
        return damaged();
    if (head->unpacked > LEAF_PAGE_MAX || head->packed > LEAF_PAGE_MAX)
        return err_set(
            ERR_RANGE,
            "a page of %lld bytes: more than %d; write smaller pages "
            "(data_page_size)",
            (long long)(head->unpacked > head->packed ? head->unpacked : head->packed),
            LEAF_PAGE_MAX);
    return OK;
}

/* Counts what all columns hold together before it is there. */
static enum err hold(struct leaf *leaf, size_t n)
{
    if (n > LEAF_HELD_MAX - *leaf->held)
        return err_set(ERR_RANGE, "pages of more than %zu bytes at once; write smaller pages",
                       LEAF_HELD_MAX);
    *leaf->held += n;
    return OK;
}

/* The page's bytes as they lie in the file, after the header; the place moves behind them. */
static enum err read_packed(struct leaf *leaf, const struct page_header *head, uint8_t **out)
{
    const size_t n = (size_t)head->packed;
    enum err err;

    *out = mem_new(n, 1);
    err = bytes_read(leaf->file, leaf->at + head->n, *out, n);
    if (!err && head->has_crc && crc32(0, *out, (uInt)n) != (uint32_t)head->crc)
        err = err_set(ERR_IO, "a page does not match its checksum");
    if (err) {
        free(*out);
        *out = NULL;
    }
    leaf->at += head->n + n;
    return err;
}

/* PLAIN by either of its names; the page itself says how many values. */
static enum err read_dictionary(struct leaf *leaf, const struct page_header *head,
                                const uint8_t *packed)
{
    const size_t n = (size_t)head->unpacked;
    uint8_t *bytes;
    enum err err;

    drop_dictionary(leaf);
    if (head->encoding != VALUES_PLAIN && head->encoding != VALUES_PLAIN_DICTIONARY)
        return damaged();
    err = hold(leaf, n);
    if (err)
        return err;
    bytes = mem_new(n, 1);
    err = codec_unpack(leaf->codec, packed, (size_t)head->packed, bytes, n);
    if (err)
        free(bytes);
    else
        err = values_dictionary(&leaf->dictionary, leaf->node, bytes, n, head->entries);
    leaf->has_dictionary = !err;
    if (err)
        *leaf->held -= n;
    return err;
}

static int bits_of(int highest)
{
    int bits = 0;

    while (highest >> bits)
        bits++;
    return bits;
}

/* Version 1: levels stand in the page behind their length, if there are any to tell. */
static enum err levels_before(struct hybrid *out, int highest, int64_t encoding,
                              const uint8_t **at, const uint8_t *end)
{
    uint32_t n;

    hybrid_begin(out, *at, 0, 0);
    if (!highest)
        return OK;
    if (encoding != VALUES_RLE)
        return err_set(ERR_RANGE, "levels in encoding %lld are not read", (long long)encoding);
    if (end - *at < 4)
        return damaged();
    n = (uint32_t)(*at)[0] | (uint32_t)(*at)[1] << 8 | (uint32_t)(*at)[2] << 16 |
        (uint32_t)(*at)[3] << 24;
    *at += 4;
    if (n > (size_t)(end - *at))
        return damaged();
    hybrid_begin(out, *at, n, bits_of(highest));
    *at += n;
    return OK;
}

/* The room of the largest page so far stays: pages of a column are about alike. */
static enum err make_room(struct leaf *leaf, size_t n)
{
    enum err err = OK;

    if (n > leaf->room) {
        err = hold(leaf, n - leaf->room);
        if (err)
            return err;
        free(leaf->page);
        leaf->page = mem_new(n, 1);
        leaf->room = n;
    }
    leaf->n_page = n;
    return err;
}

/* Version 2's levels are not packed and stand before what is. */
static enum err unpack_second(struct leaf *leaf, const struct page_header *head,
                              const uint8_t *packed)
{
    const uint64_t levels = (uint64_t)head->n_defs + (uint64_t)head->n_reps;
    const size_t n = (size_t)levels;

    if (levels > (uint64_t)head->packed || levels > (uint64_t)head->unpacked)
        return damaged();
    if (n)
        memcpy(leaf->page, packed, n);
    /* Nothing but nulls: no values, which some writers do not even pack. */
    if ((size_t)head->packed == n && (size_t)head->unpacked == n)
        return OK;
    return codec_unpack(head->plain ? CODEC_NONE : leaf->codec, packed + n,
                        (size_t)head->packed - n, leaf->page + n, leaf->n_page - n);
}

/* The page's values are decoded as they are taken, which is when its levels are, too. */
static enum err begin_data(struct leaf *leaf, const struct page_header *head,
                           const uint8_t *packed)
{
    const bool second = head->kind == PAGE_DATA_2;
    const int rep = leaf->node->rep, def = leaf->node->def;
    const uint8_t *at, *end;
    enum err err;

    if (head->entries < 0 || head->entries > leaf->left)
        return err_set(ERR_IO, "a page has more values than its column");
    err = make_room(leaf, (size_t)head->unpacked);
    if (err)
        return err;
    err = second ? unpack_second(leaf, head, packed)
                 : codec_unpack(leaf->codec, packed, (size_t)head->packed, leaf->page,
                                leaf->n_page);
    at = leaf->page;
    end = leaf->page + leaf->n_page;
    if (!err && second) {
        hybrid_begin(&leaf->reps, at, (size_t)head->n_reps, bits_of(rep));
        hybrid_begin(&leaf->defs, at + head->n_reps, (size_t)head->n_defs, bits_of(def));
        at += head->n_reps + head->n_defs;
    } else if (!err) {
        err = levels_before(&leaf->reps, rep, head->rep_encoding, &at, end);
        if (!err)
            err = levels_before(&leaf->defs, def, head->def_encoding, &at, end);
    }
    if (err)
        return err;
    leaf->in_page = head->entries;
    leaf->left -= head->entries;
    return values_begin(&leaf->values, leaf->node, head->encoding, at, (size_t)(end - at),
                        leaf->has_dictionary ? &leaf->dictionary : NULL);
}

/* The next page, of whatever kind: an index is passed over. */
static enum err read_page(struct leaf *leaf)
{
    struct page_header head;
    uint8_t *packed;
    enum err err;

    if (leaf->at >= leaf->end)
        return err_set(ERR_IO, "has fewer values than its metadata say");
    err = read_header(leaf, &head);
    if (!err)
        err = check_header(leaf, &head);
    if (!err)
        err = read_packed(leaf, &head, &packed);
    if (err)
        return err;
    if (head.kind == PAGE_DICTIONARY)
        err = read_dictionary(leaf, &head, packed);
    else if (head.kind == PAGE_DATA || head.kind == PAGE_DATA_2)
        err = begin_data(leaf, &head, packed);
    free(packed);
    return err;
}

/* Pages without an entry are legal, and passed over. */
enum err leaf_peek(struct leaf *leaf, bool *end)
{
    const struct schema_node *node = leaf->node;

    *end = false;
    if (leaf->peeked)
        return OK;
    while (!leaf->in_page) {
        enum err err;
        if (!leaf->left) {
            *end = true;
            return OK;
        }
        err = read_page(leaf);
        if (err)
            return err_add("column '%s'", node->name);
    }
    leaf->rep = node->rep ? (int)hybrid_next(&leaf->reps) : 0;
    leaf->def = node->def ? (int)hybrid_next(&leaf->defs) : 0;
    if ((node->rep && leaf->reps.bad) || (node->def && leaf->defs.bad) ||
        leaf->rep > node->rep || leaf->def > node->def)
        return err_set(ERR_IO, "column '%s': a page's levels are damaged", node->name);
    leaf->in_page--;
    leaf->peeked = true;
    return OK;
}

enum err leaf_take(struct leaf *leaf, const uint8_t **bytes, size_t *n)
{
    enum err err = OK;

    *bytes = NULL;
    *n = 0;
    leaf->peeked = false;
    if (leaf->def == leaf->node->def)
        err = values_next(&leaf->values, bytes, n);
    return err ? err_add("column '%s'", leaf->node->name) : OK;
}
