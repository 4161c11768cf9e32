/* A file system for SQLite that stands before the usual one. Writes, truncations, syncs and deletions of
 * the store and the files beside it become events; power_cut plays a prefix of them: what was synced is
 * there, of what was not any part may be, in any order, a write by whole sectors. A file exists
 * once it was synced (SQLite syncs the folder then); a deletion may not have reached the disk. */
#include "tests/prefs/power.h"

#include "base/mem.h"
#include "base/rng.h"
#include "tests/support/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum what { WRITE, CUT, SYNC, DELETE, NOTE };
enum { FILES = 3, SECTOR = 512 };
static const char *const ends[FILES] = {"", "-wal", "-journal"};

struct event {
    enum what what;
    int file;
    int64_t at;
    size_t n;
    uint8_t *bytes;
};

struct power_file {
    sqlite3_file base;
    int file; /* which of FILES */
    sqlite3_file *real;
};

static sqlite3_vfs *usual, ours;
static struct event *event;
static size_t n_events, room_events;
static int recording;
static int64_t left = -1;

static void add(struct event one)
{
    if (!recording)
        return;
    if (n_events == room_events) {
        room_events = room_events ? 2 * room_events : 4096;
        event = mem_grow(event, room_events, sizeof *event);
    }
    event[n_events++] = one;
}

static int which(const char *name)
{
    const size_t n = name ? strlen(name) : 0;

    for (int i = FILES - 1; i > 0; i--)
        if (n > strlen(ends[i]) && !strcmp(name + n - strlen(ends[i]), ends[i]))
            return i;
    return 0;
}

/* ---- files */

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct power_file *)file)->real;
}

static int file_close(sqlite3_file *file)
{
    const int code = real_of(file)->pMethods->xClose(real_of(file));

    free(real_of(file));
    return code;
}

static int file_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    return real_of(file)->pMethods->xRead(real_of(file), to, n, at);
}

static int file_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    struct event one = {
        .what = WRITE, .file = ((struct power_file *)file)->file, .at = at, .n = (size_t)n};

    if (left >= 0 && left < n)
        return SQLITE_FULL;
    left -= left >= 0 ? n : 0;
    if (recording) {
        one.bytes = mem_new(one.n, 1);
        memcpy(one.bytes, from, one.n);
        add(one);
    }
    return real_of(file)->pMethods->xWrite(real_of(file), from, n, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    add((struct event){.what = CUT, .file = ((struct power_file *)file)->file, .at = size});
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
    add((struct event){.what = SYNC, .file = ((struct power_file *)file)->file});
    (void)flags;
    return SQLITE_OK; /* what a real one would keep is what the events say */
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int file_lock(sqlite3_file *file, int how)
{
    return real_of(file)->pMethods->xLock(real_of(file), how);
}

static int file_unlock(sqlite3_file *file, int how)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), how);
}

static int file_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int file_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *file, int at, int n, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), at, n, flags);
}

static void file_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_unmap(sqlite3_file *file, int remove)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
    2,           file_close, file_read,     file_write,    file_truncate, file_sync,
    file_size,   file_lock,  file_unlock,   file_reserved, file_control,  file_sector,
    file_traits, file_map,   file_shm_lock, file_barrier,  file_unmap,    NULL,
    NULL};

static int fs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *got)
{
    struct power_file *const mine = (struct power_file *)file;
    int code;

    (void)vfs;
    mine->file = which(name);
    mine->real = mem_new(1, (size_t)usual->szOsFile);
    code = usual->xOpen(usual, name, mine->real, flags, got);
    mine->base.pMethods = mine->real->pMethods ? &methods : NULL;
    if (code && !mine->base.pMethods)
        free(mine->real);
    return code;
}

static int fs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    (void)sync;
    add((struct event){.what = DELETE, .file = which(name)});
    return usual->xDelete(usual, name, 0);
}

void power_install(void)
{
    usual = sqlite3_vfs_find(NULL);
    ours = *usual;
    ours.pNext = NULL;
    ours.zName = "power";
    ours.szOsFile = sizeof(struct power_file);
    ours.xOpen = fs_open;
    ours.xDelete = fs_delete;
    assert_int_equal(sqlite3_vfs_register(&ours, 1), SQLITE_OK);
}

/* ---- what was seen */

void power_record(int on)
{
    recording = on;
}

void power_note(uint32_t n)
{
    add((struct event){.what = NOTE, .n = n});
}

size_t power_events(void)
{
    return n_events;
}

uint32_t power_noted(size_t at)
{
    while (at--)
        if (event[at].what == NOTE)
            return (uint32_t)event[at].n;
    return 0;
}

void power_room(int64_t bytes)
{
    left = bytes;
}

void power_forget(void)
{
    for (size_t i = 0; i < n_events; i++)
        free(event[i].bytes);
    free(event);
    event = NULL;
    n_events = room_events = 0;
}

