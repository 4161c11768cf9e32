/* Written through base/fs, which makes a file whole or not at all: a crash while writing leaves
 * the older one. Read in two passes: every block's checksum first, in pieces, then the blocks
 * into the memory where they belong. So a damaged file has changed nothing, and the caller may
 * try an older one. Nothing is mapped: a mapping of weights would count as memory of this
 * process. */
#include "learner/run/checkpoint.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "DROVERC1";

/* Little-endian by hand, whatever the machine is. */
static void put32(uint8_t *to, uint32_t x)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(x >> (8 * i));
}

static uint32_t get32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
           (uint32_t)from[3] << 24;
}

/* Checksums of blocks stand in the head, and one of the head in front of it: so a file is
 * known to be whole before a byte of it is believed. */
static char *head_text(const json_t *meta, const struct checkpoint_block *block, int n)
{
    json_t *blocks = json_array(), *head;
    char *text;

    for (int i = 0; i < n; i++)
        json_array_append_new(
            blocks, json_pack("[sII]", block[i].name, (json_int_t)block[i].n,
                              (json_int_t)hash_crc32c(0, block[i].bytes, block[i].n)));
    head = json_pack("{s:o, s:O}", "blocks", blocks, "meta", meta);
    text = json_dumps(head, JSON_COMPACT);
    json_decref(head);
    return text;
}

enum err checkpoint_write(const char *path, const json_t *meta,
                          const struct checkpoint_block *block, int n)
{
    char *head = head_text(meta, block, n);
    const size_t length = strlen(head);
    struct fs_file *file = NULL;
    uint8_t start[16];
    enum err err;

    memcpy(start, magic, sizeof(magic));
    put32(start + 8, (uint32_t)length);
    put32(start + 12, hash_crc32c(0, head, length));
    err = fs_begin(&file, path);
    if (!err)
        err = fs_put(file, start, sizeof(start));
    if (!err)
        err = fs_put(file, head, length);
    for (int i = 0; i < n && !err; i++)
        err = fs_put(file, block[i].bytes, block[i].n);
    free(head);
    if (err) {
        fs_abort(file);
        return err;
    }
    return fs_commit(file);
}

/* An open checkpoint. Blocks are checked in pieces and read where they belong: a mapping of the
 * whole file would count as memory of this process. */
struct checkpoint_view {
    int fd;
    size_t from, left; /* where the blocks begin, and their bytes */
    json_t *head;
};

enum { PIECE = 1 << 20 };

static void view_close(struct checkpoint_view *view)
{
    json_decref(view->head);
    if (view->fd >= 0)
        close(view->fd);
}

/* pread may return less than was asked for, and does across signals. */
static enum err take(const struct checkpoint_view *view, void *to, size_t n, size_t at)
{
    uint8_t *bytes = to;

    while (n) {
        const ssize_t got = pread(view->fd, bytes, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(ERR_IO, "%s", strerror(errno));
        if (!got)
            return err_set(ERR_PARSE, "cut short");
        bytes += got;
        at += (size_t)got;
        n -= (size_t)got;
    }
    return OK;
}

static enum err take_head(struct checkpoint_view *view, size_t size)
{
    uint8_t bytes[16];
    char *text = NULL;
    size_t n = 0;
    enum err err = size < sizeof bytes ? ERR_PARSE : take(view, bytes, sizeof bytes, 0);

    /* Words for whoever named the wrong file; a file of ours that is damaged says "damaged". */
    if (!err && memcmp(bytes, magic, sizeof(magic)))
        err = ERR_PARSE;
    if (err)
        return err == ERR_IO ? err : err_set(ERR_PARSE, "not a checkpoint");
    n = get32(bytes + 8);
    /* The length is believed only within the file and the limit: it is read before its own
     * checksum. */
    if (n <= size - 16 && n <= CHECKPOINT_HEAD_MAX) {
        text = mem_new(n + 1, 1);
        err = take(view, text, n, 16);
        if (!err && hash_crc32c(0, text, n) == get32(bytes + 12))
            view->head = json_loadb(text, n, 0, NULL);
        free(text);
    }
    if (!err && !json_is_array(json_object_get(view->head, "blocks")))
        err = err_set(ERR_PARSE, "damaged");
    view->from = 16 + n;
    view->left = size - view->from;
    return err;
}

static enum err view_open(struct checkpoint_view *view, const char *path)
{
    struct stat status;
    enum err err;

    *view = (struct checkpoint_view){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (view->fd < 0 || fstat(view->fd, &status))
        err = err_set(ERR_IO, "%s", strerror(errno));
    else
        err = take_head(view, (size_t)status.st_size);
    if (err) {
        view_close(view);
        err = err_add("%s", path);
    }
    return err;
}

/* The meta alone tells whether a checkpoint is this run's; blocks may be gigabytes. */
enum err checkpoint_peek(const char *path, json_t **meta)
{
    struct checkpoint_view view;
    const enum err err = view_open(&view, path);

