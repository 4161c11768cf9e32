/* How it works: four bytes say how long the trie is, the trie follows in words of four bytes,
 * and behind it lie the replacements, each with a zero at its end. A word of the trie (a unit of
 * Darts-clone) holds the label of the edge that leads to it, how far its children are, and
 * whether it has a value, which is where its replacement starts.
 *
 * Text is mapped a grapheme at a time if that has less than six bytes, else, and where the map
 * has nothing for it, a character at a time. Every step inside of the trie is checked against
 * its end: the file is not ours. */

#include "lm/text/charsmap.h"

#include "base/mem.h"
#include "lm/text/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { GRAPHEME_BYTES = 6 }; /* shorter ones are looked up whole */

struct charsmap {
    uint32_t *unit;
    size_t units;
    char *text; /* replacements, and one more zero */
    size_t size;
};

static uint32_t word(const char *bytes)
{
    const unsigned char *b = (const unsigned char *)bytes;

    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

enum err charsmap_new(struct charsmap **out, const char *bytes, size_t n)
{
    struct charsmap *map;
    size_t trie;

    *out = NULL;
    if (n < 8 || n > CHARSMAP_BYTES_MAX)
        return err_set(ERR_RANGE, "character map: %zu bytes, not in [8, %d]", n,
                       CHARSMAP_BYTES_MAX);
    trie = word(bytes);
    if (trie < 4 || trie % 4 || trie > n - 4)
        return err_set(ERR_PARSE, "character map: a trie of %zu bytes in %zu", trie, n - 4);
    /* A replacement may be cut in the middle of a character where an offset says so. */
    if (!utf8_valid(bytes + 4 + trie, n - 4 - trie))
        return err_set(ERR_PARSE, "character map: replacements are not UTF-8");
    map = mem_new(1, sizeof *map);
    map->units = trie / 4;
    map->unit = mem_new(map->units, sizeof *map->unit);
    for (size_t i = 0; i < map->units; i++)
        map->unit[i] = word(bytes + 4 + 4 * i);
    map->size = n - 4 - trie;
    map->text = mem_new(map->size + 1, 1);
    memcpy(map->text, bytes + 4 + trie, map->size);
    *out = map;
    return OK;
}

void charsmap_free(struct charsmap *map)
{
    if (!map)
        return;
    free(map->unit);
    free(map->text);
    free(map);
}

/* How far a unit's children are. */
static size_t offset(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

/* The replacement of the shortest text of the map that chunk[0..n) begins with, or NULL. */
static const char *find(const struct charsmap *map, const char *chunk, size_t n)
{
    size_t at = offset(map->unit[0]);

    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)chunk[i];
        uint32_t unit;

        if (!c) /* the trie's texts end at a zero */
            return NULL;
        at ^= c;
        if (at >= map->units)
            return NULL;
        unit = map->unit[at];
        if ((unit & (1u << 31 | 0xff)) != c)
            return NULL;
        at ^= offset(unit);
        if (at >= map->units)
            return NULL;
        if (unit >> 8 & 1) {
            const size_t value = map->unit[at] & ~(1u << 31);
            const bool inside = value < map->size;

            /* Hugging Face takes an offset in a character for an error that ends the program:
             * here nothing stands there. */
            return inside && (map->text[value] & 0xc0) != 0x80 ? map->text + value : NULL;
        }
    }
    return NULL;
}

struct made {
    char *text;
    size_t n, room;
};

static void put(struct made *made, const char *text, size_t n)
{
    if (made->room - made->n < n) {
        made->room = 2 * made->room + n;
        made->text = mem_grow(made->text, made->room, 1);
    }
    memcpy(made->text + made->n, text, n);
    made->n += n;
}

/* One grapheme. */
static void map_chunk(const struct charsmap *map, struct made *made, const char *text, size_t n)
{
    const char *to = n < GRAPHEME_BYTES ? find(map, text, n) : NULL;
    uint32_t cp;

    if (to) {
        put(made, to, strlen(to));
        return;
    }
    for (size_t i = 0, bytes; i < n; i += bytes) {
        (void)utf8_next(text + i, n - i, &cp, &bytes);
        to = find(map, text + i, bytes);
        put(made, to ? to : text + i, to ? strlen(to) : bytes);
    }
}

enum err charsmap_run(const struct charsmap *map, const char *text, size_t n, size_t most,
                      char **out, size_t *m)
{
    struct made made = {.text = mem_new(n + 1, 1), .room = n};
    size_t start = 0, bytes;
    uint32_t before = 0, cp;
    int32_t state = 0;

    for (size_t i = 0; i < n && made.n <= most; i += bytes) {
        (void)utf8_next(text + i, n - i, &cp, &bytes);
        if (i && utf8proc_grapheme_break_stateful((utf8proc_int32_t)before,
                                                  (utf8proc_int32_t)cp, &state)) {
            map_chunk(map, &made, text + start, i - start);
            start = i;
        }
        before = cp;
    }
    if (made.n <= most && start < n)
        map_chunk(map, &made, text + start, n - start);
    *out = NULL;
    *m = 0;
    if (made.n > most) {
        free(made.text);
        return err_set(ERR_RANGE, "character map: more than %zu bytes of text", most);
    }
    *out = made.text;
    *m = made.n;
    return OK;
}
