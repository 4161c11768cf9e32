/* fields: messages as tables: one row a member, from which writing and reading follow.
 *
 * Scalars, texts and lists go into the map frame under their key; the number of elements of a
 * column does too, its elements go into a frame of their own. Columns are numbered in the order
 * of their rows, depth first; those of list elements follow one another in one frame. */

#ifndef PROTO_FIELDS_H
#define PROTO_FIELDS_H

#include "proto/frames.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
enum field_kind {
    FIELD_UINT, /* uint32_t or uint64_t, at most max */
    FIELD_REAL, /* float or double, finite */
    FIELD_BOOL,
    FIELD_TEXT,    /* const char *, at most max bytes */
    FIELD_HASH,    /* struct hash: 32 bytes */
    FIELD_ID,      /* struct id: 16 bytes */
    FIELD_VERSION, /* struct version: [number, hash]; the number at most max */
    FIELD_TEXTS,   /* const char ** and count: at most max of at most 256 bytes each */
    FIELD_LIST,    /* pointer and count: an array of maps, at most max */
    FIELD_MAP,     /* a struct inside: a map */
    FIELD_COLUMN,  /* pointer and count: a frame, at most max elements */
    FIELD_BESIDE,  /* pointer: a frame of as many elements as the column before; no key */
    FIELD_TASK,    /* uint64_t, travels in the header, at most max */
    FIELD_SAMPLE,  /* uint32_t, travels in the header, at most max */
};
/* Of 1, 4, 4, 8, 32, 16 bytes. */
enum cell { CELL_U8, CELL_32, CELL_F32, CELL_64, CELL_HASH, CELL_ID };
struct field_row { /* one element of a column: cells, little-endian, without gaps */
    size_t memory;
    int cells;
    struct {
        enum cell cell;
        size_t offset;
        uint64_t max; /* of a number; 0: what its bytes can hold */
    } cell[5];
};

struct field_table;
struct field {
    const char *key;
    enum field_kind kind;
    size_t offset, count, width; /* where it and its count lie; bytes of a number */
    uint64_t max;
    const struct field_table *of; /* FIELD_LIST, FIELD_MAP */
    const struct field_row *row;  /* FIELD_COLUMN, FIELD_BESIDE */
};
struct field_table {
    size_t size; /* of the struct */
    const struct field *field;
    int n, later; /* at most 64; of its last columns: empty ones at the end have no frame */
};

#define FIELD_SIZE(s, m) sizeof(((struct s *)0)->m)
#define UINT(s, m, hi) \
    { \
#m, FIELD_UINT, offsetof(struct s, m), 0, FIELD_SIZE(s, m), hi, NULL, NULL \
    }
/* Numbers that are only ever compared: any will do. */
#define ANY32(s, m) UINT(s, m, UINT32_MAX)
#define ANY64(s, m) UINT(s, m, UINT64_MAX)
#define KEYED32(s, m, key) /* under a key that is not the member's name */ \
    { \
        key, FIELD_UINT, offsetof(struct s, m), 0, FIELD_SIZE(s, m), UINT32_MAX, NULL, NULL \
    }
#define REAL(s, m) \
    { \
#m, FIELD_REAL, offsetof(struct s, m), 0, FIELD_SIZE(s, m), 0, NULL, NULL \
    }
#define BOOL(s, m) \
    { \
#m, FIELD_BOOL, offsetof(struct s, m), 0, 0, 0, NULL, NULL \
    }
#define TEXT(s, m, hi) \
    { \
#m, FIELD_TEXT, offsetof(struct s, m), 0, 0, hi, NULL, NULL \
    }
#define HASH(s, m) \
    { \
#m, FIELD_HASH, offsetof(struct s, m), 0, 0, 0, NULL, NULL \
    }
#define ID(s, m) \
    { \
#m, FIELD_ID, offsetof(struct s, m), 0, 0, 0, NULL, NULL \
    }
#define VERSION(s, m) \
    { \
#m, FIELD_VERSION, offsetof(struct s, m), 0, 0, LIMIT_VERSION, NULL, NULL \
    }
#define TEXTS(s, m, c, hi) \
    { \
#m, FIELD_TEXTS, offsetof(struct s, m), offsetof(struct s, c), 0, hi, NULL, NULL \
    }
#define LIST(s, m, c, hi, t) \
    { \
#m, FIELD_LIST, offsetof(struct s, m), offsetof(struct s, c), 0, hi, &(t), NULL \
    }
#define MAP(s, m, t) \
    { \
#m, FIELD_MAP, offsetof(struct s, m), 0, 0, 0, &(t), NULL \
    }
#define COLUMN(s, m, c, hi, r) \
    { \
#m, FIELD_COLUMN, offsetof(struct s, m), offsetof(struct s, c), 0, hi, NULL, &(r) \
    }
#define BESIDE(s, m, c, hi, r) \
    { \
#m, FIELD_BESIDE, offsetof(struct s, m), offsetof(struct s, c), 0, hi, NULL, &(r) \
    }
#define HEAD_TASK(s, m, hi) \
    { \
        NULL, FIELD_TASK, offsetof(struct s, m), 0, 0, hi, NULL, NULL \
    }
#define HEAD_SAMPLE(s, m) \
    { \
        NULL, FIELD_SAMPLE, offsetof(struct s, m), 0, 0, MAX_SAMPLES - 1, NULL, NULL \
    }
#define TABLE_LATER(s, rows, later) \
    { \
        sizeof(struct s), rows, (int)(sizeof(rows) / sizeof(rows)[0]), later \
    }
#define TABLE(s, rows) TABLE_LATER(s, rows, 0)

struct fields_head { /* what of a struct travels in the header */
    uint64_t task;
    uint32_t sample;
};

/* Frames that the columns of a table fill; bytes of an element. */
int fields_columns(const struct field_table *table);
size_t fields_cell(enum cell cell);
size_t fields_row(const struct field_row *row);
/* Errors: ERR_RANGE if a number among n elements is above its limit. */
enum err fields_check(const void *element, uint32_t n, const struct field *field) MUST_CHECK;

/* Adds the map frame and the columns. Errors: ERR_RANGE names the member. */
enum err fields_write(struct frames *out, const void *object, const struct field_table *table,
                      struct fields_head *head) MUST_CHECK;

/* Fills `object` (zeroed here) from frame 1 on. Errors: ERR_PARSE, ERR_RANGE. */
enum err fields_read(void *object, const struct field_table *table, const struct frames *in,
                     const struct fields_head *head, struct arena *arena) MUST_CHECK;

#endif
