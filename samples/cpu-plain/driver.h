/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver.h - what the files of this driver share. <aios/driver/driver.h> says what each slot of
 * the table must do, <aios/op.h> what each op computes; <aios/numerics.h> has the formulas.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include <aios/driver/driver.h>
#include <aios/numerics.h>

/* The name: lower case, digits, '-'. The file is DRIVER_NAME.so, the ini section [driver.NAME]. */
#define DRIVER_NAME "cpu-plain"
#define DRIVER_DEVICE_ID DRIVER_NAME ":0"

/*
 * An opened device: all state is here or in a queue. A variable at file scope would be shared by
 * two devices; `make lint` counts them.
 */
struct drv_device {
	const struct aios_host *host; /* log and parameters, valid until close() */
	uint64_t limit;               /* bytes that may be allocated at once */
	uint64_t allocated;           /* bytes that are */
};

/*
 * This driver computes when launch() is called, so that a queue is only a number: how many signals
 * there were. A device that works on its own keeps here what its runtime calls a stream, and an
 * event for each signal.
 */
struct drv_queue {
	uint64_t timeline;
};

/* ---- module.c, memory.c, queue.c: the slots ----------------------------------- */

int drv_heap_info(void *dev, uint32_t heap, struct aios_heap_info *info, struct aios_status *st);
int drv_mem_alloc(void *dev, uint32_t heap, uint64_t bytes, struct aios_mem *out,
		  struct aios_status *st);
void drv_mem_free(void *dev, struct aios_mem *mem);
int drv_copy(void *dev, void *queue, uint32_t dir, uint64_t dst, uint64_t src, uint64_t bytes,
	     struct aios_status *st);
int drv_fill(void *dev, void *queue, aios_addr dst, uint8_t value, uint64_t bytes,
	     struct aios_status *st);

int drv_queue_create(void *dev, void **queue, struct aios_status *st);
void drv_queue_destroy(void *dev, void *queue);
int drv_signal(void *dev, void *queue, uint64_t *value, struct aios_status *st);
int drv_wait(void *dev, void *queue, uint64_t value, uint64_t deadline_ns, struct aios_status *st);
int drv_quiesce(void *dev, uint64_t deadline_ns, struct aios_status *st);

int drv_query_op(void *dev, const struct aios_op *op, struct aios_op_support *out);
int drv_launch(void *dev, void *queue, const struct aios_op *op, struct aios_status *st);

/* ---- ops.c: one row an op ------------------------------------------------------ */

/*
 * check() is the answer of query_op() and the first step of launch(), so that the two cannot
 * disagree: true, or false with the reason in *out. It reads the descriptor and nothing else.
 * run() may rely on it.
 */
struct drv_op {
	uint32_t size; /* of the descriptor: a shorter one is not read */
	bool (*check)(const struct aios_op *op, struct aios_op_support *out);
	void (*run)(const struct aios_op *op);
};

/* By enum aios_op_type; a row of zeros is an op that is not there. */
extern const struct drv_op drv_ops[AIOS_OP_COUNT];

/* ---- check.c ------------------------------------------------------------------- */

/* Sets of element types, and a number of rows or columns that does not matter. */
#define DRV_T(dtype) (1u << (dtype))
#define DRV_ANY UINT32_MAX
#define DRV_HALF (DRV_T(AIOS_BF16) | DRV_T(AIOS_F16))
#define DRV_FLOAT (DRV_T(AIOS_F32) | DRV_HALF)
#define DRV_SCALED (DRV_T(AIOS_E4M3) | DRV_T(AIOS_I8) | DRV_T(AIOS_I8X2))

#define DRV_MAX_HEAD_DIM 256

/* Write the reason; always false. */
bool drv_no(struct aios_op_support *out, const char *fmt, ...) AIOS_PRINTF(2, 3);

/* The scratch memory that the op needs; reserved before anything runs. True. */
bool drv_scratch(struct aios_op_support *out, uint64_t bytes);

/* The parts that two ops share: the KV cache and the batch. */
bool drv_check_kv(struct aios_op_support *out, const struct aios_kv_layer *kv, uint32_t n_heads);

