/* threads: OpenAssistant's table of messages, one a row, put together as the trees that
 * format=oasst reads (format.h).
 *
 * A row names itself (message_id) and what it replies to (parent_id, null of a tree's first). All
 * of a file's are taken first, in any order; then trees come in the order of their first messages,
 * replies in that of the file. */

#ifndef DATA_THREADS_H
#define DATA_THREADS_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct threads;

struct threads *threads_new(void);
void threads_free(struct threads *threads); /* NULL is fine */

/* By its columns: message_id, message_tree_id, role and text, and no tree of its own. */
bool threads_message(const json_t *row);

/* One more message, copied as far as it is needed; `line` is the row's. Errors: ERR_PARSE: no
 * message, or an id that was there before. */
enum err threads_take(struct threads *threads, const json_t *row, long line) MUST_CHECK;

/* Behind the last threads_take: the next tree {message_tree_id, prompt: {text, role, rank,
 * replies: [...]}}, the caller's, and the line of its first message; NULL: there is none left. */
json_t *threads_next(struct threads *threads, long *line);

/* Messages that belong to no tree: what they reply to is not in the file, or replies to them. */
size_t threads_astray(const struct threads *threads);

#endif
