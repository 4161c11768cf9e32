/* repo: what a name means that is no path of this machine: one revision of a repository on a hub.
 *
 *   owner/name                     Qwen/Qwen2.5-0.5B-Instruct
 *   owner/name@REVISION            a branch, a tag or a commit; else main
 *   hf://owner/name[@REVISION][/INSIDE]            a file or folder in it
 *   hf://datasets/owner/name[@REVISION][/INSIDE]   the same of a data set
 *
 * lm and data ask here and know of no network: who may reach a hub (the command, the learner)
 * installs a source. Where none is installed, no name means anything. One thread at a time. */

#ifndef BASE_REPO_H
#define BASE_REPO_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum repo_kind { REPO_MODEL, REPO_DATASET };
enum {
    REPO_NAME = 256,  /* bytes of a name as people write it, INSIDE and the zero included */
    REPO_BLOB = 129,  /* of what names a file's bytes */
    REPO_COMMIT = 65, /* of a commit */
    REPO_FILES = 50000
};

/* A file of the repository. */
struct repo_file {
    char *path;           /* in the repository: checked, neither absolute nor with dots */
    int64_t size;         /* bytes; -1: not told */
    char blob[REPO_BLOB]; /* SHA-256 or git's SHA-1 in hex; "": not told */
};

/* A revision as it is now; it stays the same, and in memory, as long as the process lives. */
struct repo {
    enum repo_kind kind;
    char name[REPO_NAME], revision[REPO_NAME]; /* owner/name; as it was asked for */
    char commit[REPO_COMMIT];
    char *folder; /* here: what was taken lies in it under its own path */
    struct repo_file *file;
    size_t n;   /* files, ordered by path (bytes) */
    void *self; /* the source's own */
};

/* How a hub is reached. Errors: ERR_IO (words say why and what to do), ERR_RANGE, ERR_PARSE. */
struct repo_source {
    /* Fills all but kind, name and revision. `commit`: the one that must be taken, or NULL. */
    enum err (*open)(struct repo *out, const char *commit);
    /* The file at `at` is then below `folder`, whole and checked. */
    enum err (*take)(struct repo *repo, const size_t *at, size_t n);
    void (*close)(struct repo *repo); /* frees what open made */
};
void repo_serve(const struct repo_source *source); /* NULL: none */

/* Whether `text` could be a name: owner/name, or hf://. Paths that begin with . / or ~ are none,
 * nor is what has more or fewer slashes. Looks at no file. */
bool repo_is_name(const char *text);

/* owner/name and revision ("main" where none stands) of a name without INSIDE; false: it is none. */
bool repo_parts(const char *text, char name[REPO_NAME], char revision[REPO_NAME]);

/* Opens the revision that `text` names, the first time; then gives the same again. inside: what
 * it names in the repository ("": all); may be NULL.
 * Errors: the source's; ERR_IO where there is none, ERR_RANGE for a name that cannot be. */
enum err repo_open(const struct repo **out, enum repo_kind kind, const char *text,
                   char inside[REPO_NAME]) MUST_CHECK;

/* The file's place in the list, or -1. */
long repo_find(const struct repo *repo, const char *path);

/* Brings files here. Errors: the source's. */
enum err repo_take(const struct repo *repo, const size_t *at, size_t n) MUST_CHECK;

/* What was opened so far, and what was pinned: [{kind, name, revision, commit}]; NULL if nothing
 * was. A run keeps it. */
json_t *repo_record(void);

/* What such a record says is opened at its commit from now on, whatever its branch says by then.
 * What is no record is passed over. */
void repo_pin(const json_t *record);

/* "owner/name@REVISION" of a name without one; else, or if revision is "main", a copy of text. */
char *repo_at(const char *text, const char *revision);

/* Forgets all: for tests. */
void repo_forget(void);

#endif
