/* Parquet and Arrow against what pyarrow reads from the same files (tests/golden/columns.py makes
 * both), and against damage. $DROVER_COLUMNS names a folder of more such files. */
#include "data/columns/arrow.h"
#include "data/columns/bytes.h"
#include "data/columns/cell.h"
#include "data/columns/codec.h"
#include "data/columns/parquet.h"
#include "data/rows.h"

#include "base/fs.h"
#include "base/mem.h"
#include "tests/support/test.h"

#include <dirent.h>
#include <lz4.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Numbers of fractions may differ in how they are written, not in what they are; f32 comes widened
 * on both sides. */
static bool same(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_array(a) && json_is_array(b)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        json_array_foreach((json_t *)(uintptr_t)a, i,
                           value) if (!same(value, json_array_get(b, i))) return false;
        return true;
    }
    if (json_is_object(a) && json_is_object(b)) {
        if (json_object_size(a) != json_object_size(b))
            return false;
        json_object_foreach((json_t *)(uintptr_t)a, key, value)
        {
            if (!same(value, json_object_get(b, key)))
                return false;
        }
        return true;
    }
    return json_equal(a, b);
}

/* The words with which the file must be refused; NULL: it must be read. */
static const char *refusal(const json_t *row)
{
    return json_string_value(json_object_get(row, "refused"));
}

/* The file must be refused with these words. */
static void expect_refused(const char *path, enum err err, const char *words)
{
    if (err != ERR_RANGE || !strstr(err_text(), words) || !strstr(err_text(), path))
        fail_msg("%s: '%s' does not say '%s'", path, err_text(), words);
}

/* A row, or that both have ended. */
static void expect_row(const char *path, const json_t *a, const json_t *b)
{
    if (a ? b && same(a, b) : !b)
        return;
    fail_msg("%s: %s is not %s", path, a ? json_dumps(a, JSON_COMPACT) : "the end",
             b ? json_dumps(b, JSON_COMPACT) : "the end");
}

static void compare(const char *path)
{
    char *told = mem_print("%s.jsonl", path);
    struct rows *wanted, *rows;
    json_t *a = NULL, *b = NULL;
    enum err err;
    long n = 0;

    assert_ok(rows_open(&wanted, told));
    assert_ok(rows_next(wanted, &b));
    err = rows_open(&rows, path);
    if (b && refusal(b)) {
        expect_refused(path, err, refusal(b));
        json_decref(b);
        b = NULL;
    } else {
        assert_ok(err);
        assert_ok(rows_next(rows, &a));
    }
    for (; a || b; n++) {
        expect_row(path, a, b);
        assert_int_equal(rows_line(rows), n + 1);
        json_decref(a);
        json_decref(b);
        assert_ok(rows_next(rows, &a));
        assert_ok(rows_next(wanted, &b));
    }
    rows_close(rows);
    rows_close(wanted);
    free(told);
}

/* Calls `with` for each file of columns in a folder; returns how many there were. */
static int each(const char *folder, void (*with)(const char *path))
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    int n = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        char *path = mem_print("%s/%s", folder, entry->d_name);
        if (dot && (!strcmp(dot, ".parquet") || !strcmp(dot, ".arrow"))) {
            with(path);
            n++;
        }
        free(path);
    }
    closedir(dir);
    return n;
}

static void files_are_read_as_pyarrow_reads_them(void **state)
{
    const char *more = getenv("DROVER_COLUMNS");
    (void)state;

    assert_true(each(GOLDEN "/columns", compare) >= 18);
    if (more)
        printf("columns: %d files of %s\n", each(more, compare), more);
}

enum {
    PATIENCE = 2000, /* rows: damage may say more than anybody waits for */
    PLACES = 600     /* of a file, at which it is cut or changed; tests/fuzz has the others */
};

/* Reads all of it, however it ends; *rows is how many came. */
static enum err drain(const void *bytes, size_t n, bool arrow, long *rows)
{
    struct bytes *memory = bytes_memory(bytes, n);
    struct parquet *parquet = NULL;
    struct arrow *stream = NULL;
    json_t *row = NULL;
    enum err err = arrow ? arrow_open(&stream, memory) : parquet_open(&parquet, memory);

    *rows = 0;
    while ((!err || err == ERR_PARSE) && *rows < PATIENCE) {
        if (!stream && !parquet)
            break;
        err = stream ? arrow_next(stream, &row) : parquet_next(parquet, &row);
        if (!err && !row)
            break;
        *rows += row != NULL;
        json_decref(row);
    }
    arrow_close(stream);
    parquet_close(parquet);
    return err;
}

