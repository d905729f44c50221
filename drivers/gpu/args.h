/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.h - what plan.c hands to the kernels: the descriptor itself and, where an op needs one,
 * the shape of its launch. C11, CUDA C++, HIP and the host shim read the same structs.
 */
#ifndef GPU_ARGS_H
#define GPU_ARGS_H

#include <stdalign.h>

#include <aios/op.h>

/* --- limits that checks and kernels share ---------------------------------- */

#define GPU_MAX_HEAD_DIM 512
#define GPU_MAX_SEGMENTS AIOS_MAX_RANKS
#define GPU_MAX_K 131071 /* of an i8 dot product: its sum must fit in int32 */
#define GPU_MAX_TOP 32   /* of logprobs */

/* --- matmul ------------------------------------------------------------------ */

/* Few rows of x: weight rows of a block, elements and bytes of one of their slices. */
#define GPU_ROWS_W 32
#define GPU_ROWS_THREADS 128
#define GPU_ROWS_K 128
#define GPU_ROWS_PITCH (GPU_ROWS_K * 2 + 16) /* +16: lanes hit different banks */
#define GPU_ROWS_MAX_T 16
#define GPU_ROWS_MAX_STAGES 8

/* Many rows: a block's outputs, elements of a slice. */
#define GPU_TILE_N 64
#define GPU_TILE_T 128 /* 64 when there are segments */
#define GPU_TILE_K 16
#define GPU_TILE_THREADS 256

/* Integer profiles: outputs of a block with few rows (a wave each), of a tile; bytes of a slice. */
#define GPU_I8_ROWS_N 8
#define GPU_I8_ROWS_MAX_T 8
#define GPU_I8_TILE 64
#define GPU_I8_TILE_K 64
#define GPU_I8_PITCH (GPU_I8_TILE_K + 4)

/* tc-cdna: outputs of a block along either side, elements of a slice, words of its row. */
#define GPU_MFMA_THREADS 256
#define GPU_MFMA_TILE 64
#define GPU_MFMA_TILE_K 64
#define GPU_MFMA_PITCH (GPU_MFMA_TILE_K / 2 + 4)

struct gpu_matmul_args {
	struct aios_op_matmul op;
	uint32_t rows_w;   /* matmul_rows: weight rows of a block: 8, 16, 32 */
	uint32_t stages;   /* matmul_rows: slices in shared memory */
	uint32_t n_tokens; /* matmul_rows: rows of x of a block */
	uint32_t reserved;
};

/* 17 to 64 rows of x, weights in panels (matmul_batch.cuh). */
#define GPU_BATCH_ROWS 64
#define GPU_BATCH_UNIT 128 /* bytes of k */
#define GPU_BATCH_BARS 512 /* bytes of barriers, 16 for each stage */

struct gpu_batch_args {
	alignas(64) unsigned char x_map[128]; /* tensor maps: units, rows, planes */
	unsigned char w_map[128]; /* bytes of a unit of a panel, units, gate and up, panels */
	struct aios_op_matmul op;
	uint32_t tiles;              /* of the output */
	uint32_t rows;               /* of x that a box has, 64 at most */
	uint32_t units;              /* of a row */
	uint32_t w_slice;            /* units of weights in a stage */
	uint32_t x_stages, w_stages; /* 32 together */
};

/*
 * Many rows with weights in panels (matmul_wgmma.cuh): rows of x in a stage, bytes of k; how many
 * stages of bn weight rows there are; registers of a thread that fetches, that multiplies.
 */
#define GPU_WGMMA_THREADS 384
#define GPU_WGMMA_ROWS 128
#define GPU_WGMMA_K 128
#define GPU_WGMMA_STAGES(bn) ((bn) == 256 ? 4u : (bn) == 192 ? 5u : (bn) == 128 ? 6u : 8u)
#define GPU_WGMMA_REGS_FETCH 40
#define GPU_WGMMA_REGS_MULTIPLY 232

