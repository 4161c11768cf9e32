/* How it works: each program's own loader is asked which libraries it would load (a program
 * started with LD_TRACE_LOADED_OBJECTS lists them and ends), since nobody else knows its search
 * paths. They travel together with that loader, and a script each starts `ld.so --library-path
 * lib elf/PROGRAM`: no path is written into any file, so the folder may stand anywhere, and no
 * environment variable reaches what the programs start in turn (a worker's python keeps its own
 * libraries). Under such a script /proc/self/exe is ld.so, beside which the scripts stand: so
 * programs find one another there as they do where they are installed (program.h).
 *
 * A bundle that runs is packed again as it is: then the libraries are those of its own folder.
 *
 * It may run beside a loop that starts processes: it changes nothing of this one's environment, and
 * no descriptor of it is open in them. */
#define _GNU_SOURCE /* pipe2 */
#include "deploy/bundle.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "deploy/program.h"
#include "deploy/tarball.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *const programs[] = {"drover", "drover-broker", "drover-learner",
                                       "drover-actor", "drover-rewarder"};
enum { PROGRAMS = sizeof programs / sizeof *programs, FILES = 256, LISTING = 1 << 16 };

struct bundle_part {
    char *name, *path; /* in the bundle; here */
};

struct bundle_parts {
    struct bundle_part part[FILES];
    int n;
};

/* A library that several programs need comes once. */
static enum err add(struct bundle_parts *parts, char *name, const char *path)
{
    for (int i = 0; i < parts->n; i++)
        if (!strcmp(parts->part[i].name, name)) {
            free(name);
            return OK;
        }
    if (parts->n == FILES) {
        free(name);
        return err_set(ERR_RANGE, "bundle: more than %d files", FILES);
    }
    parts->part[parts->n++] = (struct bundle_part){name, mem_text(path)};
    return OK;
}

/* Names and paths are copies of our own. */
static void forget(struct bundle_parts *parts)
{
    for (int i = 0; i < parts->n; i++) {
        free(parts->part[i].name);
        free(parts->part[i].path);
    }
}

/* Behind the last slash. */
static const char *base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Ours, but that a loader lists what it would load, and (`path` not NULL: NAME=value) from there.
 * The strings are borrowed. */
static char **listing_env(char *path)
{
    static const char name[] = "LD_LIBRARY_PATH=";
    size_t n = 0, at = 0;
    char **env;

    while (environ[n])
        n++;
    env = mem_new(n + 3, sizeof *env);
    for (size_t i = 0; i < n; i++)
        if (!path || strncmp(environ[i], name, sizeof name - 1))
            env[at++] = environ[i];
    env[at++] = (char *)(uintptr_t) "LD_TRACE_LOADED_OBJECTS=1";
    env[at] = path;
    return env;
}

/* What the loader says of one program, whole. */
static enum err trace(char text[LISTING], const char *program, const char *lib)
{
    char *argv[] = {(char *)(uintptr_t)program, NULL}, *path, **env;
    size_t at = 0;
    posix_spawn_file_actions_t actions;
    int ends[2], status = 0, code;
    ssize_t got;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC))
        return err_set(ERR_IO, "cannot make a pipe: %s", strerror(errno));
    path = lib ? mem_print("LD_LIBRARY_PATH=%s", lib) : NULL;
    env = listing_env(path);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    code = posix_spawn(&pid, program, &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    free(path);
    free(env);
    close(ends[1]);
    while (!code && at < LISTING - 1 && (got = read(ends[0], text + at, LISTING - 1 - at)) > 0)
        at += (size_t)got;
    text[at] = 0;
    close(ends[0]);
    if (code)
        return err_set(ERR_IO, "%s: cannot start: %s", program, strerror(code));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status ? err_set(ERR_IO, "%s: its loader does not say which libraries it needs",
                            program)
                  : OK;
}

/* Lines are `NAME => PATH (ADDRESS)`, `PATH (ADDRESS)` of the loader itself, and the kernel's
 * own page, which has no path. */
static enum err libraries(struct bundle_parts *parts, const char *program, const char *lib)
{
    char *text = mem_new(LISTING, 1), *rest = NULL;
    enum err err = trace(text, program, lib);

    for (char *line = strtok_r(text, "\n", &rest); line && !err;
         line = strtok_r(NULL, "\n", &rest)) {
        char *arrow = strstr(line, " => "), *path = strchr(arrow ? arrow : line, '/');
        char *end = path ? strstr(path, " (0x") : NULL;

        if (strstr(line, "not found"))
            err = err_set(ERR_IO, "%s: a library is missing:%s", program, line);
        if (err || !end)
            continue;
        *end = 0;
        err = arrow ? add(parts, mem_print("lib/%s", base(path)), path)
                    : add(parts, mem_text("ld.so"), path);
    }
    free(text);
    return err;
}

/* A program of a bundle: beside the script stands the folder of programs, and their loader. */
static enum err collect_packed(struct bundle_parts *parts, const char *folder,
                               const char *program)
{
    char *lib = mem_print("%s/lib", folder), *loader = mem_print("%s/ld.so", folder);
    const enum err err = libraries(parts, program, lib);

    for (int i = 0; i < parts->n; i++)
        if (!strcmp(parts->part[i].name, "ld.so")) {
            free(parts->part[i].path);
            parts->part[i].path = mem_text(loader);
        }
    free(lib);
    free(loader);
    return err;
}

