/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op.h - the vocabulary the core and the drivers share: one descriptor struct
 * per op. What each op computes, to the bit, is Documentation/numerics.md; the
 * formulas live in <aios/numerics.h>; drivers/cpu-ref is the page in C.
 *
 * Rules for all ops
 * - A descriptor begins with struct aios_op, whose size and type tell which it
 *   is. New fields are appended; a driver reads only what `size` covers.
 * - All addresses are device addresses of the queue's device. Descriptors are
 *   read during launch() and not kept; what they point to must stay until the
 *   work has completed.
 * - Unless said otherwise tensors are AIOS_LAYOUT_ROWS, row_bytes is a multiple
 *   of 16, addresses are aligned to 256 bytes at their allocation's start and to
 *   16 inside it, and outputs overlap no input.
 * - Batches are ragged: rows are tokens of many sequences, prefill chunks and
 *   decode steps mixed. The value of a row never depends on other rows.
 * - Every NaN that an op computes is the canonical quiet NaN; data movement
 *   (EMBED of F32, GATHER_ROWS, COPY_PAGES) keeps bits.
 */
#ifndef AIOS_OP_H
#define AIOS_OP_H

#include <aios/types.h>

enum aios_op_type {
	AIOS_OP_NONE = 0,
	AIOS_OP_EMBED = 1,       /* struct aios_op_embed */
	AIOS_OP_RMSNORM = 2,     /* struct aios_op_rmsnorm */
	AIOS_OP_MATMUL = 3,      /* struct aios_op_matmul */
	AIOS_OP_ROPE_KV = 4,     /* struct aios_op_rope_kv */
	AIOS_OP_ATTENTION = 5,   /* struct aios_op_attention */
	AIOS_OP_GLU = 6,         /* struct aios_op_glu */
	AIOS_OP_ADD = 7,         /* struct aios_op_add */
	AIOS_OP_GATHER_ROWS = 8, /* struct aios_op_gather_rows */
	AIOS_OP_CAST = 9,        /* struct aios_op_cast */
	AIOS_OP_QUANTISE = 10,   /* struct aios_op_quantise */
	AIOS_OP_COPY_PAGES = 11, /* struct aios_op_copy_pages */
	AIOS_OP_LOGITS = 12,     /* struct aios_op_logits */
	AIOS_OP_ARGMAX = 13,     /* struct aios_op_argmax */
	AIOS_OP_SAMPLE = 14,     /* struct aios_op_sample */
	AIOS_OP_LOGPROBS = 15,   /* struct aios_op_logprobs */
	AIOS_OP_ALL_REDUCE = 16, /* struct aios_op_all_reduce */
	AIOS_OP_ALL_GATHER = 17, /* struct aios_op_all_gather */
	AIOS_OP_COUNT
};

/* Header of every descriptor. Set with AIOS_OP_INIT. */
struct aios_op {
	uint32_t size; /* sizeof the whole descriptor */
	uint16_t type; /* enum aios_op_type */
	uint8_t flags; /* 0 */
	uint8_t layer; /* label for reports: layer of the model + 1, 0: none. Drivers ignore it */
};

#define AIOS_OP_INIT(T, op_type)                                                                   \
	{                                                                                          \
		.size = sizeof(T), .type = (op_type), .flags = 0                                   \
	}

/*
 * Numerics profiles (NUMERICS: "dot unit"). Names, L and F: <aios/numerics.h>.
 */
enum aios_profile {
	AIOS_PROFILE_FMA32 = 0,
	AIOS_PROFILE_TC_SM90 = 1,
	AIOS_PROFILE_TC_SM90_E4M3 = 2,
	AIOS_PROFILE_TC_SM80 = 3,
	AIOS_PROFILE_I8 = 4,
	AIOS_PROFILE_I8X2 = 5,
	AIOS_PROFILE_TC_CDNA1 = 6,
	AIOS_PROFILE_TC_CDNA2 = 7,
	AIOS_PROFILE_TC_CDNA3 = 8,
	AIOS_PROFILE_COUNT
};

/* Scratch memory an op asked for in query_op(); reserved when the plan is made. */
struct aios_scratch {
	aios_addr data;
	uint64_t bytes;
};

/*
 * The ragged batch. Arrays live in device memory, so that a captured graph
 * replays with new contents; the counts are what the launch is shaped for.
 * Row t belongs to sequence seq_ids[t] and has absolute position positions[t];
 * a row with position -1 is padding: it writes no KV and its outputs are +0.
 * Rows of one sequence are adjacent and in ascending position.
 */