/* A file that was cut off never gives fewer rows as if all were well. */
static void cut_everywhere(const char *path)
{
    const bool arrow = strstr(path, ".arrow") != NULL, file = strstr(path, "file_") != NULL;
    char *bytes;
    size_t n;
    long all, some;
    enum err err;

    assert_ok(fs_read(&bytes, &n, path, 1 << 20));
    err = drain(bytes, n, arrow, &all);
    for (size_t keep = 0; keep < n && !err; keep += 1 + n / PLACES) {
        char *exact = mem_new(keep, 1);
        memcpy(exact, bytes, keep);
        /* The file form has an index behind the stream's end, which is not needed. */
        if (!drain(exact, keep, arrow, &some) && !(file && some == all))
            fail_msg("%s cut to %zu bytes gave %ld of %ld rows", path, keep, some, all);
        free(exact);
    }
    free(bytes);
}

static void truncation_is_seen(void **state)
{
    (void)state;
    each(GOLDEN "/columns", cut_everywhere);
}

/* Any byte may be any other: errors are fine, more rows than there can be are not. */
static void twist_everywhere(const char *path)
{
    char *bytes;
    size_t n;
    long rows;

    assert_ok(fs_read(&bytes, &n, path, 1 << 20));
    for (size_t i = 0; i < n; i += 1 + n / PLACES) {
        const char was = bytes[i];
        bytes[i] = (char)(was ^ (1 << i % 8));
        (void)drain(bytes, n, strstr(path, ".arrow") != NULL, &rows);
        bytes[i] = was;
    }
    free(bytes);
}

static void damage_is_survived(void **state)
{
    (void)state;
    each(GOLDEN "/columns", twist_everywhere);
}

/* Puts a number in place of one in views.arrow, which must then be damaged. */
static void spoil_views(size_t at, int32_t number)
{
    char *bytes;
    size_t n;
    long rows;

    assert_ok(fs_read(&bytes, &n, GOLDEN "/columns/views.arrow", 1 << 20));
    memcpy(bytes + at, &number, sizeof(number));
    if (drain(bytes, n, true, &rows) != ERR_IO)
        fail_msg("%d at byte %zu: %ld rows were read", number, at, rows);
    free(bytes);
}

static size_t place_of(const void *what, size_t n_what)
{
    char *bytes;
    size_t n, at = 0;

    assert_ok(fs_read(&bytes, &n, GOLDEN "/columns/views.arrow", 1 << 20));
    while (at + n_what < n && memcmp(bytes + at, what, n_what) != 0)
        at++;
    assert_true(at + n_what < n);
    free(bytes);
    return at;
}

/* A text of 41 bytes in the first buffer of its column; where the first lists begin; and where
 * those places and the lists' lengths lie, which are as many. */
static void views_lead_into_their_buffers(void **state)
{
    static const int32_t begins[] = {0, 2, 4};
    static const int64_t buffers[] = {352, 12, 368, 12};
    const size_t text = place_of("\x29\0\0\0xxxx", 8), list = place_of(begins, sizeof(begins)),
                 lengths = place_of(buffers, sizeof(buffers));
    (void)state;

    spoil_views(text, -1);
    spoil_views(text, INT32_MAX);
    spoil_views(text + 8, -1);
    spoil_views(text + 8, 1);
    spoil_views(text + 12, -1);
    spoil_views(text + 12, 4096);
    spoil_views(list + 8, -1);
    spoil_views(list + 8, INT32_MAX);
    spoil_views(list + 8, 6); /* two of seven values */
    spoil_views(lengths + 8, 8);
    spoil_views(lengths + 24, 8);
}

/* A union {2: {}} for microseconds: what is no unit that is known says nothing of the numbers. */
static void times_have_a_unit(void **state)
{
    static const uint8_t micro[] = {0x1C, 0x2C, 0, 0, 0};
    char *bytes;
    size_t n, at = 0;
    long rows;

    (void)state;
    assert_ok(fs_read(&bytes, &n, GOLDEN "/columns/numbers_gzip.parquet", 1 << 20));
    while (at + sizeof micro < n && memcmp(bytes + at, micro, sizeof micro) != 0)
        at++;
    assert_true(at + sizeof micro < n);
    assert_ok(drain(bytes, n, false, &rows));
    for (int unit = 0; unit <= 15; unit++) { /* 0: its number stands behind, and is none */
        if (unit >= 1 && unit <= 3)
            continue;
        bytes[at + 1] = (char)(unit << 4 | 0xC);
        if (!drain(bytes, n, false, &rows))
            fail_msg("a unit %d gave %ld rows", unit, rows);
    }
    free(bytes);
}

