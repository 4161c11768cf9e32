/* Drawn at random is what a hash of the store's secret, a use and two numbers says: no state to
 * lose, nobody without the secret can tell, and a test with a secret of its own gets the same. */

#include "prefs/draw.h"

#include "prefs/sql.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* A prefix of secret bytes and a fixed length behind it: BLAKE2b is not open to extension, and
 * no two uses share an input. */
struct hash draw_hash(const struct prefs *prefs, const char *use, uint64_t a, uint64_t b)
{
    uint8_t all[PREFS_SECRET + 16 + 32] = {0};
    struct hash hash;

    memcpy(all, prefs->secret, PREFS_SECRET);
    for (int i = 0; i < 8; i++) {
        all[PREFS_SECRET + i] = (uint8_t)(a >> (8 * i));
        all[PREFS_SECRET + 8 + i] = (uint8_t)(b >> (8 * i));
    }
    memcpy(all + PREFS_SECRET + 16, use, strnlen(use, 32));
    hash = hash_of(all, sizeof all);
    sodium_memzero(all, sizeof all);
    return hash;
}

/* 53 bits: every value a double can hold evenly in [0, 1). */
double prefs_draw(const struct prefs *prefs, const char *use, uint64_t a, uint64_t b)
{
    const struct hash hash = draw_hash(prefs, use, a, b);
    uint64_t bits = 0;

    for (int i = 0; i < 8; i++)
        bits = bits << 8 | hash.byte[i];
    return (double)(bits >> 11) * 0x1p-53;
}

/* 48 bits: two of 10,000 people are alike with chance 2e-7, and a store cannot be searched for
 * a name by who does not have its secret. */
void prefs_pseudonym(struct prefs *prefs, int64_t annotator, char out[PREFS_PSEUDONYM])
{
    const struct hash hash = draw_hash(prefs, "pseudonym", (uint64_t)annotator, 0);
    sqlite3_stmt *made;
    char text[HASH_TEXT];
    bool row = false;

    hash_text(text, &hash);
    snprintf(out, PREFS_PSEUDONYM, "p-%.12s", text);
    /* Who came from another store keeps the pseudonym of that one: nobody else can have it. */
    if (sql_open(&made, prefs,
                 "SELECT name FROM annotator WHERE id = ?1 AND name GLOB"
                 " 'p-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]"
                 "[0-9a-f][0-9a-f][0-9a-f][0-9a-f]'",
                 "i", annotator))
        return;
    if (!sql_step(prefs, made, &row) && row)
        sql_copy(out, PREFS_PSEUDONYM, made, 0);
    sql_end(made);
}