struct aios_batch {
	uint32_t n_tokens;   /* rows, padding included */
	uint32_t n_seqs;     /* sequences, empty ones included */
	uint32_t max_blocks; /* columns of block_table */
	uint32_t max_q;      /* no sequence has more rows than this here */
	uint32_t max_kv;     /* no sequence is longer than this, in keys */
	uint32_t reserved;
	aios_addr positions;   /* I32[n_tokens] */
	aios_addr seq_ids;     /* I32[n_tokens] */
	aios_addr seq_start;   /* I32[n_seqs + 1]: first row of each sequence */
	aios_addr seq_len;     /* I32[n_seqs]: keys in the cache once this step is stored */
	aios_addr block_table; /* I32[n_seqs][max_blocks]: page of keys b*page_size ... */
};

/*
 * One layer's KV cache. k and v each are [n_pages][n_kv_heads][page_size][head_dim].
 * Key at position p of a sequence lies in page block_table[seq][p / page_size],
 * slot p % page_size.
 */
struct aios_kv_layer {
	aios_addr k, v;
	uint32_t dtype; /* BF16 or F16 */
	uint32_t n_pages, page_size, n_kv_heads, head_dim;
	uint32_t reserved;
};

/* out[t] = F32(table[ids[t]]) * scale. An id outside the table: the row is NaN. */
struct aios_op_embed {
	struct aios_op op;
	float scale; /* 1: no multiplication is done */
	uint32_t n_tokens;
	aios_addr ids;            /* I32[n_tokens]; -1 is padding: row of +0 */
	struct aios_tensor table; /* [vocabulary][hidden], BF16, F16 or F32 */
	struct aios_tensor out;   /* [n_tokens][hidden] F32 */
};

/*
 * RMSNorm (Zhang, Sennrich 2019) with the residual addition before it:
 * if add.data: x = x + add, stored to x (in place). out = norm(x) * weight in
 * out.dtype: F32, BF16, F16, or a scaled type (quantised per row from the F32 value).
 */
struct aios_op_rmsnorm {
	struct aios_op op;
	float eps;
	float weight_offset;    /* 0, or 1 for weights stored as w - 1 */
	struct aios_tensor x;   /* [n][cols] F32; read, and written when add is there */
	struct aios_tensor add; /* [n][cols] F32 or BF16; data 0: none */
	aios_addr weight;       /* [cols] */
	uint32_t weight_dtype;  /* BF16, F16 or F32 */
	uint32_t reserved;
	struct aios_tensor out; /* [n][cols] */
};

/* What a matmul does with its accumulators. */
enum aios_act {
	AIOS_ACT_NONE = 0,
	AIOS_ACT_SILU_MUL = 1,      /* silu(gate) * up */
	AIOS_ACT_GELU_TANH_MUL = 2, /* gelu_tanh(gate) * up */
};

/*
 * out[t][n] = epilogue(dot(x[t], w[n])), the dot as the profile says.
 * With act: w has 2N rows, gate rows 0..N-1 and up rows N..2N-1.
 * Order: dot -> dequantise (scaled types) -> + bias -> act | + residual -> round.
 */
struct aios_op_matmul {
	struct aios_op op;
	uint8_t profile;        /* enum aios_profile */
	uint8_t act;            /* enum aios_act */
	uint8_t mid_type;       /* with act: gate and up are rounded to this first (F32: not) */
	uint8_t bias_dtype;     /* BF16, F16 or F32 when bias is there */
	uint32_t segments;      /* S, a power of two that divides K / L */
	struct aios_tensor x;   /* [T][K]: BF16 or F16; E4M3, I8, I8X2 in their profiles */
	struct aios_tensor w;   /* [N or 2N][K]: x's type; I8 for I8X2 */
	struct aios_tensor out; /* [T][N]: F32, BF16 or F16 */
	struct aios_tensor residual; /* [T][N] F32, may be `out` itself; data 0: none */
	aios_addr bias;              /* [N or 2N]; 0: none */
	struct aios_scratch scratch;
};

/*
 * From the fused qkv rows: per-head RMSNorm of q and k (when q_norm is there),
 * rotary embedding of the first rot_dim elements of each q and k head (pairs
 * i, i + rot_dim/2), q to `q`, k and v rounded to the cache's type into the pages.
 */
