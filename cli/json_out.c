/* How: for json=true the descriptor of standard output is kept under another number and
 * standard error takes its place, so that whatever a command or a library prints for people is
 * still seen and a program that reads standard output finds the object alone. A command
 * without a table for people costs nothing by it. */

#include "cli/json_out.h"

#include "base/conf.h"
#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where what is printed goes from now on. */
static enum err divert(struct json_out *out)
{
    const int kept = dup(STDOUT_FILENO);

    (void)fflush(stdout);
    if (kept < 0 || !(out->to = fdopen(kept, "w")))
        return err_set(ERR_IO, "standard output: %s", strerror(errno));
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return err_set(ERR_IO, "standard error: %s", strerror(errno));
    return OK;
}

/* "yes" and "1" are true as everywhere; a file of such a name is ./yes. */
enum err json_out_open(struct json_out *out, const char *said)
{
    int yes;

    *out = (struct json_out){NULL, NULL};
    if (!said || !*said)
        return OK;
    if (!strcmp(said, "-"))
        return divert(out);
    if (conf_tristate(&yes, "json", said)) {
        out->path = mem_text(said);
        return OK;
    }
    return yes == 1 ? divert(out) : OK;
}

bool json_out_wanted(const struct json_out *out)
{
    return out->path || out->to;
}

enum err json_out_text(struct json_out *out, const char *text)
{
    enum err err = OK;

    if (out->path)
        err = fs_write(out->path, text, strlen(text));
    else if (out->to && (fprintf(out->to, "%s\n", text) < 0 || fflush(out->to)))
        err = err_set(ERR_IO, "standard output: %s", strerror(errno));
    return err;
}

enum err json_out_put(struct json_out *out, const json_t *object)
{
    char *text;
    enum err err;

    if (!json_out_wanted(out))
        return OK;
    text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    err = text ? json_out_text(out, text) : err_set(ERR_RANGE, "a figure is not a number");
    free(text);
    return err;
}

/* What is still buffered was printed for people, and goes where that goes. */
void json_out_close(struct json_out *out)
{
    if (out->to) {
        (void)fflush(stdout);
        (void)dup2(fileno(out->to), STDOUT_FILENO);
        (void)fclose(out->to);
    }
    free(out->path);
    *out = (struct json_out){NULL, NULL};
}