/* Shared memory: the stages from a multiple of 1,024 on, two barriers for each. */
#define GPU_WGMMA_SHARED(bn)                                                                       \
	(1024 + GPU_WGMMA_STAGES(bn) * ((GPU_WGMMA_ROWS + (bn)) * GPU_WGMMA_K + 16))

struct gpu_wgmma_args {
	struct aios_op_matmul op;
	uint32_t tiles_t, tiles_n; /* tiles of the output: along rows, along columns */
	uint32_t band;             /* tiles along rows that are walked together */
	uint32_t k_bytes;          /* of a row of x */
};

/*
 * Few rows of x, weights in panels (matmul_stream.cuh). An item is the 8 outputs of a panel, or
 * with act of a panel of gates and one of ups.
 */
#define GPU_STREAM_FETCH 64         /* threads that fetch, two warps; the others multiply */
#define GPU_STREAM_THREADS 384      /* at most */
#define GPU_STREAM_WIDE_THREADS 320 /* where they need more registers */
#define GPU_STREAM_STAGES 32
#define GPU_STREAM_BARS 640 /* bytes of barriers before the rest of shared memory */

struct gpu_stream_args {
	struct aios_op_matmul op;
	uint32_t items;  /* of the output */
	uint32_t warps;  /* that multiply */
	uint32_t panels; /* of a warp at a time */
	uint32_t slice;  /* bytes of a row in a stage: all, or a power of two from 128 on */
	uint32_t shift;  /* log2(slice / 16); not of a whole row */
	uint32_t stages;
	uint32_t rows;     /* of x that a block takes */
	uint32_t whole;    /* bytes for x in shared memory when all of it lies there, else 0 */
	uint32_t blocks16; /* with segments: blocks of 16 elements in one */
	uint32_t rehearse; /* all blocks run at once, so they have time for it */
	uint32_t still;    /* bytes of a row that a rehearsal multiplies */
	uint32_t units;    /* x is one row, which comes by units of 16 bytes */
};

/* --- attention --------------------------------------------------------------- */

#define GPU_ATTN_THREADS 256
#define GPU_ATTN_QUERIES 16 /* rows x heads that walk the keys together */
#define GPU_ATTN_SLICE 128  /* elements of a head in shared memory at a time */
#define GPU_ATTN_PITCH (GPU_ATTN_SLICE * 2 + 16)

/* A chunk's state in the scratch: m, l, valid, unused; then the outputs. */
#define GPU_ATTN_STATE 4

struct gpu_attention_args {
	struct aios_op_attention op;
	uint32_t rows;     /* rows of a block */
	uint32_t heads;    /* heads of a block, all of one KV head; rows * heads <= 16 */
	uint32_t groups;   /* head groups of one KV head */
	uint32_t n_chunks; /* 0: a block walks all chunks; else one block for each, merged later */

	/* attention_decode: keys in shared memory at once, and where what begins there, in bytes. */
	uint32_t span;  /* a multiple of 64 */
	uint32_t pitch; /* of a key or value; an odd multiple of 16, so that rows hit all banks */
	uint32_t q_pitch, p_pitch;
	uint32_t at_q, at_p, at_rows, at_own, at_k, at_v;
	uint32_t page_shift; /* prompts in tiles: log2 of the page size; 32: no power of two */
	uint32_t rehearse;   /* rope_attention: blocks begin early enough to have time for it */
};

/* attention_decode: a block's threads and heads; blocks of keys, widest head when it rotates. */
#define GPU_DECODE_THREADS 256
#define GPU_DECODE_QUERIES 8
#define GPU_DECODE_BLOCKS 8
#define GPU_DECODE_ROPE_DIM 128

/* attention_tc for prompts: threads of a block, 16 queries a warp. at_p: outputs of whole chunks. */
#ifndef GPU_TC_THREADS
#define GPU_TC_THREADS 256
#endif
#define GPU_TC_QUERIES (GPU_TC_THREADS / 2)

