/* import_put: an import under way, and what all its readers end in: an item and what was said
 * of it. */

#ifndef ANNOTATE_EXCHANGE_IMPORT_PUT_H
#define ANNOTATE_EXCHANGE_IMPORT_PUT_H

#include "annotate/exchange/import_rule.h"
#include "prefs/item.h"
#include "prefs/judge.h"

struct import_put {
    struct prefs *prefs;
    const struct import_rule *rule;
    struct import_count *count;
    int64_t now;
    json_t *seen;     /* {hash of a row: how often it came} */
    json_t *unpaired; /* rows that wait for another of their prompt */
};

/* What somebody said of the item. */
struct import_said {
    const char *annotator; /* NULL: the rule's */
    struct prefs_judgement said;
    const int *order; /* or NULL */
    enum prefs_why why;
    int64_t at; /* <= 0: now */
};

/* Of the content alone. The caller's. */
char *import_put_hash(const json_t *value);
/* A key that the same file gives again: of the row's content and how often it came before.
 * The caller's. */
char *import_put_key(struct import_put *put, const json_t *row);

/* Adds the item and, if the rule wants verdicts, what was said (n may be 0). Errors:
 * ERR_RANGE, the store's. */
enum err import_put_item(struct import_put *put, const struct prefs_item *item,
                         const struct import_said *said, size_t n) MUST_CHECK;

/* Readers, each of one row; false in *mine: not its kind. Errors: ERR_PARSE, ERR_RANGE name
 * the field. */
enum err import_table_row(struct import_put *put, const json_t *row) MUST_CHECK;
enum err import_table_arena(struct import_put *put, const json_t *row) MUST_CHECK;
enum err import_tools_label_studio(struct import_put *put, const json_t *row) MUST_CHECK;
bool import_min_is(const json_t *row); /* Label Studio's JSON-MIN */
enum err import_min_row(struct import_put *put, const json_t *row) MUST_CHECK;
bool import_feedback_is(const json_t *row); /* Argilla 1.x */
enum err import_feedback_row(struct import_put *put, const json_t *row) MUST_CHECK;
enum err import_tools_argilla(struct import_put *put, const json_t *row) MUST_CHECK;
bool import_pairs_are(const json_t *row); /* {"prompt", "a", "b"} */
enum err import_pairs_row(struct import_put *put, const json_t *row) MUST_CHECK;
/* One of TRL's records, and at the end those that wait. */
enum err import_record_row(struct import_put *put, const json_t *row) MUST_CHECK;
enum err import_record_end(struct import_put *put) MUST_CHECK;

#endif
