/* What an admin takes along: the store as a file, or its rows in a format. Each is written to a file
 * beside the store, whose name is gone before the first byte is sent: what nobody fetches leaves
 * nothing, and a slow reader holds a descriptor and no memory. GET, as links on the page; they
 * change nothing that anybody sees but the audit. */

#include "annotate/carry.h"

#include "annotate/caller.h"
#include "annotate/exchange/export.h"
#include "base/mem.h"
#include "prefs/copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name beside the store that nobody has: what a person put there stays. */
static char *beside(const struct prefs *prefs, const char *what)
{
    char token[CALLER_TOKEN_TEXT];
    struct hash hash;

    caller_token(token, &hash);
    return mem_print("%s.%.16s.%s", prefs_path(prefs), token, what);
}

/* The answer is the file at `path`, called `name` where it arrives; the file's name goes. */
static void hand_over(struct caller *caller, enum err err, const char *path, const char *kind,
                      const char *name)
{
    const int fd = err ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat about;

    if (!err && (fd < 0 || fstat(fd, &about)))
        err = err_set(ERR_IO, "what was written cannot be read");
    unlink(path);
    if (!err) {
        desk_file(caller->request, 200, kind, fd, (uint64_t)about.st_size);
        desk_head(caller->request, "Content-Disposition",
                  mem_print("attachment; filename=%s", name));
        return;
    }
    caller_error(caller, err);
    if (fd >= 0)
        close(fd);
}

void carry_snapshot(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    struct prefs *prefs = caller->annotate->prefs;
    char *path = beside(prefs, "download");
    enum err err = caller_audit(caller, "snapshot", NULL);

    (void)request;
    if (!err)
        err = prefs_snapshot_sent(prefs, path);
    hand_over(caller, err, path, "application/vnd.sqlite3", "prefs.db");
    free(path);
}

static enum err put(void *self, const char *line, size_t n)
{
    return fwrite(line, 1, n, self) == n ? OK : err_set(ERR_IO, "the export cannot be written");
}

static enum err write_rows(struct prefs *prefs, const char *path,
                           const struct export_rule *rule)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    struct export_count count;
    enum err err = OK;

    if (!file) {
        if (fd >= 0)
            close(fd);
        return err_set(ERR_IO, "the export cannot be written");
    }
    err = export_run(prefs, rule, put, file, &count);
    if (fclose(file) && !err)
        err = err_set(ERR_IO, "the export cannot be written");
    return err;
}

void carry_export(void *self, struct desk_request *request)
{
    struct caller *caller = self;
    struct prefs *prefs = caller->annotate->prefs;
    const char *format = desk_argument(request, "format"),
               *labels = desk_argument(request, "labels");
    struct export_rule rule = {.format = EXPORT_AUTO};
    int which = 0, how = 0;
    char *path, *name;
    enum err err = words_find(&which, export_words, "format", format ? format : "auto");

    if (!err)
        err = words_find(&how, labels_words, "labels", labels ? labels : "each");
    if (err) {
        caller_refuse(caller, 400, err_text());
        return;
    }
    rule.format = (enum export_format)which;
    rule.how = (enum labels_how)how;
    path = beside(prefs, "export");
    name = mem_print("%s.%s", export_words[which], which == EXPORT_CSV ? "csv" : "jsonl");
    err = caller_audit(caller, "export", name);
    if (!err)
        err = write_rows(prefs, path, &rule);
    if (err ==
        ERR_RANGE) /* what these judgements cannot give, not something that is not there */
        err = ERR_STATE;
    hand_over(caller, err, path, which == EXPORT_CSV ? "text/csv" : "application/jsonl", name);
    free(name);
    free(path);
}
