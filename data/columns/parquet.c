/* How it works: a row is put together from the leaves' entries, by the levels that each entry
 * carries (Dremel's rules). `read_node` reads one value of a node: a definition level below the
 * node's says that it, or something around it, is missing; a repetition level equal to the
 * node's says that one more of it follows in the same list. The first leaf of a node decides, the
 * others must say the same: each entry that is taken is held against the level that must stand
 * there, so that columns which disagree are damage and not a shifted record.
 *
 * What must hold: every call of read_node takes one entry or more from each leaf below the node;
 * at a row's end each leaf stands at a level of 0, or at its end; at a row group's end all of
 * them stand at their end together with the count of rows. A row's values are counted by cell.h,
 * so that no list grows without limit. */
#include "data/columns/parquet.h"

#include "base/mem.h"
#include "data/columns/bytes.h"
#include "data/columns/cell.h"
#include "data/columns/footer.h"
#include "data/columns/leaf.h"

#include <stdlib.h>
#include <string.h>

struct parquet {
    struct bytes *file;
    struct footer footer;
    size_t group;      /* the next one to be opened */
    int64_t left;      /* rows of the open one */
    struct leaf *leaf; /* [schema.n_leaves] */
    size_t held;
    struct cell_row cells;
    int64_t row;
    enum err over; /* an error after which nothing can be read */
};

/* The footer alone; pages are read as rows are asked for. */
enum err parquet_open(struct parquet **out, struct bytes *file)
{
    struct parquet *made = mem_new(1, sizeof(*made));
    const enum err err = footer_read(&made->footer, file);

    *out = NULL;
    if (err) {
        bytes_close(file);
        free(made);
        return err;
    }
    made->file = file;
    made->leaf = mem_new(made->footer.schema.n_leaves, sizeof(*made->leaf));
    *out = made;
    return OK;
}

/* Leaves first: they count in `held`. */
void parquet_close(struct parquet *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->footer.schema.n_leaves; i++)
        leaf_free(&file->leaf[i]);
    free(file->leaf);
    footer_free(&file->footer);
    bytes_close(file->file);
    free(file);
}

int64_t parquet_row(const struct parquet *file)
{
    return file->row;
}

/* Not which row: the columns are out of step from somewhere before. */
static enum err disagree(const struct leaf *leaf)
{
    return err_set(ERR_IO, "column '%s' does not fit the columns beside it", leaf->node->name);
}

/* The next entry of a leaf, which must repeat at `rep`. */
static enum err expect(struct leaf *leaf, int rep)
{
    bool end;
    const enum err err = leaf_peek(leaf, &end);

    if (err)
        return err;
    return end || leaf->rep != rep ? disagree(leaf) : OK;
}

/* One entry that says "missing at level def" from each leaf below the node. */
static enum err take_missing(struct parquet *file, const struct schema_node *node, int rep,
                             int def)
{
    for (size_t i = node->leaf; i < node->leaf + node->n_leaves; i++) {
        struct leaf *leaf = &file->leaf[i];
        const uint8_t *bytes;
        size_t n;
        enum err err = expect(leaf, rep);
        if (!err && leaf->def != def)
            err = disagree(leaf);
        if (!err)
            err = leaf_take(leaf, &bytes, &n);
        if (err)
            return err;
    }
    return OK;
}