struct aios_op_rope_kv {
	struct aios_op op;
	float eps;           /* of q_norm and k_norm */
	float weight_offset; /* as in rmsnorm */
	struct aios_batch batch;
	struct aios_kv_layer kv;
	struct aios_tensor qkv; /* [T][(n_heads + 2 * n_kv_heads) * head_dim] F32 or BF16: q, k, v */
	struct aios_tensor q;   /* out: [T][n_heads * head_dim], the KV type */
	uint32_t n_heads;
	uint32_t rot_dim;         /* even, <= head_dim */
	aios_addr cos, sin;       /* F32[table_rows][rot_dim / 2] */
	uint32_t table_rows;      /* positions the tables hold */
	uint32_t norm_dtype;      /* BF16, F16 or F32 when q_norm is there */
	aios_addr q_norm, k_norm; /* [head_dim]; 0: none */
};

/*
 * Causal grouped-query attention over pages. Query row t with position p sees
 * keys max(0, p - window + 1) .. p (window 0: from 0). Head h uses KV head
 * h / (n_heads / n_kv_heads). Blocks of 64 keys in chunks of `chunk` keys at
 * absolute positions; online softmax inside a chunk, fixed merge between.
 */
struct aios_op_attention {
	struct aios_op op;
	uint8_t profile; /* enum aios_profile; the integer ones use FMA32's unit */
	uint8_t reserved0[3];
	uint32_t n_heads;
	struct aios_batch batch;
	struct aios_kv_layer kv;
	struct aios_tensor q;   /* [T][n_heads * head_dim], the KV type */
	struct aios_tensor out; /* [T][n_heads * head_dim]: F32, BF16, F16 or a scaled type */
	float scale;            /* with softcap: s = softcap(dot * scale) * log2(e) */
	float scale_log2;       /* without: s = dot * scale_log2 */
	float softcap;          /* 0: none */
	uint32_t window;        /* keys; 0: all */
	uint32_t chunk;         /* C, a multiple of 64 */
	uint32_t reserved1;
	struct aios_scratch scratch;
};

/* out[t][n] = act(in[t][n]) * in[t][N + n]: the unfused tail of a matmul with act. */
struct aios_op_glu {
	struct aios_op op;
	uint8_t act; /* enum aios_act, not NONE */
	uint8_t reserved[7];
	struct aios_tensor in;  /* [T][2N] F32 or BF16 */
	struct aios_tensor out; /* [T][N] F32, BF16, F16 or a scaled type */
};

/* out = a + b, one IEEE addition. out may be a. */
struct aios_op_add {
	struct aios_op op;
	struct aios_tensor a;   /* F32 */
	struct aios_tensor b;   /* F32 or BF16 */
	struct aios_tensor out; /* F32 */
};

/* out[i] = src[rows[i]], any type, bits kept. A row outside src (-1 included): zeros. */
struct aios_op_gather_rows {
	struct aios_op op;
	uint32_t n_rows;
	uint32_t reserved;
	aios_addr rows;         /* I32[n_rows] */
	struct aios_tensor src; /* [*][cols] */
	struct aios_tensor out; /* [n_rows][cols], src's type */
};

/* Element-wise conversion between F32, BF16 and F16, and to a driver's layout. */
struct aios_op_cast {
	struct aios_op op;
	struct aios_tensor in;
	struct aios_tensor out; /* same shape; layout as the driver's weight_layout() said, or rows */
};

/*
 * Per-row quantisation of BF16, F16 or F32 rows to I8, I8X2 or E4M3 with F32
 * scales (absmax / limit). Weights (to a driver's layout) and activations alike.
 */
struct aios_op_quantise {
	struct aios_op op;
	struct aios_tensor in;
	struct aios_tensor out; /* out.scale is written */
};

/* Copy KV pages inside one layer: for each pair, page dst = page src, K and V. */
struct aios_op_copy_pages {
	struct aios_op op;
	uint32_t n_pairs;
	uint32_t reserved;
	aios_addr pairs; /* I32[n_pairs][2]: src, dst; no dst is another's src */
	struct aios_kv_layer kv;
};

/*
 * One row of sampling parameters, in device memory, read by LOGITS and SAMPLE.
 * 0 in a field means "off" unless said otherwise.
 */
struct aios_sample_row {
	uint64_t seed;
	uint32_t position; /* absolute position of the token to be drawn */
	uint32_t draw;     /* 0, or the number of an extra draw at this position */
	float temperature; /* 0: greedy */
	float top_p;       /* 1 (or 0): off */
	float min_p;
	uint32_t top_k;
	float repetition; /* 1 (or 0): off */
	float frequency;
	float presence;
	uint32_t counts_start, counts_n; /* range of `counts` */
	uint32_t bias_start, bias_n;     /* range of `bias` */
	uint32_t reserved;
};

/* A token of the prompt or the output; count: how often in the output. Ids are unique in a row. */
struct aios_token_count {
	int32_t id;
	uint32_t count;
};

struct aios_token_bias {
	int32_t id;
	float bias; /* added to the logit; -inf forbids the token */
};