/* A tensor in plain rows, of one of `types` and this shape. */
bool drv_check_tensor(struct aios_op_support *out, const char *name, const struct aios_tensor *t,
		      uint32_t types, uint32_t rows, uint32_t cols);

/* The id of the largest logit: argmax.c, used by sample.c too. */
int32_t drv_argmax(const float *logits, uint32_t n);

/* ---- rows.c -------------------------------------------------------------------- */

/* Element i of an array of F32, BF16 or F16. */
float drv_get(const void *array, uint32_t dtype, uint64_t i);

/* Store element i of such an array, rounded once; NaN canonical. */
void drv_put(void *array, uint32_t dtype, uint64_t i, float x);

/* The value of element i of a row, before it is rounded to the type of the tensor. */
typedef float (*drv_value_fn)(const void *ctx, uint32_t row, uint32_t i);

/*
 * Store a row of values in a tensor of any type. value() is asked twice for each element when the
 * type is scaled: once for the scale, once for the element.
 */
void drv_store_row(const struct aios_tensor *t, uint32_t row, drv_value_fn value, const void *ctx);

/* A row of +0 of any type. */
void drv_store_zeros(const struct aios_tensor *t, uint32_t row);

/* ---- batch.c ------------------------------------------------------------------- */

/* Position of a row; -1: padding. */
int32_t drv_position(const struct aios_batch *b, uint32_t row);

/*
 * Where the elements of the key at `position` of a row's sequence begin in k or v, of one head; -1
 * when the block table has no such page.
 */
int64_t drv_key(const struct aios_batch *b, const struct aios_kv_layer *kv, uint32_t row,
		uint32_t head, uint32_t position);

/* ---- one file an op ------------------------------------------------------------ */

bool drv_check_embed(const struct aios_op *op, struct aios_op_support *out);
void drv_run_embed(const struct aios_op *op);
bool drv_check_rmsnorm(const struct aios_op *op, struct aios_op_support *out);
void drv_run_rmsnorm(const struct aios_op *op);
bool drv_check_matmul(const struct aios_op *op, struct aios_op_support *out);
void drv_run_matmul(const struct aios_op *op);
bool drv_check_rope_kv(const struct aios_op *op, struct aios_op_support *out);
void drv_run_rope_kv(const struct aios_op *op);
bool drv_check_attention(const struct aios_op *op, struct aios_op_support *out);
void drv_run_attention(const struct aios_op *op);
bool drv_check_glu(const struct aios_op *op, struct aios_op_support *out);
void drv_run_glu(const struct aios_op *op);
bool drv_check_add(const struct aios_op *op, struct aios_op_support *out);
void drv_run_add(const struct aios_op *op);
bool drv_check_gather_rows(const struct aios_op *op, struct aios_op_support *out);
void drv_run_gather_rows(const struct aios_op *op);
bool drv_check_cast(const struct aios_op *op, struct aios_op_support *out);
void drv_run_cast(const struct aios_op *op);
bool drv_check_quantise(const struct aios_op *op, struct aios_op_support *out);
void drv_run_quantise(const struct aios_op *op);
bool drv_check_copy_pages(const struct aios_op *op, struct aios_op_support *out);
void drv_run_copy_pages(const struct aios_op *op);
bool drv_check_logits(const struct aios_op *op, struct aios_op_support *out);
void drv_run_logits(const struct aios_op *op);
bool drv_check_argmax(const struct aios_op *op, struct aios_op_support *out);
void drv_run_argmax(const struct aios_op *op);
bool drv_check_sample(const struct aios_op *op, struct aios_op_support *out);
void drv_run_sample(const struct aios_op *op);
bool drv_check_logprobs(const struct aios_op *op, struct aios_op_support *out);
void drv_run_logprobs(const struct aios_op *op);

/* ---- device memory -------------------------------------------------------------- */

/*
 * The device's memory is this process's, so an address is a pointer. On a device of its own these
 * two are gone: addresses are then handed to kernels and never dereferenced here.
 */
static inline void *drv_ptr(aios_addr addr)
{
	return (void *)(uintptr_t)addr;
}

static inline void *drv_row(const struct aios_tensor *t, uint64_t row)
{
	return (uint8_t *)drv_ptr(t->data) + row * t->row_bytes;
}

#endif /* DRIVER_H */
