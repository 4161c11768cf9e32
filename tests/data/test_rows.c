/* CSV, zstd and folders of shards: the same rows as in one file of lines. */
#include "data/dataset.h"
#include "data/rows.h"
#include "data/split.h"

#include "base/fs.h"
#include "base/mem.h"
#include "tests/data/record.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static const char *put_bytes(const char *name, const void *bytes, size_t n)
{
    const char *path = scratch_at(name);

    assert_ok(fs_write(path, bytes, n));
    return path;
}

static const char *put(const char *name, const char *text)
{
    return put_bytes(name, text, strlen(text));
}

static const char *put_zstd(const char *name, const char *text)
{
    char packed[4096];
    const size_t n = ZSTD_compress(packed, sizeof(packed), text, strlen(text), 3);

    assert_false(ZSTD_isError(n));
    return put_bytes(name, packed, n);
}

/* All rows as one text of JSON; an error as its words in < >. */
static char *all(const char *path)
{
    struct rows *rows;
    char *text = mem_text("");
    enum err err = rows_open(&rows, path);

    for (int i = 0; i < 100; i++) {
        json_t *row = NULL;
        char *dump, *more;
        if (!err)
            err = rows_next(rows, &row);
        if (!err && !row)
            break;
        dump = err ? mem_print("<%s>", err_text())
                   : json_dumps(row, JSON_COMPACT | JSON_ENSURE_ASCII);
        more = mem_print("%s%s\n", text, dump);
        free(dump);
        free(text);
        text = more;
        json_decref(row);
        if (err && err != ERR_PARSE)
            break;
        if (!rows)
            break;
        err = OK;
    }
    rows_close(rows);
    return text;
}

static void expect(const char *path, const char *wanted)
{
    char *got = all(path);

    assert_string_equal(got, wanted);
    free(got);
}

static void expect_words(const char *path, const char *words)
{
    char *got = all(path);

    if (!strstr(got, words))
        fail_msg("'%s' does not say '%s'", got, words);
    free(got);
}

/* As pandas.read_csv (which `datasets` reads CSV by) has the same text. */
static void csv_has_the_types_of_data_frames(void **state)
{
    (void)state;
    expect(put("a.csv", "\xEF\xBB\xBFid,text,score,ok,gap,big\r\n"
                        "1,\"a, \"\"b\"\"\r\nc\",0.5,True,1,99999999999999999999\r\n"
                        "\r\n"
                        "-2,N/A,3,false,,1\r\n"
                        "3,007x,1e3,TRUE,2,2"),
           "{\"id\":1,\"text\":\"a, \\\"b\\\"\\r\\nc\",\"score\":0.5,\"ok\":true,\"gap\":1.0,"
           "\"big\":\"99999999999999999999\"}\n"
           "{\"id\":-2,\"text\":null,\"score\":3.0,\"ok\":false,\"gap\":null,\"big\":\"1\"}\n"
           "{\"id\":3,\"text\":\"007x\",\"score\":1000.0,\"ok\":true,\"gap\":2.0,\"big\":\"2\"}"
           "\n");
    expect(put("b.tsv", "x\tx\t\na,b\tc\n\"q\"r\t\tnan\n"),
           "{\"x\":\"a,b\",\"x.1\":\"c\",\"Unnamed: 2\":null}\n"
           "{\"x\":\"qr\",\"x.1\":null,\"Unnamed: 2\":null}\n");
}

/* The first line decides, and quoted separators are none. */
static void csv_may_have_semicolons(void **state)
{
    (void)state;
    expect(put("semi.csv", "\"a;x\";b;c\n1;\"2,5;\";z\n"),
           "{\"a;x\":1,\"b\":\"2,5;\",\"c\":\"z\"}\n");
    expect(put("tabs.csv", "a\tb\n1\tx;y,z\n"), "{\"a\":1,\"b\":\"x;y,z\"}\n");
    expect(put("comma.csv", "a,b;c\n1,x;y\n"), "{\"a\":1,\"b;c\":\"x;y\"}\n");
    expect_words(put("odd.csv", "a;b\n1;2\n1;2;3\n4;5\n"),
                 "odd.csv:3: 3 fields, and the first line names 2>\n{\"a\":4,\"b\":5}");
}

