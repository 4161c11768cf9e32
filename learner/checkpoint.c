#include "learner/checkpoint.h"

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = "DROVERC1";

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

struct view {
    const void *map;
    size_t n;
    const uint8_t *blocks; /* where they begin */
    size_t left;
    json_t *head;
};

static void view_close(struct view *view)
{
    json_decref(view->head);
    fs_unmap(view->map, view->n);
}

static enum err view_open(struct view *view, const char *path)
{
    const uint8_t *bytes;
    size_t length;
    enum err err;

    *view = (struct view){0};
    err = fs_map(&view->map, &view->n, path);
    if (err)
        return err;
    bytes = view->map;
    if (view->n < 16 || memcmp(bytes, magic, sizeof(magic))) {
        view_close(view);
        return err_set(ERR_PARSE, "%s: not a checkpoint", path);
    }
    length = get32(bytes + 8);
    if (length <= view->n - 16 && length <= CHECKPOINT_HEAD_MAX &&
        hash_crc32c(0, bytes + 16, length) == get32(bytes + 12))
        view->head = json_loadb((const char *)bytes + 16, length, 0, NULL);
    if (!json_is_array(json_object_get(view->head, "blocks"))) {
        view_close(view);
        return err_set(ERR_PARSE, "%s: damaged", path);
    }
    view->blocks = bytes + 16 + length;
    view->left = view->n - 16 - length;
    return OK;
}

enum err checkpoint_peek(const char *path, json_t **meta)
{
    struct view view;
    const enum err err = view_open(&view, path);

    *meta = NULL;
    if (err)
        return err;
    *meta = json_incref(json_object_get(view.head, "meta"));
    view_close(&view);
    return *meta ? OK : err_set(ERR_PARSE, "%s: damaged", path);
}

/* Row i of the head's list, checked against the bytes. */
static enum err check_block(const struct view *view, size_t i, size_t *at, const char **name,
                            size_t *n)
{
    const json_t *row = json_array_get(json_object_get(view->head, "blocks"), i);
    json_int_t size, crc;

    if (json_unpack((json_t *)(uintptr_t)row, "[sII]", name, &size, &crc) || size < 0 ||
        (uint64_t)size > view->left - *at)
        return err_set(ERR_PARSE, "cut short or damaged");
    *n = (size_t)size;
    if (hash_crc32c(0, view->blocks + *at, *n) != (uint32_t)crc)
        return err_set(ERR_PARSE, "block %s is damaged", *name);
    *at += *n;
    return OK;
}

static enum err fill(const struct view *view, const struct checkpoint_block *block, int n)
{
    const size_t rows = json_array_size(json_object_get(view->head, "blocks"));
    const uint8_t *found[CHECKPOINT_BLOCKS] = {NULL};
    size_t at = 0;

    for (size_t i = 0; i < rows; i++) {
        const size_t from = at;
        const char *name = NULL;
        size_t size = 0;
        const enum err err = check_block(view, i, &at, &name, &size);
        if (err)
            return err;
        for (int k = 0; k < n; k++)
            if (!strcmp(block[k].name, name) && block[k].n == size)
                found[k] = view->blocks + from;
    }
    for (int k = 0; k < n; k++)
        if (!found[k])
            return err_set(ERR_RANGE, "block %s is missing or of another size", block[k].name);
    for (int k = 0; k < n; k++)
        memcpy(block[k].bytes, found[k], block[k].n);
    return OK;
}

enum err checkpoint_read(const char *path, const struct checkpoint_block *block, int n)
{
    struct view view;
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

char *checkpoint_path(const char *folder, int64_t step)
{
    return mem_print("%s/step-%010" PRId64 ".ckpt", folder, step);
}

static int falling(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

enum err checkpoint_list(int64_t **steps, size_t *n, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    *steps = NULL;
    *n = 0;
    if (!dir)
        return errno == ENOENT ? OK : err_set(ERR_IO, "%s: %s", folder, strerror(errno));
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

enum err checkpoint_trim(const char *folder, size_t keep)
{
    int64_t *steps;
    size_t n;
    enum err err = checkpoint_list(&steps, &n, folder);

    for (size_t i = keep; i < n && !err; i++) {
        char *path = checkpoint_path(folder, steps[i]);
        err = fs_remove(path);
        free(path);
    }
    free(steps);
    return err;
}