/* Hadoop's writers put sizes before each block; pyarrow writes none, so it is made here. */
static void framed_lz4_is_read(void **state)
{
    char text[3000], packed[4000], out[3000];
    size_t at = 0;
    (void)state;

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)("drover"[i % 6] + (i % 97 == 0));
    for (int frame = 0; frame < 3; frame++) {
        const int n = LZ4_compress_default(text + 1000 * frame, packed + at + 8, 1000,
                                           (int)(sizeof(packed) - at - 8));
        const uint32_t head[2] = {__builtin_bswap32(1000), __builtin_bswap32((uint32_t)n)};
        memcpy(packed + at, head, 8);
        at += 8 + (size_t)n;
    }
    assert_ok(codec_unpack(CODEC_LZ4, packed, at, out, sizeof(out)));
    assert_memory_equal(out, text, sizeof(text));
    assert_err(ERR_IO, codec_unpack(CODEC_LZ4, packed, at, out, sizeof(out) - 1));
    assert_err(ERR_IO, codec_unpack(CODEC_LZ4, packed, at - 1, out, sizeof(out)));
    at = (size_t)LZ4_compress_default(text, packed, sizeof(text), sizeof(packed));
    assert_ok(codec_unpack(CODEC_LZ4, packed, at, out, sizeof(out)));
    assert_memory_equal(out, text, sizeof(text));
    assert_err(ERR_RANGE, codec_known(CODEC_LZO));
    assert_err(ERR_RANGE, codec_known(9));
}

/* A packed page that unpacks to more or to less than its header says is damage. */
static void a_page_has_the_size_it_says(void **state)
{
    static const unsigned char zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x03,
                                         0x19, 0x00, 0x00, 'a',  'b',  'c'};
    Bytef gzip[64];
    uLongf n;
    char out[16];
    (void)state;

    assert_ok(codec_unpack(CODEC_ZSTD, zstd, sizeof(zstd), out, 3));
    assert_memory_equal(out, "abc", 3);
    assert_err(ERR_IO, codec_unpack(CODEC_ZSTD, zstd, sizeof(zstd), out, 2));
    assert_err(ERR_IO, codec_unpack(CODEC_ZSTD, zstd, sizeof(zstd), out, 4));
    assert_err(ERR_IO, codec_unpack(CODEC_NONE, "abc", 3, out, 4));
    n = sizeof(gzip);
    assert_int_equal(compress(gzip, &n, (const Bytef *)"abcabcabc", 9), Z_OK);
    assert_ok(codec_unpack(CODEC_GZIP, gzip, n, out, 9));
    assert_memory_equal(out, "abcabcabc", 9);
    for (size_t room = 0; room < sizeof(out); room++)
        assert_err(room == 9 ? OK : ERR_IO, codec_unpack(CODEC_GZIP, gzip, n, out, room));
    assert_err(ERR_IO, codec_unpack(CODEC_GZIP, gzip, n - 1, out, 9));
}

/* lz4.parquet has checksums: a change within a page is told by them before it is unpacked. */
static void checksums_are_held(void **state)
{
    char *bytes;
    size_t n;
    long rows, told = 0;
    (void)state;

    assert_ok(fs_read(&bytes, &n, GOLDEN "/columns/lz4.parquet", 1 << 20));
    for (size_t i = 4; i < n / 3; i++) {
        bytes[i] ^= 1;
        if (drain(bytes, n, false, &rows))
            told += strstr(err_text(), "checksum") != NULL;
        bytes[i] ^= 1;
    }
    free(bytes);
    assert_true(told > 100);
}

