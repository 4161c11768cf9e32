/* standing: a fleet that stands, as its file has it (`drover up`): read, compared, changed. */

#ifndef DEPLOY_STANDING_H
#define DEPLOY_STANDING_H

#include "deploy/plan.h"

struct crew;
struct links;

/* Read from words: a file and keys over it; the file is read again when the words are. */
struct standing {
    int argc;
    char **argv; /* borrowed */
    json_t *tree;
    char *folder;          /* keys, logs, fleet.json */
    bool show, background; /* keys `plan`, `background` */
    struct plan plan;      /* borrows from tree */
};

extern const struct conf_key standing_keys[]; /* folder, plan, background */

/* standing_free also after an error. Errors: of the file, plan_read_standing's, hosts_read's. */
enum err standing_read(struct standing *out, int argc, char **argv) MUST_CHECK;
void standing_free(struct standing *standing);

/* All that would run, for people; free it. */
char *standing_words(const struct standing *standing);

/* Reads the words again; what differs from what runs is changed, or, with `show`, only said. What
 * changes is put into `words`, a line each. Errors: standing_read's; nothing has changed then. */
enum err standing_apply(const struct standing *standing, struct crew *crew, struct links *links,
                        bool show, char *words, size_t room, int64_t now_ms) MUST_CHECK;

#endif
