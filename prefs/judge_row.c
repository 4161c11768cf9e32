/* SQLite checks its pages' structure, not what is in them: a bit that turns over inside a value
 * would be read as another judgement. So each row carries a hash of what the client said and a
 * checksum over that and the rest; reading a row checks both. */

#include "prefs/judge_row.h"

#include "base/strbuf.h"
#include "prefs/sql.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Texts with their lengths before them: no two rows run into one another. */
static void put(struct strbuf *buf, const char *text)
{
    strbuf_print(buf, "%zd:", text ? (ssize_t)strlen(text) : (ssize_t)-1);
    if (text)
        strbuf_put(buf, text, strlen(text));
}

struct hash judge_row_content(const struct judge_row *row)
{
    struct strbuf all = {0};
    struct hash hash;

    strbuf_print(&all, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
                 row->assignment, row->annotator, row->choice, row->step, row->strength,
                 row->shown);
    put(&all, row->verdict);
    put(&all, row->ranking);
    put(&all, row->text);
    put(&all, row->criteria);
    put(&all, row->reason);
    put(&all, row->flags);
    hash = hash_of(all.text, all.n);
    free(all.text);
    return hash;
}

/* CRC-32C is against accidents; who can write the file can write the sum as well. */
int64_t judge_row_sum(const struct judge_row *row, const struct hash *content)
{
    struct strbuf all = {0};
    uint32_t crc;

    strbuf_print(&all, "%" PRId64 " %" PRId64 " %" PRId64, row->seq, row->at, row->undoes);
    put(&all, row->id);
    put(&all, row->view);
    crc = hash_crc32c(0, all.text, all.n);
    free(all.text);
    return hash_crc32c(crc, content->byte, HASH_BYTES);
}

/* Numbers without a gap, so that a missing row is seen. */
enum err judge_row_write(struct prefs *prefs, struct judge_row *row)
{
    const struct hash content = judge_row_content(row);
    int64_t last = 0;
    enum err err = sql_number(prefs, &last, 0, "SELECT max(seq) FROM judgement", "");

    row->seq = last + 1;
    if (err)
        return err;
    return sql_do(prefs,
                  "INSERT INTO judgement VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
                  " ?12, ?13, ?14, ?15, nullif(?16, 0), ?17, ?18, ?19)",
                  "itiitiittitttiiithi", row->seq, row->id, row->assignment, row->annotator,
                  row->verdict, row->choice, row->step, row->ranking, row->text, row->strength,
                  row->criteria, row->reason, row->flags, row->shown, row->at, row->undoes,
                  row->view, &content, judge_row_sum(row, &content));
}

static const char *text_at(sqlite3_stmt *made, int column)
{
    return (const char *)sqlite3_column_text(made, column);
}

enum err judge_row_read(struct judge_row *out, struct prefs *prefs, sqlite3_stmt *made)
{
    struct hash content;

    *out = (struct judge_row){.seq = sqlite3_column_int64(made, 0),
                              .id = text_at(made, 1),
                              .assignment = sqlite3_column_int64(made, 2),
                              .annotator = sqlite3_column_int64(made, 3),
                              .verdict = text_at(made, 4),
                              .choice = sqlite3_column_int64(made, 5),
                              .step = sqlite3_column_int64(made, 6),
                              .ranking = text_at(made, 7),
                              .text = text_at(made, 8),
                              .strength = sqlite3_column_int64(made, 9),
                              .criteria = text_at(made, 10),
                              .reason = text_at(made, 11),
                              .flags = text_at(made, 12),
                              .shown = sqlite3_column_int64(made, 13),
                              .at = sqlite3_column_int64(made, 14),
                              .undoes = sqlite3_column_int64(made, 15),
                              .view = text_at(made, 16)};
    content = judge_row_content(out);
    if (sqlite3_column_bytes(made, 17) != HASH_BYTES ||
        memcmp(sqlite3_column_blob(made, 17), content.byte, HASH_BYTES) != 0 ||
        sqlite3_column_int64(made, 18) != judge_row_sum(out, &content))
        return err_set(ERR_PARSE,
                       "%s: damaged: judgement %" PRId64 " does not fit its checksum",
                       prefs->path, out->seq);
    return OK;
}