static void columns_may_be_called_otherwise(void **state)
{
    static const struct rows_name names[] = {
        {"item", "Item"}, {"a", "b"}, {"b", "a"}, {"c", ""}};

    (void)state;
    rows_names(names, 4);
    expect(put("names.csv", "Item,a,b,c\n1,2,3,4\n"), "{\"c\":4,\"item\":1,\"a\":3,\"b\":2}\n");
    expect_words(
        put("names.jsonl", "{\"Item\":1,\"a\":2,\"b\":3}\n{\"item\":1,\"a\":2,\"b\":3}\n"),
        "names.jsonl:2: no column 'Item'");
    rows_names(NULL, 0);
    expect(put("none.csv", "Item\n1\n"), "{\"Item\":1}\n");
}

static void csv_errors_name_the_line(void **state)
{
    (void)state;
    expect_words(put("many.csv", "a,b\n1,2\n1,2,3\n4,5\n"),
                 "many.csv:3: 3 fields, and the first line names 2>\n{\"a\":4,\"b\":5}");
    expect_words(put("utf8.csv", "a\n\"x\ny\"\n\xff\nz\n"),
                 "utf8.csv:4: column 'a': '\\xff' is not UTF-8>\n{\"a\":\"z\"}");
    expect_words(put("open.csv", "a\n1\n\"x\n"), "open.csv:3: a quote that nothing closes");
    expect_words(put("empty.csv", ""), "empty.csv: is empty");
    expect_words(put_bytes("zero.csv", "a\n1\0\n", 5), "zero.csv:2: holds a zero byte");
}

/* Types are told by the first 10000; what comes later must be of them. */
static void csv_refuses_what_its_column_is_not(void **state)
{
    const size_t n = 10000;
    char *text = mem_new(n * 3 + 40, 1);
    const char *path;
    struct rows *rows;
    json_t *row;
    (void)state;

    memcpy(text, "a\n", 2);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 2 + 2 * i, "1\n", 2);
    memcpy(text + 2 + 2 * n, "x\n5\n\n,\n", 7);
    path = put("late.csv", text);
    free(text);
    assert_ok(rows_open(&rows, path));
    for (size_t i = 0; i < n; i++) {
        assert_ok(rows_next(rows, &row));
        assert_int_equal(json_integer_value(json_object_get(row, "a")), 1);
        json_decref(row);
    }
    assert_err(ERR_PARSE, rows_next(rows, &row));
    assert_non_null(strstr(err_text(), ":10002: column 'a': 'x' is not a whole number"));
    assert_ok(rows_next(rows, &row));
    assert_int_equal(json_integer_value(json_object_get(row, "a")), 5);
    assert_int_equal(rows_line(rows), 10003);
    json_decref(row);
    rows_close(rows);
}

static void zstd_is_read_and_its_truncation_seen(void **state)
{
    static const char lines[] = "{\"a\":1}\n{\"a\":2,\"text\":\"more words\"}\n";
    const char *path = put_zstd("x.jsonl.zst", lines);
    char *whole = all(path), *bytes;
    size_t n;
    (void)state;

    assert_string_equal(whole, lines);
    assert_ok(fs_read(&bytes, &n, path, 1 << 20));
    for (size_t keep = 4; keep < n; keep++) {
        char *got;
        path = put_bytes("cut.jsonl.zst", bytes, keep);
        got = all(path);
        if (!strchr(got, '<'))
            fail_msg("cut to %zu of %zu bytes gave %s", keep, n, got);
        free(got);
    }
    /* Two frames are one text. */
    bytes = mem_grow(bytes, 2 * n, 1);
    memcpy(bytes + n, bytes, n);
    path = put_bytes("two.jsonl.zst", bytes, 2 * n);
    free(whole);
    whole = all(path);
    assert_int_equal(strlen(whole), 2 * strlen(lines));
    free(whole);
    free(bytes);
    expect(put_zstd("list.json.zst", "[{\"a\":1},\n{\"a\":2}]"), "{\"a\":1}\n{\"a\":2}\n");
    expect(put_zstd("x.csv.zst", "a,b\n1,\n"), "{\"a\":1,\"b\":null}\n");
}

