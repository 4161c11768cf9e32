/* hfkeys: config.json as rows: what each family is called there, which keys it has, what they are
 * where they are missing, and what they must say to be run here. hfconfig reads and hfconfig_write
 * writes by the same rows. */

#ifndef LM_FILE_HFKEYS_H
#define LM_FILE_HFKEYS_H

#include "lm/model/shape.h"

#include <stddef.h>

enum hfkeys_rope {
    HFROPE_ONE,
    HFROPE_TWO,   /* local layers have their own */
    HFROPE_LOCAL, /* local layers have the same, but for its scaling */
    HFROPE_NONE
};
enum hfkeys_window {
    HFWINDOW_NEVER,
    HFWINDOW_ALL,   /* every layer, where sliding_window is a number */
    HFWINDOW_FROM,  /* layers from max_window_layers on, where use_sliding_window is true */
    HFWINDOW_BLIND, /* layers without positions, where use_sliding_window is true */
    HFWINDOW_EVERY, /* all but every n-th layer: `global_every` */
    HFWINDOW_SOME,  /* … where sliding_window is a number */
};

struct hfkeys_family {
    const char *type;     /* model_type */
    const char *class[3]; /* architectures, by enum head; NULL: transformers has none */
    enum hfkeys_window window;
    enum hfkeys_rope rope;
    int global_every;
    const char
        *rotary_key; /* a part of each head is rotated: the key of that part; NULL: all is */
    double rotary;   /* … where it is missing */
    struct shape
        missing; /* what transformers takes for keys that are not there; 0: see below */
};
extern const struct hfkeys_family hfkeys_family[FAMILIES];

enum hfkeys_type {
    HFKEYS_INT,
    HFKEYS_FLOAT,
    HFKEYS_REAL,
    HFKEYS_WHOLE, /* a real, written whole */
    HFKEYS_BOOL,
    HFKEYS_ACT /* the name of an activation: enum act */
};

/* A key that is a number of the shape. */
struct hfkeys_number {
    unsigned families; /* bits 1 << FAMILY_… */
    const char *key;
    enum hfkeys_type type;
    size_t at;    /* in struct shape */
    bool needed;  /* missing is an error */
    bool or_none; /* null means 0 and not the default: none, or derived from others */
};
extern const struct hfkeys_number hfkeys_number[];
extern const int hfkeys_numbers;

/* transformers' names of an activation; the first is written. */
extern const char *const hfkeys_act[ACT_KINDS][4];

/* A key that must have one of these values (JSON texts); the first is written. */
struct hfkeys_fixed {
    unsigned families;
    const char *key;
    const char *value[3];
    const char *why; /* words of a refusal; NULL: any value is as good here */
    bool silent;     /* never written: transformers has no such key, or another default does */
};
extern const struct hfkeys_fixed hfkeys_fixed[];
extern const int hfkeys_fixes;

#endif