/* In place: optional final softcap, then bias, repetition, frequency, presence, per row. */
struct aios_op_logits {
	struct aios_op op;
	float softcap; /* 0: none */
	uint32_t reserved;
	struct aios_tensor logits; /* [R][vocabulary] F32 */
	aios_addr params;          /* struct aios_sample_row[R]; 0: none */
	aios_addr counts;          /* struct aios_token_count[] */
	aios_addr bias;            /* struct aios_token_bias[] */
};

/* ids[r] = index of the largest logit; the lowest index among equals; NaN never wins; 0 when nothing does. */
struct aios_op_argmax {
	struct aios_op op;
	struct aios_tensor logits; /* [R][vocabulary] F32 */
	aios_addr ids;             /* out: I32[R] */
};

/* Temperature, top-k, top-p, min-p, then one Philox draw per row (temperature 0: argmax). */
struct aios_op_sample {
	struct aios_op op;
	struct aios_tensor logits; /* [R][vocabulary] F32, not changed */
	aios_addr params;          /* struct aios_sample_row[R] */
	aios_addr ids;             /* out: I32[R] */
	struct aios_scratch scratch;
};

/*
 * Log-softmax of the rows at chosen ids, and the n_top best (logit descending,
 * then id ascending) with theirs.
 */
struct aios_op_logprobs {
	struct aios_op op;
	uint32_t n_top; /* 0..32 */
	uint32_t reserved;
	struct aios_tensor logits; /* [R][vocabulary] F32, raw */
	aios_addr ids;             /* I32[R] */
	aios_addr out;             /* F32[R]: log-probability of ids[r] */
	aios_addr top_ids;         /* I32[R][n_top] */
	aios_addr top;             /* F32[R][n_top] */
	struct aios_scratch scratch;
};

#define AIOS_MAX_RANKS 16

/* out = tree sum of the parts by rank (neighbours pairwise, level by level). n_ranks a power of two. */
struct aios_op_all_reduce {
	struct aios_op op;
	uint32_t n_ranks;
	uint32_t reserved;
	aios_addr parts[AIOS_MAX_RANKS]; /* each F32, `out`'s shape and row_bytes */
	struct aios_tensor out;          /* may be parts[0] */
};

/* out[t] = parts[0][t] ++ parts[1][t] ++ ...: columns side by side, bits kept. */
struct aios_op_all_gather {
	struct aios_op op;
	uint32_t n_ranks;
	uint32_t part_cols;
	uint64_t part_row_bytes;
	aios_addr parts[AIOS_MAX_RANKS];
	struct aios_tensor out; /* [T][n_ranks * part_cols] */
};

/* Room for a copy of any descriptor; `op` tells which. */
union aios_op_any {
	struct aios_op op;
	struct aios_op_embed embed;
	struct aios_op_rmsnorm rmsnorm;
	struct aios_op_matmul matmul;
	struct aios_op_rope_kv rope_kv;
	struct aios_op_attention attention;
	struct aios_op_glu glu;
	struct aios_op_add add;
	struct aios_op_gather_rows gather_rows;
	struct aios_op_cast cast;
	struct aios_op_quantise quantise;
	struct aios_op_copy_pages copy_pages;
	struct aios_op_logits logits;
	struct aios_op_argmax argmax;
	struct aios_op_sample sample;
	struct aios_op_logprobs logprobs;
	struct aios_op_all_reduce all_reduce;
	struct aios_op_all_gather all_gather;
};

/* The scratch field of a descriptor, or NULL when its op has none. */
static inline struct aios_scratch *aios_op_scratch(union aios_op_any *any)
{
	switch (any->op.type) {
	case AIOS_OP_MATMUL:
		return &any->matmul.scratch;
	case AIOS_OP_ATTENTION:
		return &any->attention.scratch;
	case AIOS_OP_SAMPLE:
		return &any->sample.scratch;
	case AIOS_OP_LOGPROBS:
		return &any->logprobs.scratch;
	default:
		return NULL;
	}
}

/* Lower-case name of an op type ("matmul"), as file names and reports use it. Static storage. */
static inline const char *aios_op_name(uint32_t type)
{
	static const char *const names[AIOS_OP_COUNT] = {
		"none",   "embed",  "rmsnorm",     "matmul",   "rope_kv",    "attention",
		"glu",    "add",    "gather_rows", "cast",     "quantise",   "copy_pages",
		"logits", "argmax", "sample",      "logprobs", "all_reduce", "all_gather",
	};

	return type < AIOS_OP_COUNT ? names[type] : "unknown";
}

#endif /* AIOS_OP_H */