/* ---- what a power cut leaves */

struct disk {
    uint8_t *bytes, *ghost; /* what is durable; what was before a deletion */
    size_t n, n_ghost, room;
    int exists, had;
    size_t pending[8192]; /* events */
    size_t n_pending;
};

static void set_size(struct disk *disk, size_t n)
{
    if (n > disk->room) {
        disk->room = n * 2;
        disk->bytes = mem_grow(disk->bytes, disk->room, 1);
    }
    if (n > disk->n)
        memset(disk->bytes + disk->n, 0, n - disk->n);
    disk->n = n;
}

static void put(struct disk *disk, size_t at, const uint8_t *bytes, size_t n)
{
    if (at + n > disk->n)
        set_size(disk, at + n);
    memcpy(disk->bytes + at, bytes, n);
}

static void apply(struct disk *disk, const struct event *one)
{
    if (one->what == CUT)
        set_size(disk, (size_t)one->at);
    else
        put(disk, (size_t)one->at, one->bytes, one->n);
}

/* Some of its sectors: a write is torn between them, never within. */
static void apply_torn(struct disk *disk, const struct event *one, uint64_t seed, size_t i)
{
    for (size_t from = 0; from < one->n; from += SECTOR)
        if (rng_uniform(seed, RNG_TEST, i, (uint32_t)from, 7) < 0.5)
            put(disk, (size_t)one->at + from, one->bytes + from,
                one->n - from < SECTOR ? one->n - from : SECTOR);
}

static void leave(struct disk *disk, uint64_t seed)
{
    uint32_t order[8192];
    const double how = rng_uniform(seed, RNG_TEST, 1, 0, 1),
                 kept = rng_uniform(seed, RNG_TEST, 2, 0, 1);

    rng_shuffle(order, disk->n_pending, seed, RNG_TEST, 3);
    for (size_t i = 0; i < disk->n_pending; i++) {
        const size_t at = how < 0.5 ? order[i] : i; /* reordered, or in order */
        const struct event *const one = &event[disk->pending[at]];
        const double u = rng_uniform(seed, RNG_TEST, at, 0, 4);
        if (u > kept)
            continue; /* dropped */
        if (one->what == WRITE && u > kept * 0.7)
            apply_torn(disk, one, seed, at);
        else
            apply(disk, one);
        disk->exists = 1;
    }
}

/* A new file's first sync syncs the folder: what was deleted before is gone for good. */
static void sync_folder(struct disk *all)
{
    for (int f = 0; f < FILES; f++)
        all[f].had = 0;
}

static void play(struct disk *all, size_t i)
{
    const struct event *const one = &event[i];
    struct disk *const disk = &all[one->file];

    if (one->what == SYNC) {
        for (size_t k = 0; k < disk->n_pending; k++)
            apply(disk, &event[disk->pending[k]]);
        disk->n_pending = 0;
        if (!disk->exists)
            sync_folder(all);
        disk->exists = 1;
    } else if (one->what == DELETE) {
        free(disk->ghost);
        disk->ghost = disk->bytes;
        disk->n_ghost = disk->n;
        disk->had = disk->exists;
        disk->bytes = NULL;
        disk->n = disk->room = disk->n_pending = 0;
        disk->exists = 0;
    } else if (disk->n_pending < sizeof disk->pending / sizeof *disk->pending) {
        disk->pending[disk->n_pending++] = i;
    } else {
        fail_msg("more unsynced writes than this test holds");
    }
}

static void write_out(const char *path, const char *end, const uint8_t *bytes, size_t n)
{
    char *const name = mem_print("%s%s", path, end);
    FILE *const to = fopen(name, "wb");

    assert_non_null(to);
    assert_int_equal(fwrite(bytes, 1, n, to), n);
    assert_int_equal(fclose(to), 0);
    free(name);
}

static void remove_old(const char *path)
{
    static const char *const all[] = {"", "-wal", "-journal", "-shm"};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *const name = mem_print("%s%s", path, all[i]);
        unlink(name);
        free(name);
    }
}

void power_cut(const char *path, size_t at, uint64_t seed)
{
    struct disk *const disk = mem_new(FILES, sizeof *disk);

    for (size_t i = 0; i < at; i++)
        if (event[i].what != NOTE)
            play(disk, i);
    remove_old(path);
    for (int f = 0; f < FILES; f++) {
        leave(&disk[f], seed * FILES + (uint64_t)f);
        if (disk[f].exists)
            write_out(path, ends[f], disk[f].bytes, disk[f].n);
        else if (disk[f].had && rng_uniform(seed, RNG_TEST, 5, (uint32_t)f, 1) < 0.5)
            write_out(path, ends[f], disk[f].ghost, disk[f].n_ghost);
        free(disk[f].bytes);
        free(disk[f].ghost);
    }
    free(disk);
}
