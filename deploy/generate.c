/* How it works: the files are compiled in (files.cmake), since a bundle has programs and no data. A
 * line is copied, unless the line before it said what it is to be; the comment stays, so that what
 * was written can be filled in by hand again. */
#include "deploy/generate.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char mark[] = "# fleet.yaml: ";

/* Files of one kind stand side by side. */
char *generate_kinds(void)
{
    struct strbuf buf = {0};

    for (const struct generate_file *f = generate_files; f->path; f++) {
        const size_t n = strcspn(f->path, "/");
        const bool again = f > generate_files && !strncmp(f[-1].path, f->path, n + 1);
        if (!again)
            strbuf_print(&buf, "%s%.*s", buf.n ? ", " : "", (int)n, f->path);
    }
    return buf.text;
}

static const char *value_of(const struct generate_value *values, const char *name, size_t n)
{
    for (; values->name; values++)
        if (strlen(values->name) == n && !strncmp(values->name, name, n))
            return values->value;
    return NULL;
}

/* Letters in braces are a name; any other brace, and a shell's ${X}, is text. */
static enum err put_line(struct strbuf *to, const char *line, size_t n,
                         const struct generate_value *values)
{
    for (size_t i = 0; i < n; i++) {
        const size_t name = strspn(line + i + 1, "abcdefghijklmnopqrstuvwxyz");
        const bool ours = line[i] == '{' && name && line[i + 1 + name] == '}';
        const char *value;

        if (!ours || (i && line[i - 1] == '$')) {
            strbuf_put(to, line + i, 1);
            continue;
        }
        value = value_of(values, line + i + 1, name);
        if (!value)
            return err_set(ERR_RANGE, "{%.*s} has no value", (int)name, line + i + 1);
        strbuf_put(to, value, strlen(value));
        i += name + 1;
    }
    return OK;
}

enum err generate_fill(char **out, const char *text, const struct generate_value *values)
{
    struct strbuf buf = {0};
    const char *said = NULL; /* what the line before says that this one is */
    enum err err = OK;

    *out = NULL;
    strbuf_put(&buf, "", 0);
    while (*text && !err) {
        const size_t n = strcspn(text, "\n"), blank = strspn(text, " ");
        const bool marks = n >= blank && !strncmp(text + blank, mark, sizeof mark - 1);

        if (said) {
            strbuf_put(&buf, text, blank < n ? blank : n);
            err = put_line(&buf, said, strcspn(said, "\n"), values);
        } else {
            strbuf_put(&buf, text, n);
        }
        said = !said && marks ? text + blank + sizeof mark - 1 : NULL;
        text += n;
        if (*text)
            strbuf_put(&buf, text++, 1);
    }
    if (err)
        free(buf.text);
    else
        *out = buf.text;
    return err;
}

/* What begins with #! can be run. */
static enum err write_one(const char *path, const char *text)
{
    enum err err = fs_write(path, text, strlen(text));

    if (!err && !strncmp(text, "#!", 2) && chmod(path, 0755))
        err = err_set(ERR_IO, "%s: cannot be made a program", path);
    return err;
}

enum err generate_write(const char *kind, const char *out, const struct generate_value *values,
                        void (*told)(const char *path))
{
    const size_t n = strlen(kind);
    bool any = false;
    enum err err = OK;

    for (const struct generate_file *f = generate_files; f->path && !err; f++) {
        char *text = NULL, *path;

        if (strncmp(f->path, kind, n) || f->path[n] != '/')
            continue;
        err = any ? OK : fs_mkdir(out);
        any = true;
        path = mem_print("%s/%s", out, f->path + n + 1);
        if (!err)
            err = generate_fill(&text, f->text, values);
        if (!err)
            err = write_one(path, text);
        if (!err && told)
            told(path);
        free(text);
        free(path);
    }
    if (!any) {
        char *kinds = generate_kinds();
        err =
            err_set(ERR_PARSE, "'%.40s' is nothing that files are there for: %s", kind, kinds);
        free(kinds);
    }
    return err;
}