/* A line longer than the buffer, then one that ends with it. */
static void long_lines_come_whole(void **state)
{
    for (size_t n = (1 << 17) - 12; n < (1 << 17) + 4; n++) {
        char *text = mem_new(n + 20, 1), *got;
        (void)state;
        memcpy(text, "{\"a\":\"", 6);
        memset(text + 6, 'x', n);
        memcpy(text + 6 + n, "\"}\n{}\n", 7);
        got = all(put("long.jsonl", text));
        assert_string_equal(got, text);
        free(got);
        free(text);
    }
}

static void make(const char *name)
{
    assert_ok(fs_mkdir(scratch_at(name)));
}

static size_t found(const char *inner, const char *split, const char *first)
{
    struct split files;
    size_t n;

    assert_ok(split_find(&files, scratch_at(inner), split));
    n = files.n;
    if (n)
        assert_string_equal(strrchr(files.file[0], '/') + 1, first);
    split_free(&files);
    return n;
}

static void a_split_is_found_where_it_lies(void **state)
{
    struct split files;
    (void)state;

    make("hub/data");
    put("hub/README.md", "words");
    put("hub/data/train-00001-of-00002.jsonl", "{\"n\":2}\n{\"n\":3}\n");
    put("hub/data/train-00000-of-00002.jsonl", "{\"n\":1}\n");
    put("hub/data/test-00000-of-00001-0a1b2c.csv", "n\n4\n");
    assert_int_equal(found("hub", "train", "train-00000-of-00002.jsonl"), 2);
    assert_int_equal(found("hub", "test", "test-00000-of-00001-0a1b2c.csv"), 1);
    assert_int_equal(found("hub", "validation", ""), 0);
    make("saved/train");
    put("saved/dataset_dict.json", "{\"splits\": [\"train\"]}");
    put("saved/train/dataset_info.json", "{}");
    put("saved/train/state.json",
        "{\"_data_files\": [{\"filename\": \"b.arrow\"}, {\"filename\": \"a.arrow\"}]}");
    assert_int_equal(found("saved", "train", "b.arrow"), 2);
    assert_int_equal(found("saved/train", "train", "b.arrow"), 2);
    make("bare/train");
    put("bare/train/0000.jsonl", "{}\n");
    put("bare/train/0001.jsonl", "{}\n");
    assert_int_equal(found("bare", "train", "0000.jsonl"), 2);
    /* Three of four, and a file that lies elsewhere. */
    make("part");
    put("part/train-00000-of-00004.jsonl", "{}\n");
    assert_err(ERR_PARSE, split_find(&files, scratch_at("part"), "train"));
    assert_non_null(strstr(err_text(), "has 1 of the 4 parts"));
    put("part/train-00001-of-00004.csv", "a\n");
    assert_err(ERR_PARSE, split_find(&files, scratch_at("part"), "train"));
    assert_non_null(strstr(err_text(), "of different forms"));
    make("part/test");
    put("part/test/state.json", "{\"_data_files\": [{\"filename\": \"../x.arrow\"}]}");
    assert_err(ERR_PARSE, split_find(&files, scratch_at("part"), "test"));
    assert_int_equal(files.n, 0);
}

/* Shards are one set, in the order of their numbers. */
static void shards_are_one_set(void **state)
{
    struct dataset_conf conf = {
        .train = "train", .test = "test", .test_size = NAN, .strict = true};
    char *path = mem_text(scratch_at("hub"));
    struct dataset *train, *test;
    (void)state;

    conf.name = path;
    assert_ok(dataset_load(&train, &test, &conf));
    assert_int_equal(train->n, 3);
    assert_int_equal(test->n, 1);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(record_int(train, i, "n"), i + 1);
    dataset_free(train);
    dataset_free(test);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_has_the_types_of_data_frames),
        cmocka_unit_test(csv_may_have_semicolons),
        cmocka_unit_test(columns_may_be_called_otherwise),
        cmocka_unit_test(csv_errors_name_the_line),
        cmocka_unit_test(csv_refuses_what_its_column_is_not),
        cmocka_unit_test(zstd_is_read_and_its_truncation_seen),
        cmocka_unit_test(long_lines_come_whole),
        cmocka_unit_test(a_split_is_found_where_it_lies),
        cmocka_unit_test(shards_are_one_set),
    };

    return cmocka_run_group_tests_name("rows", tests, scratch_open, scratch_close);
}
