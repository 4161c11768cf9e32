/* part: the weights that transformers are made of, one row each.
 *
 * All that is known of a weight stands in its row and nowhere else: how files call it, its shape,
 * whether it carries an adapter, how it is first filled and where it lies when packed. params,
 * packed weights, safetensors, GGUF and adapters read the rows; a family is the rows that carry
 * its bit, in the order of the forward pass. */

#ifndef LM_MODEL_PART_H
#define LM_MODEL_PART_H

#include "lm/model/shape.h"

#include <stddef.h>

enum part { /* which weight of the transformer a tensor is */
            PART_EMBED,
            PART_POSITION, /* learned positions (GPT-2) */
            PART_NORM_ATTN,
            PART_NORM_ATTN_BIAS,
            PART_Q,
            PART_K,
            PART_V,
            PART_QKV, /* q, k and v as one matrix (Phi-3, GPT-2): the columns that they have packed */
            PART_Q_BIAS,
            PART_K_BIAS,
            PART_V_BIAS,
            PART_QKV_BIAS,
            PART_NORM_Q, /* on each head's query and key, before they are rotated */
            PART_NORM_K,
            PART_O,
            PART_O_BIAS,
            PART_NORM_ATTN_POST, /* on what attention adds to the stream (Gemma) */
            PART_NORM_MLP,
            PART_NORM_MLP_BIAS,
            PART_GATE,
            PART_UP,
            PART_GATE_UP, /* gate, then up, as one matrix (Phi-3) */
            PART_GATE_BIAS,
            PART_UP_BIAS,
            PART_DOWN,
            PART_DOWN_BIAS,
            PART_NORM_MLP_POST,
            PART_NORM_FINAL,
            PART_NORM_FINAL_BIAS,
            PART_HEAD_BIAS,  /* of the logits (Phi, GPT-J) */
            PART_HEAD,       /* lm_head.weight [vocab, width]; absent when tied */
            PART_SCORE,      /* score.weight [1, width]: HEAD_SCALAR; [2, width]: HEAD_STEP */
            PART_SCORE_BIAS, /* score.bias [2]: HEAD_STEP */
            PARTS
};

enum part_kind {
    KIND_EMBED,     /* [rows, cols], read by rows and packed in panels, as it may be the head */
    KIND_POSITION,  /* [rows, cols], read by rows, plain */
    KIND_LINEAR,    /* [out, in], packed in panels; carries adapters */
    KIND_HEAD,      /* [out, in], packed in panels; trained whole if at all */
    KIND_SCORE,     /* [labels, in], plain: the head of a model that gives values */
    KIND_NORM,      /* [n]: multiplies */
    KIND_NORM_PLUS, /* [n]: 1 + w multiplies (Gemma); files and params hold w */
    KIND_BIAS,      /* [n]: is added */
};

enum part_dim {          /* what of a shape gives rows or columns */
                DIM_ONE, /* rows of a vector */
                DIM_WIDTH,
                DIM_VOCAB,
                DIM_POSITIONS, /* context, and what OPT has before the first */
                DIM_QUERIES,   /* heads x head_dim */
                DIM_KEYS,      /* key/value heads x head_dim */
                DIM_QKV,       /* queries + 2 keys */
                DIM_HEAD,      /* head_dim */
                DIM_FFN,
                DIM_GATE_UP, /* 2 ffn */
                DIM_LABELS,  /* of the score */
};

enum part_when { /* with which head or choice of the model's (struct shape) */
                 WHEN_ALWAYS,
                 WHEN_UNTIED,
                 WHEN_LM,
                 WHEN_VALUE,
                 WHEN_SCALAR,
                 WHEN_STEP,
                 WHEN_BIAS_QKV,
                 WHEN_BIAS_O,
                 WHEN_BIAS_MLP,
                 WHEN_SERIAL,    /* the perceptron reads what attention has added to */
                 WHEN_TWO_NORMS, /* it reads the layer's input through a norm of its own */
                 WHEN_ONE_NORM,  /* neither of both, or serial: one name for the first norm */
};
enum part_place { PLACE_FRONT, PLACE_LAYER, PLACE_BACK };

struct part_row {
    unsigned families;     /* bits 1 << FAMILY_…: who has it under these names */
    const char *hf, *gguf; /* tensor names; %d: the layer. gguf NULL: none there */
    enum part_dim rows, cols;
    enum part part;
    enum part_kind kind;
    enum part_when when;
    enum part group; /* packed behind each other: rows in a row of the same group */
    /* Which numbers a seed gives it (first values, dropout): never changes, and no two weights of
     * one model share it. */
    int stream;
    bool usual;       /* carries an adapter unless others are named, as PEFT chooses */
    bool turned;      /* Hugging Face's file holds [cols, rows] (Conv1D) */
    bool interleaved; /* rows that rope turns, which llama.cpp reorders for arch llama */
    bool grouped;     /* q, k, v of a kv head lie together in Hugging Face's file */
};

enum { PART_STREAMS = 17 }; /* streams of weights that carry adapters are below it */

/* The rows of all families: of what stands before the layers, in each of them, behind them. */
struct part_rows {
    const struct part_row *row;
    int n;
};
struct part_rows part_rows(enum part_place place);

/* Whether a model of this shape has the row's weight. */
bool part_has(const struct part_row *row, const struct shape *shape);
int part_dim(const struct shape *shape, enum part_dim dim);

/* Where row r of a row that is `grouped` stands in Hugging Face's file: here q of all heads comes
 * first, then k, then v; there kv head after kv head, each with the queries that share it, its
 * key and its value. */
int part_grouped(const struct shape *shape, int row);

/* Rows of learned positions that stand before that of the first token. */
int part_first_position(const struct shape *shape);

/* `pattern` with the layer's number for its %d. */
void part_name(char *out, size_t size, const char *pattern, int layer);

/* Stored with one dimension: norms and biases. */
bool part_is_vector(const struct part_row *row);
/* Lies in panels when packed; else as it stands. */
bool part_in_panels(const struct part_row *row);

/* Weights of a model of this shape, in a double: a shape from a file may be absurd. */
double part_count(const struct shape *shape);

#endif