/* Whole numbers of 1, 4 or 8 bytes. */
static int64_t whole(const struct schema_node *node, const uint8_t *bytes)
{
    int32_t narrow;
    int64_t wide;

    if (node->type == SCHEMA_BOOLEAN)
        return *bytes;
    if (node->type == SCHEMA_INT64) {
        memcpy(&wide, bytes, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, bytes, sizeof(narrow));
    return node->narrow ? (int64_t)(uint32_t)narrow : narrow;
}

/* The entry must be a value: that it may be missing was looked at above it. */
static enum err read_leaf(struct parquet *file, const struct schema_node *node, int rep,
                          json_t **out)
{
    struct leaf *leaf = &file->leaf[node->leaf];
    const uint8_t *bytes;
    size_t n;
    enum err err = expect(leaf, rep);

    if (!err && leaf->def != node->def)
        err = disagree(leaf);
    if (!err)
        err = leaf_take(leaf, &bytes, &n);
    if (err)
        return err;
    if (node->type == SCHEMA_BOOLEAN || node->type == SCHEMA_INT32 ||
        node->type == SCHEMA_INT64)
        *out = cell_int(&file->cells, &node->cell, whole(node, bytes));
    else
        *out = cell_bytes(&file->cells, &node->cell, bytes, n);
    return OK;
}

static enum err read_node(struct parquet *file, size_t at, int rep, json_t **out);
static enum err read_once(struct parquet *file, size_t at, int rep, json_t **out);

/* Members in the file's order, which JSON keeps. */
static enum err read_struct(struct parquet *file, size_t at, int rep, json_t **out)
{
    const struct schema_node *node = &file->footer.schema.node[at];
    json_t *object = json_object();
    enum err err = OK;

    (void)cell_take(&file->cells, 0);
    for (size_t i = at + 1; i < node->next && !err; i = file->footer.schema.node[i].next) {
        json_t *value = NULL;
        if (!at)
            file->cells.at = file->footer.schema.node[i].name;
        err = read_node(file, i, rep, &value);
        /* Within a record, a struct has all keys of its column: null means that it lacks one. */
        if (!err && (!at || !json_is_null(value)))
            json_object_set_new_nocheck(object, file->footer.schema.node[i].name, value);
    }
    if (err)
        json_decref(object);
    else
        *out = object;
    return err;
}

/* A pair of a map into the object, for which `node` is the repeated group. */
static enum err read_pair(struct parquet *file, size_t at, int rep, json_t *object)
{
    const struct schema_node *node = file->footer.schema.node;
    json_t *key = NULL, *value = NULL;
    enum err err = read_node(file, at + 1, rep, &key);

    if (!err)
        err = read_node(file, node[at + 1].next, rep, &value);
    if (err) {
        json_decref(key);
        return err;
    }
    cell_pair(&file->cells, object, key, value);
    return OK;
}

/* All of a repeated node: into a list, or for a map's pairs into an object. */
static enum err read_repeated(struct parquet *file, size_t at, int rep, bool pairs,
                              json_t **out)
{
    const struct schema_node *node = &file->footer.schema.node[at];
    struct leaf *first = &file->leaf[node->leaf];
    json_t *list = pairs ? json_object() : json_array();
    bool end;
    enum err err = expect(first, rep);

    (void)cell_take(&file->cells, 0);
    if (!err && first->def < node->def) {
        err = take_missing(file, node, rep, node->def - 1);
    } else if (!err) {
        for (int now = rep; !err; now = node->rep) {
            json_t *value = NULL;
            err = pairs ? read_pair(file, at, now, list) : read_once(file, at, now, &value);
            if (value)
                json_array_append_new(list, value);
            if (!err && file->cells.broken)
                err = cell_end(&file->cells);
            if (!err)
                err = leaf_peek(first, &end);
            if (err || end || first->rep != node->rep)
                break;
        }
    }
    if (err)
        json_decref(list);
    else
        *out = list;
    return err;
}

/* One value of a node that is there. */
static enum err read_once(struct parquet *file, size_t at, int rep, json_t **out)
{
    const struct schema_node *node = &file->footer.schema.node[at];

    switch (node->form) {
    case SCHEMA_LEAF:
        return read_leaf(file, node, rep, out);
    case SCHEMA_LIST:
        return read_repeated(file, at + 1, rep, false, out);
    case SCHEMA_MAP:
        return read_repeated(file, at + 1, rep, true, out);
    case SCHEMA_STRUCT:
        break;
    }
    /* The shell around a list's element says nothing itself. */
    return node->bare ? read_node(file, at + 1, rep, out) : read_struct(file, at, rep, out);
}

/* A node as its parent has it: missing, once, or a list of its own. */
static enum err read_node(struct parquet *file, size_t at, int rep, json_t **out)
{
    const struct schema_node *node = &file->footer.schema.node[at];
    struct leaf *first = &file->leaf[node->leaf];
    enum err err;

    if (node->repetition == SCHEMA_REPEATED)
        return read_repeated(file, at, rep, false, out);
    if (node->repetition == SCHEMA_OPTIONAL) {
        err = expect(first, rep);
        if (err)
            return err;
        if (first->def < node->def) {
            err = take_missing(file, node, rep, node->def - 1);
            *out = err ? NULL : cell_null(&file->cells);
            return err;
        }
    }
    return read_once(file, at, rep, out);
}

/* No leaf has entries that no row took. */
static enum err check_ends(struct parquet *file)
{
    for (size_t i = 0; i < file->footer.schema.n_leaves && file->group; i++) {
        bool end;
        const enum err err = leaf_peek(&file->leaf[i], &end);
        if (err || !end)
            return err ? err : disagree(&file->leaf[i]);
    }
    return OK;
}

/* The leaves' rooms are let go with the group before: groups may differ in what their pages
 * need. */
static enum err open_group(struct parquet *file)
{
    const struct footer_group *group = &file->footer.group[file->group++];

    for (size_t i = 0; i < file->footer.schema.n_leaves; i++) {
        leaf_free(&file->leaf[i]);
        leaf_begin(&file->leaf[i], &file->footer.schema.node[file->footer.schema.leaf[i]],
                   file->file, &group->chunk[i], &file->held);
    }
    file->left = group->rows;
    return OK;
}

/* Row groups without rows are legal. */
static enum err read_row(struct parquet *file, json_t **out)
{
    enum err err = OK;

    while (!err && !file->left) {
        err = check_ends(file);
        if (!err && file->group == file->footer.n_groups)
            return OK;
        if (!err)
            err = open_group(file);
    }
    if (err)
        return err;
    file->left--;
    file->row++;
    cell_begin(&file->cells);
    return read_struct(file, 0, 0, out);
}

/* What ends the file ends it for good: `over` is told again, and nothing is read on from the
 * middle. */
enum err parquet_next(struct parquet *file, json_t **out)
{
    json_t *row = NULL;
    enum err err;

    *out = NULL;
    if (file->over)
        return err_set(file->over, "an earlier row could not be read");
    err = read_row(file, &row);
    return cell_give(&file->cells, err, row, out, &file->over);
}
