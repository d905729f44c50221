/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model.h - what a model plugin implements: an architecture as data (its
 * weights, its buffers) and as a list of op descriptors. A plugin never touches
 * memory: the core gives it device addresses and takes descriptors.
 *
 * Threads: an opened model is immutable; any thread may call.
 */
#ifndef AIOS_PLUGIN_MODEL_H
#define AIOS_PLUGIN_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include <aios/error.h>
#include <aios/module.h>
#include <aios/op.h>
#include <aios/types.h>

/* How positions become angles (core/numerics makes the tables). */
enum aios_rope_type {
	AIOS_ROPE_DEFAULT = 0,
	AIOS_ROPE_LINEAR = 1, /* positions divided by factor */
	AIOS_ROPE_LLAMA3 = 2,
	AIOS_ROPE_YARN = 3,
};

struct aios_rope {
	uint32_t type;                            /* enum aios_rope_type */
	uint32_t rot_dim;                         /* rotated elements of a head, even */
	double theta;                             /* base, 10000 */
	double factor;                            /* LINEAR, LLAMA3, YARN */
	double low_freq_factor, high_freq_factor; /* LLAMA3 */
	double beta_fast, beta_slow;              /* YARN: 32, 1 */
	double attention_factor;                  /* YARN; 0: derived from factor */
	double mscale, mscale_all_dim;            /* YARN; 0: not given */
	uint32_t original_max_positions;          /* LLAMA3, YARN */
	uint32_t truncate; /* YARN: round the correction range (1, the default) */
};

/* The architecture's numbers, after config.json was read and checked. */
struct aios_model_info {
	uint32_t size; /* set by the core */
	uint32_t vocab_size;
	uint32_t hidden;
	uint32_t n_layers;
	uint32_t n_heads;
	uint32_t n_kv_heads;
	uint32_t head_dim;
	uint32_t intermediate;
	uint32_t max_positions;  /* the model's own context length */
	uint32_t sliding_window; /* of the layers that slide; 0: none do */
	uint32_t n_weights;      /* weights to enumerate */
	uint32_t n_buffers;      /* activation buffers to enumerate */
	uint32_t dtype;          /* the checkpoint's stated type: BF16, F16 or F32 */
	int32_t bos_id, eos_id;  /* from config.json; -1: none */
	float logit_softcap;     /* 0: none */
	struct aios_rope rope;
	char architecture[64]; /* "Qwen3ForCausalLM" */
};

enum aios_weight_kind {
	AIOS_WEIGHT_MATRIX =
		1, /* operand of a matmul: takes the profile's type and the driver's layout */
	AIOS_WEIGHT_TABLE = 2,  /* rows that are looked up: the checkpoint's type, plain rows */
	AIOS_WEIGHT_VECTOR = 3, /* norm weights and biases: the checkpoint's type, one row */
};

#define AIOS_WEIGHT_PARTS 3

/* One weight in device memory, made of one to three tensors below each other (fused qkv, gate-up). */
struct aios_weight {
	uint32_t size; /* set by the core */
	uint32_t kind; /* enum aios_weight_kind */
	uint32_t rows, cols;
	uint32_t n_parts;
	int32_t same_as; /* index of an earlier weight with the same contents (tied embeddings), or -1 */
	char name[96]; /* "layers.3.qkv", for plans and messages */
	struct {
		char tensor[128]; /* its name in the checkpoint */
		uint32_t rows;    /* rows it contributes; cols as above (VECTOR: elements) */
		uint32_t reserved;
	} parts[AIOS_WEIGHT_PARTS];
};

/* Types that the run has chosen; they are part of the numerics id. */
struct aios_model_types {
	uint8_t profile; /* enum aios_profile */
	uint8_t act;     /* what feeds a matmul: BF16, F16; E4M3, I8 or I8X2 in their profiles */
	uint8_t kv;      /* BF16 or F16: q, k, v after rope */
	uint8_t mid;     /* gate and up before their product: F32 or BF16 */
	uint8_t qkv;     /* fused qkv rows: F32 or BF16 */
	uint8_t reserved[3];
	uint32_t segments; /* S of row-parallel matmuls */
	uint32_t chunk;    /* C of attention */
};

/* One activation buffer: [rows][cols], rows = tokens or, for logits, the rows that are sampled. */
struct aios_buffer {
	uint32_t size;  /* set by the core */
	uint32_t dtype; /* scaled types get their scales (and planes) beside them */
	uint32_t cols;
	uint32_t per_logit_row; /* 0: one row a token; 1: one row a logits row */
	char name[32];
};

/*
 * One forward pass over a ragged batch: everything in device memory. emit() hands
 * one op to the core, which launches it, splits it into parts that the driver has
 * (with the same bits), or collects what it needs while planning.
 */
struct aios_forward {
	uint32_t size;
	uint32_t n_logit_rows; /* rows of the batch whose logits are wanted */
	struct aios_model_types types;
	struct aios_batch batch;
	aios_addr ids;                     /* I32[n_tokens] */
	aios_addr logit_rows;              /* I32[n_logit_rows] */
	const struct aios_tensor *weights; /* [n_weights], VECTORs as one row */
	const struct aios_tensor *buffers; /* [n_buffers], rows = the batch's */
	const struct aios_kv_layer *kv;    /* [n_layers] */
	aios_addr rope_cos, rope_sin;      /* F32[rope_rows][rot_dim / 2] */
	uint32_t rope_rows;
	uint32_t reserved;
	void *ctx;
	int (*emit)(void *ctx, const struct aios_op *op, struct aios_status *st);
};

struct aios_model_ops {
	uint32_t size;
	uint32_t reserved;

	/* Mandatory, data: what config.json may say, NULL-terminated lists. */
	const char *const *architectures; /* "Qwen3ForCausalLM" */
	const char *const *model_types;   /* "qwen3" */

	/*
	 * Mandatory. Read config.json (`path` for messages): both the older form
	 * (rope_theta, rope_scaling, torch_dtype) and that of transformers 5
	 * (rope_parameters, dtype). Refuses by name what it does not implement.
	 */
	int (*open)(const struct aios_host *host, const char *path, const char *json, size_t len,
		    void **model, struct aios_model_info *info, struct aios_status *st);
	void (*close)(void *model); /* mandatory; takes NULL */

	/* Mandatory. Weight `index` of info.n_weights. */
	int (*weight)(void *model, uint32_t index, struct aios_weight *out, struct aios_status *st);

	/* Mandatory. Activation buffer `index` of info.n_buffers under these types. */
	int (*buffer)(void *model, const struct aios_model_types *types, uint32_t index,
		      struct aios_buffer *out, struct aios_status *st);

	/* Mandatory. Emit one pass; the last op writes F32 logits to the last buffer. */
	int (*forward)(void *model, const struct aios_forward *fw, struct aios_status *st);
};

#endif /* AIOS_PLUGIN_MODEL_H */