/* attention_fma: the same; floats from a query's weights over a block of keys to the next one's. */
#define GPU_FMA_THREADS 128
#define GPU_FMA_QUERIES (GPU_FMA_THREADS / 2)
#define GPU_FMA_P_PITCH 72

/* What both know of a tile's queries, at the beginning of shared memory; bytes. */
#define GPU_TILES_SHARED(threads) ((threads) / 2 * 12)

/* What struct aios_op_rope_kv says about a head. */
struct gpu_rope {
	aios_addr qkv;
	uint64_t row_bytes;
	uint32_t dtype, rot_dim;
	aios_addr cos, sin;
	aios_addr q_norm, k_norm;
	uint32_t norm_dtype;
	float eps, weight_offset;
	uint32_t reserved;
};

/* rope_kv and attention as one. */
struct gpu_rope_attention_args {
	struct gpu_attention_args attention;
	struct gpu_rope rope;
};

/* rope_kv: threads of a block, 32 for each of its heads. */
#define GPU_ROPE_THREADS 128
#define GPU_ROPE_HEADS (GPU_ROPE_THREADS / 32)

/* --- the others: the descriptor is all ---------------------------------------- */

struct gpu_embed_args {
	struct aios_op_embed op;
};
struct gpu_rmsnorm_args {
	struct aios_op_rmsnorm op;
	uint32_t staged; /* rows lie in shared memory while a block works on them; many rows only */
	uint32_t reserved;
};
struct gpu_rope_kv_args {
	struct aios_op_rope_kv op;
};
struct gpu_glu_args {
	struct aios_op_glu op;
};
struct gpu_add_args {
	struct aios_op_add op;
};
struct gpu_gather_rows_args {
	struct aios_op_gather_rows op;
};
struct gpu_cast_args {
	struct aios_op_cast op;
};
struct gpu_quantise_args {
	struct aios_op_quantise op;
	uint32_t staged; /* as in struct gpu_rmsnorm_args */
	uint32_t reserved;
};
struct gpu_copy_pages_args {
	struct aios_op_copy_pages op;
};
struct gpu_logits_args {
	struct aios_op_logits op;
};
struct gpu_argmax_args {
	struct aios_op_argmax op;
};
struct gpu_sample_args {
	struct aios_op_sample op;
};
struct gpu_logprobs_args {
	struct aios_op_logprobs op;
};
struct gpu_all_reduce_args {
	struct aios_op_all_reduce op;
};
struct gpu_all_gather_args {
	struct aios_op_all_gather op;
};

/* --- dynamic shared memory, by kernel ------------------------------------------ */

/* Kernels of one row a block: the lanes of a sum, or partial maxima. */
struct gpu_row_shared {
	float lanes[256];
	uint32_t bad; /* an element is not finite */
	uint32_t reserved[3];
};

/*
 * rmsnorm, quantise of many rows: the most threads of a block, a power of two as they all are; bytes
 * that a row of n elements takes in shared memory, where it lies behind the struct; of a norm x and
 * then `add`.
 */
#define GPU_MANY_THREADS 256
#define GPU_STAGED_BYTES(n, elem) (((uint64_t)(n) * (elem) + 15) / 16 * 16)

struct gpu_many_shared {
	uint32_t most[GPU_MANY_THREADS / 32]; /* of 32 threads each */
};

struct gpu_norm_shared {
	struct gpu_many_shared many;
	float lanes[256];
};

/* rmsnorm of few rows: threads of a block, the most columns. */
#define GPU_WIDE_THREADS 1024
#define GPU_WIDE_NORM_COLS 8192

struct gpu_wide_shared {
	float lanes[256];
	uint32_t most[32];
	float x[GPU_WIDE_NORM_COLS]; /* of a norm, as many as it has columns */
};

/* rmsnorm of few rows of not too many columns: threads of a block, columns of each. */
#define GPU_NORM_ROW_THREADS 256
#define GPU_NORM_ROW_STEPS 16
#define GPU_NORM_ROW_COLS (GPU_NORM_ROW_THREADS * GPU_NORM_ROW_STEPS)