/* Its name by the library's own: what is needed is libx.so.1, not libx.so.1.2.3. */
static enum err collect(struct bundle_parts *parts)
{
    enum err err = OK;

    for (int i = 0; i < PROGRAMS && !err; i++) {
        char *path = NULL, *folder, *packed;
        bool is_packed;

        err = program_path(&path, programs[i]);
        if (err)
            break;
        folder = mem_print("%.*s", (int)(strrchr(path, '/') - path), path);
        packed = mem_print("%s/elf/%s", folder, programs[i]);
        is_packed = fs_exists(packed);
        err = add(parts, mem_print("elf/%s", programs[i]), is_packed ? packed : path);
        if (!err)
            err = is_packed ? collect_packed(parts, folder, packed)
                            : libraries(parts, path, NULL);
        free(path);
        free(folder);
        free(packed);
    }
    return err;
}

/* As little of sh as there is: machines have dash, busybox, ksh. $0 is the script's path however
 * it was started, since the kernel puts it there. */
static char *script(const char *program)
{
    return mem_print("#!/bin/sh\n"
                     "d=${0%%/*}\n"
                     "exec \"$d/ld.so\" --library-path \"$d/lib\" \"$d/elf/%s\" \"$@\"\n",
                     program);
}

/* Over names, modes and bytes of all that is in it. */
static enum err name_it(char out[BUNDLE_NAME], const struct bundle_parts *parts)
{
    struct hash_sha256 state;
    char text[HASH_TEXT];
    struct hash hash;
    enum err err = OK;

    hash_sha256_init(&state);
    for (int i = 0; i < PROGRAMS; i++) {
        char *words = script(programs[i]);

        hash_sha256_add(&state, words, strlen(words));
        free(words);
    }
    for (int i = 0; i < parts->n && !err; i++) {
        const void *bytes = NULL;
        size_t n = 0;

        err = fs_map(&bytes, &n, parts->part[i].path);
        if (err)
            break;
        hash = hash_of(bytes, n);
        fs_unmap(bytes, n);
        hash_sha256_add(&state, parts->part[i].name, strlen(parts->part[i].name) + 1);
        hash_sha256_add(&state, hash.byte, HASH_BYTES);
    }
    hash = hash_sha256_end(&state);
    snprintf(out, BUNDLE_NAME, "%.*s", BUNDLE_NAME - 1, hash_text(text, &hash));
    return err;
}

/* The scripts first: a copy that was cut is without programs, never with programs that lack
 * their libraries (and a folder gets its name only when it is whole, link.c). */
static enum err pack(struct tarball *to, const struct bundle_parts *parts)
{
    enum err err = OK;

    for (int i = 0; i < PROGRAMS && !err; i++) {
        char *words = script(programs[i]);

        err = tarball_put(to, programs[i], 0755, words, strlen(words));
        free(words);
    }
    for (int i = 0; i < parts->n && !err; i++) {
        const void *bytes = NULL;
        size_t n = 0;

        err = fs_map(&bytes, &n, parts->part[i].path);
        if (!err)
            err = tarball_put(to, parts->part[i].name, 0755, bytes, n);
        fs_unmap(bytes, n);
    }
    return err;
}

/* Whole or not at all: two may make the same one at once. */
static enum err write_it(const char *file, const struct bundle_parts *parts)
{
    char *part = mem_print("%s.%ld", file, (long)getpid());
    struct tarball *to = NULL;
    enum err err = tarball_begin(&to, part);

    if (!err) {
        err = pack(to, parts);
        if (err)
            tarball_abort(to);
        else
            err = tarball_end(to);
    }
    if (!err)
        err = fs_rename(part, file);
    if (err)
        unlink(part);
    free(part);
    return err;
}

/* The hash is taken at each start (of some 70 MB, a fifth of a second), the archive made only if none
 * has that name: programs that were built anew are another bundle. */
enum err bundle_make(struct bundle *out, const char *folder)
{
    struct bundle_parts *parts = mem_new(1, sizeof *parts);
    struct utsname here;
    struct stat st = {.st_size = 0};
    enum err err;

    memset(out, 0, sizeof *out);
    err = fs_mkdir(folder);
    if (!err)
        err = collect(parts);
    if (!err)
        err = name_it(out->name, parts);
    if (!err) {
        out->file = mem_print("%s/drover-%s.tar.gz", folder, out->name);
        if (!fs_exists(out->file))
            err = write_it(out->file, parts);
    }
    if (!err && stat(out->file, &st))
        err = err_set(ERR_IO, "%s: %s", out->file, strerror(errno));
    out->bytes = (uint64_t)st.st_size;
    if (!err && !uname(&here))
        snprintf(out->machine, sizeof out->machine, "%.15s", here.machine);
    forget(parts);
    free(parts);
    return err ? err_add("bundle") : OK;
}

void bundle_free(struct bundle *bundle)
{
    free(bundle->file);
    memset(bundle, 0, sizeof *bundle);
}
