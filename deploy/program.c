/* How it works: all of drover's programs are installed side by side, so that one finds another
 * in the folder it runs from itself: no search path decides which version answers. */
#include "deploy/program.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum err program_path(char **path, const char *program)
{
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    *path = NULL;
    if (n < 0)
        return err_set(ERR_IO, "cannot find this program's folder: %s", strerror(errno));
    self[n] = 0;
    slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    *path = mem_print("%s/%s", self, program);
    if (!access(*path, X_OK))
        return OK;
    free(*path);
    *path = NULL;
    return err_set(ERR_IO, "%s/%s: %s; install all of drover's programs side by side", self,
                   program, strerror(errno));
}

/* exec keeps the process: signals, the terminal and the exit status are the program's own. */
static enum err become(const char *program, char *const *argv)
{
    char *path;
    enum err err = program_path(&path, program);

    if (err)
        return err;
    setenv("DROVER_TYPED", "drover", 1); /* what usage and errors shall name */
    /* By default OpenMP's threads wait for one another in a busy loop, for milliseconds: ten to
     * a hundred times slower on a machine that does anything else. */
    if (!getenv("OMP_WAIT_POLICY"))
        setenv("GOMP_SPINCOUNT", "10000", 0);
    execv(path, argv);
    err = err_set(ERR_IO, "%s: cannot start: %s", path, strerror(errno));
    free(path);
    return err;
}

enum err program_become(const char *program, const char *word, int argc, char **argv)
{
    char **words = mem_new((size_t)argc + 3, sizeof *words);
    char *name = mem_text(program), *first = word ? mem_text(word) : NULL;
    int n = 0;
    enum err err;

    words[n++] = name;
    if (first)
        words[n++] = first;
    for (int i = 0; i < argc; i++)
        words[n++] = argv[i];
    err = become(program, words);
    free(name);
    free(first);
    free(words);
    return err;
}
