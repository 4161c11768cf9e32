/* The export and the reader of its file, without the file: what is ranked of a store is what would
 * be ranked of its export. */

#include "annotate/exchange/votes_of.h"

#include "annotate/exchange/export.h"
#include "prefs/prefs.h"
#include "ratings/votes_read.h"

static enum err take(void *self, const json_t *row)
{
    return votes_read_row(self, row);
}

enum err votes_of_file(struct votes *votes, const char *path, const char *covariates)
{
    const struct export_rule rule = {.format = EXPORT_ARENA};
    struct export_count count = {0};
    struct votes_reading *reading;
    struct prefs *prefs;
    enum err err = prefs_open(&prefs, path, PREFS_READ);

    if (err)
        return err;
    reading = votes_read_open(votes, covariates);
    err = export_visit(prefs, &rule, take, reading, &count);
    votes_read_close(reading);
    prefs_close(prefs);
    return err ? err_add("%s", path) : votes_end(votes);
}
