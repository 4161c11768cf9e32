/* published: the files of a split of a data set that is named as on a hub (base/repo.h). */

#ifndef DATA_PUBLISHED_H
#define DATA_PUBLISHED_H

#include "base/err.h"
#include "data/split.h"

#include <jansson.h>
#include <stdbool.h>

struct published {
    const char *name;         /* owner/name[@REVISION] or hf://datasets/owner/name/FILE */
    const char *config;       /* dataset_config, or NULL: the set's default */
    const char *revision;     /* NULL: what the name says */
    const char *folder;       /* data_dir, or NULL */
    const json_t *data_files; /* patterns in place of the card's, or NULL */
    const char *split;
};

/* Whether `name` is no path here and could be a set's name. */
bool published_is(const char *name);

/* Brings the split's files here. n is 0 where the set has no such split; then, if `must`, an
 * error that lists what it has. Errors: repo's; card_files'; ERR_RANGE: no file in a form that
 * is read, nor a converted copy (refs/convert/parquet). On an error *out holds nothing. */
enum err published_find(struct split *out, const struct published *what, bool must) MUST_CHECK;

#endif