    *meta = NULL;
    if (err)
        return err;
    *meta = json_incref(json_object_get(view.head, "meta"));
    view_close(&view);
    return *meta ? OK : err_set(ERR_PARSE, "%s: damaged", path);
}

/* The checksum of n bytes at `at`. */
static enum err sum(const struct checkpoint_view *view, size_t at, size_t n, uint32_t *crc)
{
    uint8_t *piece = mem_new(PIECE, 1);
    enum err err = OK;

    *crc = 0;
    while (n && !err) {
        const size_t now = n < PIECE ? n : PIECE;
        err = take(view, piece, now, at);
        if (!err)
            *crc = hash_crc32c(*crc, piece, now);
        at += now;
        n -= now;
    }
    free(piece);
    return err;
}

/* Row i of the head's list, checked against the bytes. */
static enum err check_block(const struct checkpoint_view *view, size_t i, size_t *at,
                            const char **name, size_t *n)
{
    const json_t *row = json_array_get(json_object_get(view->head, "blocks"), i);
    json_int_t size, crc;
    uint32_t got;
    enum err err;

    if (json_unpack((json_t *)(uintptr_t)row, "[sII]", name, &size, &crc) || size < 0 ||
        (uint64_t)size > view->left - *at)
        return err_set(ERR_PARSE, "cut short or damaged");
    *n = (size_t)size;
    err = sum(view, view->from + *at, *n, &got);
    if (!err && got != (uint32_t)crc)
        err = err_set(ERR_PARSE, "block %s is damaged", *name);
    *at += *n;
    return err;
}

static enum err fill(const struct checkpoint_view *view, const struct checkpoint_block *block,
                     int n)
{
    const size_t rows = json_array_size(json_object_get(view->head, "blocks"));
    size_t found[CHECKPOINT_BLOCKS] = {0}; /* offset in the file; 0: not there */
    size_t at = 0;
    enum err err = OK;

    for (size_t i = 0; i < rows; i++) {
        const size_t from = at;
        const char *name = NULL;
        size_t size = 0;
        err = check_block(view, i, &at, &name, &size);
        if (err)
            return err;
        /* Blocks that nobody asks for are checked and passed over: a later version may write
         * more. */
        for (int k = 0; k < n; k++)
            if (!strcmp(block[k].name, name) && block[k].n == size)
                found[k] = view->from + from;
    }
    for (int k = 0; k < n; k++)
        if (!found[k])
            return err_set(ERR_RANGE, "block %s is missing or of another size", block[k].name);
    for (int k = 0; k < n && !err; k++)
        err = take(view, block[k].bytes, block[k].n, found[k]);
    return err;
}

enum err checkpoint_read(const char *path, const struct checkpoint_block *block, int n)
{
    struct checkpoint_view view;
    enum err err = n > CHECKPOINT_BLOCKS ? err_set(ERR_RANGE, "%d blocks are too many", n)
                                         : view_open(&view, path);

    if (err)
        return err;
    err = fill(&view, block, n);
    if (err)
        err = err_add("%s", path);
    view_close(&view);
    return err;
}

/* Ten digits, so that names sort as numbers do for whoever lists the folder. */
char *checkpoint_path(const char *folder, int64_t step)
{
    return mem_print("%s/step-%010" PRId64 ".ckpt", folder, step);
}

/* The newest is what everybody looks for. */
static int falling(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* A folder that is not there has no checkpoints: the first start is no error. */
enum err checkpoint_list(int64_t **steps, size_t *n, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    *steps = NULL;
    *n = 0;
    if (!dir)
        return errno == ENOENT ? OK : err_set(ERR_IO, "%s: %s", folder, strerror(errno));
    /* %n tells whether the name ends there: step-12.ckpt.tmp is one that was being written. */
    while ((entry = readdir(dir))) {
        long long step;
        int end = 0;
        if (sscanf(entry->d_name, "step-%lld.ckpt%n", &step, &end) == 1 && end > 0 &&
            !entry->d_name[end]) {
            *steps = mem_grow(*steps, *n + 1, sizeof(**steps));
            (*steps)[(*n)++] = step;
        }
    }
    closedir(dir);
    if (*n)
        qsort(*steps, *n, sizeof(**steps), falling);
    return OK;
}

/* Newest first, so the first `keep` stay. */
enum err checkpoint_trim(const char *folder, size_t keep, int64_t spare)
{
    int64_t *steps;
    size_t n;
    enum err err = checkpoint_list(&steps, &n, folder);

    for (size_t i = keep; i < n && !err; i++) {
        if (steps[i] == spare)
            continue;
        char *path = checkpoint_path(folder, steps[i]);
        err = fs_remove(path);
        free(path);
    }
    free(steps);
    return err;
}
