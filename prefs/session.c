/* Sessions: who is logged in where. A session is found by the hash of its token; reading one
 * writes nothing, so that a page that only looks costs no sync. */

#include "prefs/people.h"
#include "prefs/sql.h"

#include <string.h>

enum err prefs_session_add(struct prefs *prefs, const struct hash *token,
                           const struct prefs_session *session)
{
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = sql_do(prefs, "INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6)", "hihiii", token,
                 session->annotator, &session->csrf, session->at, session->seen,
                 session->expires);
    return sql_finish(prefs, err);
}

/* Joined with the person: closing somebody ends every session at the next request, whatever
 * else was forgotten. */
enum err prefs_session_read(struct prefs *prefs, const struct hash *token, int64_t now,
                            struct prefs_session *out)
{
    sqlite3_stmt *made;
    enum err err = sql_row(
        &made, prefs,
        "SELECT s.annotator, s.csrf, s.at, s.seen, s.expires FROM session s JOIN annotator p"
        " ON p.id = s.annotator WHERE s.token = ?1 AND s.expires > ?2 AND p.standing IN"
        " ('active', 'paused', 'held')",
        "hi", token, now);

    if (err == ERR_RANGE)
        return err_set(err, "nobody is logged in");
    if (err)
        return err;
    out->annotator = sqlite3_column_int64(made, 0);
    memset(&out->csrf, 0, sizeof out->csrf);
    if (sqlite3_column_bytes(made, 1) == HASH_BYTES)
        memcpy(out->csrf.byte, sqlite3_column_blob(made, 1), HASH_BYTES);
    out->at = sqlite3_column_int64(made, 2);
    out->seen = sqlite3_column_int64(made, 3);
    out->expires = sqlite3_column_int64(made, 4);
    sql_end(made);
    return OK;
}

/* Not with every request: the caller does it now and then, because it is a write. */
enum err prefs_session_seen(struct prefs *prefs, const struct hash *token, int64_t now,
                            int64_t expires)
{
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = sql_do(prefs, "UPDATE session SET seen = ?2, expires = ?3 WHERE token = ?1", "hii",
                 token, now, expires);
    return sql_finish(prefs, err);
}

enum err prefs_session_end(struct prefs *prefs, const struct hash *token)
{
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    return sql_finish(prefs, sql_do(prefs, "DELETE FROM session WHERE token = ?1", "h", token));
}

/* One statement for both, because both are a matter of which rows go. */
enum err prefs_session_end_all(struct prefs *prefs, int64_t annotator, int64_t now)
{
    enum err err = sql_begin(prefs);

    if (err)
        return err;
    err = sql_do(prefs,
                 "DELETE FROM session WHERE CASE WHEN ?1 THEN annotator = ?1"
                 " ELSE expires <= ?2 END",
                 "ii", annotator, now);
    return sql_finish(prefs, err);
}