struct gpu_norm_row_shared {
	float lanes[GPU_NORM_ROW_THREADS];
	uint32_t most[GPU_NORM_ROW_THREADS / 32]; /* of 32 threads each */
};

/* quantise_wide: threads of a block, each with four columns of a step; the most steps of a row. */
#define GPU_QUANTISE_THREADS 512
#define GPU_QUANTISE_STEPS 6

struct gpu_quantise_shared {
	uint32_t most[2][GPU_QUANTISE_THREADS / 32]; /* [it is no rehearsal][32 threads] */
};

struct gpu_rope_shared {
	float heads[GPU_ROPE_HEADS][GPU_MAX_HEAD_DIM];
};

struct gpu_argmax_shared {
	uint64_t keys[32];
};

#define GPU_SAMPLE_BINS 1024
#define GPU_SAMPLE_LIST 512

struct gpu_sample_shared {
	uint64_t keys[32]; /* partial maxima and sums */
	uint64_t sums[256];
	uint64_t bin_sums[GPU_SAMPLE_BINS];
	uint64_t list[GPU_SAMPLE_LIST], weights[GPU_SAMPLE_LIST];
	uint64_t count, sum; /* what one thread found, for all */
	uint32_t digit, listed;
	float reached; /* a logit that enough of the row are not smaller than */
	uint32_t reserved;
	uint32_t counts[256];
	uint32_t bin_counts[GPU_SAMPLE_BINS];
};

struct gpu_logprobs_shared {
	float lanes[256];
	uint64_t keys[256];
};

struct gpu_tile_shared {
	float x[2][GPU_TILE_K][GPU_TILE_T + 4];
	float w[2][GPU_TILE_K][GPU_TILE_N + 4];
};

struct gpu_i8_tile_shared {
	int8_t x[GPU_I8_TILE][GPU_I8_PITCH];
	int8_t lo[GPU_I8_TILE][GPU_I8_PITCH];
	int8_t w[GPU_I8_TILE][GPU_I8_PITCH];
};

struct gpu_mfma_tile_shared {
	uint32_t x[GPU_MFMA_TILE][GPU_MFMA_PITCH];
	uint32_t w[GPU_MFMA_TILE][GPU_MFMA_PITCH];
};

struct gpu_attention_shared {
	unsigned char slice[64 * GPU_ATTN_PITCH]; /* keys or values */
	float q[GPU_ATTN_QUERIES][GPU_ATTN_SLICE];
	float p[GPU_ATTN_QUERIES][64];
	float m[GPU_ATTN_QUERIES], l[GPU_ATTN_QUERIES], alpha[GPU_ATTN_QUERIES];
	uint32_t position[GPU_ATTN_QUERIES], first[GPU_ATTN_QUERIES];
};

/* The beginning of it; then what the arguments say. [block of the span][query] */
struct gpu_decode_shared {
	float max[GPU_DECODE_BLOCKS][GPU_DECODE_QUERIES];
	float alpha[GPU_DECODE_BLOCKS][GPU_DECODE_QUERIES];
	float sum[GPU_DECODE_BLOCKS][GPU_DECODE_QUERIES];
	float m[GPU_DECODE_QUERIES], l[GPU_DECODE_QUERIES]; /* of the chunk */
	float total_m[GPU_DECODE_QUERIES], total_l[GPU_DECODE_QUERIES];
	float e_total[GPU_DECODE_QUERIES], e_chunk[GPU_DECODE_QUERIES];
};

/* attention_merge: as many chunks at a time as threads. */
#define GPU_MERGE_THREADS 128

struct gpu_merge_shared {
	float m[GPU_MERGE_THREADS], l[GPU_MERGE_THREADS];
	float e_total[GPU_MERGE_THREADS], e_chunk[GPU_MERGE_THREADS];
};

#endif /* GPU_ARGS_H */