/* What JSON cannot say spoils its record, and says which column. */
static void what_json_cannot_say_is_a_flaw(void **state)
{
    static const struct {
        struct cell_type type;
        const char *bytes, *words;
        size_t n;
        int64_t value;
    } rows[] = {{{.kind = CELL_TEXT}, "a\0b", "U+0000", 3, 0},
                {{.kind = CELL_TEXT}, "\xff", "not UTF-8", 1, 0},
                {{.kind = CELL_BYTES}, "\x89PNG", "an image", 4, 0},
                {{.kind = CELL_UINT}, NULL, "64 bits with a sign", 0, -1},
                {{.kind = CELL_DATE}, NULL, "years 1 to 9999", 0, INT64_MAX},
                {{.kind = CELL_TIME, .digits = 3}, NULL, "in no day", 0, 86400000}};
    struct cell_row row;
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cell_begin(&row);
        row.at = "column";
        if (rows[i].bytes)
            json_decref(
                cell_bytes(&row, &rows[i].type, (const uint8_t *)rows[i].bytes, rows[i].n));
        else
            json_decref(cell_int(&row, &rows[i].type, rows[i].value));
        assert_err(ERR_PARSE, cell_end(&row));
        if (!strstr(err_text(), rows[i].words) || !strstr(err_text(), "'column'"))
            fail_msg("'%s' does not say '%s'", err_text(), rows[i].words);
    }
    cell_begin(&row);
    json_decref(cell_real(&row, (double)INFINITY));
    assert_err(ERR_PARSE, cell_end(&row));
}

/* Times as Python's isoformat has them. */
static void times_are_text(void **state)
{
    static const struct {
        struct cell_type type;
        int64_t value;
        const char *text;
    } rows[] = {
        {{.kind = CELL_DATE}, -719162, "0001-01-01"},
        {{.kind = CELL_DATE}, 11016, "2000-02-29"},
        {{.kind = CELL_DATE}, 2932896, "9999-12-31"},
        {{.kind = CELL_STAMP, .digits = 0}, -1, "1969-12-31T23:59:59"},
        {{.kind = CELL_STAMP, .digits = 3, .utc = true}, 1, "1970-01-01T00:00:00.001000+00:00"},
        {{.kind = CELL_STAMP, .digits = 9}, 1, "1970-01-01T00:00:00.000000001"},
        {{.kind = CELL_TIME, .digits = 6}, 3600000001, "01:00:00.000001"}};
    struct cell_row row;
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *made;
        cell_begin(&row);
        made = cell_int(&row, &rows[i].type, rows[i].value);
        assert_ok(cell_end(&row));
        assert_string_equal(json_string_value(made), rows[i].text);
        json_decref(made);
    }
}

/* bomb.parquet: a few bytes that say a billion nulls in one list, which pyarrow would try to
 * hold. */
static void a_record_is_bounded(void **state)
{
    struct rows *rows;
    json_t *row;
    (void)state;

    assert_ok(rows_open(&rows, GOLDEN "/columns/hostile/bomb.parquet"));
    assert_err(ERR_RANGE, rows_next(rows, &row));
    assert_null(row);
    assert_non_null(strstr(err_text(), "a record of more than"));
    assert_err(ERR_RANGE, rows_next(rows, &row));
    rows_close(rows);
    assert_true(mem_peak() < (size_t)1 << 30);
    assert_err(ERR_RANGE, rows_open(&rows, GOLDEN "/columns/hostile/encrypted.parquet"));
    assert_non_null(strstr(err_text(), "is encrypted"));
    assert_ok(rows_open(&rows, GOLDEN "/columns/hostile/page.parquet"));
    assert_err(ERR_RANGE, rows_next(rows, &row));
    assert_non_null(strstr(err_text(), "a page of 2147483647 bytes"));
    rows_close(rows);
}

/* Columns whose lists do not agree are damage, not a record made of two. */
static void columns_stay_in_step(void **state)
{
    struct rows *rows;
    json_t *row;
    (void)state;

    assert_ok(rows_open(&rows, GOLDEN "/columns/hostile/shifted.parquet"));
    assert_err(ERR_IO, rows_next(rows, &row));
    assert_null(row);
    assert_non_null(strstr(err_text(), "column 'b' does not fit the columns beside it"));
    rows_close(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_as_pyarrow_reads_them),
        cmocka_unit_test(truncation_is_seen),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(views_lead_into_their_buffers),
        cmocka_unit_test(times_have_a_unit),
        cmocka_unit_test(framed_lz4_is_read),
        cmocka_unit_test(a_page_has_the_size_it_says),
        cmocka_unit_test(checksums_are_held),
        cmocka_unit_test(columns_stay_in_step),
        cmocka_unit_test(what_json_cannot_say_is_a_flaw),
        cmocka_unit_test(times_are_text),
        cmocka_unit_test(a_record_is_bounded),
    };

    return cmocka_run_group_tests_name("columns", tests, NULL, NULL);
}
